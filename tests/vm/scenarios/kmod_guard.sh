#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The store's ground taken from us: removed and overwritten through the file system,
# by mkfs on the dormant volume, by a raw write. The module notices before the write
# goes on, says so, refuses what it can no longer do, and never writes there again:
# not one byte of the user's new data changes, now or after the next load.
. "$VM_GUEST/lib.sh"
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
chattr +i /v/.dormouse-store
refute "an immutable store is not removed" rm -f /v/.dormouse-store
chattr -i /v/.dormouse-store
rm /v/.dormouse-store
prove "a removed store fails nothing by itself" [ "$(field state)" = active ]
fill one
prove "files: what was written over the store is what was written" filled one
mount -o remount,ro /v
refute "files: nothing is sealed" kmod seal "$handle"
check_lost files detach 5 # longer than it takes to seal when idle
umount /v
prove "files: the file system is whole" e2fsck -fn "$disk"

say "mkfs on the dormant volume, which discards it first"
begin
umount /v
mkfs.ext4 -q -F -b 4096 -E discard "$disk" 2>/dev/null
check_lost mkfs detach
prove "mkfs: the file system is whole" e2fsck -fn "$disk"

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

say "one write across two volumes, through the whole disk"
printf 'start=1MiB,size=22MiB\nstart=23MiB,size=22MiB\n' | sfdisk -q -W always "$disk" >/dev/null || die "sfdisk"
wait_until 5 [ -b "${disk}2" ] || die "there are no partitions"
handles=() border=$((23 * 1024 * 1024 - 65536))
for part in 1 2; do
    mkfs.ext4 -q -F -b 4096 "$disk$part" 2>/dev/null
    mount "$disk$part" /v
    handles+=("$(kmod create "$disk$part" /v 9 ext4)") || die "create on partition $part"
    umount /v
done
dd if=/dev/urandom of=/run/across bs=128k count=1 status=none
prove "the write ends well" \
    dd if=/run/across of="$disk" bs=128k seek=$border oflag=direct,seek_bytes conv=notrunc status=none
wait_until 5 eval 'handle=${handles[1]}; [ "$(field state)" = failed ]'
handle=${handles[1]}
prove "the volume that could not see it has failed, and says why" \
    [ "$(field state), $(field reason)" = "failed, written across its border through the whole disk" ]
read -r id a b < <(kmod status "$handle" | awk '{ v[$1] = $2 } END { print v["volume_id"], v["superblock"], v["superblock_b"] }')
kmod detach "$handle" || die "detach"
refute "and is never trusted again" kmod recover "${disk}2" "$id" "$a" "$b"
handle=${handles[0]}
prove "the other tracks on" [ "$(field state)" = dormant ]
prove "what was written is there" cmp /run/across \
    <(dd if="$disk" bs=128k skip=$border count=1 iflag=direct,skip_bytes status=none)
