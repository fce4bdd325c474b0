#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's control interface for scenarios, written from the header alone.

kmod.py create DEVICE MOUNTPOINT MIB FS      store file, attach; prints the handle
kmod.py grow [--epoch N] HANDLE MOUNTPOINT MIB
                                             gives that store so much more; prints its bytes
kmod.py create-raw DEVICE OFFSET_MIB MIB     a store that no file system knows of
kmod.py create-on DEVICE FS STORE_DEVICE [MOUNTPOINT MIB [--hollow]]
                                             a store that is all of another device, or a file
                                             on it; --hollow: allocated, but not written
kmod.py recover DEVICE ID OFFSET [OFFSET_B [STORE_DEVICE]]
                                             attach; prints handle and state, or fails
kmod.py status|seal|detach|forget HANDLE
kmod.py snapshot [--durable] [--within MS] HANDLE...
                                             prints the epochs
kmod.py drop|expose|unexpose HANDLE EPOCH    expose prints the disk's path
kmod.py epochs HANDLE                        one a line: number flags changed id
kmod.py changes HANDLE EPOCH                 "offset length" a line
kmod.py ack HANDLE EPOCH
kmod.py covers HANDLE EPOCH BEFORE AFTER [--drop] [--later]
                                             is every difference of the two images in
                                             the change map? prints both sizes; --drop
                                             leaves out the extent of the first one;
                                             --later takes in all closed epochs after it
