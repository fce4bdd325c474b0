#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# kmod_ioctl_fuzz.sh SECONDS [SEED]: hostile callers of the control device, while a
# volume is tracked and written. They get errors and nothing else: the kernel log
# stays quiet, and the volume's map has every difference afterwards.
. "$VM_GUEST/lib.sh"
seconds=$1 seed=${2:-$RANDOM}
fuzz() { python3 "$VM_GUEST/kmod_fuzz.py" "$@"; }

load_module
modprobe -a ext4
kept_disk=$(disk kept) scrap_disk=$(disk scrap)
make_file_system ext4 "$kept_disk"
make_file_system ext4 "$scrap_disk"
mkdir -p /kept /scrap /ref
mount -t tmpfs -o size=1G tmpfs /ref
mount "$kept_disk" /kept
mount "$scrap_disk" /scrap
dd if=/dev/urandom of=/kept/file bs=1M count=16 status=none
dd if=/dev/urandom of=/scrap/file bs=1M count=8 status=none
kept=$(kmod create "$kept_disk" /kept 40 ext4) || die "create"
scrap=$(kmod create "$scrap_disk" /scrap 40 ext4) || die "create"
mount -o remount,ro /kept
sync
dd if="$kept_disk" of=/ref/one bs=1M iflag=direct status=none
epoch=$(kmod snapshot "$kept" 2>/dev/null)
mount -o remount,rw /kept

prove "a user without rights gets EACCES and EPERM, with every call" fuzz user 1000
for volume in kept scrap; do
    fio --name=$volume --filename=/$volume/file --rw=randwrite --bs=4k --ioengine=psync --direct=1 \
        --time_based --runtime="$seconds" --minimal >/run/fio.$volume 2>&1 &
done
say "seed $seed"
fuzz root "$seconds" "$seed" "$kept" "$scrap" "$kept_disk" "$scrap_disk" >/run/fuzz 2>&1
code=$?
cat /run/fuzz
prove "the callers themselves come to an end" [ $code = 0 ]
for writer in $(jobs -p); do
    wait "$writer"
    code=$?
    prove "a writer never saw an error" [ $code = 0 ]
done
calls=$(sed -n 's/^calls //p' /run/fuzz)
prove "a tenth of the calls were good ones" [ $((10 * $(sed -n 's/.*\bok=\([0-9]*\).*/\1/p' /run/fuzz))) -ge "$calls" ]
figure fuzz.calls "$calls" calls

prove "the volume is tracked on" [ "$(kmod status "$kept" | grep -c '^state active')" = 1 ]
kmod epochs "$kept" | while read -r number flags _; do
    if [ $((flags & 32)) != 0 ]; then kmod unexpose "$kept" "$number"; fi
    if [ $((flags & (8 | 64))) != 0 ]; then kmod drop "$kept" "$number"; fi
done
mount -o remount,ro /kept
sync
dd if="$kept_disk" of=/ref/two bs=1M iflag=direct status=none
prove "a snapshot can be taken as ever" kmod snapshot "$kept"
covered=$(kmod covers "$kept" "$epoch" /ref/one /ref/two --later)
prove "the change maps have every difference: $covered" [ $? = 0 ]
figure fuzz.missing "${covered##* missing }" blocks
refute "without one extent they are found wanting" kmod covers "$kept" "$epoch" /ref/one /ref/two --later --drop
umount /scrap
prove "the file system on the other volume is whole" e2fsck -fn "$scrap_disk"
prove "the module can be unloaded" unload_module
