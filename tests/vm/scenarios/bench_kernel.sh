#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# bench_kernel.sh ROUNDS SYSTEM...: what writing costs while a snapshot lives, or
# while changes are tracked, beside what else Linux has for it. Every system serves
# the same ext4 on the same disk, one after the other in every round; before every
# job it gets a new snapshot (or a new map), so that the job's writes are the first.
# Prints `figure JOB.SYSTEM.ROUND` in writes a second, and in KiB a second for seq1m.
#
# Systems: plain and plain-again (no module), transient and durable (a snapshot of ours), tracking
# (an emptied map) and again (the same blocks once more), touched (the same blocks
# once more under a snapshot), transient-elsewhere and durable-elsewhere (a snapshot of
# ours, its store on the other disk, where the next ones have theirs), dm4 and dm64 (device-mapper's persistent snapshot,
# 4 and 64 KiB), era and era-again (dm-era, 4 KiB).
. "$VM_GUEST/lib.sh"
rounds=$1
shift
systems=("$@")
jobs=(ps4k aio4k seq1m sp4k)
export DM_DISABLE_UDEV=1

volume=$(disk volume) other=$(disk other)
sectors=$(blockdev --getsz "$volume")
modprobe -a ext4 dm-mod dm-snapshot dm-era
make_file_system ext4 "$volume"
mkdir -p /v
mount "$volume" /v
for file in ps:256 aio:256 seq:1024 sp:1024; do
    fallocate -l "${file#*:}M" "/v/f_${file%:*}"
    dd if=/dev/zero of="/v/f_${file%:*}" bs=1M count="${file#*:}" conv=notrunc oflag=direct status=none
done
umount /v

# run JOB LABEL ROUND: one job on the mounted file system.
run() {
    local options field=iops
    case $1 in
    ps4k) options="--filename=f_ps --rw=randwrite --bs=4k --ioengine=psync --size=256M --number_ios=16384" ;;
    aio4k) options="--filename=f_aio --rw=randwrite --bs=4k --ioengine=libaio --iodepth=16 --size=256M --number_ios=16384" ;;
    seq1m) options="--filename=f_seq --rw=write --bs=1M --ioengine=psync --size=1024M" field=bw ;;
    sp4k) options="--filename=f_sp --rw=randwrite --bs=4k --blockalign=256k --ioengine=psync --size=1024M --number_ios=4096" ;;
    esac
    sync
    # shellcheck disable=SC2086
    fio --name=j --directory=/v --direct=1 --fallocate=none --overwrite=1 --randrepeat=1 --norandommap=0 \
        $options --output-format=json >/run/fio || die "fio: $(</run/fio)"
    figure "$1.$2.$3" "$(python3 -c "
import json
print(round(json.load(open('/run/fio'))['jobs'][0]['write']['$field']))")" "$([ $field = bw ] && echo KiB/s || echo 1/s)"
}

# A new store every time: others have written since.
elsewhere=
attach() {
    load_module
    mount "$volume" /v
    if [ -n "$elsewhere" ]; then
        handle=$(kmod create-on "$volume" ext4 "$other") || die "create"
    else
        handle=$(kmod create "$volume" /v 1400 ext4) || die "create"
    fi
}
detach() {
    umount /v
    kmod status "$handle" >/run/status
    unload_module || die "unload"
}

plain() {
    mount "$volume" /v
    for job in "${jobs[@]}"; do
        run "$job" plain "$1"
        run "$job" plain-again "$1"
    done
    umount /v
}

# A snapshot of ours: LABEL ROUND AGAIN OPTION...
ours() {
    local label=$1 round=$2 again=$3 epoch
    shift 3
    attach
    for job in "${jobs[@]}"; do
        epoch=$(kmod snapshot "$@" "$handle" 2>/dev/null) || die "snapshot"
        run "$job" "$label" "$round"
        [ -z "$again" ] || run "$job" "$again" "$round"
        kmod status "$handle" | grep -q '^mode snapshot' || die "$label: the snapshot was given up in $job"
        kmod drop "$handle" "$epoch"
        kmod ack "$handle" "$epoch"
    done
    detach
    sed -n 's/^memory /memory_bytes /p' /run/status
}
transient() { ours transient "$1" touched; }
durable() { ours durable "$1" "" --durable; }
transient-elsewhere() { elsewhere=yes ours transient-elsewhere "$1" ""; }
durable-elsewhere() { elsewhere=yes ours durable-elsewhere "$1" "" --durable; }

tracking() {
    local epoch
    attach
    for job in "${jobs[@]}"; do
        epoch=$(kmod snapshot "$handle" 2>/dev/null) || die "snapshot"
        kmod drop "$handle" "$epoch"
        kmod ack "$handle" "$epoch"
        kmod seal "$handle"
        run "$job" tracking "$1"
        run "$job" again "$1"
    done
    detach
}

# dm-snapshot, persistent: LABEL ROUND SECTORS_OF_A_CHUNK
dm_snapshot() {
    dmsetup create base --table "0 $sectors linear $volume 0" || die "dmsetup"
    dmsetup create origin --table "0 $sectors snapshot-origin /dev/mapper/base"
    mount /dev/mapper/origin /v
    for job in "${jobs[@]}"; do
        dd if=/dev/zero of="$other" bs=64K count=1 oflag=direct status=none
        sync
        dmsetup suspend origin
        dmsetup create snap --table "0 $sectors snapshot /dev/mapper/base $other P $3" || die "dmsetup"
        dmsetup resume origin
        run "$job" "$1" "$2"
        dmsetup status snap | grep -q Invalid && die "dm-snapshot gave up in $job"
        dmsetup suspend origin
        dmsetup remove snap
        dmsetup resume origin
    done
    umount /v
    dmsetup remove origin
    dmsetup remove base
}
dm4() { dm_snapshot dm4 "$1" 8; }
dm64() { dm_snapshot dm64 "$1" 128; }

era() {
    for job in "${jobs[@]}"; do
        dd if=/dev/zero of="$other" bs=64K count=1 oflag=direct status=none
        dmsetup create era --table "0 $sectors era $other $volume 8" || die "dmsetup"
        mount /dev/mapper/era /v
        run "$job" era "$1"
        run "$job" era-again "$1"
        umount /v
        dmsetup remove era
    done
}

# The first in a round is another one in the next.
for ((round = 1; round <= rounds; round++)); do
    for ((i = 0; i < ${#systems[@]}; i++)); do
        "${systems[(i + round - 1) % ${#systems[@]}]}" $round
    done
done
