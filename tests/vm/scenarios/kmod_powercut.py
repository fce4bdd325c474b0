#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""kmod_powercut.py FS ROUNDS KEPT CUTS SEED [elsewhere]: a power cut at every kind of moment.

Records every write to a volume's disk while it is put through its paces
(kmod_powercut.sh), and rebuilds what CUTS power cuts would have left of it. Each
is read offline and compared with what the record tells (cut_replayer.cpp). The
record of a run that failed is kept in BUILD/vm/failed/. `elsewhere`: the store is on a
partition of its own. The disk is virtio, where a
write-through is a write and a flush; QEMU's nvme drops the flag that asks for one.
"""

import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from vmlab import Lab, LabError  # noqa: E402
from vmlab.paths import build_directory  # noqa: E402

SIZES = {"ext4": 112, "xfs": 320}  # of the volume, in MiB
STORE = 24  # its partition, `elsewhere`
MIB = 1 << 20
PARTS = 2


def replay(log, size, kept, cuts, seed, ahead=0, ranges=()):
    """The figures of all parts, summed, and what was found wrong. ahead: see cut_replayer."""
    def part(number):
        numbers = map(str, (size, kept, cuts, seed, number, PARTS, ahead, *ranges))
        return subprocess.run([build_directory() / "tests/support/cut_replayer", log, *numbers],
                              capture_output=True, text=True, check=False)
    figures, wrong = {}, []
    with ThreadPoolExecutor(PARTS) as pool:
        for result in pool.map(part, range(PARTS)):
            if result.returncode not in (0, 1):
                raise LabError(f"{result.stderr}{result.stdout}".strip() or f"the replayer ended with {result.returncode}")
            for name, value in re.findall(r"^figure (\w+) (\d+) ", result.stdout, re.M):
                figures[name] = int(value) if name == "writes" else figures.get(name, 0) + int(value)
            wrong += re.findall(r"^not ok .*$", result.stdout, re.M)
    return figures, wrong


def run(fs, rounds, kept, cuts, seed, echo=sys.stdout, elsewhere=False):
    """Records and replays; the figures, and what was found wrong. echo: for the guest's words."""
    mib, ranges, place = SIZES[fs], (), ()
    if elsewhere:  # a MiB before the first partition; the last one ends where the disk's last sectors begin
        place = (str(mib),)
        ranges = (f"{MIB},{mib * MIB}", f"{(mib + 1) * MIB},{STORE * MIB}")
        mib += 1 + STORE
    with Lab() as lab:
        log = lab.directory / "writes.log"
        volume = lab.disk("volume", f"{mib}M", log=log)
        with lab.boot("kmod_powercut.sh", fs, str(rounds), str(kept), *place, disks=[volume], memory="2G",
                      timeout=200 + rounds * 60, echo=echo) as machine:
            machine.wait().check()
        figures, wrong = replay(log, volume.size, kept, cuts, seed, ranges=ranges)
        # A replay that cannot find anything, or looked at next to nothing, proves nothing.
        if not replay(log, volume.size, kept, 40, seed, ahead=20, ranges=ranges)[1]:
            wrong.append("not ok writes let go too early are found out")
        if figures.get("cuts", 0) < cuts * 0.8 or figures.get("snapshots", 0) < figures["cuts"] * (1 if kept else 0.1):
            wrong.append("not ok enough was looked at")
        if wrong:
            record = build_directory() / "vm/failed/kmod_powercut" / f"{fs}-{kept}-{seed}.log"
            record.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(log, record)
            print(f"the record of writes is kept: {record}, replayed with "
                  f"cut_replayer {record} {volume.size} {kept} {cuts} {seed} "
                  f"{' '.join(('0 1 0', *ranges)) if ranges else ''}", file=sys.stderr)
    return figures, wrong


def main(fs, rounds, kept, cuts, seed, where=""):
    figures, wrong = run(fs, int(rounds), int(kept), int(cuts), int(seed), elsewhere=where == "elsewhere")
    for name, value in figures.items():
        print(f"figure powercut.{name} {value}")
    print(*wrong[:30], sep="\n")
    print(f"{'not ok' if wrong else 'ok'} {fs}: nothing is missing after any cut")
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except LabError as error:
        sys.exit(f"kmod_powercut: {error}")
