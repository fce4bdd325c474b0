#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Devices whose writes cannot all be seen, or on which no store can be: each is refused with
# its reason before anything is written to it, and nothing of ours stays in the kernel.
# Needs a piece of the machine's memory as persistent memory (the kernel parameter memmap).
. "$VM_GUEST/lib.sh"
load_module
modprobe -a null_blk nd_e820 nd_pmem 2>/dev/null
volume=$(disk volume)
nonce=$(printf '00%.0s' {1..16})

refused() { # NAME REASON DEVICE [STORE_DEVICE]
    kmod recover "$3" "$nonce" 0 0 ${4:+"$4"} >/run/said 2>&1
    prove "$1 is refused" grep -F "$2" /run/said
}
wait_until 5 [ -b /dev/pmem0 ] || die "there is no persistent memory"
refused "persistent memory that programs can map" "without the block layer" /dev/pmem0
refused "a store on it" "unseen" "$volume" /dev/pmem0
blockdev --setro "$volume"
refused "a read-only device" "the device is read-only" "$volume"
blockdev --setrw "$volume"
modprobe -r null_blk
modprobe null_blk nr_devices=1 gb=1 zoned=1 zone_size=64 memory_backed=0 || die "null_blk"
refused "a zoned device" "zoned devices are not supported" /dev/nullb0
modprobe -r null_blk
modprobe null_blk nr_devices=1 gb=1 bs=4096 || die "null_blk"
refused "a store whose blocks are larger than the volume's" "the blocks of the store's device are too large" \
    "$volume" /dev/nullb0
refused "a store on the volume itself" "is a part of the volume" "$volume" "$volume"
refused "a volume without a store" "the store is not there any more" "$volume"
prove "their drivers can go: nothing is held" modprobe -r null_blk
prove "unloading works at once" unload_module
