#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""kmod_reboot.py FS HOW: tracking goes on over an absence, or says that it cannot.

HOW: clean     orderly power off: verified, and the map has every difference
     cut       the plug is pulled while a writer writes: the same
     stranger  after an orderly power off, a kernel without the module writes:
               found out, never verified
     open      the module is unloaded while the volume is mounted: never verified
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from vmlab import Lab, LabError  # noqa: E402

SCENARIO = "kmod_reboot_guest.sh"


def main(fs, how):
    with Lab() as lab:
        disks = [lab.disk("volume", "384M"), lab.disk("reference", "384M"), lab.disk("notes", "64M")]
        with lab.boot(SCENARIO, fs, how, "before", disks=disks, memory="3G") as machine:
            if how == "cut":
                machine.wait_for("writing")
                machine.wait_for("written 3")
                machine.kill().kernel_log.problems() and sys.exit("the kernel complained")
            else:
                machine.wait().check()
        if how == "stranger":
            lab.boot(SCENARIO, fs, how, "stranger", disks=disks, memory="3G").wait().check()
        lab.boot(SCENARIO, fs, how, "after", disks=disks, memory="3G").wait().check()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except LabError as error:
        sys.exit(f"kmod_reboot: {error}")
