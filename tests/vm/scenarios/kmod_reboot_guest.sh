#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# One boot of kmod_reboot.py: FS HOW before|stranger|after.
. "$VM_GUEST/lib.sh"
fs=$1 how=$2 part=$3
volume=$(disk volume)
reference=$(disk reference)
notes=$(disk notes)
modprobe ext4
modprobe "$fs"
mkdir -p /v /notes

before() {
    load_module
    make_file_system "$fs" "$volume"
    mkfs.ext4 -q "$notes"
    mount "$notes" /notes
    mount "$volume" /v
    dd if=/dev/urandom of=/v/big bs=1M count=32 status=none
    handle=$(kmod create "$volume" /v 96 "$fs") || die "create"
    mount -o remount,ro /v
    sync
    kmod snapshot "$handle" >/dev/null
    dd if="$volume" of="$reference" bs=1M oflag=direct iflag=direct status=none
    kmod status "$handle" >/notes/status
    kmod epochs "$handle" | tail -1 >/notes/epoch
    umount /notes
    mount -o remount,rw /v
    dd if=/dev/urandom of=/v/new bs=1M count=8 status=none
    sync
    if [ "$how" = cut ]; then
        say "writing"
        for round in $(seq 1000); do
            dd if=/dev/urandom of=/v/big bs=64k count=20 seek=$((round * 37 % 480)) conv=notrunc,fsync status=none
            say "written $round"
        done
    fi
    if [ "$how" = open ]; then
        prove "the module can be unloaded while the volume is mounted" unload_module
        dd if=/dev/urandom of=/v/big bs=1M count=2 conv=notrunc,fsync status=none
        sync
        return
    fi
    prove "unmounting works at once" umount /v
    dd if=/dev/urandom of="$volume" bs=4k count=4 seek=$((380 * 256)) oflag=direct conv=notrunc status=none
    # Powering off with the module loaded: its reboot notifier seals.
}

stranger() {
    mount "$volume" /v
    [ "$fs" = ext4 ] && dd if=/dev/urandom of=/v/big bs=1M count=2 conv=notrunc status=none
    # For XFS even a mount that writes nothing of its own must be found out.
    umount /v
}

after() {
    mount -o ro "$notes" /notes
    id=$(sed -n 's/^volume_id //p' /notes/status)
    a=$(sed -n 's/^superblock //p' /notes/status)
    b=$(sed -n 's/^superblock_b //p' /notes/status)
    read -r epoch _ </notes/epoch
    load_module
    case $how in
    stranger | open)
        refute "$fs, $how: recording does not claim to know" kmod recover "$volume" "$id" "$a" "$b"
        kmod recover "$volume" "$id" "$a" "$b" 2>&1 | grep -E "written while|in use"
        prove "$fs, $how: and says why" [ "${PIPESTATUS[1]}" = 0 ]
        return
        ;;
    esac
    read -r handle state < <(kmod recover "$volume" "$id" "$a" "$b")
    prove "$fs, $how: the volume comes back verified" [ "$state" = dormant ]
    prove "$fs, $how: in the same epoch" [ "$(kmod status "$handle" | sed -n 's/^epoch //p')" = "$epoch" ]
    mount "$volume" /v || die "mount"
    dd if=/dev/urandom of=/v/later bs=1M count=3 status=none
    umount /v
    kmod snapshot "$handle" >/dev/null
    prove "$fs, $how: the change map has every difference" \
        kmod covers "$handle" "$epoch" "$reference" "$volume"
    kmod covers "$handle" "$epoch" "$reference" "$volume"
    refute "$fs, $how: a map without one extent is found wanting" \
        kmod covers "$handle" "$epoch" "$reference" "$volume" --drop
}

$part
