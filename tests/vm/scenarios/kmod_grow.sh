#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# kmod_grow.sh FS: a store grows while its snapshots live and are written under, its ring
# in one piece or wrapped round; and all of it is still there after a reload.
. "$VM_GUEST/lib.sh"
fs=$1

load_module
volume=$(disk volume)
modprobe "$fs"
make_file_system "$fs" "$volume"
mkdir -p /v /ref
mount -t tmpfs -o size=2G tmpfs /ref
mount "$volume" /v
dd if=/dev/urandom of=/v/big bs=1M count=48 status=none
sync
handle=$(kmod create "$volume" /v 24 "$fs") || die "create"
value() { kmod status "$handle" | sed -n "s/^$1 //p"; }
id=$(value volume_id) a=$(value superblock) b=$(value superblock_b)

reference() {
    mount -o remount,ro /v
    sync
    dd if="$volume" of="$1" bs=1M iflag=direct status=none
}
scatter() { # FIRST_MIB MIB: that part of the file is overwritten
    fio --name=s --filename=/v/big --offset="$1M" --size="$2M" --rw=randwrite --bs=16k --ioengine=libaio \
        --iodepth=8 --direct=1 --randrepeat=0 --output=/dev/null
}

first=$(value undo_bytes)
reference /ref/one
one=$(kmod snapshot --durable "$handle")
exposed=$(kmod expose "$handle" "$one")
mount -o remount,rw /v
scatter 0 12
refute "a list made before another snapshot is not taken" kmod grow --epoch $((one - 1)) "$handle" /v 4
prove "that changed nothing" [ "$(value undo_bytes)" = "$first" ]
scatter 12 24 &
prove "it grows under a live snapshot, while it is written under" kmod grow "$handle" /v 40
wait
scatter 36 12
prove "more was kept than it had room for before" [ "$(value undo_used)" -gt "$first" ]
prove "the snapshot equals the copy made without us" kmod same "$handle" /ref/one "$exposed"

# The ring's head before its tail: the second snapshot's data goes round.
reference /ref/two
two=$(kmod snapshot --durable "$handle")
mount -o remount,rw /v
kmod unexpose "$handle" "$one"
kmod drop "$handle" "$one"
scatter 0 16
used=$(value undo_used)
prove "its head has gone round" [ $(((used + 48 * 1048576) / $(value undo_bytes))) -ge 1 ]
before=$(value undo_bytes)
prove "it grows again" kmod grow "$handle" /v 8
prove "by what was asked for" [ $(($(value undo_bytes) - before)) = $((8 << 20)) ]
scatter 16 32
exposed=$(kmod expose "$handle" "$two")
prove "the second snapshot equals its copy" kmod same "$handle" /ref/two "$exposed"
refute "a snapshot that is not the copy's moment is told apart" kmod same "$handle" /ref/one "$exposed"
kmod unexpose "$handle" "$two"

umount /v
prove "the module can be unloaded" unload_module
load_module
read -r handle state < <(kmod recover "$volume" "$id" "$a" "$b")
prove "the grown store is read back, where it always was" [ "$state" = dormant ]
prove "with all of its room" [ "$(value undo_bytes)" = $((first + (48 << 20))) ]
exposed=$(kmod expose "$handle" "$two")
prove "the second snapshot equals its copy still" kmod same "$handle" /ref/two "$exposed"
mount "$volume" /v
scatter 0 48
prove "and after more writes" kmod same "$handle" /ref/two "$exposed"
reference /ref/three
three=$(kmod snapshot "$handle")
figures=$(kmod covers "$handle" "$two" /ref/two /ref/three)
prove "the change map has every difference" [ $? = 0 ]
say "$figures"
kmod unexpose "$handle" "$two"
kmod drop "$handle" "$two"
kmod drop "$handle" "$three"

# What it grew by is guarded like what it was made with.
new=$(python3 - "$handle" <<'END'
import os, sys
sys.path.insert(0, os.environ["VM_GUEST"])
import kmod
print(max(offset for offset, length in kmod.store_extents(int(sys.argv[1]))) // 4096)
END
)
dd if=/dev/urandom of="$volume" bs=4k seek="$new" count=1 oflag=direct conv=notrunc status=none
prove "whoever writes over it ends the store" [ "$(value reason)" = "the store was overwritten" ]
umount /v
unload_module
