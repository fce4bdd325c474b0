#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostile callers of the module's control device.

kmod_fuzz.py root SECONDS SEED KEPT SCRAP KEPT_DEVICE SCRAP_DEVICE
    Four processes send junk to every call: pure noise, and calls that are right
    but for a field. KEPT (a handle) must survive it: whatever a caller who knows
    the handle may ask for is sent, except DETACH and ACK, which are his right.
    SCRAP gets these too. Prints how many calls were made and how they ended.
kmod_fuzz.py user UID
    That user cannot open the device, and a descriptor that root opened does not
    help him: EPERM for every call.
"""

import collections
import errno
import fcntl
import json
import mmap
import os
import random
import struct
import sys
import time
import traceback

import kmod

PROCESSES = 4
EDGES = [0, 1, 2, 3, 511, 512, 4095, 4096, 65536, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 32, 1 << 48,
         (1 << 63) - 1, 1 << 63, (1 << 64) - 512, (1 << 64) - 1]
BAD_POINTERS = [0, 1, 0x1000, 0x7FFFFFFFF000, 0xFFFF888000000000, 0xFFFFFFFF81000000, (1 << 64) - 8]
ARENA_BYTES = 1 << 20


class Caller:
    def __init__(self, seed, kept, scrap, devices, place):
        self.chance = random.Random(seed)
        self.kept, self.scrap = kept, scrap
        self.control = os.open(kmod.CONTROL, os.O_RDWR | os.O_NONBLOCK)
        self.arena = mmap.mmap(-1, ARENA_BYTES)
        self.address = kmod.pointer(self.arena)
        self.descriptors = [os.open(d, os.O_RDONLY) for d in devices]
        self.descriptors += [self.control, os.open("/dev/null", os.O_RDWR), -1, 9999]
        self.scrap_device = devices[1]
        self.scrap_place = place
        self.ended = collections.Counter()

    def integer(self, bits):
        kind = self.chance.random()
        if kind < 0.35:
            return self.chance.choice(EDGES) & ((1 << bits) - 1)
        if kind < 0.75:
            return self.chance.randrange(48)
        return self.chance.getrandbits(bits)

    def pointer(self):
        kind = self.chance.random()
        if kind < 0.7:  # ours; near its end a long read or write must fault
            return self.address + self.chance.choice([0, 8, 4096, 3, ARENA_BYTES - 16])
        return self.chance.choice(BAD_POINTERS) if kind < 0.9 else self.chance.getrandbits(64)

    def handle(self):
        return self.chance.choice([self.kept, self.kept, self.scrap, self.integer(32)])

    def fill_arena(self, name):
        if name == "snapshot":
            entry = struct.Struct("=IIQ16sII")
            for i in range(17):
                noise = self.chance.random() < 0.1
                entry.pack_into(self.arena, i * entry.size, self.handle(), self.integer(32) if noise else i % 2, 0,
                                bytes(16), 0, self.integer(32) if noise else 0)
        else:
            self.arena[:65536] = self.chance.randbytes(65536)

    def values(self, name):
        """The call's fields, mostly of the right kind."""
        found = []
        fields = kmod.STRUCTS[name][2].split()
        for field in fields:
            role, _, code = field.partition(":")
            bits = 64 if code == "Q" else 32
            if role == "handle":
                found.append(self.handle())
            elif role == "pointer":
                found.append(self.pointer())
            elif role == "fd":
                found.append(self.chance.choice(self.descriptors))
            elif role == "store":  # a descriptor, if a flag says so
                is_there = self.chance.random() < 0.5
                found.append(self.chance.choice(self.descriptors) if is_there else 0)
                found[0] |= kmod.EXTERNAL if is_there else 0
            elif role == "zero":
                found.append(0 if self.chance.random() < 0.9 else self.integer(bits))
            elif role == "flags":
                found.append(self.chance.choice([0, 1]) if self.chance.random() < 0.9 else self.integer(bits))
            elif code.endswith("s"):
                found.append(self.chance.randbytes(int(code[:-1])))
            else:
                found.append(self.integer(bits))
        return found

    def forbidden(self, name, data):
        """DETACH and ACK of what is to be kept; noise can hit these by chance.
        FORGET ends SCRAP for good, so it comes seldom."""
        if name == "detach" and data[4] & 1 and self.chance.random() < 0.95:
            return True
        at = {"detach": 8, "ack": 4}.get(name)
        return at is not None and struct.unpack_from("=I", data, at)[0] == self.kept

    def send(self, number, data):
        try:
            fcntl.ioctl(self.control, number, data)
            self.ended["ok"] += 1
        except OSError as error:
            self.ended[errno.errorcode[error.errno]] += 1

    def noise(self, name):
        layout = struct.Struct(kmod.STRUCTS[name][1])
        data = bytearray(self.chance.randbytes(layout.size + 64))
        for at in range(4, len(data) - 8, 4):
            if self.chance.random() < 0.5:
                struct.pack_into("=Q", data, at, self.chance.choice(EDGES))
        struct.pack_into("=I", data, 0, self.chance.choice([layout.size] * 8 + [0, 4, layout.size + 64, 1 << 31]))
        number = kmod.number(name)
        if self.chance.random() < 0.1:  # another direction, size, type or number
            number ^= 1 << self.chance.randrange(32)
        if not self.forbidden(name, data):
            self.send(number, data)

    def nearly_right(self, name):
        layout = struct.Struct(kmod.STRUCTS[name][1])
        self.fill_arena(name)
        data = bytearray(layout.pack(layout.size, *self.values(name)))
        if not self.forbidden(name, data):
            self.send(kmod.number(name), data)

    def find_scrap(self):
        """Another process may have attached it again, under another handle."""
        handles = struct.Struct("=64I")
        nr = kmod.call("list", 64, self.address, 0, 0)[3]
        others = [h for h in handles.unpack_from(self.arena, 0)[:nr] if h != self.kept]
        if others:
            self.scrap = others[0]

    def come_back(self):
        """Detaches SCRAP, or attaches it again by what its store says."""
        place = self.scrap_place
        try:
            if self.chance.random() < 0.5:
                kmod.call("detach", 0, self.scrap, 0)
            else:
                self.scrap = kmod.recover(self.scrap_device, place["volume_id"], place["superblock"],
                                          place["superblock_b"])[11]
            self.ended["ok"] += 1
        except kmod.Failed:
            self.ended["come back"] += 1

    def disturb(self):
        """Other doors: read, and snapshot disks while others take them away."""
        try:
            kind = self.chance.randrange(3)
            if kind == 0:
                os.read(self.control, self.chance.choice([1, 159, 160, 168, 4096]))
            elif kind == 1:
                with open(f"/dev/dormouse{self.chance.randrange(8)}", "rb", buffering=0) as disk:
                    disk.seek(self.chance.randrange(1 << 20) * 512)
                    disk.read(self.chance.choice([512, 65536]))
            else:
                fd = os.open(f"/dev/dormouse{self.chance.randrange(8)}", os.O_RDWR)
                os.write(fd, bytes(512))
                raise SystemExit("a snapshot let itself be written")
            self.ended["ok"] += 1
        except OSError as error:
            self.ended[errno.errorcode[error.errno]] += 1

    def run(self, seconds):
        names = list(kmod.STRUCTS)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.chance.random() < 0.05:
                self.find_scrap()
            kind = self.chance.random()
            name = self.chance.choice(names)
            if kind < 0.3:
                self.noise(name)
            elif kind < 0.9:
                self.nearly_right(name)
            elif kind < 0.98:
                self.disturb()
            else:
                self.come_back()
        return self.ended