kmod.py same HANDLE A B                      are two images equal outside the store?
"""

import fcntl
import itertools
import mmap
import os
import stat
import struct
import subprocess
import sys

FS = {"other": 0, "ext4": 1, "xfs": 2}
CREATE, EXTERNAL, FORGET, DURABLE = 1, 2, 1, 1
ACKED = 2
BLOCK = 4096
LAST, UNWRITTEN, MERGED = 0x1, 0x800, 0x1000  # of FIEMAP
PIECE = 1 << 20  # that images are compared in
STATS = 25
CONTROL = "/dev/dormouse-control"
STORE = ".dormouse-store"
# Of each call: its number, its layout, and what its fields are for (after the size).
STRUCTS = {
    "info": (1, "=IIIIII2Q", "n:I n:I n:I n:I n:I zero:Q zero:Q"),
    "attach": (2, "=IIiI16sQIIQQ32sII16s96siI",
               "flags:I fd:i n:I id:16s pointer:Q n:I zero:I n:Q n:Q n:32s n:I n:I n:16s n:96s store:i zero:I"),
    "detach": (3, "=IIII", "flags:I handle:I zero:I"),
    "list": (4, "=IIQII", "n:I pointer:Q n:I zero:I"),
    "status": (5, f"=8I2I9Q16s16s{STATS}Q96sII",
               "handle:I" + 8 * " n:I" + 9 * " n:Q" + " n:16s n:16s" + STATS * " n:Q" + " n:96s n:I n:I"),
    "snapshot": (6, "=IIQIIQ96s", "n:I pointer:Q n:I zero:I n:Q n:96s"),
    "drop": (7, "=IIQ", "handle:I n:Q"),
    "expose": (8, "=IIQIIII", "handle:I n:Q n:I n:I n:I zero:I"),
    "unexpose": (9, "=IIQ", "handle:I n:Q"),
    "epochs": (10, "=IIQII", "handle:I pointer:Q n:I n:I"),
    "changes": (11, "=IIQQQIIQ", "handle:I n:Q n:Q pointer:Q n:I n:I n:Q"),
    "ack": (12, "=IIQ", "handle:I n:Q"),
    "seal": (13, "=II", "handle:I"),
    "grow": (14, "=IIQQII32sQ96s", "handle:I n:Q pointer:Q n:I zero:I n:32s n:Q n:96s"),
}
EPOCH = struct.Struct("=QQ16s16s16sQQQII")


def number(name):
    nr, layout, _ = STRUCTS[name]
    return 3 << 30 | struct.calcsize(layout) << 16 | 0xDA << 8 | nr


class Failed(Exception):
    pass


def call(name, *values):
    """One ioctl; returns the structure as the kernel left it."""
    layout = struct.Struct(STRUCTS[name][1])
    data = bytearray(layout.pack(layout.size, *values))
    fd = os.open(CONTROL, os.O_RDWR)
    try:
        fcntl.ioctl(fd, number(name), data)
    except OSError as error:
        reasons = [v for v in layout.unpack(data) if isinstance(v, bytes) and len(v) == 96]
        text = reasons[0].rstrip(b"\0").decode() if reasons else ""
        raise Failed(f"{name}: {os.strerror(error.errno)} {text}".strip()) from error
    finally:
        os.close(fd)
    return layout.unpack(data)


def status(handle):
    v = call("status", handle, *([0] * 17), bytes(16), bytes(16), *([0] * STATS), bytes(96), 0, 0)
    names = ("mode state fs snapshots in_use sealed major minor volume_bytes store_bytes undo_bytes "
             "undo_used changed memory epoch superblock superblock_b").split()
    result = dict(zip(names, v[2:]))
    at = 2 + len(names)
    result["volume_id"], result["epoch_id"] = v[at].hex(), v[at + 1].hex()
    stats = ("passed held waited copied batches intents checkpoints seals written".split())
    result.update(zip(stats, v[at + 2:]))
    result["hold_us"] = " ".join(f"<{16 << i}:{n}" for i, n in enumerate(v[at + 2 + len(stats):-3]) if n)
    result["reason"] = v[-3].rstrip(b"\0").decode()
    result["store_major"], result["store_minor"] = v[-2:]
    result["state"] = ["?", "active", "dormant", "unverified", "failed", "gone"][result["state"]]
    result["mode"] = ["?", "tracking", "snapshot"][result["mode"]]
    return result


def fiemap(fd, start, size):
    """[(physical, length)] of a part of a file, in file order."""
    header = struct.Struct("=QQIIII")
    extent = struct.Struct("=QQQQQIIII")
    room = 512
    data = bytearray(header.pack(start, size, 1, 0, room, 0)) + bytearray(extent.size * room)
    fcntl.ioctl(fd, 0xC020660B, data)
    count = header.unpack_from(data)[3]
    found = []
    for i in range(count):
        logical, physical, length, _, _, flags, *_ = extent.unpack_from(data, header.size + i * extent.size)
        if flags & ~(LAST | MERGED | UNWRITTEN):
            raise Failed(f"extent with flags {flags:#x}")
        cut = max(start - logical, 0)
        physical, length = physical + cut, min(length - cut, start + size - logical - cut)
        if found and found[-1][0] + found[-1][1] == physical:
            found[-1] = (found[-1][0], found[-1][1] + length)
        else:
            found.append((physical, length))
    return found


def create(device, mountpoint, mib, fs, ground=None, hollow=False):
    path = os.path.join(mountpoint, STORE + ("-of-another" if ground else ""))
    size = mib << 20
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    os.posix_fallocate(fd, 0, size)
    for at in range(0, 0 if hollow else size, 1 << 20):
        os.pwrite(fd, bytes(min(1 << 20, size - at)), at)
    os.fsync(fd)
    extents = fiemap(fd, 0, size)
    nonce, volume = os.urandom(32), os.urandom(16)
    prove_pieces(fd, 0, extents, nonce, volume)
    if fiemap(fd, 0, size) != extents:
        raise Failed("the store file moved")
    settle(fd, mountpoint)
    return attach(device, fs, volume, nonce, extents, ground)


def prove_pieces(fd, at, extents, nonce, volume):
    for index, (_, length) in enumerate(extents):
        os.pwrite(fd, b"DORMPRUF" + nonce + volume + struct.pack("<II", index, 0), at)
        at += length
    os.fsync(fd)


def settle(fd, mountpoint):
    os.close(fd)
    subprocess.run(["fsfreeze", "-f", mountpoint], check=True)
    subprocess.run(["fsfreeze", "-u", mountpoint], check=True)


def grow(handle, mountpoint, mib, epoch=None):
    """By the file's next blocks, which must have been free in every live snapshot."""
    s = status(handle)
    fd = os.open(os.path.join(mountpoint, STORE), os.O_RDWR)
    old = os.fstat(fd).st_size
    os.posix_fallocate(fd, old, mib << 20)
    os.fsync(fd)
    extents = fiemap(fd, old, mib << 20)
    nonce = os.urandom(32)
    prove_pieces(fd, old, extents, nonce, bytes.fromhex(s["volume_id"]))
    settle(fd, mountpoint)
    table = bytearray(struct.pack(f"={2 * len(extents)}Q", *[n for e in extents for n in e]))
    return call("grow", handle, s["epoch"] if epoch is None else epoch, pointer(table), len(extents), 0, nonce, 0,
                bytes(96))[7]


def prove_raw(device, offset, nonce, volume):
    with open(device, "r+b", buffering=0) as disk:
        disk.seek(offset)
        disk.write(b"DORMPRUF" + nonce + volume + bytes(BLOCK - 56))
        os.fsync(disk.fileno())


