#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# One boot of engine_reboot.py: FS PART.
. "$VM_GUEST/lib.sh"
. "$VM_SOURCE/tests/vm/scenarios/engine_lib.sh"
fs=$1 part=$2
modprobe -a "$fs" ext4 loop fuse
data=$(disk data)
repository=$(disk repository)
mkdir -p /v /repository
state=/repository/state

mount_all() {
    mount "$repository" /repository
    load_module
    # A volume that a stranger wrote to can begin anew only when it is mounted.
    driver attach || say "not attached before it is mounted"
    mount "$data" /v || die "mount"
    driver attach || die "attach"
    volume=$(cat /repository/volume)
}

# back_up NAME KIND: proves what kind it was and that every file is in it.
back_up() {
    sync
    fingerprint /v >/tmp/wanted
    driver backup plan >"/tmp/$1" || { cat "/tmp/$1"; die "backup $1"; }
    say "$(grep -v ^record "/tmp/$1")"
    prove "$fs, $1: the backup is $2" [ "$(field "/tmp/$1" "$volume" kind)" = "$2" ]
    browse "$(record_of "/tmp/$1")" "$volume" || die "browse"
    fingerprint "$browse_path" >/tmp/seen
    prove "$fs, $1: every file is in it" cmp /tmp/wanted /tmp/seen || diff /tmp/wanted /tmp/seen | head -5
    end_browse
}

first() {
    "mkfs.$fs" -q "$data"
    mkfs.ext4 -q "$repository"
    mount "$repository" /repository
    mount "$data" /v
    load_module
    cp -a /usr/share/doc/b* /v/
    dd if=/dev/urandom of=/v/big bs=1M count=24 status=none
    mkdir /repository/backups
    driver protect "$data" 48 >/repository/volume || die "protect"
    volume=$(cat /repository/volume)
    driver repository /repository/backups
    driver plan plan /repository/backups 3 "$volume"
    back_up first full
    dd if=/dev/urandom of=/v/big bs=64k count=9 seek=11 conv=notrunc status=none
}

again() {
    mount_all
    back_up after-a-shutdown incremental
    for round in $(seq 1000); do
        dd if=/dev/urandom of=/v/big bs=64k count=5 seek=$((round * 37 % 370)) conv=notrunc,fsync status=none
        say "written $round"
    done
}

after_the_cut() {
    mount_all
    back_up after-a-cut incremental

    say "the engine is killed in the middle of a backup"
    dd if=/dev/urandom of=/v/more bs=1M count=24 status=none
    "$VM_BUILD/tests/support/engine_driver" $state backup plan >/dev/null 2>&1 &
    victim=$!
    wait_until 30 test -e /dev/dormouse0
    kill -KILL $victim
    wait $victim
    say "$(driver status)"
    prove "$fs: what it left is released" driver recover /repository/backups
    prove "$fs: no snapshot is left" [ "$(driver status | grep -c 'snapshots 0')" = 1 ]
    back_up after-a-kill incremental
    prove "$fs: retention kept three" [ "$(ls /repository/backups/records | wc -l)" = 3 ]
    prove "$fs: the repository is healthy" driver verify /repository/backups
}

# Another system, without the module.
stranger() {
    mount "$data" /v
    dd if=/dev/urandom of=/v/big bs=64k count=3 seek=100 conv=notrunc status=none
    umount /v
}

after_the_stranger() {
    mount_all
    say "$(driver status)"
    back_up after-a-stranger compared
    dd if=/dev/urandom of=/v/big bs=64k count=3 seek=200 conv=notrunc status=none
    back_up afterwards incremental
}

$part
