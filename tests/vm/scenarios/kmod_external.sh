#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# kmod_external.sh FS partition|disk|file: the store lies elsewhere: on a partition of the
# same disk, on all of another disk, in a file on another volume. Everything a store on the
# volume itself can do, after every kind of absence that can be proved; where it cannot be
# proved, a refusal; and the store's ground is given up to whoever writes there.
. "$VM_GUEST/lib.sh"
fs=$1 kind=$2
field() { kmod status "$handle" | sed -n "s/^$1 //p"; }

load_module
modprobe "$fs"
modprobe -a ext4 loop
mkdir -p /v /ref /g
mount -t tmpfs -o size=2G tmpfs /ref

# The volume and its store's device, which `file` protects as a volume itself.
case $kind in
partition)
    disk=$(disk volume)
    printf 'start=1MiB,size=360MiB\nstart=361MiB\n' | sfdisk -q -W always "$disk" >/dev/null || die "sfdisk"
    wait_until 5 [ -b "${disk}2" ] || die "there are no partitions"
    volume=${disk}1 ground=${disk}2
    ;;
disk | file)
    volume=$(disk volume)
    ground=$(disk ground)
    ;;
esac
make_file_system "$fs" "$volume"
mount "$volume" /v
dd if=/dev/urandom of=/v/big bs=1M count=24 status=none
sync
below=
if [ "$kind" = file ]; then
    make_file_system ext4 "$ground"
    mount "$ground" /g
    refute "a device that is mounted and not protected is refused" kmod create-on "$volume" "$fs" "$ground" /g 96
    rm /g/.dormouse-store-of-another
    below=$(kmod create "$ground" /g 16 ext4) || die "create below"
    old=$(kmod snapshot "$below" 2>/dev/null)
    refute "so is a file where a snapshot of its volume may need what lies there" \
        kmod create-on "$volume" "$fs" "$ground" /g 128 --hollow
    handle=$(kmod create-on "$volume" "$fs" "$ground" /g 128) || die "create"
    kmod drop "$below" "$old"
else
    handle=$(kmod create-on "$volume" "$fs" "$ground") || die "create"
fi

keys() { kmod status "$1" | awk '{ v[$1] = $2 } END { print v["volume_id"], v["superblock"], v["superblock_b"] }'; }
read -r id a b < <(keys "$handle")
[ -z "$below" ] || read -r below_id below_a below_b < <(keys "$below")
again() { kmod recover "$volume" "$id" "$a" "$b" "$ground"; }
below_again() { kmod recover "$ground" "$below_id" "$below_a" "$below_b"; }
# What a load of the module begins with.
reload() {
    load_module
    [ -z "$below" ] || read -r below _ < <(below_again)
}
# A new history on the same ground, for where the last one has ended.
anew() {
    if [ "$kind" = file ]; then
        mountpoint -q /g || mount "$ground" /g
        handle=$(kmod create-on "$volume" "$fs" "$ground" /g 128) || die "create again"
    else
        handle=$(kmod create-on "$volume" "$fs" "$ground") || die "create again"
    fi
    read -r id a b < <(keys "$handle")
}
refuses() { # REASON COMMAND...
    local reason=$1
    shift
    "$@" 2>&1 | grep -F "$reason"
}
is_sealed() { [ "$(field sealed)" = 1 ]; }

