#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# kmod_oracle.sh FS: a snapshot equals a copy that was made without us, while and
# after random writers do their worst; and the change map has every difference.
. "$VM_GUEST/lib.sh"
fs=$1

load_module
volume=$(disk volume)
modprobe "$fs"
make_file_system "$fs" "$volume"
mkdir -p /v /ref
mount -t tmpfs -o size=2G tmpfs /ref
mount "$volume" /v
mkdir /v/tree
cp -r /usr/share/doc/[a-b]* /v/tree/ 2>/dev/null
dd if=/dev/urandom of=/v/big bs=1M count=24 status=none
sync
handle=$(kmod create "$volume" /v 160 "$fs") || die "create"
prove "the volume is active" [ "$(kmod status "$handle" | grep -c '^state active')" = 1 ]

# A quiet volume: read-only, so that freezing writes nothing, and copied by hand.
reference() {
    mount -o remount,ro /v
    sync
    dd if="$volume" of="$1" bs=1M iflag=direct status=none
}
writers() {
    mount -o remount,rw /v
    fio --name=buffered --filename=/v/big --rw=randwrite --bs=4k --size=24M --io_size=8M --ioengine=psync \
        --minimal >/dev/null &
    fio --name=direct --filename=/v/direct --rw=randwrite --bs=4k --size=16M --io_size=8M --ioengine=libaio \
        --iodepth=16 --direct=1 --minimal >/dev/null &
    fio --name=mmap --filename=/v/mapped --rw=randwrite --bs=4k --size=8M --io_size=4M --ioengine=mmap \
        --minimal >/dev/null &
    rm -rf /v/tree/a*
    cp -r /usr/share/doc/c* /v/tree/ 2>/dev/null
    wait
    fstrim /v || true
    sync
}

reference /ref/one
epoch=$(kmod snapshot "$handle")
snapshot=$(kmod expose "$handle" "$epoch")
writers
prove "$fs: the snapshot equals the copy made without us" kmod same "$handle" /ref/one "$snapshot"
reference /ref/two
next=$(kmod snapshot "$handle")
figures=$(kmod covers "$handle" "$epoch" /ref/one /ref/two)
prove "$fs: the change map has every difference" [ $? = 0 ]
say "$figures"
refute "$fs: without one of its extents, the map is found wanting" \
    kmod covers "$handle" "$epoch" /ref/one /ref/two --drop
prove "$fs: the older of two snapshots still stands" kmod same "$handle" /ref/one "$snapshot"
second=$(kmod expose "$handle" "$next")
writers
prove "$fs: the second snapshot equals its copy" kmod same "$handle" /ref/two "$second"
prove "$fs: and the first its own" kmod same "$handle" /ref/one "$snapshot"
refute "$fs: a snapshot that is not the copy's moment is told apart" kmod same "$handle" /ref/two "$snapshot"
mkdir -p /s
options=ro,noload
[ "$fs" = xfs ] && options=ro,norecovery,nouuid
prove "$fs: the snapshot can be mounted" mount -o "$options" "$snapshot" /s
umount /s
prove "the change map is handed over" kmod ack "$handle" "$epoch"
prove "dropping works" kmod drop "$handle" "$epoch"
prove "dropping works again" kmod drop "$handle" "$next"
prove "the volume tracks on" [ "$(kmod status "$handle" | grep -c '^mode tracking')" = 1 ]
kmod status "$handle" | grep -E 'passed|held|copied|batches|intents|written|memory'
prove "unmounting works at once while tracked" umount /v
prove "it is dormant then" [ "$(kmod status "$handle" | grep -c '^state dormant')" = 1 ]
prove "unloading works at once" unload_module
