#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# kmod_no_memory.sh: memory cannot be had, at every allocation of every call in turn
# (guest/kmod_no_memory.py), and at random for programs that write. Nobody's write is
# lost, and what the volume knew before it knows after.
. "$VM_GUEST/lib.sh"

load_module
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
volume=$(disk volume) other=$(disk other)
mkdir -p /ref
mount -t tmpfs -o size=1G tmpfs /ref
dd if=/dev/urandom of="$volume" bs=1M count=64 oflag=direct status=none
handle=$(kmod create-raw "$volume" 32 24) || die "create"
dd if="$volume" of=/ref/one bs=1M iflag=direct status=none
epoch=$(kmod snapshot --durable "$handle" 2>/dev/null) || die "snapshot"

python3 "$VM_GUEST/kmod_no_memory.py" "$volume" "$handle" "$other" >/run/calls 2>&1
code=$?
cat /run/calls
prove "each call fails cleanly or does without" [ $code = 0 ]

# Every tenth allocation of the writer's own, also below it in the block layer.
echo Y >/sys/kernel/debug/failslab/task-filter
echo 1000000 >/sys/kernel/debug/failslab/times
echo 10 >/sys/kernel/debug/failslab/probability
python3 - "$volume" >/run/writer 2>&1 <<'WRITER'
import mmap, os, random, sys
page = mmap.mmap(-1, 16384)
disk = os.open(sys.argv[1], os.O_RDWR | os.O_DIRECT)
control = os.open("/proc/self/make-it-fail", os.O_WRONLY)
refused = 0
for i in range(300):
    at = random.randrange(6000) * 4096  # below the store
    page[:8] = i.to_bytes(8, "little")
    os.pwrite(control, b"1", 0)
    try:
        os.pwritev(disk, [page], at)
        done = True
    except OSError:
        done = False
    os.pwrite(control, b"0", 0)
    refused += not done
    if not done:
        os.pwritev(disk, [page], at)
print("figure writer.refused", refused, "writes")
WRITER
code=$?
echo 0 >/sys/kernel/debug/failslab/probability
cat /run/writer
kept=$((1000000 - $(</sys/kernel/debug/failslab/times)))
figure writer.kept_from_it $kept allocations
prove "the writer comes to an end" [ $code = 0 ]
prove "memory was kept from it" [ $kept -ge 20 ]
prove "the store has grown" [ "$(kmod status "$handle" | sed -n 's/^store_bytes //p')" -gt $((24 << 20)) ]
dd if="$volume" of=/ref/two bs=1M iflag=direct status=none
kmod snapshot "$handle" >/dev/null 2>&1 || die "the next snapshot"
prove "the change map has every difference" kmod covers "$handle" "$epoch" /ref/one /ref/two --later
device=$(kmod expose "$handle" "$epoch") || die "expose"
prove "the snapshot equals the copy made before" kmod same "$handle" /ref/one "$device"
kmod unexpose "$handle" "$epoch"
kmod forget "$handle"
prove "unloading works at once" unload_module
