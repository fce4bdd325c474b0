#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The store's ground taken from us: removed and overwritten through the file system,
# by mkfs on the dormant volume, by a raw write. The module notices before the write
# goes on, says so, refuses what it can no longer do, and never writes there again:
# not one byte of the user's new data changes, now or after the next load.
. "$VM_GUEST/lib.sh"
kmod() { python3 "$VM_GUEST/kmod.py" "$@"; }
field() { kmod status "$handle" | sed -n "s/^$1 //p"; }

load_module
modprobe ext4
disk=$(disk volume)
mkdir -p /v

# A new file system with a store on it, a live snapshot, and writes on record.
begin() {
    mkfs.ext4 -q -F -b 4096 -E nodiscard "$disk" 2>/dev/null
    mount "$disk" /v
    dd if=/dev/urandom of=/v/old bs=1M count=4 status=none
    handle=$(kmod create "$disk" /v 12 ext4) || die "create"
    kmod snapshot "$handle" >/dev/null 2>&1 || die "snapshot"
    dd if=/dev/urandom of=/v/old bs=1M count=4 conv=notrunc,fsync status=none
    read -r id a b < <(kmod status "$handle" | awk '{ v[$1] = $2 } END { print v["volume_id"], v["superblock"], v["superblock_b"] }')
    read -r store length < <(filefrag -v -b4096 /v/.dormouse-store | awk '$1 == "0:" { gsub("[.:]", " "); print $4, $6 }')
    [ "$length" = $((12 * 256)) ] || die "the store is in pieces"
}
# Fills the file system with bytes that can be told again, and is done when it is full.
fill() {
    openssl enc -aes-128-ctr -nosalt -k "$1" -pbkdf2 -iter 1 -in /dev/zero 2>/dev/null | dd of=/v/new bs=1M iflag=fullblock 2>/dev/null
    sync
}
filled() {
    drop_caches
    openssl enc -aes-128-ctr -nosalt -k "$1" -pbkdf2 -iter 1 -in /dev/zero 2>/dev/null | cmp -n "$(stat -c %s /v/new)" - /v/new
}
# What must hold once the ground is lost: said, refused, and silent, also when the
# volume is let go by `detach` or `forget`.
check_lost() {
    local name=$1 how=$2 written
    prove "$name: the volume has failed, and says why" \
        [ "$(field state), $(field reason)" = "failed, the store was overwritten" ]
    refute "$name: no snapshot is taken" kmod snapshot "$handle"
    written=$(field written)
    dd if="$disk" of=/run/image bs=1M iflag=direct status=none
    sleep "${3:-0}"
    prove "$name: nothing more is written to the store" [ "$(field written)" = "$written" ]
    kmod "$how" "$handle" || die "$how"
    refute "$name: the store is not found again" kmod recover "$disk" "$id" "$a" "$b"
    drop_caches
    prove "$name: not a byte of the volume has changed" cmp /run/image "$disk"
}

say "removed and used again"
begin
rm /v/.dormouse-store
prove "a removed store fails nothing by itself" [ "$(field state)" = active ]
fill one
prove "files: what was written over the store is what was written" filled one
mount -o remount,ro /v
refute "files: nothing is sealed" kmod seal "$handle"
check_lost files detach 5 # longer than it takes to seal when idle
prove "files: what was written is still there" filled one
umount /v
prove "files: the file system is whole" e2fsck -fn "$disk"

say "mkfs on the dormant volume"
begin
umount /v
mkfs.ext4 -q -F -b 4096 -E nodiscard "$disk" 2>/dev/null
mount "$disk" /v
fill two
prove "mkfs: what was written over the store is what was written" filled two
umount /v
check_lost mkfs forget
prove "mkfs: the file system is whole" e2fsck -fn "$disk"

say "discarded by mkfs"
begin
umount /v
mkfs.ext4 -q -F -b 4096 -E discard "$disk" 2>/dev/null
check_lost discard detach
prove "discard: the file system is whole" e2fsck -fn "$disk"

say "many raw writes at once, over a superblock and on"
for copy in a b; do
    begin
    umount /v
    at=$([ $copy = a ] && echo "$a" || echo "$b")
    fio --name=copies --filename="$disk" --rw=write --bs=512 --direct=1 --ioengine=libaio --iodepth=32 \
        --offset="$at" --size=16k --verify=crc32c --do_verify=1 --verify_state_save=0 --minimal >/run/fio 2>&1
    code=$?
    prove "superblock $copy: every write is read back as it was written" eval "tail -n 3 /run/fio; [ $code = 0 ]"
    check_lost "superblock $copy" forget
done
