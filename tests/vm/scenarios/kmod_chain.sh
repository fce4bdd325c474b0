#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Twenty snapshots live at once in one store, and nobody fetches a change map: each
# equals the copy made without us at its moment, and the maps, merged meanwhile,
# still have every difference from the first to the last. Then the store gets full:
# the oldest snapshots end, one that is being read fails honestly, the newest live
# on, and tracking goes on unharmed.
. "$VM_GUEST/lib.sh"

load_module
modprobe ext4
volume=$(disk volume)
make_file_system ext4 "$volume"
mkfs.ext4 -q "$(disk references)"
mkdir -p /v /r
mount "$(disk references)" /r
mount "$volume" /v
dd if=/dev/urandom of=/v/big bs=1M count=12 status=none
sync
handle=$(kmod create "$volume" /v 48 ext4) || die "create"
snapshots() { kmod status "$handle" | sed -n 's/^snapshots //p'; }
flags() { kmod epochs "$handle" | awk -v epoch="$1" '$1 == epoch { sum = $2 } END { print sum + 0 }'; }

# take: a snapshot, and a copy of the quiet volume, named after its epoch.
take() {
    mount -o remount,ro /v
    epoch=$(kmod snapshot "$@" "$handle" 2>/dev/null) || die "snapshot"
    dd if="$volume" of="/r/$epoch" bs=1M iflag=direct status=none
    mount -o remount,rw /v
    all="$all $epoch"
}
change() {
    dd if=/dev/urandom of=/v/big bs=4k seek=$((RANDOM % 2800)) count=40 conv=notrunc,fsync status=none
    head -c 50K /dev/urandom >"/v/new$RANDOM"
}
equals() {
    local disk code
    disk=$(kmod expose "$handle" "$1") || return 2
    kmod same "$handle" "$disk" "/r/$1"
    code=$?
    kmod unexpose "$handle" "$1"
    return $code
}

all=
for ((i = 0; i < 20; i++)); do
    take $([ $((i % 3)) = 0 ] && echo --durable)
    change
done
prove "twenty snapshots live" [ "$(snapshots)" = 20 ]
read -r first _ <<<"$all"
for one in $all; do
    prove "snapshot $one is what was" equals "$one"
done
refute "a snapshot is not another one" kmod same "$handle" "$(kmod expose "$handle" "$first")" "/r/$epoch"
kmod unexpose "$handle" "$first"
prove "no more maps are kept than there is room for" [ "$(kmod epochs "$handle" | awk '$3 > 0' | wc -l)" -le 3 ]
prove "merged, they have every difference since the first" kmod covers "$handle" "$first" "/r/$first" "/r/$epoch" --later
refute "one less would not" kmod covers "$handle" "$first" "/r/$first" "/r/$epoch" --later --drop

say "the store gets full"
disk=$(kmod expose "$handle" "$first")
exec {reader}<"$disk"
dd if="$disk" of=/dev/null bs=64K count=1 iflag=direct status=none || die "read"
for ((i = 0; i < 4; i++)); do
    take --durable
    last=$epoch
    dd if=/dev/urandom of=/v/big bs=1M count=9 conv=notrunc,fsync status=none
done
take
prove "old snapshots have ended" [ "$(snapshots)" -lt 20 ]
prove "the volume is well" [ "$(kmod status "$handle" | grep -c '^state active')" = 1 ]
prove "the one that is read has failed" [ $(($(flags "$first") & 72)) = 64 ]
refute "reading it says so" dd if="$disk" of=/dev/null bs=64K count=1 iflag=direct
exec {reader}<&-
for one in "$last" "$epoch"; do
    prove "the newest live: $one" equals "$one"
done
prove "and no change is missing since the first" kmod covers "$handle" "$first" "/r/$first" "/r/$epoch" --later
for one in $all; do
    [ $(($(flags "$one") & 8)) = 0 ] || kmod drop "$handle" "$one"
done
prove "dropping all frees the store" [ "$(kmod status "$handle" | sed -n 's/^undo_used //p')" = 0 ]
umount /v
prove "unloading works" unload_module
