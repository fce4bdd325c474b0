#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_reboot.py FS: increments go on over a shutdown and over a power cut
without reading everything; what a stranger wrote is found by comparing.

Also: the engine killed in the middle of a backup.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from vmlab import Lab, LabError  # noqa: E402

SCENARIO = "engine_reboot_guest.sh"


def main(fs):
    with Lab() as lab:
        disks = [lab.disk("data", "384M"), lab.disk("repository", "768M")]
        options = {"disks": disks, "memory": "2G", "timeout": 300}
        lab.boot(SCENARIO, fs, "first", **options).wait().check()
        with lab.boot(SCENARIO, fs, "again", **options) as machine:
            machine.wait_for("written 3", timeout=300)
            machine.kill().check()
        lab.boot(SCENARIO, fs, "after_the_cut", **options).wait().check()
        lab.boot(SCENARIO, fs, "stranger", **options).wait().check()
        lab.boot(SCENARIO, fs, "after_the_stranger", **options).wait().check()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except LabError as error:
        sys.exit(f"engine_reboot: {error}")
