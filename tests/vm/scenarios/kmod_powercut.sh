#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# kmod_powercut.sh FS ROUNDS KEPT [MIB]: what is done to the disk whose writes
# kmod_powercut.py records: writers of several kinds, durable and transient snapshots
# (an epoch that three divides begins with a transient one), drops of those KEPT epochs
# old, a store that grows, seals, unmounting with tools at work, and the module unloaded and loaded in
# between. With KEPT 0 a durable snapshot is the only one and is dropped while writes
# are on their way. With MIB the volume is a partition of so much, and its store the next
# one. No change map is ever fetched. cut_replayer.cpp relies on all this.
. "$VM_GUEST/lib.sh"
fs=$1 rounds=$2 kept=$3 mib=${4:-}

load_module
volume=$(disk volume) ground=
if [ -n "$mib" ]; then
    printf 'start=1MiB,size=%dMiB\nstart=%dMiB\n' "$mib" $((mib + 1)) | sfdisk -q -W always "$volume" >/dev/null ||
        die "sfdisk"
    wait_until 5 [ -b "${volume}2" ] || die "there are no partitions"
    ground=${volume}2 volume=${volume}1
fi
modprobe "$fs"
make_file_system "$fs" "$volume"
mkdir -p /v
mount "$volume" /v
big=$((kept == 0 ? 56 : 24))
dd if=/dev/urandom of=/v/big bs=1M count=$big status=none
if [ -n "$ground" ]; then
    handle=$(kmod create-on "$volume" "$fs" "$ground") || die "create"
else
    handle=$(kmod create "$volume" /v 24 "$fs") || die "create"
fi
read -r id a b < <(kmod status "$handle" | awk '{ v[$1] = $2 } END { print v["volume_id"], v["superblock"], v["superblock_b"] }')

epoch=1
take() {
    epoch=$(kmod snapshot $([ $(((epoch + 1) % 3)) = 0 ] || echo --durable) "$handle" 2>/dev/null) || die "snapshot"
    kmod drop "$handle" $((epoch - kept)) 2>/dev/null
}
alone() { # its old data is copied, and its end recorded, beside writes that need neither yet
    epoch=$(kmod snapshot --durable "$handle" 2>/dev/null) || die "snapshot"
    queue 400 --rate_iops=1000 &
    sleep "0.$((RANDOM % 5))"
    kmod drop "$handle" "$epoch" || die "drop"
    wait
}
scatter() { # PLACES
    local i
    for ((i = 0; i < $1; i++)); do
        dd if=/dev/urandom of=/v/big bs=4k seek=$((RANDOM % (big * 250))) count=$((RANDOM % 4 + 1)) \
            conv=notrunc oflag=direct status=none
    done
}
queue() { # WRITES OPTIONS...: many in flight, flushed now and then
    local writes=$1
    shift
    fio --name=q --filename=/v/big --rw=randwrite --bs=4k --direct=1 --ioengine=libaio --iodepth=8 \
        --size="${big}M" --number_ios="$writes" --fsync=20 --randrepeat=0 --output=/dev/null "$@"
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
    if [ "$kept" = 0 ]; then
        for _ in 1 2 3 4 5; do alone; done
    else
        take
        queue 120
        files
        [ $((round % 3)) != 0 ] || fstrim /v
        [ $((round % 4)) != 1 ] || kmod seal "$handle"
        [ $((round % 2)) != 0 ] || [ "$round" -gt 6 ] || [ -n "$ground" ] || kmod grow "$handle" /v 3 >/dev/null || die "grow"
        take
    fi
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
        read -r handle state < <(kmod recover "$volume" "$id" "$a" "$b" ${ground:+"$ground"})
        prove "round $round: verified when it comes back" [ "$state" = dormant ]
        mount "$volume" /v
        ;;
    esac
done
prove "the volume never failed" [ "$(kmod status "$handle" | grep -c '^state active')" = 1 ]
prove "durable snapshots live" [ "$(kmod status "$handle" | sed -n 's/^snapshots //p')" -ge $((kept / 2)) ]
figure epochs "$epoch" epochs
umount /v
unload_module
