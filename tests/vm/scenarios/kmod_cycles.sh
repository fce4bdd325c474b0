#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# kmod_cycles.sh CYCLES: a volume is attached, let go, and the module unloaded and
# loaded again and again while programs write and check what they wrote. No write is
# lost, nothing hangs, and what was written unseen is never trusted.
. "$VM_GUEST/lib.sh"
cycles=$1

load_module
modprobe ext4
volume=$(disk volume)
make_file_system ext4 "$volume"
mkdir -p /v
mount "$volume" /v
for job in direct buffered; do
    fio --name=$job --filename=/v/$job --rw=randrw --bs=4k --size=16M --verify=crc32c --verify_backlog=16 \
        --verify_fatal=1 $([ $job = buffered ] && echo '--ioengine=psync --fsync=32' || echo '--direct=1 --ioengine=libaio --iodepth=8') \
        --rate_iops=150 --time_based --runtime=3600 >/run/$job.log 2>&1 &
done
trusted=0
for ((cycle = 1; cycle <= cycles; cycle++)); do
    handle=$(kmod create "$volume" /v 16 ext4) || die "attach $cycle"
    read -r id a b < <(kmod status "$handle" | awk '{ v[$1] = $2 } END { print v["volume_id"], v["superblock"], v["superblock_b"] }')
    kmod snapshot $([ $((cycle % 2)) = 0 ] || echo --durable) "$handle" >/dev/null 2>&1 || die "snapshot $cycle"
    # A full store may have ended it already.
    [ $((cycle % 3)) != 0 ] || kmod expose "$handle" 2 >/dev/null 2>&1
    case $((cycle % 4)) in
    0) kmod detach "$handle" || die "detach $cycle" ;;
    1) kmod unexpose "$handle" 2 2>/dev/null; kmod forget "$handle" || die "forget $cycle" ;;
    esac
    unload_module || die "unload $cycle"
    load_module
    kmod recover "$volume" "$id" "$a" "$b" >/dev/null 2>&1 && trusted=$((trusted + 1))
done
prove "nothing was trusted that was written unseen" [ $trusted = 0 ]
pkill -INT fio
for job in direct buffered; do
    prove "$job: nothing was read that was not written" [ "$(grep -c '^verify: \|err= *[1-9]' /run/$job.log)" = 0 ]
done
wait
figure cycles "$cycles" cycles
prove "unmounting works at once" umount /v
prove "the file system is sound" e2fsck -fn "$volume"
prove "unloading works at once" unload_module
