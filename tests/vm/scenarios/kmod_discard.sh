#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# kmod_discard.sh FS: what changes a volume without being an ordinary write to it:
# DISCARD and WRITE_ZEROES from the file system and from tools, and writes through
# the whole disk that the volume is a partition of. A live snapshot still equals
# the copy made without us; the change map has every difference, and none of what
# happened beside the volume.
. "$VM_GUEST/lib.sh"
fs=$1
field() { kmod status "$handle" | sed -n "s/^$1 //p"; }
MIB=$((1 << 20))

load_module
modprobe "$fs"
disk=$(disk disk)
start=3 # MiB; something lies on either side of the volume
size=$(($(blockdev --getsize64 "$disk") / MIB - start - 8))
echo "start=${start}MiB,size=${size}MiB,type=83" | sfdisk -q "$disk" || die "sfdisk"
volume=${disk}1
wait_until 5 [ -b "$volume" ] || die "there is no partition"
make_file_system "$fs" "$volume"
mkdir -p /v /ref
mount -t tmpfs -o size=2G tmpfs /ref
mount "$volume" /v
fallocate -l 44M /v/raw # in one piece
for file in trim:8 punch:6 zero:6 raw:44; do
    dd if=/dev/urandom of="/v/${file%:*}" bs=1M count=${file#*:} conv=notrunc status=none
done
sync
# Where the file that tools will write over lies, in MiB of the volume, rounded up.
read -r first length < <(filefrag -v -b4096 /v/raw | awk '$1 == "0:" { gsub("[.:]", " "); print $4, $6 }')
[ "$length" = $((44 * 256)) ] || die "the file is in pieces: $(filefrag -v /v/raw)"
raw=$(((first + 255) / 256))
handle=$(kmod create "$volume" /v 84 "$fs") || die "create"
mount -o remount,ro /v
sync
dd if="$volume" of=/ref/one bs=1M iflag=direct status=none
epoch=$(kmod snapshot "$handle" 2>/dev/null)
mount -o remount,rw /v

say "from the file system"
rm /v/trim
sync
prove "fstrim" fstrim -v /v
prove "punching a hole" fallocate -p -o 1M -l 4M /v/punch
prove "zeroing a range" fallocate -z -o 1M -l 4M /v/zero
dd if=/dev/urandom of=/v/after bs=1M count=4 conv=fsync status=none
umount /v

say "from tools, on the bare volume"
at() { echo $(((raw + $1) * MIB)); }
prove "blkdiscard" blkdiscard -f -o "$(at 0)" -l $((3 * MIB)) "$volume"
prove "blkdiscard -z, odd borders" blkdiscard -f -z -o $(($(at 4) + 512)) -l $((2 * MIB + 1024)) "$volume"
prove "blkdiscard -z, many at once" blkdiscard -f -z -o "$(at 7)" -l $((20 * MIB)) "$volume"
prove "fallocate on the device" fallocate -z -o "$(at 28)" -l $((2 * MIB)) "$volume"
prove "punching the device" fallocate -p -o "$(at 31)" -l $((2 * MIB)) "$volume"

say "through the whole disk"
whole() { dd if=/dev/urandom of="$disk" oflag=direct conv=notrunc status=none "$@"; }
prove "a write" whole bs=64k count=20 seek=$((($(at 34) + start * MIB) / 65536))
prove "a discard" blkdiscard -f -o $(($(at 36) + start * MIB)) -l $((2 * MIB)) "$disk"
prove "zeroes" blkdiscard -f -z -o $(($(at 39) + start * MIB)) -l $((2 * MIB)) "$disk"
prove "a write across the volume's end" whole bs=1M count=2 seek=$((start + size - 1))
prove "zeroes across the volume's end" blkdiscard -f -z -o $(((start + size) * MIB - 3 * 65536)) -l $((6 * 65536)) "$disk"
changed=$(field changed_bytes)
prove "a write before the volume" whole bs=64k count=8 seek=$((start * 16 - 8))
prove "a write behind it" whole bs=64k count=8 seek=$(((start + size) * 16))
prove "discards beside it" blkdiscard -f -o $(((start + size) * MIB)) -l $((4 * MIB)) "$disk"
prove "what is written beside the volume is not its change" [ "$(field changed_bytes)" = "$changed" ]
prove "a write across the volume's beginning" whole bs=1M count=2 seek=$((start - 1))

snapshot=$(kmod expose "$handle" "$epoch") || die "expose"
prove "$fs: the snapshot equals the copy made without us" kmod same "$handle" /ref/one "$snapshot"
kmod snapshot "$handle" >/run/next 2>/dev/null || die "the second snapshot"
dd if="$volume" of=/ref/two bs=1M iflag=direct status=none
covered=$(kmod covers "$handle" "$epoch" /ref/one /ref/two)
prove "$fs: the change map has every difference: $covered" [ $? = 0 ]
refute "$fs: without one of its extents it is found wanting" kmod covers "$handle" "$epoch" /ref/one /ref/two --drop

say "without a snapshot, a discard is done, and on record"
next=$(</run/next)
kmod drop "$handle" "$epoch" && kmod drop "$handle" "$next" || die "drop"
prove "blkdiscard of what was written" blkdiscard -f -o "$(at 34)" -l $((2 * MIB)) "$volume"
dd if="$volume" of=/run/piece bs=1M skip=$((raw + 34)) count=2 iflag=direct status=none
prove "it was done" cmp -n $((2 * MIB)) /run/piece /dev/zero
kmod snapshot "$handle" >/dev/null 2>&1 || die "the third snapshot"
in_map() {
    kmod changes "$handle" "$1" | awk -v from="$2" -v end="$3" '$1 <= from && $1 + $2 >= end { found = 1 } END { exit !found }'
}
prove "$fs: it is in the change map" in_map "$next" "$(at 34)" "$(at 36)"
refute "$fs: what was not touched is not" in_map "$next" "$(at 34)" "$(at 37)"
prove "recording goes on" [ "$(field state)" = dormant ]
