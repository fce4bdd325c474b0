#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# kmod_seed.sh FS STACK: what kmod_dormant.sh shows on a bare disk, in every order and on
# what desktops have below their file systems (STACK: partition, lvm, luks). Unmounted
# with dirty data and without, lazily while a program still writes, read-only and back;
# checked, renamed, grown and overwritten while nobody has it mounted; the volume closed
# and opened again. Once with a durable snapshot, once with nothing but the change map.
. "$VM_GUEST/lib.sh"
fs=$1 stack=$2
export DM_DISABLE_UDEV=1
lvm() { command lvm "$@" --config 'activation { udev_sync=0 udev_rules=0 }' >/dev/null; }

load_module
modprobe -a "$fs" dm_mod
disk=$(disk disk)
case $stack in
partition)
    echo '2048,,L' | sfdisk -q --no-tell-kernel "$disk" && blockdev --rereadpt "$disk" || die "sfdisk"
    volume=${disk}1
    ;;
lvm)
    lvm pvcreate -q -y "$disk" && lvm vgcreate -q group "$disk" &&
        lvm lvcreate -q -y -l 100%FREE -n logical group || die "lvm"
    volume=/dev/mapper/group-logical
    ;;
luks)
    modprobe -a dm_crypt
    echo 'correct horse' >/run/key
    cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$disk" /run/key || die "luksFormat"
    ;;
esac
# A partition is never closed: its disk would have to go (kmod_unplug.sh).
open_stack() {
    case $stack in
    lvm) lvm lvchange -ay group/logical && lvm vgscan --mknodes ;;
    luks) cryptsetup open --key-file /run/key "$disk" opened && volume=/dev/mapper/opened ;;
    esac
}
close_stack() {
    case $stack in
    lvm) lvm lvchange -an group/logical ;;
    luks) cryptsetup close opened ;;
    esac
}
open_stack || die "open"
mkdir -p /v /ref
mount -t tmpfs -o size=2G tmpfs /ref

state() { kmod status "$handle" 2>/dev/null | sed -n 's/^state //p'; }
# reference NAME: a copy of the quiet volume, by hand.
reference() {
    mount -o remount,ro /v
    sync
    dd if="$volume" of="$1" bs=1M iflag=direct status=none
}
dirty() { # MIB: not synced
    dd if=/dev/urandom of=/v/big bs=64k seek=$((RANDOM % 64)) count=$((16 * $1)) conv=notrunc status=none
    head -c 300K /dev/urandom >"/v/new$RANDOM"
}
tools() {
    case $fs in
    ext4)
        e2fsck -f -p "$volume" >/dev/null
        prove "$kind: e2fsck finds nothing wrong" [ $? -le 1 ]
        prove "$kind: tune2fs writes" tune2fs -L "$kind" -c 17 "$volume"
        prove "$kind: resize2fs writes" resize2fs "$volume"
        ;;
    xfs)
        prove "$kind: xfs_repair finds nothing wrong" xfs_repair "$volume"
        prove "$kind: xfs_admin writes" xfs_admin -L "$kind" "$volume"
        ;;
    esac
}
overwrite() { # a file's own blocks, on the bare device
    mount -o ro "$volume" /v
    local offset
    offset=$(filefrag -v -b4096 /v/big | awk '$1 == "0:" { gsub("[.]", "", $4); print $4 }')
    umount /v
    dd if=/dev/urandom of="$volume" bs=4096 count=64 seek="$offset" oflag=direct conv=notrunc status=none
}

story() {
    kind=$1
    case $fs in
    ext4) mkfs.ext4 -q -F -b 4096 "$volume" 280M ;;
    xfs) mkfs.xfs -q -f -d size=320m "$volume" ;; # both grow later
    esac
    mount "$volume" /v
    dd if=/dev/urandom of=/v/big bs=1M count=16 status=none
    handle=$(kmod create "$volume" /v 96 "$fs") || die "create"
    read -r id a b < <(kmod status "$handle" | awk '{ v[$1] = $2 } END { print v["volume_id"], v["superblock"], v["superblock_b"] }')
    reference /ref/one
    epoch=$(kmod snapshot --durable "$handle" 2>/dev/null) || die "snapshot"
    [ "$kind" = snapshot ] || kmod drop "$handle" "$epoch"
    mount -o remount,rw /v

    dirty 4
    prove "$kind: unmounted with dirty data" umount /v
    prove "$kind: dormant" [ "$(state)" = dormant ]
    tools
    mount "$volume" /v
    dirty 2
    mount -o remount,ro /v
    mount -o remount,rw /v
    dirty 1
    sync
    prove "$kind: unmounted clean" umount /v
    overwrite
    mount "$volume" /v
    [ "$fs" = ext4 ] || prove "$kind: xfs_growfs writes" xfs_growfs -d /v

    exec {writer}>/v/late
    prove "$kind: unmounted lazily" umount -l /v
    head -c 3M /dev/urandom >&$writer
    prove "$kind: active, for somebody still writes" [ "$(state)" = active ]
    exec {writer}>&-
    prove "$kind: dormant when the last file is closed" wait_until 10 eval '[ "$(state)" = dormant ]'

    if [ "$stack" != partition ]; then
        prove "$kind: closed at once" close_stack
        prove "$kind: the volume is let go" wait_until 5 eval '[ -z "$(state)" ]'
        open_stack || die "open"
        read -r handle found < <(kmod recover "$volume" "$id" "$a" "$b")
        prove "$kind: verified when it is opened again" [ "$found" = dormant ]
    fi
    mount "$volume" /v
    dirty 1
    reference /ref/two
    if [ "$kind" = snapshot ]; then
        prove "$kind: the snapshot equals the copy made without us" \
            kmod same "$handle" /ref/one "$(kmod expose "$handle" "$epoch")"
        kmod unexpose "$handle" "$epoch"
    fi
    kmod snapshot "$handle" >/dev/null 2>&1 || die "the next snapshot"
    prove "$kind: the change map has every difference" kmod covers "$handle" "$epoch" /ref/one /ref/two
    refute "$kind: without one of its extents it has not" kmod covers "$handle" "$epoch" /ref/one /ref/two --drop
    umount /v
    kmod forget "$handle"
}

story snapshot
story tracking
prove "closing works while nothing is tracked" close_stack
