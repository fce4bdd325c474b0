#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# One moment for two volumes. A writer writes A to one, waits until it is done,
# writes B to the other, and so on without end; each block tells which write it is.
# In every pair of snapshots from one call there must be no B without its A, no
# write missing and none too new. Once through file systems, once on the bare
# devices, where nothing is frozen and the gates alone keep order. Snapshots from
# two calls must be told apart from such a pair by the same check.
. "$VM_GUEST/lib.sh"
writer() { "$VM_BUILD/tests/support/prefix_writer" "$@"; }

load_module
modprobe -a ext4 xfs
a=$(disk a) b=$(disk b)
make_file_system ext4 "$a"
make_file_system xfs "$b"
mkdir -p /a /b /s/a /s/b
mount "$a" /a
mount "$b" /b
writer init 2 /a/file /b/file
sync
ha=$(kmod create "$a" /a 48 ext4) || die "create on ext4"
hb=$(kmod create "$b" /b 48 xfs) || die "create on XFS"

start_writer() {
    "$VM_BUILD/tests/support/prefix_writer" run /run/progress "$@" &
    pid=$!
    wait_until 20 sh -c "[ -s /run/progress ]" || die "the writer does not start"
}
stop_writer() {
    kill $pid
    wait $pid || die "the writer failed"
    rm /run/progress
}
# Waits for some more writes.
go_on() {
    local goal=$(($(acknowledged) + $1))
    wait_until 60 eval "[ \$(acknowledged) -ge $goal ]" || die "the writer stands still"
}
acknowledged() { writer progress /run/progress | cut -d' ' -f1; }
issued() { writer progress /run/progress | cut -d' ' -f2; }

# take NAME: both volumes in one call, and what the writer had done around it.
take() {
    local before
    before=$(acknowledged)
    epochs[$1]=$(kmod snapshot "$ha" "$hb" 2>/run/frozen) || die "snapshot $1"
    bounds[$1]="--min $before --max $(issued)"
    say "$1: $(cat /run/frozen), ${bounds[$1]}"
}
declare -A epochs bounds
# The two disks of a pair: `one` and `two`.
expose() {
    one=$(kmod expose "$ha" "$1") && two=$(kmod expose "$hb" "$2") || die "expose"
}
check_files() {
    local name=$1 code
    shift
    mount -o ro,noload "$one" /s/a && mount -o ro,norecovery,nouuid "$two" /s/b || die "mount $name"
    writer check "$@" /s/a/file /s/b/file
    code=$?
    umount /s/a /s/b
    return $code
}
# Where the file is on its device, whole: OFFSET+BYTES.
place() {
    filefrag -v -b4096 "$1" | awk '$1 == "0:" { gsub("[.:]", " "); print $4 * 4096 "+" $6 * 4096 }'
}

start_writer /a/file /b/file
for name in one two; do
    go_on 60
    take $name
done
go_on 60
# Two calls: between them the writer goes on.
apart=$(kmod snapshot "$ha" 2>/dev/null)
go_on 20
apart="$apart $(kmod snapshot "$hb" 2>/dev/null)"
go_on 20
stop_writer
for name in one two; do
    expose ${epochs[$name]}
    prove "mounted, $name: both volumes are of one moment" check_files $name ${bounds[$name]}
done
expose $apart
refute "mounted: a pair from two calls is found out" check_files apart

place_a=$(place /a/file) place_b=$(place /b/file)
[ "${place_a#*+}" = 2097152 ] && [ "${place_b#*+}" = 2097152 ] || die "the files are in pieces: $place_a $place_b"
umount /a /b
start_writer "$a@$place_a" "$b@$place_b"
for name in three four five; do
    go_on 60
    take $name
done
go_on 20
stop_writer
for name in three four five; do
    expose ${epochs[$name]}
    prove "bare, $name: both volumes are of one moment" \
        writer check ${bounds[$name]} "$one@$place_a" "$two@$place_b"
done
expose ${epochs[three]%% *} ${epochs[four]##* }
refute "bare: the one volume's moment is not the other's" writer check "$one@$place_a" "$two@$place_b"
for handle in "$ha" "$hb"; do
    prove "no snapshot was given up" [ "$(kmod status "$handle" | grep -c '^snapshots 6$')" = 1 ]
done
prove "unloading works with twelve snapshots exposed" unload_module
