#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Content that changes without a bio to the volume: a program writes to the drive
# itself, an LVM snapshot is merged into the volume beneath it. Nobody can record what
# changes; that something did is said, durably, and what cannot be trusted ends.
. "$VM_GUEST/lib.sh"
export DM_DISABLE_UDEV=1
lvm() { command lvm "$@" --config 'activation { udev_sync=0 udev_rules=0 }' >/dev/null; }
readonly void=4
value() { kmod status "$handle" | sed -n "s/^$1 //p"; }
is_void() { # EPOCH
    [ $(($(kmod epochs "$handle" | awk -v e="$1" '$1 == e { print $2 }') & void)) != 0 ]
}
at() { dd if="$1" bs=512 skip="$2" count=1 iflag=direct status=none | sha256sum; }

load_module
drive=$(disk drive)
handle=$(kmod create-raw "$drive" 16 32) || die "create"
snapshot=$(kmod snapshot --durable "$handle" 2>/dev/null)
prove "the drive answers a program" "$VM_GUEST/sg_io.py" read "$drive" 8192
sleep 0.5
refute "who only reads there voids nothing" is_void "$snapshot"
prove "the snapshot lives" [ "$(value snapshots)" = 1 ]
before=$(at "$drive" 8192)
prove "a program writes to the drive itself" "$VM_GUEST/sg_io.py" write "$drive" 8192
refute "which changes it" [ "$(at "$drive" 8192)" = "$before" ]
prove "the change map is void" wait_until 5 is_void "$snapshot"
prove "the snapshot has ended" [ "$(value snapshots)" = 0 ]
read -r id a b < <(kmod status "$handle" | awk '{ v[$1] = $2 } END { print v["volume_id"], v["superblock"], v["superblock_b"] }')
next=$(kmod snapshot "$handle" 2>/dev/null)
refute "a void map is not given out" kmod changes "$handle" "$snapshot"
dd if="$drive" of=/run/before bs=1M count=16 iflag=direct status=none
dd if=/dev/urandom of="$drive" bs=64k seek=7 count=3 oflag=direct status=none
dd if="$drive" of=/run/after bs=1M count=16 iflag=direct status=none
later=$(kmod snapshot "$handle" 2>/dev/null)
refute "the next one is sound" is_void "$next"
prove "and has what it should" test "$(kmod changes "$handle" "$next")" = "$((7 * 65536)) $((3 * 65536))"
prove "the volume is recorded on" [ "$(value state)" = dormant ]
kmod drop "$handle" "$next"
kmod drop "$handle" "$later"

modprobe -a dm_mod dm_snapshot ext4
disk=$(disk disk)
lvm pvcreate -q -y "$disk" && lvm vgcreate -q group "$disk" && lvm lvcreate -q -y -L 96M -n logical group || die "lvm"
volume=/dev/mapper/group-logical
make_file_system ext4 "$volume"
mkdir -p /v
mount "$volume" /v
echo before >/v/word
sync
umount /v
lvm lvcreate -q -y -s -L 32M -n kept group/logical || die "lvcreate -s"
mount "$volume" /v
handle=$(kmod create "$volume" /v 16 ext4) || die "create"
echo after >/v/word
umount /v
snapshot=$(kmod snapshot --durable "$handle" 2>/dev/null)
dmsetup suspend --noflush "$volume"
dmsetup resume "$volume"
sleep 0.5
refute "suspending and resuming it voids nothing" is_void "$snapshot"
lvm lvconvert --merge -b group/kept || die "lvconvert"
lvm lvchange -ay group/logical
lvm lvpoll --polloperation merge -i 1 group/logical 2>/dev/null
wait_until 20 eval '! lvs group/kept >/dev/null 2>&1'
mount -o ro,noload "$volume" /v
prove "the merge brought back what was" [ "$(cat /v/word)" = before ]
umount /v
prove "the change map is void" is_void "$snapshot"
prove "the snapshot has ended" [ "$(value snapshots)" = 0 ]
prove "the volume is recorded on" [ "$(value state)" = dormant ]
unload_module
