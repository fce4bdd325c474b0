#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# kmod_powercut.sh FS ROUNDS: what is done to the disk whose writes kmod_powercut.py
# records: writers of several kinds, durable and transient snapshots (an epoch that
# three divides begins with a transient one), drops of those four epochs old, seals,
# unmounting with tools at work, and the module unloaded and loaded in between. No
# change map is ever fetched. cut_replayer.cpp relies on all this.
. "$VM_GUEST/lib.sh"
fs=$1 rounds=$2

load_module
volume=$(disk volume)
modprobe "$fs"
make_file_system "$fs" "$volume"
mkdir -p /v
mount "$volume" /v
dd if=/dev/urandom of=/v/big bs=1M count=24 status=none
handle=$(kmod create "$volume" /v 24 "$fs") || die "create"
read -r id a b < <(kmod status "$handle" | awk '{ v[$1] = $2 } END { print v["volume_id"], v["superblock"], v["superblock_b"] }')

epoch=1
take() {
    epoch=$(kmod snapshot $([ $(((epoch + 1) % 3)) = 0 ] || echo --durable) "$handle" 2>/dev/null) || die "snapshot"
    kmod drop "$handle" $((epoch - 4)) 2>/dev/null
}
scatter() { # PLACES
    local i
    for ((i = 0; i < $1; i++)); do
        dd if=/dev/urandom of=/v/big bs=4k seek=$((RANDOM % 6000)) count=$((RANDOM % 4 + 1)) \
            conv=notrunc oflag=direct status=none
    done
}
queue() { # many in flight, flushed now and then
    fio --name=q --filename=/v/big --rw=randwrite --bs=4k --direct=1 --ioengine=libaio --iodepth=8 \
        --size=24M --number_ios="$1" --fsync=20 --randrepeat=0 --output=/dev/null
}
files() {
    head -c $((RANDOM * 10)) /dev/urandom >"/v/new$RANDOM"
    mkdir -p /v/d$((RANDOM % 5))/e
    sync -f /v
    find /v -name 'new*' | shuf -n 1 | xargs -r rm
}
for ((round = 1; round <= rounds; round++)); do
    scatter 6
    queue 60
    take
    queue 120
    files
    [ $((round % 3)) != 0 ] || fstrim /v
    [ $((round % 4)) != 1 ] || kmod seal "$handle"
    take
    files
    scatter 4
    case $((round % 3)) in
    1)
        umount /v
        if [ "$fs" = ext4 ]; then
            e2fsck -fp "$volume" >/dev/null
            tune2fs -L "r$round" "$volume" >/dev/null
        else
            xfs_repair "$volume" >/dev/null 2>&1
            xfs_admin -L "r$round" "$volume" >/dev/null
        fi
        kmod seal "$handle"
        mount "$volume" /v
        ;;
    2)
        umount /v
        unload_module || die "unload"
        load_module
        read -r handle state < <(kmod recover "$volume" "$id" "$a" "$b")
        prove "round $round: verified when it comes back" [ "$state" = dormant ]
        mount "$volume" /v
        ;;
    esac
done
prove "the volume never failed" [ "$(kmod status "$handle" | grep -c '^state active')" = 1 ]
prove "durable snapshots live" [ "$(kmod status "$handle" | sed -n 's/^snapshots //p')" -ge 2 ]
figure epochs "$epoch" epochs
umount /v
unload_module
