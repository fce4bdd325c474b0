#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of the module while memory cannot be had.

kmod_no_memory.py DEVICE HANDLE OTHER_DEVICE
    For each call, its first allocation fails, then its second instead, and so on until
    it needs no more of them (the kernel's fail-nth; needs a kernel with fault
    injection). HANDLE on DEVICE is a tracked volume, OTHER_DEVICE a disk to attach and
    let go. A call may fail, but then leaves nothing behind: the volume goes on, and the
    same call works at once afterwards. Prints figures; exit code 1 if one was different.
"""

import fcntl
import os
import subprocess
import sys

import kmod

STORE_AT, STORE_MIB = 8, 16
GROW_AT, GROW_END, GROW_BYTES = 57 << 20, 64 << 20, 64 << 10  # behind HANDLE's store
CALLS = 10000  # far more than any needs
os_ioctl = fcntl.ioctl


class Injector:
    """Lets the nth allocation of this thread's next ioctl fail."""

    def __init__(self):
        for capability in ("failslab", "fail_page_alloc"):
            for knob, value in (("verbose", "0"), ("ignore-gfp-wait", "N"), ("min-order", "0"),
                                ("ignore-gfp-highmem", "N")):
                path = f"/sys/kernel/debug/{capability}/{knob}"
                if os.path.exists(path):
                    with open(path, "w", encoding="ascii") as setting:
                        setting.write(value)
        self.control = os.open("/proc/thread-self/fail-nth", os.O_RDWR)
        self.nth = 0
        self.was_reached = False
        fcntl.ioctl = self.ioctl

    def ioctl(self, *arguments):
        if not self.nth:
            return os_ioctl(*arguments)
        os.pwrite(self.control, b"%d" % self.nth, 0)
        try:
            return os_ioctl(*arguments)
        finally:
            self.was_reached = int(os.pread(self.control, 16, 0).split(b"\0")[0]) == 0
            os.pwrite(self.control, b"0", 0)
            self.nth = 0


def each_allocation(name, injector, action, undo, goes_on):
    """Numbers of times that the call failed, and that it did without what failed."""
    failed = spared = 0
    for nth in range(1, CALLS):
        injector.nth, injector.was_reached = nth, False
        try:
            result = action()
        except (kmod.Failed, OSError) as failure:
            if not injector.was_reached:
                sys.exit(f"{name} failed though nothing was kept from it: {failure}")
            failed += 1
            if nth % 16 == 1:
                goes_on(name)
            continue
        undo(result)
        if not injector.was_reached:
            break
        spared += 1
    else:
        sys.exit(f"{name} never came to an end")
    goes_on(name)
    print(f"figure {name}.failed {failed} calls")
    print(f"figure {name}.spared {spared} calls")
    return failed


def main(device, handle, other):
    handle = int(handle)
    injector = Injector()
    scratch = os.open(device, os.O_RDWR | os.O_DIRECT)
    page = kmod.mmap.mmap(-1, kmod.BLOCK)

    def goes_on(name):
        """The tracked volume takes a write and says that all is well."""
        os.preadv(scratch, [page], 0)
        os.pwritev(scratch, [page], 0)
        state = kmod.status(handle)["state"]
        if state not in ("active", "dormant"):
            sys.exit(f"{name}: the volume is {state}")

    def nothing(_):
        pass

    def let_go(v):
        kmod.call("detach", 0, v[11], 0)

    def forget(v):
        kmod.call("detach", kmod.FORGET, v[11], 0)

    def take(durable):
        return lambda: kmod.snapshot([handle], durable)[0][0]

    def drop(epoch):
        kmod.call("drop", handle, epoch)

    def expose():
        return kmod.call("expose", handle, kept, 0, 0, 0, 0)

    def unexpose(_):
        kmod.call("unexpose", handle, kept)

    failures = each_allocation("create", injector, lambda: kmod.create_raw(other, STORE_AT, STORE_MIB), forget, goes_on)
    # Only a file system can prove that nobody wrote meanwhile.
    os.makedirs("/other", exist_ok=True)
    for command in (["mkfs.ext4", "-q", "-F", "-b", "4096", other], ["mount", other, "/other"]):
        subprocess.run(command, check=True)
    made = kmod.create(other, "/other", STORE_MIB, "ext4")
    subprocess.run(["umount", "/other"], check=True)
    state = kmod.status(made[11])
    let_go(made)
    failures += each_allocation(
        "recover", injector,
        lambda: kmod.recover(other, state["volume_id"], state["superblock"], state["superblock_b"]), let_go, goes_on)
    failures += each_allocation("transient", injector, take(False), drop, goes_on)
    failures += each_allocation("durable", injector, take(True), drop, goes_on)
    kept = take(False)()
    failures += each_allocation("expose", injector, expose, unexpose, goes_on)
    each_allocation("epochs", injector, lambda: kmod.epochs(handle), nothing, goes_on)
    each_allocation("changes", injector, lambda: kmod.changes(handle, kept - 1), nothing, goes_on)
    each_allocation("status", injector, lambda: kmod.status(handle), nothing, goes_on)
    places = iter(range(GROW_AT, GROW_END, GROW_BYTES))
    now = kmod.status(handle)
    sizes = []

    def grow():
        sizes.append(kmod.grow_raw(handle, device, next(places), GROW_BYTES, now))

    failures += each_allocation("grow", injector, grow, nothing, goes_on)
    if sizes != sorted(set(sizes)):
        sys.exit("the store did not grow each time it said so")
    each_allocation("seal", injector, lambda: kmod.call("seal", handle), nothing, goes_on)
    drop(kept)
    if failures < 20:
        sys.exit(f"only {failures} calls failed: nothing was kept from them")


if __name__ == "__main__":
    main(*sys.argv[1:])