prove "the store is where it was put" \
    [ "$(field store_major):$(field store_minor)" = "$(cat "/sys/class/block/${ground##*/}/dev")" ]

say "a snapshot through everything that may happen to a volume"
mount -o remount,ro /v
sync
dd if="$volume" of=/ref/one bs=1M iflag=direct status=none
epoch=$(kmod snapshot --durable "$handle" 2>/dev/null) || die "snapshot"
mount -o remount,rw /v
dd if=/dev/urandom of=/v/dirty bs=1M count=16 status=none
dd if=/dev/urandom of=/v/big bs=1M count=6 seek=3 conv=notrunc status=none
fio --name=direct --filename=/v/direct --rw=randwrite --bs=4k --size=16M --io_size=8M --ioengine=libaio \
    --iodepth=16 --direct=1 --minimal >/dev/null
fstrim /v || true
prove "unmounting with dirty data works at once" umount /v
prove "the volume is dormant" [ "$(field state)" = dormant ]
case $fs in
ext4) prove "tune2fs writes to the dormant volume" tune2fs -L renamed -c 17 "$volume" ;;
xfs) prove "xfs_admin writes to the dormant volume" xfs_admin -L renamed "$volume" ;;
esac
dd if=/dev/urandom of="$volume" bs=64k count=16 seek=4000 oflag=direct conv=notrunc status=none
snapshot=$(kmod expose "$handle" "$epoch")
prove "the snapshot equals the copy made without us" kmod same "$handle" /ref/one "$snapshot"
refute "which the volume itself does not" kmod same "$handle" /ref/one "$volume"
dd if="$volume" of=/ref/two bs=1M iflag=direct status=none
prove "it is sealed when idle" wait_until 15 is_sealed

say "away and back"
[ -z "$below" ] || umount /g
prove "unloading works at once" unload_module
load_module
if [ -n "$below" ]; then
    refute "a file is not believed while its volume is not attached" again
    read -r below _ < <(below_again)
fi
refute "nor is what is not there" kmod recover "$volume" "$id" "$a" "$b"
read -r handle _ < <(again)
prove "nobody wrote: recording goes on" [ "$(field state)" = dormant ]
snapshot=$(kmod expose "$handle" "$epoch")
prove "the snapshot is what it was" kmod same "$handle" /ref/one "$snapshot"
mount "$volume" /v
dd if=/dev/urandom of=/v/later bs=1M count=3 status=none
umount /v
dd if="$volume" of=/ref/three bs=1M iflag=direct status=none
kmod snapshot "$handle" >/dev/null 2>&1 || die "snapshot"
prove "the map has every difference, from before and after" kmod covers "$handle" "$epoch" /ref/one /ref/three
refute "without one of its extents it is found wanting" kmod covers "$handle" "$epoch" /ref/one /ref/three --drop
prove "the snapshot is still what it was" kmod same "$handle" /ref/one "$snapshot"
kmod unexpose "$handle" "$epoch"

say "away while somebody wrote"
unload_module || die "unload"
mount "$volume" /v
umount /v
reload
refute "a mount in our absence is found out" again
anew

say "what a power cut leaves"
mount "$volume" /v
dd if=/dev/urandom of=/v/big bs=64k count=32 seek=3 conv=notrunc,fsync status=none
if [ -n "$below" ]; then # its own store must be of the same moment
    mount -o remount,ro /g
    kmod seal "$below"
fi
mount -o remount,ro /v
prove "it is not sealed" [ "$(field sealed)" = 0 ]
dd if="$ground" of=/ref/ground bs=1M iflag=direct status=none
dd if="$volume" of=/ref/volume bs=1M iflag=direct status=none
umount /v
[ -z "$below" ] || umount /g
unload_module || die "unload"
dd if=/ref/ground of="$ground" bs=1M oflag=direct status=none
dd if=/ref/volume of="$volume" bs=1M oflag=direct status=none
reload
if [ "$kind" = partition ]; then
    read -r handle _ < <(again)
    prove "recording goes on: both were on one disk" [ "$(field state)" = dormant ]
    prove "what was written is in the map" [ "$(field changed)" -gt 2000000 ]
    kmod detach "$handle"
else
    refute "another disk may have been away alone: it is not believed" again
fi

say "the ground is somebody else's"
anew
kmod snapshot --durable "$handle" >/dev/null 2>&1 || die "snapshot"
mount "$volume" /v
dd if=/dev/urandom of=/v/big bs=64k count=32 conv=notrunc,fsync status=none
if [ "$kind" = file ]; then
    rm /g/.dormouse-store-of-another
    dd if=/dev/urandom of=/g/new bs=1M status=none 2>/dev/null
    sync
    cp /g/new /ref/new
    drop_caches
    prove "a file over the store's room is what was written" cmp /g/new /ref/new
