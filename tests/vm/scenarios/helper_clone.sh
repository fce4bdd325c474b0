#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A copy of a protected disk is connected beside it. Whatever is then recorded
# could be the wrong one's: nothing is backed up, nothing is attached, all is told.
. "$VM_GUEST/lib.sh"
. "$VM_SOURCE/tests/vm/scenarios/helper_lib.sh"

modprobe -a ext4 loop fuse
load_module
one=$(disk one) copy=$(disk copy) backup=$(disk backup)
mkfs.ext4 -q -L one "$one"
mkfs.ext4 -q "$backup"
mkdir -p /v/one /backup
mount "$one" /v/one
mount "$backup" /backup
mkdir /backup/repository
cp -a /usr/share/doc/a* /v/one/

prove "the volume is protected" ctl protect "$one" --store 64M
echo 'correct horse' >/tmp/passphrase
prove "a repository is made" ctl repo create /backup/repository --name store \
    --passphrase-file /tmp/passphrase --recovery-key-file /tmp/recovery
prove "a plan is made" ctl plans create --name plan --volume "$one" --repo store --by-hand
prove "it runs" ctl plans run plan

umount /v/one
dd if="$one" of="$copy" bs=1M iflag=direct oflag=direct conv=fsync status=none
mount "$one" /v/one
refute "with the copy there it does not" ctl plans run plan
prove "and says why" bash -c "ctl plans run plan 2>&1 | grep -q 'Two disks hold the same file system'"
prove "so does the list of volumes" bash -c "ctl --json volumes | grep -q 'one is a copy of the other'"

systemctl stop dormoused
umount /v/one
rmmod dormouse
refute "the tool of the boot attaches neither when it sees the copy" \
    /usr/libexec/dormouse/dormouse-attach --device "$copy"
refute "nor the volume itself" /usr/libexec/dormouse/dormouse-attach --device "$one"
refute "nor when it sees all" /usr/libexec/dormouse/dormouse-attach --all
refute "nothing is attached" grep -q handle= /sys/class/misc/dormouse-control/status

wipefs -qa "$copy"
prove "without the copy the volume is attached" /usr/libexec/dormouse/dormouse-attach --device "$one"
mount "$one" /v/one
prove "and backed up again, by what changed" ctl plans run plan
prove "as an increment" test "$(json "sum(p['kind'] == 'incremental' for p in d)" points)" = 1
power_off
