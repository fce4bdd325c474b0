#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Stores elsewhere: on a disk of their own, and on another protected volume. Protected, backed up,
# attached at boot by what is on the devices, grown, and given back.
. "$VM_GUEST/lib.sh"
. "$VM_SOURCE/tests/vm/scenarios/helper_lib.sh"

attach_tool=/usr/libexec/dormouse/dormouse-attach
attached() { grep -c handle= /sys/class/misc/dormouse-control/status; }
sum_in_backup() { ctl browse latest --volume "$(volume "$1" id)" -- sha256sum "$2" | cut -d' ' -f1; }
increments() { json "sum(p['kind'] == 'incremental' for p in d)" points; }
# As a boot finds it: nothing mounted, nothing attached.
leave() {
    systemctl stop dormoused
    umount /v/one /v/two
    rmmod dormouse || die "rmmod"
}
come_back() {
    mount "$one" /v/one
    mount "$two" /v/two
}

make_volumes
spare=$(disk spare)
refute "not on a disk with something on it" ctl protect "$one" --store-on "$backup"
prove "and it is said why" bash -c "ctl protect '$one' --store-on '$backup' 2>&1 | grep -q 'something is on'"
refute "not on a volume that is not protected" ctl protect "$one" --store-on two
refute "not on itself" ctl protect "$one" --store-on "$one"
prove "one: protected, with its store on another disk" ctl protect "$one" --store-on "$spare"
prove "which is shown" test "$(volume "$one" storeDevice)" = "$spare"
prove "nothing of it is on the volume" test ! -e /v/one/.dormouse
prove "two: protected" ctl protect "$two" --store 64M
refute "one store to a disk" ctl protect "$backup" --store-on "$spare"
prove "a repository is made" ctl repo create /backup/repository --name store \
    --passphrase-file /tmp/passphrase --recovery-key-file /tmp/recovery
prove "a plan is made" ctl plans create --name both --volume "$one" --volume "$two" --repo store --by-hand
prove "it runs" ctl plans run both
head -c 8M /dev/urandom >/v/one/big
sync
leave
prove "at the next boot all that is there is attached" "$attach_tool" --all
prove "both" test "$(attached)" = 2
come_back
head -c 2M /dev/urandom >/v/one/later
prove "the plan runs again" ctl plans run both
prove "by what changed" test "$(increments)" = 2
prove "the backup has what was written" test "$(sum_in_backup "$one" big)" = "$(sha256sum </v/one/big | cut -d' ' -f1)"
prove "before and after" test "$(sum_in_backup "$one" later)" = "$(sha256sum </v/one/later | cut -d' ' -f1)"
refute "a store that takes all of a disk cannot grow" ctl grow "$one"
prove "the plan goes" ctl plans remove both
prove "one: not protected any more" ctl forget "$one" --yes

say "on another volume"
prove "the other volume has a snapshot" ctl snapshot "$two"
prove "one: protected, with its store there" ctl protect "$one" --store-on "$two" --store 64M
prove "which is shown" test "$(volume "$one" storeDevice)" = "$two"
refute "that volume stays protected" ctl forget "$two" --yes
prove "it grows" ctl grow "$one" --by 16M
prove "by that" test "$(volume "$one" storeBytes)" = $((80 << 20))
before=$(sha256sum </v/one/big)
prove "a snapshot" ctl snapshot "$one"
dd if=/dev/urandom of=/v/one/big bs=1M count=8 conv=notrunc,fsync status=none
prove "shows what was" test "$(ctl browse latest --volume "$(volume "$one" id)" -- sha256sum big | cut -d' ' -f1)  -" = "$before"
prove "a plan is made" ctl plans create --name both --volume "$one" --volume "$two" --repo store --by-hand
prove "it runs" ctl plans run both
leave
prove "the disk that the store is on appears" "$attach_tool" --device "$two"
prove "both are attached with it" test "$(attached)" = 2
come_back
head -c 3M /dev/urandom >/v/one/last
sync
already=$(increments)
prove "the plan runs again" ctl plans run both
prove "by what changed" test $(($(increments) - already)) = 2
prove "the backup has it" test "$(sum_in_backup "$one" last)" = "$(sha256sum </v/one/last | cut -d' ' -f1)"
prove "so has that of the other volume" test "$(sum_in_backup "$two" big)" = "$(sha256sum </v/two/big | cut -d' ' -f1)"
name=$(ls /v/two/.dormouse | grep store-)
prove "which has nothing of the store in it" bash -c "
    [ -n '$name' ] && ctl browse latest --volume '$(volume "$two" id)' -- head -c 60M '.dormouse/$name' | tr -d '\\0' | cmp -s - /dev/null"
prove "the plan goes" ctl plans remove both
prove "one: not protected any more" ctl forget "$one" --yes
prove "the room is given back" test ! -e "/v/two/.dormouse/$name"
prove "now the other one may go" ctl forget "$two" --yes
power_off