else
    mkfs.ext4 -q -F -b 4096 -E discard "$ground" 2>/dev/null
fi
prove "the volume has failed, and says why" \
    [ "$(field state), $(field reason)" = "failed, the store was overwritten" ]
prove "who writes to the volume does not notice" dd if=/dev/urandom of=/v/big bs=64k count=32 conv=notrunc,fsync
written=$(field written)
dd if="$ground" of=/ref/ground bs=1M iflag=direct status=none
sleep 4
prove "nothing more is written to the store" [ "$(field written)" = "$written" ]
kmod detach "$handle" || die "detach"
umount /v
refute "it is not found again" again
drop_caches
if [ "$kind" = file ]; then
    umount /g
    drop_caches
    prove "the file system there is whole" e2fsck -fn "$ground"
    mount "$ground" /g
    prove "and the file on it" cmp /g/new /ref/new
    rm /g/new
    prove "the volume there tracks on" [ "$(kmod status "$below" | grep -c '^state active')" = 1 ]
else
    prove "not a byte there has changed" cmp /ref/ground "$ground"
    prove "the file system there is whole" e2fsck -fn "$ground"
fi

say "what is refused"
if [ "$kind" = file ]; then
    truncate -s 64M /run/other
    loop=$(losetup -f --show /run/other) || die "losetup"
    prove "a loop device, which may lie above the volume" refuses "cannot be on a loop device" \
        kmod create-on "$volume" "$fs" "$loop"
    anew
    prove "another store in the same place" refuses "another volume's store is there" python3 -c "
import os, sys
sys.path.insert(0, os.environ['VM_GUEST'])
import kmod
place = kmod.fiemap(os.open('/g/.dormouse-store-of-another', os.O_RDONLY), 0, 128 << 20)
kmod.attach('$loop', 'other', os.urandom(16), os.urandom(32), place, '$ground')"
    losetup -d "$loop"
else
    mount "$ground" /g
    refute "a device that is mounted and not protected" kmod create-on "$volume" "$fs" "$ground"
    umount /g
    dd if="$volume" of=/run/begin bs=4k count=1 iflag=direct status=none # a proof goes there
    refute "the volume's own device" kmod create-on "$volume" "$fs" "$volume"
    dd if=/run/begin of="$volume" bs=4k oflag=direct conv=notrunc status=none
    anew
    prove "to protect what is a store's ground" refuses "another volume's store is on the device" \
        kmod recover "$ground" "$(printf %032d 7)" 0
fi
kmod forget "$handle" || die "forget"
refute "what was forgotten does not come back" again

if [ "$kind" = disk ]; then
    say "the store's disk is pulled out while the volume is written"
    anew
    mount "$volume" /v
    (while dd if=/dev/urandom of=/v/direct bs=64k count=32 oflag=direct conv=notrunc status=none 2>/run/error; do :; done
    cp /run/error /run/stopped) &
    writer=$!
    sleep 1
    echo 1 >"/sys/block/${ground##*/}/device/delete"
    prove "the volume is let go" wait_until 10 sh -c "! python3 $VM_GUEST/kmod.py status $handle >/dev/null 2>&1"
    sleep 1
    prove "who writes to the volume does not notice" [ ! -e /run/stopped ]
    kill $writer
    wait $writer 2>/dev/null
    sync
    for host in /sys/class/scsi_host/*; do echo "- - -" >"$host/scan"; done
    ground=$(disk ground)
    refute "nobody knows what was written without it: it is not believed" again
    umount /v
    refute "nor later" again
    anew
    mount "$volume" /v
    umount /v
    prove "it is sealed when idle" wait_until 15 is_sealed
    echo 1 >"/sys/block/${ground##*/}/device/delete"
    prove "the dormant volume is let go, too" \
        wait_until 10 sh -c "! python3 $VM_GUEST/kmod.py status $handle >/dev/null 2>&1"
    for host in /sys/class/scsi_host/*; do echo "- - -" >"$host/scan"; done
    ground=$(disk ground)
    prove "nobody had it, nobody wrote: it is believed" again
fi
