#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# bench_tracking.sh ROUNDS SECONDS: what tracking costs where no snapshot lives. 4 KiB
# random writes, 16 in flight, on one and the same range of one device; in turn
# without the module and tracked, so that what else the machine does hits both.
. "$VM_GUEST/lib.sh"
rounds=$1 seconds=$2

disk=$(disk volume)
modprobe ext4
make_file_system ext4 "$disk"
mkdir -p /v
mount "$disk" /v
fallocate -l 256M /v/range
dd if=/dev/zero of=/v/range bs=1M count=256 conv=notrunc oflag=direct status=none
read -r first length < <(filefrag -v -b4096 /v/range |
    awk '$1 ~ /^[0-9]+:$/ { gsub("[.:]", " "); if ($6 > best) { best = $6; at = $4 } } END { print at, best }')
[ "$length" -ge 16384 ] || die "the file is in pieces"
load_module
handle=$(kmod create "$disk" /v 32 ext4) || die "create"
read -r id a b < <(kmod status "$handle" | awk '{ v[$1] = $2 } END { print v["volume_id"], v["superblock"], v["superblock_b"] }')
umount /v
unload_module || die "unload"

# measure NAME ROUND: writes a second more, at first, which does not count.
measure() {
    fio --name="$1" --filename="$disk" --rw=randwrite --bs=4k --direct=1 --ioengine=libaio --iodepth=16 \
        --offset=$((first * 4096)) --size=$((length * 4096)) --randrepeat=0 --norandommap \
        --time_based --ramp_time=1 --runtime="$seconds" --output-format=json >/run/fio || die "fio"
    iops=$(python3 -c 'import json; print(round(json.load(open("/run/fio"))["jobs"][0]["write"]["iops"]))')
    [ "$iops" -gt 0 ] || die "fio wrote nothing: $(</run/fio)"
    figure "$1.iops.$2" "$iops" "1/s"
}
tracked() {
    load_module
    read -r handle _ < <(kmod recover "$disk" "$id" "$a" "$b")
    [ -n "$handle" ] || die "recover"
    measure tracked "$1"
    kmod status "$handle" >/run/status
    unload_module || die "unload"
}
# What comes first changes, too: a machine that grows slower favours neither.
for ((round = 1; round <= rounds; round++)); do
    if [ $((round % 2)) = 1 ]; then
        measure plain $round
        tracked $round
    else
        tracked $round
        measure plain $round
    fi
done
seen=$(awk '$1 == "passed" || $1 == "held" { sum += $2 } END { print sum }' /run/status)
prove "the module saw the writes ($seen)" [ "$seen" -gt 1000 ]
figure held "$(sed -n 's/^held //p' /run/status)" writes
