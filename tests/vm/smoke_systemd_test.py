#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boots scenarios/smoke_systemd.sh twice on the same state, over a staged tree."""

import sys

from vmlab import Lab, LabError

STAGED = {
    "usr/share/vm-smoke/file": "staged",
    "usr/share/dbus-1/system-services/org.dormouse.Smoke1.service": """[D-BUS Service]
Name=org.dormouse.Smoke1
Exec=/bin/false
User=root
SystemdService=vm-smoke.service
""",
    "usr/share/dbus-1/system.d/org.dormouse.Smoke1.conf": """<!DOCTYPE busconfig PUBLIC
 "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><policy user="root">
<allow own="org.dormouse.Smoke1"/><allow send_destination="org.dormouse.Smoke1"/>
</policy></busconfig>
""",
    "usr/lib/systemd/system/vm-smoke.service": """[Service]
Type=oneshot
ExecStart=/bin/touch /run/smoke-started
""",
}


def main():
    with Lab() as lab:
        tree = lab.directory / "stage"
        for name, text in STAGED.items():
            path = tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        disks, state = [lab.disk("data", "64M")], lab.state()
        for round_name in ["first", "second"]:
            print(f"--- {round_name} boot")
            lab.boot("smoke_systemd", round_name, disks=disks, state=state, install=tree,
                     systemd=True, timeout=150).wait().check()
        bad = lab.directory / "bad-stage"
        (bad / "lib").mkdir(parents=True)
        try:
            lab.boot("smoke_systemd", "never", install=bad)
        except LabError:
            print("ok a staged tree that hides the root's libraries is refused")
        else:
            return "a staged tree that hides the root's libraries was accepted"
    return 0


sys.exit(main())
