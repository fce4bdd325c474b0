#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Two plans back the same two volumes up to two repositories, in turn, ten times
# each, with a change before every one: each increment is one of its own plan, and
# each of the twenty backups is equal to its moment.
. "$VM_GUEST/lib.sh"
. "$VM_SOURCE/tests/vm/scenarios/engine_lib.sh"

rounds=10
load_module
mount_volumes /repositories
mkdir /repositories/one /repositories/two /tmp/moments
for v in a b; do
    for i in 0 1 2 3 4; do
        head -c 400K /dev/urandom >/v/$v/file$i
    done
done
va=$(driver protect "$a" 32) || die "protect ext4"
vb=$(driver protect "$b" 32) || die "protect xfs"
for plan in one two; do
    driver repository /repositories/$plan
    driver plan $plan /repositories/$plan 0 "$va" "$vb"
done

# A moment is the sums of all files; the change is small, and somewhere else each time.
sums() { (cd "$1" && find . -type f -not -path './.dormouse/*' -print0 | sort -z | xargs -0 sha256sum); }
change() {
    local v
    for v in a b; do
        dd if=/dev/urandom of=/v/$v/file$((RANDOM % 5)) bs=4k count=4 seek=$((RANDOM % 90)) conv=notrunc status=none
        echo "round $1" >/v/$v/round$(($1 % 4))
        rm -f "/v/$v/round$((($1 + 2) % 4))"
    done
}
kinds=
moments=0
for ((round = 0; round < rounds; round++)); do
    for plan in one two; do
        change $((moments++))
        name=$plan$round
        sums /v/a >"/tmp/moments/$name.$va"
        sums /v/b >"/tmp/moments/$name.$vb"
        driver backup $plan >"/tmp/moments/$name.out" || { cat "/tmp/moments/$name.out"; die "backup $name"; }
        kinds+="$(field "/tmp/moments/$name.out" "$va" kind) $(field "/tmp/moments/$name.out" "$vb" kind) "
    done
done
prove "only the first of each plan is full" test "$(grep -o full <<<"$kinds" | wc -l)" = 4
prove "all others are increments" test "$(grep -o incremental <<<"$kinds" | wc -l)" = $((rounds * 4 - 4))
different() { sha256sum /tmp/moments/*."$1" | cut -d' ' -f1 | sort -u | wc -l; }
prove "no two moments are alike" test "$(different "$va") $(different "$vb")" = "$moments $moments"

equal=0
for name in $(ls /tmp/moments | sed -n 's/\.out$//p'); do
    record=$(record_of "/tmp/moments/$name.out")
    for volume in "$va" "$vb"; do
        browse "$record" "$volume" || die "cannot browse $name"
        if sums "$browse_path" | diff - "/tmp/moments/$name.$volume" >/tmp/moments/difference; then
            equal=$((equal + 1))
        else
            fail "$name of $volume is not its moment: $(head -n 5 /tmp/moments/difference)"
        fi
        end_browse
    done
done
prove "each of the twenty backups is equal to its moment" test $equal = $((rounds * 4))
prove "the first repository is healthy" driver verify /repositories/one
prove "the second repository is healthy" driver verify /repositories/two
