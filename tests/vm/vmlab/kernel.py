# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds an installed kernel and makes what boots it quickly.

Unpacking a compressed kernel takes two or three seconds under emulation, so it
is unpacked here, once per kernel: QEMU starts the plain ELF image through its
PVH entry point.

The initramfs holds busybox, guest/initramfs-init and the few modules that
reaching the host's root over 9p takes; everything else is loaded later from
that root. It is made once per kernel and content, below BUILD/vm/, and it is
not compressed: unpacking would cost more under emulation than reading.
"""

import hashlib
import lzma
import os
import re
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path

from .paths import GUEST, LabError, build_directory

BOOT_MODULES = ["virtio_pci", "virtio_console", "9p", "9pnet_virtio", "overlay"]
OLDEST = (6, 1)
BUSYBOX = Path("/bin/busybox")

# Where a bzImage keeps its compressed kernel: Documentation/arch/x86/boot.rst.
SETUP_SECTORS_OFFSET = 0x1F1
MAGIC_OFFSET = 0x202
PAYLOAD_OFFSET = 0x248  # two 32-bit numbers: offset and length
SECTOR_BYTES = 512


def _unpack_bzimage(image):
    """The ELF kernel inside a bzImage; None if it is packed in a way unknown here."""
    if image[MAGIC_OFFSET:MAGIC_OFFSET + 4] != b"HdrS":
        return None
    offset, length = struct.unpack_from("<II", image, PAYLOAD_OFFSET)
    start = (image[SETUP_SECTORS_OFFSET] + 1) * SECTOR_BYTES + offset
    packed = image[start:start + length]
    # Four bytes with the unpacked size may follow the stream.
    if packed.startswith(b"\xfd7zXZ\0"):
        kernel = lzma.LZMADecompressor().decompress(packed)
    elif packed.startswith(b"\x1f\x8b"):
        kernel = zlib.decompressobj(wbits=31).decompress(packed)
    elif packed.startswith(b"\x28\xb5\x2f\xfd"):
        kernel = subprocess.run(["zstd", "-dcq"], input=packed[:-4], stdout=subprocess.PIPE, check=True).stdout
    else:
        return None
    return kernel if kernel.startswith(b"\x7fELF") else None


def _write_once(target, content):
    """Two runs may do this at once; either result serves."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as draft:
        draft.write(content)
        os.fchmod(draft.fileno(), 0o644)
    os.rename(draft.name, target)


def _version_key(version):
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", version)]


def _series(version):
    """Of 6.12.117+deb12-amd64: (6, 12)."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _find(wanted):
    """The installed version that is called so, or the newest of a series ("6.12").
    Without a wish: the newest of the oldest series, as the build does it for each
    series (kmod/CMakeLists.txt)."""
    versions = [image.name.removeprefix("vmlinuz-") for image in Path("/boot").glob("vmlinuz-*")]
    versions = [version for version in versions
                if (Path("/lib/modules") / version).is_dir() and _series(version) >= OLDEST]
    if wanted:
        versions = [version for version in versions
                    if version == wanted or ".".join(map(str, _series(version))) == wanted]
        if not versions:
            raise LabError(f"kernel {wanted} is not installed")
    elif not versions:
        raise LabError("no kernel is installed; run tests/support/setup")
    oldest = min(map(_series, versions))
    return max((version for version in versions if _series(version) == oldest), key=_version_key)


class Kernel:
    """A kernel: its version, its image, its modules. `wanted` is an installed version, a
    series, "debug" or "newest" (what tests/support/debug-kernel and newest-kernel made);
    without it,
    $DORMOUSE_KERNEL, or the newest of the oldest series."""

    def __init__(self, wanted=None):
        wanted = wanted or os.environ.get("DORMOUSE_KERNEL")
        self.slowness = 1  # how much longer everything may take
        self.modules_base = Path("/")
        if wanted in ("debug", "newest"):
            place = build_directory() / "kernels" / wanted
            found = list(place.glob("root/lib/modules/*"))
            if not found:
                raise LabError(f"kernel {wanted} is not installed; run ./dev kernels --{wanted}")
            self.version, self.modules_base = found[0].name, place / "root"
            if wanted == "debug":
                self.image, self.slowness = place / "source/arch/x86/boot/bzImage", 6
            else:
                self.image = place / "root/boot" / f"vmlinuz-{self.version}"
        else:
            self.version = _find(wanted)
            self.image = Path("/boot/vmlinuz-" + self.version)
        self.modules = self.modules_base / "lib/modules" / self.version

    def default_module(self, build=None):
        """Where the build puts our module for this kernel (may not exist)."""
        return (build or build_directory()) / "kmod" / self.version / "dormouse.ko"

    def fast_image(self):
        """The unpacked kernel, made if need be; the packed one if that fails."""
        if self.image.name == "bzImage":
            return self.image  # KASAN does not outlive the entry that QEMU takes into an unpacked one
        stat = self.image.stat()
        target = build_directory() / "vm" / f"vmlinux-{self.version}-{stat.st_size:x}-{stat.st_mtime_ns:x}"
        if not target.exists():
            kernel = _unpack_bzimage(self.image.read_bytes())
            if kernel is None:
                return self.image
            _write_once(target, kernel)
        return target

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
            answer = subprocess.run(["modprobe", "-d", str(self.modules_base), "-S", self.version,
                                     "--show-depends", module],
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
        with tempfile.TemporaryDirectory() as directory:
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
            _write_once(target, archive.stdout)
