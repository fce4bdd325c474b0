#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The first day of the demo: see tests/demo/run.
. "$VM_GUEST/lib.sh"
. "$DEMO/common.sh"

chapter "A machine with two volumes in use"
add_user demo 1000
modprobe ext4
modprobe xfs
mkfs.ext4 -q -b 4096 -L home "$(disk home)"
mkfs.xfs -q -L photos "$(disk photos)"
mkfs.ext4 -q -L backup "$(disk backup)"
mkdir -p /photos /backup
mount "$(disk home)" /home/demo
mount "$(disk photos)" /photos
mount "$(disk backup)" /backup
mkdir /home/demo/files /photos/files /backup/repository
find /usr/share -xdev -type f -size -24k 2>/dev/null | sort | head -5200 >/run/list
tar -C / -cf - -T /run/list 2>/dev/null | tar -C /home/demo/files -xf - 2>/dev/null
head -1500 /run/list | tar -C / -cf - -T - 2>/dev/null | tar -C /photos/files -xf - 2>/dev/null
setfattr -n user.kept -v yes "$(find /home/demo/files -type f | head -1)"
(cd /home/demo && find files -type f -print0 | xargs -0 sha256sum) >/run/home.sums
(cd /photos && find files -type f -print0 | xargs -0 sha256sum) >/run/photos.sums
say "$(wc -l </run/home.sums) files on ext4, $(wc -l </run/photos.sums) on XFS"
prove "there are at least 5,000 files" [ "$(cat /run/home.sums /run/photos.sums | wc -l)" -ge 5000 ]
"$writer" init 16 /home/demo/ledger /photos/ledger
sync
start_writers
open_screen

chapter "Protect both"
load_module
prove "the ext4 volume is protected" dormousectl protect /home/demo --store 512M
prove "the XFS volume is protected" dormousectl protect /photos --store 512M
printf 'correct horse battery staple' >/run/passphrase
prove "an encrypted repository is made" dormousectl repo create /backup/repository --name Backup \
    --passphrase-file /run/passphrase --recovery-key-file /run/recovery
prove "a plan is made" dormousectl plans create --name Daily --volume /home/demo --volume /photos \
    --repo Backup --every 1h --keep 10
photograph 1-protected overview

chapter "A full backup of one moment"
least=$(acknowledged)
started=$(date +%s.%N)
dormousectl backup Daily --no-wait >/dev/null 2>&1
photograph 2-backing-up overview
wait_until 400 sh -c '[ "$(dormousectl --json jobs | tr -d " \n" | grep -c "\"running\"")" = 0 ] && dormousectl points | grep -qi full'
most=$(issued)
figure full_backup_seconds "$(echo "$(date +%s.%N) $started" | awk '{printf "%.1f", $1-$2}')" s
dormousectl points
prove "the backup is one moment of both volumes, written all the time" same_moment "$least" "$most"
prove "every file on ext4 is the same in the backup" \
    dormousectl browse latest-backup --volume /home/demo -- sha256sum --quiet -c /run/home.sums
prove "every file on XFS is the same in the backup" \
    dormousectl browse latest-backup --volume /photos -- sha256sum --quiet -c /run/photos.sums
refute "the repository shows no plaintext" grep -rqF "GNU GENERAL PUBLIC LICENSE" /backup/repository

chapter "An increment, when its time has come"
dd if=/dev/urandom of=/home/demo/new bs=1M count=6 status=none
sync
least=$(acknowledged)
before=$(dormousectl points | grep -ciE 'incremental')
date -s '+61 minutes' >/dev/null
wait_until 300 sh -c "[ \"\$(dormousectl points | grep -ciE incremental)\" -gt $before ]"
prove "the schedule ran the increment" [ $? = 0 ]
most=$(issued)
prove "the increment is one moment, too" same_moment "$least" "$most"
dormousectl activity --limit 3

chapter "The seed case: dirty, unmounted, written by tools, mounted again"
stop_writers
mount -o remount,ro /home/demo
sync
mkdir -p /run/reference
mount -t tmpfs -o size=2200M tmpfs /run/reference
dd if="$(disk home)" of=/run/reference/home bs=1M iflag=direct status=none
prove "a snapshot is taken" dormousectl snapshot /home/demo
mount -o remount,rw /home/demo
dd if=/dev/zero of=/home/demo/dirty bs=1M count=100 status=none
prove "unmounting works at once" umount /home/demo
prove "the volume is shown dormant" sh -c 'dormousectl volumes | grep -qi dormant'
photograph 3-dormant volumes
e2fsck -f -p "$(disk home)" >/dev/null
prove "tune2fs writes to the dormant volume" tune2fs -c 23 "$(disk home)"
mount "$(disk home)" /home/demo
handle=$(sed -n 's/.*handle=\([0-9]*\) dev=.*/\1/p' /sys/class/misc/dormouse-control/status | head -1)
epoch=$(kmod epochs "$handle" | tail -1 | cut -d' ' -f1)
image=$(kmod expose "$handle" "$epoch")
prove "the snapshot equals the copy made before, to the byte" kmod same "$handle" /run/reference/home "$image"
kmod unexpose "$handle" "$epoch"
umount /run/reference
prove "the next increment runs" dormousectl backup Daily
(cd /home/demo && sha256sum dirty new ledger) >/run/changed.sums
prove "and has what was written meanwhile" \
    dormousectl browse latest-backup --volume /home/demo -- sha256sum --quiet -c /run/changed.sums
cp /run/home.sums /run/changed.sums /run/passphrase /var/lib/dormouse/ 2>/dev/null
photograph 4-backups restore

chapter "Good night"
power_off
