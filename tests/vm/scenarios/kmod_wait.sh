#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Back-pressure: a slow device, and writers who want more in flight than may be
# held. They are made to wait, every write ends well, the snapshot stands. Then a
# store that is much too small: the snapshot is given up, and says so; tracking and
# the writes go on.
. "$VM_GUEST/lib.sh"
field() { kmod status "$handle" | sed -n "s/^$1 //p"; }

load_module
modprobe -a ext4 dm_mod dm_delay
disk=$(disk volume)
mkdir -p /v /ref
mount -t tmpfs -o size=1G tmpfs /ref

# A kernel that checks itself is slower than such a device.
delay=$([[ $(uname -r) = *debug ]] && echo 400 || echo 30)

# begin MIB: a store of so much on a device each of whose writes takes so many ms more.
begin() {
    echo "0 $(blockdev --getsz "$disk") delay $disk 0 0 $disk 0 $delay" | dmsetup create --noudevsync slow || die "dmsetup"
    dmsetup mknodes
    mkfs.ext4 -q -F -b 4096 /dev/mapper/slow 2>/dev/null
    mount /dev/mapper/slow /v
    fallocate -l 96M /v/range
    read -r first length < <(filefrag -v -b4096 /v/range |
        awk '$1 ~ /^[0-9]+:$/ { gsub("[.:]", " "); if ($6 > best) { best = $6; at = $4 } } END { print at, best }')
    handle=$(kmod create /dev/mapper/slow /v "$1" ext4) || die "create"
    umount /v
    dd if=/dev/mapper/slow of=/ref/one bs=1M iflag=direct status=none
    epoch=$(kmod snapshot "$handle" 2>/dev/null)
}
# flood MIB: two times sixteen writes of 4 MiB in flight.
flood() {
    fio --name=flood --filename=/dev/mapper/slow --rw=write --bs=4M --direct=1 --ioengine=libaio --iodepth=16 \
        --numjobs=2 --offset=$((first * 4096)) --offset_increment=$(($1 / 2))M --size=$(($1 / 2))M \
        --verify=pattern --verify_pattern=0x5ad0 --do_verify=1 --verify_state_save=0 --group_reporting --minimal >/run/fio 2>&1
}
end() {
    kmod detach "$handle" || die "detach"
    dmsetup remove --noudevsync slow
}

say "a slow device"
begin 112
[ "$length" -ge 20480 ] || die "the file is in pieces"
flood 80
code=$?
prove "every write ended well and is there" eval "tail -n 3 /run/fio; [ $code = 0 ]"
kmod status "$handle" | grep -E '^(passed|held|waited|copied|batches) ' | xargs
prove "writers were made to wait" [ "$(field waited)" -ge 2 ]
prove "the snapshot stands" [ "$(field snapshots)" = 1 ]
snapshot=$(kmod expose "$handle" "$epoch")
prove "and equals the copy made without us" kmod same "$handle" /ref/one "$snapshot"
kmod unexpose "$handle" "$epoch"
end

say "a store that is too small"
begin 12
flood 80
code=$?
prove "every write ended well, too" eval "tail -n 3 /run/fio; [ $code = 0 ]"
prove "the snapshot was given up" [ "$(field snapshots)" = 0 ]
kmod expose "$handle" "$epoch" >/run/exposed 2>&1
prove "and cannot be shown" [ $? = 1 ]
prove "tracking goes on" [ "$(field state), $(field mode)" = "dormant, tracking" ]
kmod snapshot "$handle" >/dev/null 2>&1 || die "the next snapshot"
dd if=/dev/mapper/slow of=/ref/two bs=1M iflag=direct status=none
covered=$(kmod covers "$handle" "$epoch" /ref/one /ref/two)
prove "the change map has every difference: $covered" [ $? = 0 ]
end
