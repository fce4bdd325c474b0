# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds an installed kernel and makes the small initramfs that boots it.

The initramfs holds busybox, guest/initramfs-init and the few modules that
reaching the host's root over 9p takes; everything else is loaded later from
that root. It is made once per kernel and content, below BUILD/vm/, and it is
not compressed: unpacking would cost more under emulation than reading.
"""

import hashlib
import lzma
import os
import re
import subprocess
import tempfile
from pathlib import Path

from .paths import GUEST, LabError, build_directory

BOOT_MODULES = ["virtio_pci", "virtio_console", "9p", "9pnet_virtio", "overlay"]
BUSYBOX = Path("/bin/busybox")


def _version_key(version):
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", version)]


class Kernel:
    """An installed kernel: its version, its image, its modules."""

    def __init__(self, version=None):
        self.version = version or self._newest()
        self.image = Path("/boot/vmlinuz-" + self.version)
        self.modules = Path("/lib/modules") / self.version
        if not self.image.exists() or not self.modules.is_dir():
            raise LabError(f"kernel {self.version} is not installed "
                           f"({self.image} and {self.modules} are needed)")

    @staticmethod
    def _newest():
        versions = [image.name.removeprefix("vmlinuz-") for image in Path("/boot").glob("vmlinuz-*")]
        versions = [version for version in versions if (Path("/lib/modules") / version).is_dir()]
        if not versions:
            raise LabError("no kernel is installed; run tests/support/setup")
        return max(versions, key=_version_key)

    def default_module(self, build=None):
        """Where the build puts our module for this kernel (may not exist)."""
        return (build or build_directory()) / "kmod" / self.version / "dormouse.ko"

    def initramfs(self):
        """The path of an initramfs for this kernel, made if need be."""
        modules = self._boot_module_files()
        digest = hashlib.sha256()
        for source in [BUSYBOX, GUEST / "initramfs-init", Path(__file__), *modules]:
            stat = source.stat()
            digest.update(f"{source} {stat.st_size} {stat.st_mtime_ns}\n".encode())
        target = build_directory() / "vm" / f"initramfs-{self.version}-{digest.hexdigest()[:16]}.cpio"
        if not target.exists():
            self._make_initramfs(target, modules)
        return target

    def _boot_module_files(self):
        files = []
        for module in BOOT_MODULES:
            answer = subprocess.run(["modprobe", "-S", self.version, "--show-depends", module],
                                    check=False, capture_output=True, text=True)
            if answer.returncode != 0:
                raise LabError(f"kernel {self.version} has no module {module}: {answer.stderr.strip()}")
            for line in answer.stdout.splitlines():
                words = line.split()
                if words and words[0] == "insmod" and Path(words[1]) not in files:
                    files.append(Path(words[1]))
        return files

    @staticmethod
    def _make_initramfs(target, modules):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".initramfs-") as directory:
            root = Path(directory) / "root"
            for name in ["bin", "modules", "proc", "sys", "dev", "mnt"]:
                (root / name).mkdir(parents=True)
            (root / "bin/busybox").write_bytes(BUSYBOX.read_bytes())
            (root / "init").write_bytes((GUEST / "initramfs-init").read_bytes())
            for program in [root / "bin/busybox", root / "init"]:
                program.chmod(0o755)
            order = []
            for source in modules:
                content = source.read_bytes()
                name = source.name
                if name.endswith(".xz"):
                    content, name = lzma.decompress(content), name.removesuffix(".xz")
                elif not name.endswith(".ko"):
                    raise LabError(f"do not know how to unpack {source}")
                (root / "modules" / name).write_bytes(content)
                order.append(name)
            (root / "modules/order").write_text("\n".join(order) + "\n")
            names = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
            archive = subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], cwd=root, check=True,
                                     input="\n".join(names).encode(), stdout=subprocess.PIPE)
            draft = Path(directory) / "cpio"
            draft.write_bytes(archive.stdout)
            os.rename(draft, target)  # two runs may do this at once; either result serves
