#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# kmod_dormant.sh FS: the case this module exists for. A snapshot lives, data is
# dirty, the volume is unmounted, tools write to the bare device, it is mounted
# again: the snapshot equals the copy made without us, the map has every difference.
. "$VM_GUEST/lib.sh"
fs=$1

load_module
volume=$(disk volume)
modprobe "$fs"
make_file_system "$fs" "$volume"
mkdir -p /v /ref
mount -t tmpfs tmpfs /ref
mount "$volume" /v
dd if=/dev/urandom of=/v/big bs=1M count=24 status=none
handle=$(kmod create "$volume" /v 128 "$fs") || die "create"

mount -o remount,ro /v
sync
dd if="$volume" of=/ref/one bs=1M iflag=direct status=none
epoch=$(kmod snapshot "$handle")
mount -o remount,rw /v

dd if=/dev/urandom of=/v/dirty bs=1M count=24 status=none
dd if=/dev/urandom of=/v/big bs=1M count=6 seek=3 conv=notrunc status=none
prove "$fs: the volume is active" [ "$(kmod status "$handle" | grep -c '^state active')" = 1 ]
prove "$fs: unmounting with dirty data works at once" umount /v
exec 9<"$volume" # as udev does after every change
prove "$fs: the volume is dormant, whoever looks at it" [ "$(kmod status "$handle" | grep -c '^state dormant')" = 1 ]
exec 9<&-
copied=$(kmod status "$handle" | sed -n 's/^copied //p')
case $fs in
ext4)
    e2fsck -f -p "$volume" >/dev/null
    prove "e2fsck finds nothing wrong" [ $? -le 1 ]
    prove "tune2fs writes to the dormant volume" tune2fs -L renamed -c 17 "$volume"
    ;;
xfs)
    prove "xfs_repair finds nothing wrong" xfs_repair "$volume"
    prove "xfs_admin writes to the dormant volume" xfs_admin -L renamed "$volume"
    ;;
esac
# Raw writes over the data of a file that the reference knows.
mount -o ro "$volume" /v
offset=$(filefrag -v -b4096 /v/big 2>/dev/null | awk '$1=="0:"{gsub("[.]","",$4); print $4}')
umount /v
if [ -n "$offset" ]; then
    dd if=/dev/urandom of="$volume" bs=4096 count=64 seek="$offset" oflag=direct conv=notrunc status=none
    say "wrote 64 blocks to the bare device at $offset"
fi
sync
[ "$(kmod status "$handle" | sed -n 's/^copied //p')" -gt "$copied" ]
prove "$fs: old data was kept while it was dormant" [ $? = 0 ]
wait_until 15 sh -c "python3 $VM_GUEST/kmod.py status $handle | grep -q '^sealed 1'"
prove "$fs: it is sealed when idle" [ $? = 0 ]
mount "$volume" /v
dd if=/dev/urandom of=/v/after bs=1M count=4 status=none
mount -o remount,ro /v
sync
dd if="$volume" of=/ref/two bs=1M iflag=direct status=none
snapshot=$(kmod expose "$handle" "$epoch")
prove "$fs: the snapshot equals the copy made without us" kmod same "$handle" /ref/one "$snapshot"
kmod snapshot "$handle" >/dev/null
prove "$fs: the change map has every difference" kmod covers "$handle" "$epoch" /ref/one /ref/two
kmod covers "$handle" "$epoch" /ref/one /ref/two
