# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast the processor's time-stamp counter runs."""

import ctypes
import functools
import mmap
import platform
import time

# rdtsc; shl $32, %rdx; or %rdx, %rax; ret
_READ_COUNTER = bytes.fromhex("0f3148c1e2204809d0c3")
_SECONDS = 0.1
_TRIES = 5


def _moment(read):
    """(nanoseconds, counter) of one moment, with nothing long in between."""
    best = None
    for _ in range(20):
        before = time.monotonic_ns()
        counter = read()
        after = time.monotonic_ns()
        if best is None or after - before < best[0]:
            best = (after - before, (before + after) // 2, counter)
    return best[1:]


@functools.cache
def counter_khz():
    """Of this machine, which emulated processors show as their own; None if it is
    not known. Measured over a tenth of a second, as often as needed for two that
    agree."""
    if platform.machine() != "x86_64":
        return None
    try:
        page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError:
        return None  # a hardened kernel
    page.write(_READ_COUNTER)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    read = ctypes.CFUNCTYPE(ctypes.c_uint64)(address)
    last = None
    for _ in range(_TRIES):
        start_ns, start = _moment(read)
        time.sleep(_SECONDS)
        end_ns, end = _moment(read)
        khz = (end - start) * 1_000_000 // (end_ns - start_ns)
        if last is not None and abs(khz - last) * 1000 < last:
            return khz
        last = khz
    return None
