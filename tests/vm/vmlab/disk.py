# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk of a virtual machine, and how QEMU is told of it.

A disk is a raw, sparse file. The guest finds it by its name (at most 20
characters; it becomes the serial number): `disk NAME` in guest/lib.sh.

QEMU runs with `cache=unsafe` unless told otherwise: flushes are not passed on
to the host's own disk, which makes tests quick. Killing QEMU still keeps all
that the guest's disk had acknowledged, since the host itself lives on.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from .paths import LabError

_SIZE = re.compile(r"^(\d+)([KMGT]?)$")
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_OPTIONS = ("kind", "cache", "lbs", "pbs", "size", "ro", "unplug", "log")
_FLAGS = ("ro", "unplug")


def parse_size(text):
    """Bytes of a size such as 512M; None if the text is no size."""
    match = _SIZE.match(str(text))
    return int(match[1]) * _UNITS[match[2]] if match else None


def escape(path):
    """QEMU splits its options at commas; a doubled comma is a real one."""
    return str(path).replace(",", ",,")


@dataclass
class Disk:
    """One disk; `path` is created with `size` bytes if it does not exist."""

    name: str
    path: Path
    size: int = None
    kind: str = "virtio"  # or scsi, nvme
    cache: str = "unsafe"  # QEMU's cache modes
    lbs: int = 512  # logical block size in bytes
    pbs: int = 512  # physical block size in bytes
    ro: bool = False
    unplug: bool = False  # can be pulled out with Machine.unplug(); scsi always can
    log: Path = None  # records every write, in the order of completion (QEMU's blklogwrites)

    def __post_init__(self):
        self.path = Path(self.path).resolve()
        self.lbs, self.pbs = int(self.lbs), max(int(self.pbs), int(self.lbs))
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,20}", self.name):
            raise LabError(f"a disk's name is 1 to 20 letters, digits, '-' and '_': {self.name!r}")
        if self.kind not in ("virtio", "scsi", "nvme"):
            raise LabError(f"unknown kind of disk: {self.kind}")

    @classmethod
    def parse(cls, text, directory):
        """From NAME=SIZE[,option...] or NAME=PATH[,option...].

        Options: kind=virtio|scsi|nvme, cache=MODE, lbs=BYTES, pbs=BYTES,
        size=SIZE (of a PATH that does not exist yet), ro, unplug, log=PATH.
        """
        name, equals, rest = text.partition("=")
        what, *options = rest.split(",")
        if not equals or not what:
            raise LabError(f"a disk is given as NAME=SIZE or NAME=PATH, not {text!r}")
        values = {}
        for option in options:
            key, _, value = option.partition("=")
            if key not in _OPTIONS:
                raise LabError(f"unknown disk option {key!r}; known: {', '.join(_OPTIONS)}")
            values[key] = True if key in _FLAGS else value
        if "size" in values:
            values["size"] = parse_size(values["size"])
        size = parse_size(what)
        if size is not None:
            return cls(name, Path(directory) / f"{name}.img", size=size, **values)
        return cls(name, Path(what), **values)

    def create(self):
        """Makes the file if it is not there; an existing one is kept as it is."""
        if self.path.exists():
            return
        if self.size is None:
            raise LabError(f"the disk {self.path} does not exist, and no size was given")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "xb") as file:
            os.truncate(file.fileno(), self.size)

    def drivers(self):
        """Kernel modules that the guest needs to see this disk."""
        return {"virtio": ["virtio_blk"], "scsi": ["virtio_scsi", "sd_mod"], "nvme": ["nvme"]}[self.kind]

    def _backend(self):
        if self.log is None:
            return f"file={escape(self.path)},format=raw"
        Path(self.log).touch()
        return (f"driver=blklogwrites,file.driver=file,file.filename={escape(self.path)},"
                f"log.driver=file,log.filename={escape(self.log)},log-sector-size=512,"
                f"file.cache.no-flush=on,log.cache.no-flush=on")

    def qemu_options(self, number):
        """Arguments for QEMU; `number` tells a machine's disks apart."""
        drive = (f"if=none,id=drive-{self.name},{self._backend()},"
                 f"cache={'writeback' if self.log else self.cache},discard=unmap,detect-zeroes=off"
                 f"{',readonly=on' if self.ro else ''}")
        blocks = f"logical_block_size={self.lbs},physical_block_size={self.pbs}"
        where = f"drive=drive-{self.name},id=disk-{self.name},serial={self.name},{blocks}"
        port = []
        if self.unplug and self.kind != "scsi":
            # What sits on the root bus itself cannot be unplugged.
            port = ["-device", f"pcie-root-port,id=port-{self.name},chassis={number}"]
            where += f",bus=port-{self.name}"
        device = {"virtio": f"virtio-blk-pci,{where}",
                  "scsi": f"scsi-hd,bus=scsi.0,{where}",
                  "nvme": f"nvme,{where}"}[self.kind]
        return [*port, "-drive", drive, "-device", device]
