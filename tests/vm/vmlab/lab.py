# SPDX-License-Identifier: GPL-3.0-or-later
"""A working folder with disks in it, and the boots that use them."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .disk import Disk, parse_size
from .kernel import Kernel
from .machine import Machine
from .paths import SCENARIOS, LabError, build_directory

STATE_BYTES = 512 * 2**20


def find_scenario(name):
    """A scenario by path, or by its name below tests/vm/scenarios/."""
    for candidate in [Path(name), SCENARIOS / name, SCENARIOS / f"{name}.sh"]:
        if candidate.is_file():
            return candidate.resolve()
    raise LabError(f"there is no scenario {name}")


def check_install(tree):
    """A staged folder over a symbolic link of this root would hide all behind it."""
    tree = Path(tree).resolve()
    if not tree.is_dir():
        raise LabError(f"there is no staged tree {tree}")
    for entry in tree.iterdir():
        if entry.is_dir() and (Path("/") / entry.name).is_symlink():
            raise LabError(f"{tree}/{entry.name} would hide /{entry.name}, which is a symbolic link here; "
                           f"install below /usr instead")
    return tree


def _remove_abandoned(runs):
    """Removes folders of runners that were killed; a name starts with a process id."""
    for path in runs.iterdir():
        if not Path("/proc", path.name.partition("-")[0]).exists():
            shutil.rmtree(path, ignore_errors=True)


class Lab:
    """A temporary folder (below BUILD/vm/runs/) for disks and boots.

    Use it as a context: leaving it ends every guest and removes the folder,
    unless `keep` names a folder, which is then used and left behind. A folder
    that is kept may be used again, so disks survive from run to run. The logs
    of a boot that failed are always left, in BUILD/vm/failed/SCENARIO/, unless
    `keep_failures` is false.
    """

    def __init__(self, keep=None, kernel=None, keep_failures=True):
        self._keep = keep is not None
        self._keep_failures = keep_failures
        if self._keep:
            self.directory = Path(keep).resolve()
            self.directory.mkdir(parents=True, exist_ok=True)
        else:
            runs = build_directory() / "vm" / "runs"
            runs.mkdir(parents=True, exist_ok=True)
            _remove_abandoned(runs)
            self.directory = Path(tempfile.mkdtemp(dir=runs, prefix=f"{os.getpid()}-"))
        self.kernel = Kernel(kernel)
        self.out = self.directory / "out"
        self.out.mkdir(exist_ok=True)
        self._machines = []

    def disk(self, name, size="1G", **options):
        """A disk in this folder; see Disk for the options."""
        return Disk(name, self.directory / f"{name}.img", size=parse_size(size), **options)

    def state(self, path=None):
        """An ext4 image that keeps /var/lib/dormouse and /etc/dormouse between
        boots; made when it is not there. Pass it to boot(state=...)."""
        disk = Disk("dormouse-state", path or self.directory / "state.img", size=STATE_BYTES)
        if not disk.path.exists():
            disk.create()
            subprocess.run(["mkfs.ext4", "-q", "-F", "-L", "dormouse-state", str(disk.path)],
                           check=True, env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"})
        return disk

    def boot(self, scenario, *args, **options):
        """Starts a guest that runs `scenario` with `args`; returns a Machine.

        disks: what is attached, in this order
        systemd: True boots systemd, D-Bus and polkit; else the scenario is
            nearly alone
        memory ("2G"), cpus (2), timeout (180 s from now until the end)
        module: our kernel module; default the one built for this kernel. The
            guest's modprobe knows it, but by itself nothing loads it (with
            systemd, a staged tree may). False: the guest has no such module
        install: a staged tree (DESTDIR) to lay over the guest's root
        state: what state() returned
        out: where $OUT of the guest is; default the folder `out` here
        environment: more variables for the scenario
        expect_kernel_log: regular expressions that the log must match, and
            that excuse a complaint
        append: more kernel parameters; qemu: more arguments for QEMU
        echo: where the scenario's output goes live; None for nowhere
        """
        if options.get("install"):
            options["install"] = check_install(options["install"])
        if options.get("module") is False:
            options["module"] = None
        elif not options.get("module"):
            module = self.kernel.default_module()
            options["module"] = module if module.exists() else None
        else:
            options["module"] = Path(options["module"]).resolve()
        options["out"] = Path(options.get("out") or self.out).resolve()
        options["out"].mkdir(parents=True, exist_ok=True)
        machine = Machine(self._boot_directory(), self.kernel, find_scenario(scenario), args, **options)
        self._machines.append(machine)
        return machine

    def _boot_directory(self):
        numbers = [int(match[1]) for path in self.directory.glob("boot-*")
                   if (match := re.fullmatch(r"boot-(\d+)", path.name))]
        return self.directory / f"boot-{max(numbers, default=0) + 1}"

    def close(self):
        for machine in self._machines:
            if machine.is_running():
                machine.kill()
            if self._keep_failures and not self._keep and machine.wait().problems():
                self._save_logs(machine)
        if not self._keep:
            shutil.rmtree(self.directory, ignore_errors=True)

    @staticmethod
    def _save_logs(machine):
        target = build_directory() / "vm" / "failed" / machine.scenario.stem
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for path in machine.directory.iterdir():
            if path.is_file():
                shutil.copy(path, target)
        print(f"logs of the failed boot: {target}", file=sys.stderr)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
