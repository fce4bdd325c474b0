#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Stores that fill: the installed helper makes them larger in time, of free space that
# no local snapshot shows, and says so; a snapshot is never lost to a lack of room that
# the volume has.
. "$VM_GUEST/lib.sh"
. "$VM_SOURCE/tests/vm/scenarios/helper_lib.sh"

store() { volume "$1" storeBytes; }
sum_in_snapshot() { ctl browse latest --volume "$1" -- sha256sum "$2" | cut -d' ' -f1; }
overwrite() { # FILE MIB: not faster than a disk that a person waits for
    local at
    for ((at = 0; at < $2; at += 2)); do
        dd if=/dev/urandom of="$1" bs=1M seek=$at count=2 conv=notrunc oflag=direct status=none
        sleep 0.3
    done
}

make_volumes
for v in one two; do
    head -c 64M /dev/urandom >/v/$v/data
    head -c 48M /dev/urandom >/v/$v/old
done
sync
for v in "$one" "$two"; do
    prove "protected, with a small store" ctl protect "$v" --store 28M
done
prove "a snapshot is taken" ctl snapshot "$one" "$two"
for v in one two; do
    data=$(sha256sum </v/$v/data) old=$(sha256sum </v/$v/old)
    id=$(volume "${!v}" id)
    before=$(store "${!v}")
    rm /v/$v/old # free now, but not in the snapshot
    sync
    overwrite /v/$v/data 64
    prove "$v: its store grew by itself" test "$(store "${!v}")" -gt "$before"
    prove "$v: the snapshot is still there" test "$(volume "${!v}" snapshotCount)" = 1
    prove "$v: it shows what was overwritten" test "$(sum_in_snapshot "$id" data)  -" = "$data"
    prove "$v: and what was deleted" test "$(sum_in_snapshot "$id" old)  -" = "$old"
done
prove "the activity tells of it" test "$(json "sum(e['kind'] == 'grow-store' for e in d)" activity)" -ge 2
say "$(ctl activity --limit 4)"

# By hand, by so much; where the only free space is what the snapshot shows, not at all.
before=$(store "$one")
prove "it grows when asked to" ctl grow "$one" --by 16M
prove "by that" test $(($(store "$one") - before)) = $((16 << 20))
refute "never to more than half of the volume" ctl grow "$one" --by 400M
head -c 60M /dev/urandom >/v/one/young
prove "another snapshot is taken" ctl snapshot "$one"
fallocate -l $(($(df -B1M --output=avail /v/one | tail -1) - 4))M /v/one/filler
young=$(sha256sum </v/one/young)
rm /v/one/young
sync
say "$(df -B1M /v/one | tail -1)"
before=$(store "$one")
ctl grow "$one" --by 24M
say "grown by $((($(store "$one") - before) >> 20)) MiB of 24"
prove "less than was asked for" test $(($(store "$one") - before)) -lt $((24 << 20))
id=$(volume "$one" id)
overwrite /v/one/data 16
prove "what only the snapshot shows was left alone" test "$(sum_in_snapshot "$id" young)  -" = "$young"
show_log
power_off
