#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# kmod_raw.sh SNAPSHOTS: a device without a file system, written in every way at once:
# libaio and io_uring with 32 in flight in pieces of the disk's own sector size and up,
# through the page cache, mapped, discarded, zeroed. Each of the snapshots, durable or
# not, equals the copy made without us at its moment, and each change map has every
# difference.
. "$VM_GUEST/lib.sh"
snapshots=$1
readonly area=32 # MiB that are written; the store lies behind

load_module
volume=$(disk volume)
sector=$(blockdev --getss "$volume")
mkdir -p /ref
mount -t tmpfs -o size=3G tmpfs /ref
handle=$(kmod create-raw "$volume" 40 "$(($(blockdev --getsize64 "$volume") / 1048576 - 40))") || die "create"

write_in_every_way() {
    fio --filename="$volume" --size="${area}M" --randrepeat=0 --norandommap=1 --output=/run/fio \
        --name=aio --ioengine=libaio --iodepth=32 --direct=1 --rw=randwrite --number_ios=120 \
        --bsrange="$sector-64k" --blockalign="$sector" \
        --name=uring --ioengine=io_uring --iodepth=32 --direct=1 --rw=randwrite --number_ios=120 \
        --bsrange="$sector-64k" --blockalign="$sector" \
        --name=buffered --ioengine=psync --rw=randwrite --number_ios=60 --bsrange=512-16k --blockalign=512 \
        --name=mapped --ioengine=mmap --rw=randwrite --number_ios=60 --bs=4k \
        --name=trim --ioengine=libaio --direct=1 --rw=randtrim --number_ios=20 --bs=64k &&
        blkdiscard -f -z -o $((RANDOM % 60000 * sector / 8 / sector * sector)) -l $((sector * 77)) "$volume" &&
        blockdev --flushbufs "$volume"
}
copy() { dd if="$volume" of="$1" bs=1M count="$area" iflag=direct status=none; }

epochs=
for ((i = 0; i < snapshots; i++)); do
    sync
    copy /ref/now
    epoch=$(kmod snapshot $([ $((i % 3)) = 0 ] && echo --durable) "$handle" 2>/dev/null) || die "snapshot"
    mv /ref/now "/ref/$epoch"
    if [ -n "$epochs" ]; then
        prove "the map of epoch $before has every difference" kmod covers "$handle" "$before" "/ref/$before" "/ref/$epoch"
        [ "$i" != 1 ] || refute "one less would not" kmod covers "$handle" "$before" "/ref/$before" "/ref/$epoch" --drop
        kmod ack "$handle" "$before"
    fi
    epochs="$epochs $epoch" before=$epoch
    write_in_every_way || die "the writers: $(cat /run/fio)"
done
prove "all snapshots live" [ "$(kmod status "$handle" | sed -n 's/^snapshots //p')" = "$snapshots" ]
for epoch in $epochs; do
    exposed=$(kmod expose "$handle" "$epoch") || die "expose"
    prove "snapshot $epoch is what was" kmod same "$handle" "$exposed" "/ref/$epoch"
    kmod unexpose "$handle" "$epoch"
done
copy /ref/now
refute "which is not what is there now" kmod same "$handle" "/ref/$epoch" /ref/now
prove "the volume is well" [ "$(kmod status "$handle" | grep -c '^failed')" = 0 ]
kmod status "$handle" | grep -E '^(state|passed|held|copied|undo_used|memory)'
figure raw.snapshots "$snapshots" images