def create_raw(device, offset, mib):
    nonce, volume = os.urandom(32), os.urandom(16)
    prove_raw(device, offset << 20, nonce, volume)
    return attach(device, "other", volume, nonce, [(offset << 20, mib << 20)])


def grow_raw(handle, device, offset, length, s):
    """By one extent, in bytes, on a device without a file system; s: the volume's status."""
    nonce = os.urandom(32)
    prove_raw(device, offset, nonce, bytes.fromhex(s["volume_id"]))
    table = bytearray(struct.pack("=QQ", offset, length))
    return call("grow", handle, s["epoch"], pointer(table), 1, 0, nonce, 0, bytes(96))[7]


def create_on(device, fs, ground):
    """The store is all of another device."""
    nonce, volume = os.urandom(32), os.urandom(16)
    prove_raw(ground, 0, nonce, volume)
    with open(ground, "rb") as disk:
        size = disk.seek(0, os.SEEK_END) // BLOCK * BLOCK
    return attach(device, fs, volume, nonce, [(0, size)], ground)


def attach(device, fs, volume, nonce, extents, ground=None):
    table = bytearray(struct.pack(f"={2 * len(extents)}Q", *[n for e in extents for n in e]))
    return attach_devices(CREATE, device, ground, FS[fs], volume, pointer(table), len(extents), 0, 0, 0, nonce)


def attach_devices(flags, device, ground, *values):
    disk = os.open(device, os.O_RDONLY)
    store = os.open(ground, os.O_RDONLY) if ground else 0
    try:
        return call("attach", flags | (EXTERNAL if ground else 0), disk, *values, 0, 0, bytes(16), bytes(96), store, 0)
    finally:
        os.close(disk)
        if store:
            os.close(store)


def pointer(buffer):
    import ctypes
    return ctypes.addressof((ctypes.c_char * len(buffer)).from_buffer(buffer))


def recover(device, volume, offset, offset_b, ground=None):
    return attach_devices(0, device, ground, 0, bytes.fromhex(volume), 0, 0, 0, offset, offset_b, bytes(32))


def snapshot(handles, durable, within_ms=0):
    entry = struct.Struct("=IIQ16sII")
    buffer = bytearray(b"".join(entry.pack(h, DURABLE if durable else 0, 0, bytes(16), 0, 0) for h in handles))
    v = call("snapshot", len(handles), pointer(buffer), within_ms, 0, 0, bytes(96))
    return [entry.unpack_from(buffer, i * entry.size)[2] for i in range(len(handles))], v[5]


def epochs(handle):
    buffer = bytearray(EPOCH.size * 300)
    v = call("epochs", handle, pointer(buffer), 300, 0)
    return [EPOCH.unpack_from(buffer, i * EPOCH.size) for i in range(v[4])]


def changes(handle, epoch):
    found, start = [], 0
    while True:
        buffer = bytearray(16 * 1000)
        v = call("changes", handle, epoch, start, pointer(buffer), 1000, 0, 0)
        found += [struct.unpack_from("=QQ", buffer, i * 16) for i in range(v[6])]
        start = v[7]
        if not start:
            return found


def device_node(major, minor):
    with open(f"/sys/dev/block/{major}:{minor}/uevent") as uevent:
        return "/dev/" + dict(line.strip().split("=") for line in uevent)["DEVNAME"]


def store_extents(handle):
    """The store's extents on the volume, from its superblock on the device."""
    s = status(handle)
    if (s["major"], s["minor"]) != (s["store_major"], s["store_minor"]):
        return []
    with open(device_node(s['major'], s['minor']), "rb", buffering=0) as disk:
        disk.seek(s["superblock"])
        copy = disk.read(4 * BLOCK)
    count = struct.unpack_from("<I", copy, 80)[0]
    return [struct.unpack_from("<QQ", copy, BLOCK + i * 24) for i in range(count)]


def without(data, at, extents):
    """The piece of an image that begins at `at`, with zeros for these extents."""
    for offset, length in extents:
        first, end = max(offset - at, 0), min(offset + length - at, len(data))
        if first < end:
            data = data[:first] + bytes(end - first) + data[end:]
    return data


def pieces(path):
    """What is in a file or on a disk, a MiB at a time. A disk is read past the page cache,
    which would hide that its content changes; and it is twice as fast."""
    flags = os.O_RDONLY | (os.O_DIRECT if stat.S_ISBLK(os.stat(path).st_mode) else 0)
    with mmap.mmap(-1, PIECE) as room, open(os.open(path, flags), "rb", buffering=0) as source:
        while length := source.readinto(room):
            yield room[:length]


