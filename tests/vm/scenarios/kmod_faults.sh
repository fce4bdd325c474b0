#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The disk fails below the store, and only there: first where old data is kept, then
# where the journal is. The writes of others never fail and never hang; a snapshot
# whose old data could not be kept fails and says so; tracking goes on as long as
# the journal can be written, and no later boot trusts a store that was cut short.
. "$VM_GUEST/lib.sh"

load_module
modprobe -a ext4 dm-mod
export DM_DISABLE_UDEV=1
below=$(disk volume)
sectors=$(blockdev --getsz "$below")
dmsetup create volume --table "0 $sectors linear $below 0" || die "dmsetup"
volume=/dev/mapper/volume
make_file_system ext4 "$volume"
mkdir -p /v
mount "$volume" /v
fallocate -l 16M /v/big
dd if=/dev/urandom of=/v/big bs=1M count=16 conv=notrunc status=none
handle=$(kmod create "$volume" /v 24 ext4) || die "create"
read -r id a b < <(kmod status "$handle" | awk '{ v[$1] = $2 } END { print v["volume_id"], v["superblock"], v["superblock_b"] }')
state() { kmod status "$handle" | sed -n 's/^state //p'; }
snapshots() { kmod status "$handle" | sed -n 's/^snapshots //p'; }

# break_disk FROM TO: errors for the bytes of the volume between; mend_disk: none.
break_disk() {
    local from=$(($1 / 512)) to=$(($2 / 512))
    dmsetup reload volume --table "0 $from linear $below 0
$from $((to - from)) error
$to $((sectors - to)) linear $below $to" && dmsetup suspend --noflush --nolockfs volume && dmsetup resume volume
}
mend_disk() {
    dmsetup reload volume --table "0 $sectors linear $below 0" &&
        dmsetup suspend --noflush --nolockfs volume && dmsetup resume volume
}
# Where the store file is, in bytes of the volume: one piece, or the proof is void.
read -r store_from store_to < <(filefrag -v -b4096 /v/.dormouse-store |
    awk '$1 ~ /^[0-9]+:$/ { gsub("[.:]", " "); if (first == "") first = $4; last = $5 } END { print first * 4096, (last + 1) * 4096 }')
[ $((store_to - store_from)) = $((24 << 20)) ] || die "the store is in pieces: $store_from $store_to"
undo_from=$((store_from + 16384 + (4 << 20))) # behind the superblock and the journal
write() {
    timeout 60 dd if=/dev/urandom of=/v/big bs=64k count=$1 seek=$((RANDOM % 100)) conv=notrunc oflag=direct status=none
}

for kind in --durable ""; do
    name=${kind:---transient}
    epoch=$(kmod snapshot $kind "$handle" 2>/dev/null) || die "snapshot"
    write 8
    prove "$name: the snapshot lives" [ "$(snapshots)" = 1 ]
    disk=$(kmod expose "$handle" "$epoch")
    break_disk $undo_from $((store_to - 16384))
    for i in 1 2 3 4; do
        prove "$name: a write succeeds though old data cannot be kept ($i)" write 40
    done
    prove "$name: the snapshot is given up" wait_until 10 eval '[ "$(snapshots)" = 0 ]'
    refute "$name: reading it says so" dd if="$disk" of=/dev/null bs=64k count=1 iflag=direct
    prove "$name: the volume goes on" [ "$(state)" = active ]
    mend_disk
    kmod drop "$handle" "$epoch"
    epoch=$(kmod snapshot $kind "$handle" 2>/dev/null)
    write 20
    prove "$name: the next snapshot is well" [ "$(snapshots)" = 1 ]
    kmod drop "$handle" "$epoch"
    kmod ack "$handle" "$epoch"
done

before=$(kmod snapshot --durable "$handle" 2>/dev/null)
break_disk "$store_from" "$store_to"
kmod seal "$handle" 2>/dev/null # the journal is needed from here on
prove "a write succeeds though nothing can be recorded" write 40
prove "so does a sync" timeout 60 sync -f /v
prove "and the volume has failed" [ "$(state)" = failed ]
refute "no snapshot of it can be taken" kmod snapshot "$handle"
say "epoch $before was the last"
mend_disk
prove "the file system is sound" sh -c "umount /v && e2fsck -fn $volume"
prove "unloading works" unload_module
load_module
refute "what was cut short is not trusted" kmod recover "$volume" "$id" "$a" "$b"
