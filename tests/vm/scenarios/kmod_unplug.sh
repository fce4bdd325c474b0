#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# kmod_unplug.sh scsi|virtio: a mounted disk is taken away while somebody writes, and
# comes back. What the removal itself still wrote (the kernel syncs a virtio disk's file
# system then) is in the change map; the durable snapshot is what was; nothing hangs.
. "$VM_GUEST/lib.sh"
kind=$1

take_away() {
    case $kind in
    scsi) echo 1 >"/sys/block/${volume##*/}/device/delete" ;;
    virtio) echo 1 >"$(readlink -f "/sys/block/${volume##*/}/device")/../remove" ;;
    esac
}
bring_back() {
    case $kind in
    scsi) for host in /sys/class/scsi_host/*; do echo "- - -" >"$host/scan"; done ;;
    virtio) echo 1 >/sys/bus/pci/rescan ;;
    esac
}
is_let_go() { wait_until 5 sh -c "! python3 $VM_GUEST/kmod.py status $handle >/dev/null 2>&1"; }

load_module
modprobe ext4
volume=$(disk volume)
make_file_system ext4 "$volume"
mkdir -p /v
mount "$volume" /v
dd if=/dev/urandom of=/v/big bs=1M count=16 status=none
handle=$(kmod create "$volume" /v 32 ext4) || die "create"
kmod status "$handle" >/run/status
field() { sed -n "s/^$1 //p" /run/status; }

mount -o remount,ro /v
epoch=$(kmod snapshot --durable "$handle")
dd if="$volume" of=/run/before bs=1M iflag=direct status=none
mount -o remount,rw /v
sync

say "it is taken away while two write"
dd if=/dev/urandom of=/run/new bs=1M count=6 status=none
dd if=/run/new of=/v/big bs=1M conv=notrunc status=none # stays in memory for now
(while dd if=/dev/urandom of=/v/direct bs=64k count=32 oflag=direct status=none 2>/dev/null; do :; done) &
writer=$!
sleep 1
start=$SECONDS
take_away
prove "taking it away does not hang" [ $((SECONDS - start)) -lt 10 ]
prove "the volume is let go" is_let_go
wait_until 10 sh -c "! kill -0 $writer 2>/dev/null"
prove "whoever wrote was told" [ $? = 0 ]
umount /v 2>/dev/null || umount -l /v

say "it comes back"
bring_back
volume=$(disk volume)
dd if="$volume" of=/run/after bs=1M iflag=direct status=none
recovered=$(kmod recover "$volume" "$(field volume_id)" "$(field superblock)" "$(field superblock_b)")
prove "recording goes on where it was" [ -n "$recovered" ]
read -r handle _ <<<"$recovered"
kmod snapshot "$handle" >/dev/null 2>&1
prove "the map has every difference" kmod covers "$handle" "$epoch" /run/before /run/after
refute "with one less it had not" kmod covers "$handle" "$epoch" /run/before /run/after --drop
prove "the durable snapshot is what was" kmod same "$handle" "$(kmod expose "$handle" "$epoch")" /run/before
refute "which is not what is there now" kmod same "$handle" /run/before /run/after
prove "it can be mounted again" mount "$volume" /v
# A SCSI disk that is deleted takes no more writes; what was in memory is lost with it.
[ "$kind" = scsi ] || prove "it has what was written while it was taken away" cmp -n 6291456 /v/big /run/new
umount /v