def differences(handle, a, b, piece=BLOCK):
    """Offsets of the 4 KiB blocks in which two images differ, outside the store."""
    hidden = store_extents(handle) if handle is not None else []
    found = []
    for at, (x, y) in zip(itertools.count(0, PIECE), zip(pieces(a), pieces(b))):
        if x != y:
            x, y = without(x, at, hidden), without(y, at, hidden)
        if x != y:
            found += [at + i for i in range(0, len(x), piece) if x[i:i + piece] != y[i:i + piece]]
    return found


def later_changes(handle, epoch):
    """What changed from the epoch's start to the open epoch's; every map is needed."""
    found, next_epoch = [], epoch
    closed = [e for e in epochs(handle) if e[0] >= epoch and not e[8] & ACKED][:-1]
    for number, first, *_ in closed:
        if first > next_epoch:
            raise Failed(f"no change map of epoch {next_epoch}")
        found += changes(handle, number)
        next_epoch = number + 1
    return found


def covers(handle, epoch, before, after, drop=False, later=False):
    extents = later_changes(handle, epoch) if later else changes(handle, epoch)
    different = differences(handle, before, after)
    if drop:
        extents = [(o, n) for o, n in extents if not o <= different[0] < o + n]
    covered = {block for o, n in extents for block in range(o // BLOCK, (o + n + BLOCK - 1) // BLOCK)}
    missing = [d for d in different if d // BLOCK not in covered]
    mapped = sum(n for _, n in extents)
    print(f"different {len(different) * BLOCK} mapped {mapped} missing {len(missing)}", *missing[:8])
    return not missing


def main(verb, *args):
    if verb == "create":
        v = create(args[0], args[1], int(args[2]), args[3])
        print(v[11])
    elif verb == "grow":
        args = list(args)
        epoch = int(args.pop(args.index("--epoch") + 1)) if "--epoch" in args else None
        handle, mountpoint, mib = [a for a in args if a != "--epoch"]
        print(grow(int(handle), mountpoint, int(mib), epoch))
    elif verb == "create-raw":
        print(create_raw(args[0], int(args[1]), int(args[2]))[11])
    elif verb == "create-on":
        hollow = "--hollow" in args
        device, fs, ground, *place = [a for a in args if a != "--hollow"]
        v = create(device, place[0], int(place[1]), fs, ground, hollow) if place else create_on(device, fs, ground)
        print(v[11])
    elif verb == "recover":
        v = recover(args[0], args[1], int(args[2]), int(args[3]) if len(args) > 3 else 0, *args[4:])
        print(v[11], ["?", "active", "dormant", "unverified"][v[12]])
    elif verb == "status":
        for key, value in status(int(args[0])).items():
            print(key, value)
    elif verb == "seal":
        call("seal", int(args[0]))
    elif verb in ("detach", "forget"):
        call("detach", FORGET if verb == "forget" else 0, int(args[0]), 0)
    elif verb == "snapshot":
        args = list(args)
        durable = "--durable" in args and not args.remove("--durable")
        within = int(args.pop(args.index("--within") + 1)) if "--within" in args else 0
        found, frozen = snapshot([int(a) for a in args if a != "--within"], durable, within)
        print(*found)
        print(f"frozen {frozen} us", file=sys.stderr)
    elif verb in ("drop", "unexpose"):
        call(verb, int(args[0]), int(args[1]))
    elif verb == "expose":
        v = call("expose", int(args[0]), int(args[1]), 0, 0, 0, 0)
        print(f"/dev/dormouse{v[3]}")
    elif verb == "epochs":
        for e in epochs(int(args[0])):
            print(e[0], e[8], e[5], e[2].hex())
    elif verb == "changes":
        for offset, length in changes(int(args[0]), int(args[1])):
            print(offset, length)
    elif verb == "ack":
        call("ack", int(args[0]), int(args[1]))
    elif verb == "covers":
        return 0 if covers(int(args[0]), int(args[1]), args[2], args[3], "--drop" in args, "--later" in args) else 1
    elif verb == "same":
        different = differences(int(args[0]), args[1], args[2])
        print(f"{len(different)} blocks differ", *different[:10])
        return 1 if different else 0
    else:
        print(__doc__)
        return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except Failed as failure:
        print(f"kmod.py: {failure}", file=sys.stderr)
        sys.exit(1)
    except Exception as error:  # a mistake of the caller's or ours proves nothing
        print(f"kmod.py: {error!r}", file=sys.stderr)
        sys.exit(127)
