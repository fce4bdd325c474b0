#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# kmod_freeze.sh: a snapshot of three volumes, one of whose file systems cannot be
# frozen, for its disk refuses what is dirty. No volume gets a snapshot, none stays
# frozen, and the two good ones have theirs as soon as they are asked alone.
. "$VM_GUEST/lib.sh"

load_module
modprobe -a ext4 dm-mod
export DM_DISABLE_UDEV=1
declare -A handles
for name in a b c; do
    device=$(disk $name)
    if [ $name = c ]; then
        below=$device sectors=$(blockdev --getsz "$device") device=/dev/mapper/c
        dmsetup create c --table "0 $sectors linear $below 0" || die "dmsetup"
    fi
    make_file_system ext4 "$device"
    mkdir -p /$name
    mount "$device" /$name
    dd if=/dev/urandom of=/$name/file bs=1M count=4 status=none
    handles[$name]=$(kmod create "$device" /$name 24 ext4) || die "create $name"
done
of() { kmod status "${handles[$1]}" | sed -n "s/^$2 //p"; }
# Errors in the file system's own journal: then neither it nor a freeze can end well.
debugfs -R 'stat <8>' "$below" 2>/dev/null | sed -n '/^EXTENTS/,$p' | grep -oE '[0-9]+-[0-9]+(,|$)' | tr -d , | sort -n |
    awk -F- -v below="$below" -v end="$sectors" '
        { print at+0, $1 * 8 - at, "linear", below, at+0; at = ($2 + 1) * 8; print $1 * 8, at - $1 * 8, "error" }
        END { if (at) print at, end - at, "linear", below, at }' >/run/table
[ -s /run/table ] || die "the journal is not found"
dmsetup reload c </run/table && dmsetup suspend --noflush --nolockfs c && dmsetup resume c || die "reload"
dd if=/dev/urandom of=/c/new bs=64k count=32 status=none

epochs=$(of a epoch)$(of b epoch)
all() {
    kmod snapshot "${handles[a]}" "${handles[b]}" "${handles[c]}" >/run/said 2>&1
}
refute "no snapshot is taken of three of which one cannot be frozen" all
prove "and it is said why: $(cat /run/said)" grep -q 'could not be frozen' /run/said
for name in a b; do
    prove "$name: no snapshot lives" [ "$(of $name snapshots)" = 0 ]
    prove "$name: is not frozen" timeout 20 dd if=/dev/urandom of=/$name/file bs=64k count=8 conv=notrunc,fsync status=none
    prove "$name: is well" [ "$(of $name state)" = active ]
done
prove "no epoch began" [ "$(of a epoch)$(of b epoch)" = "$epochs" ]
prove "the two good ones have their snapshot" kmod snapshot "${handles[a]}" "${handles[b]}"
prove "which lives" [ "$(of a snapshots)$(of b snapshots)" = 11 ]
for name in a b; do
    prove "$name: unmounting works at once" timeout 20 umount /$name
done
timeout 20 umount -l /c
prove "unloading works" unload_module
