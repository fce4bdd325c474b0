#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# kmod_partition.sh FS: a partition of a disk with sectors of 4 KiB. Reading the partition
# table again makes a new device of it, under which it is mounted then: that is still
# the volume, in use, frozen for a snapshot. Unused, it is verified when it comes back;
# let go while it is mounted, it is not.
. "$VM_GUEST/lib.sh"
fs=$1
status() { kmod status "$handle"; }
field() { sed -n "s/^$1 //p" /run/status; }
state() { status | sed -n 's/^state //p'; }
back() { kmod recover "$volume" "$(field volume_id)" "$(field superblock)" "$(field superblock_b)"; }

load_module
modprobe "$fs"
disk=$(disk disk)
prove "the disk's sectors are of 4 KiB" [ "$(blockdev --getss "$disk")" = 4096 ]
echo "start=1MiB,type=83" | sfdisk -q "$disk" || die "sfdisk"
volume=${disk}1
wait_until 5 [ -b "$volume" ] || die "there is no partition"
make_file_system "$fs" "$volume"
mkdir -p /v
mount "$volume" /v
dd if=/dev/urandom of=/v/big bs=1M count=8 status=none
handle=$(kmod create "$volume" /v 32 "$fs") || die "create"
status >/run/status
umount /v

say "let go while it is not used"
unload_module || die "unload"
load_module
read -r handle state < <(back)
prove "verified when it comes back" [ "$state" = dormant ]

say "the partition table is read again"
before=$(stat -c %i "$volume")
prove "reading it" blockdev --rereadpt "$disk"
wait_until 5 [ -b "$volume" ] || die "there is no partition"
prove "it is another device node now" [ "$(stat -c %i "$volume")" != "$before" ]
mount "$volume" /v
dd if=/dev/urandom of=/v/new bs=1M count=4 conv=fsync status=none
prove "it is in use" [ "$(state)" = active ]
mount -o remount,ro /v
dd if="$volume" of=/run/before bs=1M iflag=direct status=none
epoch=$(kmod snapshot --durable "$handle" 2>/dev/null) || die "snapshot"
mount -o remount,rw /v
dd if=/dev/urandom of=/v/big bs=1M count=8 conv=notrunc,fsync status=none
prove "its snapshot is what was" kmod same "$handle" "$(kmod expose "$handle" "$epoch")" /run/before
refute "which is not what is there now" kmod same "$handle" /run/before "$volume"

say "a snapshot in the midst of writes"
dd if=/dev/urandom of=/v/pending bs=1M count=4 status=none # in memory only, until it is frozen
pending=$(sha256sum </v/pending)
moment=$(kmod snapshot "$handle" 2>/dev/null) || die "snapshot"
mkdir -p /s
options=ro,noload
[ "$fs" = xfs ] && options=ro,norecovery,nouuid
mount -o "$options" "$(kmod expose "$handle" "$moment")" /s || die "mount"
prove "it was frozen: what was in memory is in it" [ "$(sha256sum </s/pending)" = "$pending" ]
umount /s
kmod unexpose "$handle" "$moment"

say "let go while it is mounted"
kmod unexpose "$handle" "$epoch"
unload_module || die "unload"
dd if=/dev/urandom of=/v/unseen bs=1M count=1 conv=fsync status=none
load_module
refute "nothing is trusted that was written unseen" back
umount /v
