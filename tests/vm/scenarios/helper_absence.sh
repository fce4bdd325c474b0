#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What changes a disk while no Linux runs from it and leaves no trace in a file system's own
# records: a boot loader that writes its environment block, and a disk that is an old image of itself
# again. Backups have what is there then, and the second is told apart.
. "$VM_GUEST/lib.sh"
. "$VM_SOURCE/tests/vm/scenarios/helper_lib.sh"

points() { json "sum(p['kind'] == '$1' for p in d)" points; }
in_backup() { ctl browse latest --volume "$(volume "$one" id)" -- sha256sum "$1" | cut -d' ' -f1; }
sum() { sha256sum "$1" | cut -d' ' -f1; }
leave() {
    systemctl stop dormoused
    umount /v/one
    rmmod dormouse || die "rmmod"
}
come_back() {
    prove "$1: the volume is attached" /usr/libexec/dormouse/dormouse-attach --all
    prove "$1: as one that nobody wrote to" grep -q "handle=.* dormant" /sys/class/misc/dormouse-control/status
    mount "$one" /v/one
}

modprobe -a ext4 loop fuse
load_module
one=$(disk one) backup=$(disk backup)
mkfs.ext4 -q -b 4096 -L one "$one"
mkfs.ext4 -q "$backup"
mkdir -p /v/one /backup
mount "$one" /v/one
mount "$backup" /backup
mkdir -p /backup/repository /v/one/boot/grub
head -c 4M /dev/urandom >/v/one/big
{ printf '# GRUB Environment Block\n' && printf '#%.0s' {1..999}; } >/v/one/boot/grub/grubenv
sync
prove "the volume is protected" ctl protect "$one" --store 64M
echo 'correct horse' >/tmp/passphrase
prove "a repository is made" ctl repo create /backup/repository --name store \
    --passphrase-file /tmp/passphrase --recovery-key-file /tmp/recovery
prove "a plan is made" ctl plans create --name plan --volume "$one" --repo store --by-hand
prove "it runs" ctl plans run plan
block=$(filefrag -v -b4096 /v/one/boot/grub/grubenv | awk '$1 == "0:" { gsub("[.:]", " "); print $4 }')

say "the boot loader writes"
leave
dd if="$one" of=/run/old bs=1M iflag=direct status=none
dd if="$one" of=/run/block bs=4096 skip="$block" count=1 iflag=direct status=none
prove "its block is where the file is" grep -q 'GRUB Environment Block' /run/block
printf 'saved_entry=2\n' | dd of=/run/block bs=1 seek=25 conv=notrunc status=none
dd if=/run/block of="$one" bs=4096 seek="$block" oflag=direct conv=notrunc status=none
come_back "boot loader"
prove "the file has what it wrote" grep -q 'saved_entry=2' /v/one/boot/grub/grubenv
prove "the plan runs" ctl plans run plan
prove "by what changed" test "$(points incremental)" = 1
prove "the backup has what the boot loader wrote" test "$(in_backup boot/grub/grubenv)" = "$(sum /v/one/boot/grub/grubenv)"
head -c 4M /dev/urandom >/v/one/big
head -c 1M /dev/urandom >/v/one/new
prove "and again" ctl plans run plan
prove "the backup has what is new" test "$(in_backup big)" = "$(sum /v/one/big)"

say "the disk is what it was before all that"
leave
dd if=/run/old of="$one" bs=1M oflag=direct status=none
come_back "old image"
prove "the new file is not there" test ! -e /v/one/new
prove "the plan runs" ctl plans run plan
prove "and compares everything" test "$(points compared)" = 1
prove "the backup has what is there" test "$(in_backup big)" = "$(sum /v/one/big)"
refute "and nothing else" ctl browse latest --volume "$(volume "$one" id)" -- test -e new
head -c 1M /dev/urandom >/v/one/newer
prove "the plan runs again" ctl plans run plan
prove "by what changed" test "$(points incremental)" = 3
prove "the backup has it" test "$(in_backup newer)" = "$(sum /v/one/newer)"
power_off
