#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# kmod_stuck.sh: writes that are on their way at the moment of a snapshot and do not
# arrive: behind a suspended device-mapper device, or throttled by io.max. The snapshot
# is refused in its time, or waits; and each write is in its image or in the next map.
. "$VM_GUEST/lib.sh"

load_module
modprobe dm-mod
export DM_DISABLE_UDEV=1
below=$(disk volume)
dmsetup create volume --table "0 $(blockdev --getsz "$below") linear $below 0" || die "dmsetup"
volume=/dev/mapper/volume
mkdir -p /ref /cg
mount -t tmpfs -o size=1G tmpfs /ref
dd if=/dev/urandom of="$volume" bs=1M count=48 oflag=direct status=none
handle=$(kmod create-raw "$volume" 48 16) || die "create"
copy() { dd if="$volume" of="$1" bs=1M iflag=direct status=none; }
write_at() { dd if=/dev/urandom of="$volume" bs=4k count="${2:-1}" seek="$1" oflag=direct status=none; }
hold_back() { dmsetup suspend --nolockfs --noflush volume; }
let_go() { dmsetup resume volume; }

copy /ref/one
epoch=$(kmod snapshot "$handle" 2>/dev/null) || die "snapshot"
hold_back || die "suspend"
write_at 100 &
writer=$!
sleep 0.5
start=$SECONDS
refute "no snapshot is taken while a write is stuck" kmod snapshot --within 1000 "$handle"
prove "that is said in time" [ $((SECONDS - start)) -le 5 ]
let_go
wait $writer
prove "the write arrives" [ $? = 0 ]
copy /ref/two
kmod snapshot "$handle" >/dev/null 2>&1 || die "the next snapshot"
prove "and is in the map" kmod covers "$handle" "$epoch" /ref/one /ref/two
refute "which without it would not do" kmod covers "$handle" "$epoch" /ref/one /ref/two --drop

# whole EPOCH: what differs between its image and the volume now is in its map.
whole() {
    local image=$1 device
    device=$(kmod expose "$handle" "$image") || return 1
    dd if="$device" of=/ref/image bs=1M iflag=direct status=none
    kmod unexpose "$handle" "$image"
    copy /ref/now
    kmod snapshot "$handle" >/dev/null 2>&1 || return 1
    kmod covers "$handle" "$image" /ref/image /ref/now
}
missing=0 waited=0
for round in 1 2 3 4 5 6; do
    hold_back || die "suspend"
    writers=()
    for _ in 1 2 3 4; do
        write_at $((RANDOM % 12000)) $((RANDOM % 8 + 1)) &
        writers+=($!)
    done
    kind=$([ $((round % 2)) = 0 ] || echo --durable)
    # shellcheck disable=SC2086
    kmod snapshot $kind "$handle" >/run/epoch 2>/dev/null &
    taker=$!
    sleep 1
    [ -s /run/epoch ] || waited=$((waited + 1))
    let_go
    wait $taker || fail "snapshot $round"
    wait "${writers[@]}"
    write_at $((RANDOM % 12000))
    whole "$(</run/epoch)" || missing=$((missing + 1))
    for epoch in $(kmod epochs "$handle" | cut -d' ' -f1); do
        kmod drop "$handle" "$epoch" 2>/dev/null
    done
done
prove "snapshots waited for what was stuck" [ $waited = 6 ]
prove "each write is in the image or in the next map" [ $missing = 0 ]

mount -t cgroup2 none /cg
echo +io >/cg/cgroup.subtree_control
mkdir /cg/slow
echo "$(dmsetup info -c --noheadings -o major,minor --separator : volume) wbps=1048576" >/cg/slow/io.max || die "io.max"
(
    echo 0 >/cg/slow/cgroup.procs
    exec fio --name=slow --filename="$volume" --rw=randwrite --bs=64k --direct=1 --ioengine=libaio --iodepth=8 \
        --size=40M --io_size=5M --randrepeat=0 --allow_file_create=0 --output=/run/fio
) &
writer=$!
sleep 2
prove "a snapshot is taken among throttled writes" kmod snapshot --durable "$handle"
prove "which go on" kill -0 $writer
epoch=$(kmod epochs "$handle" | tail -n 1 | cut -d' ' -f1)
wait $writer
prove "and end well" [ $? = 0 ]
prove "each is in the image or in the next map" whole "$epoch"
kmod forget "$handle"
prove "unloading works at once" unload_module

# Last: a device that does not answer must not keep the machine from going down, which
# it would until the time limit of this test.
load_module
kmod create-raw "$volume" 48 16 >/dev/null || die "create"
hold_back || die "suspend"
write_at 5000 &
sleep 0.5