def fuzz(seconds, seed, kept, scrap, devices):
    place = kmod.status(scrap)
    children = []
    for index in range(PROCESSES):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                ended = Caller(seed + index, kept, scrap, devices, place).run(seconds)
                os.write(writer, json.dumps(ended).encode())
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        os.close(writer)
        children.append((child, reader))
    ended, failed = collections.Counter(), 0
    for child, reader in children:
        with open(reader) as answer:
            text = answer.read()
        ended.update(json.loads(text or "{}"))
        failed += os.waitpid(child, 0)[1] != 0
    print(f"calls {sum(ended.values())}")
    print(*[f"{name}={count}" for name, count in ended.most_common()])
    return failed


def as_user(uid):
    """Every call is refused before its argument is looked at."""
    control = os.open(kmod.CONTROL, os.O_RDWR)
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    wrong = 0
    try:
        os.open(kmod.CONTROL, os.O_RDWR)
        wrong += 1
        print("the device opens")
    except PermissionError:
        pass
    for name in kmod.STRUCTS:
        data = bytearray(struct.calcsize(kmod.STRUCTS[name][1]))
        struct.pack_into("=I", data, 0, len(data))
        try:
            fcntl.ioctl(control, kmod.number(name), data)
            code = 0
        except OSError as error:
            code = error.errno
        if code != errno.EPERM:
            wrong += 1
            print(f"{name}: {os.strerror(code)}")
    return wrong


def main(verb, *args):
    if verb == "root":
        return fuzz(float(args[0]), int(args[1]), int(args[2]), int(args[3]), args[4:6])
    return as_user(int(args[0]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
