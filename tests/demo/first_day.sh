#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The first day of the demo: see tests/demo/run.
. "$VM_GUEST/lib.sh"
. "$DEMO/common.sh"
home=$(disk home) photos=$(disk photos)

chapter "A machine with two volumes in use"
add_user demo 1000
modprobe -a ext4 xfs
mkfs.ext4 -q -b 4096 -L home "$home"
mkfs.xfs -q -L photos "$photos"
mkfs.ext4 -q -L backup "$(disk backup)"
mkfs.ext4 -q -L copies "$(disk copies)"
mkdir -p /photos /backup /copies
mount "$(disk copies)" /copies
mount "$home" /home/demo
mount "$photos" /photos
mount "$(disk backup)" /backup
mkdir /backup/repository
tar -C /home/demo -xf "$(disk files)"
cp -a /home/demo/. /photos/
sums=/home/demo/files.sums
say "$(wc -l <$sums) files of /usr/share on ext4, the same on XFS"
prove "there are at least 5,000 files" [ "$(find /home/demo/files -type f | wc -l)" -ge 5000 ]
cp $sums /run/files.sums
file=$(head -1 /run/files.sums | cut -c67-)
setfattr -n user.kept -v yes "/home/demo/$file"
chown -R demo:demo "/home/demo/${file%/*}"
chmod 640 "/home/demo/$file"
"$writer" init 64 /home/demo/ledger /photos/ledger
sync
start_writers
say "Two writers rewrite a large file on each volume, at random places, in one known order."
open_screen

chapter "Protect both"
load_module
prove "the ext4 volume is protected" dormousectl protect /home/demo --store 192M
prove "the XFS volume is protected" dormousectl protect /photos --store 192M
printf 'correct horse battery staple' >/run/passphrase
prove "an encrypted repository is made" dormousectl repo create /backup/repository --name Backup \
    --passphrase-file /run/passphrase --recovery-key-file /run/recovery
prove "a plan is made" dormousectl plans create --name Daily --volume /home/demo --volume /photos \
    --repo Backup --every 1h --keep 10
photograph 1-protected volumes

chapter "A full backup of one moment"
open_window overview
least=$(acknowledged)
dormousectl backup Daily >/run/full.out 2>&1 &
backup=$!
sleep 3
picture 2-backing-up
wait $backup
prove "the full backup succeeds" [ $? = 0 ]
most=$(issued)
close_window
cat /run/full.out
run_figures full
prove "both are full" [ "$(points 'p["kind"] == "full"')" = 2 ]
prove "the backup is one moment of both volumes, written all the time" same_moment "$least" "$most"
prove "every file on ext4 is the same in the backup" holds /home/demo /run/files.sums
prove "every file on XFS is the same in the backup" holds /photos /run/files.sums

chapter "An increment, when its time has come"
dd if=/dev/urandom of=/home/demo/new bs=1M count=6 status=none
(cd /home/demo && sha256sum new) >/run/new.sums
sync
least=$(acknowledged)
date -s '+61 minutes' >/dev/null
prove "its plan's schedule runs a backup" wait_until 120 \
    bash -c ". $DEMO/common.sh; [ \"\$(points 'p[\"kind\"] == \"incremental\"')\" = 2 ]"
most=$(issued)
run_figures increment
prove "the increment is one moment, too" same_moment "$least" "$most"
prove "and has the new file" holds /home/demo /run/new.sums
dormousectl plans update Daily --by-hand # from here on the story says when
cp /home/demo/new /run/new
refute "none of its bytes is readable in the repository" shows /backup/repository /run/new
prove "they are on the volume" shows /home/demo /run/new

chapter "The seed case: dirty, unmounted, written by tools, mounted again"
stop_writers
mount -o remount,ro /home/demo
mount -o remount,ro /photos
sync
for volume in home photos; do
    dd if="$(disk $volume)" of=/copies/$volume bs=4M iflag=direct conv=sparse status=none
done
prove "a snapshot of both is taken" dormousectl snapshot /home/demo /photos
mount -o remount,rw /home/demo
mount -o remount,rw /photos
for volume in /home/demo /photos; do
    dd if=/dev/zero of=$volume/dirty bs=1M count=100 status=none
done
figure dirty_when_unmounted "$(awk '/^Dirty:/ {print $2}' /proc/meminfo)" KiB
prove "unmounting ext4 works at once" umount /home/demo
prove "unmounting XFS works at once" umount /photos
prove "both volumes are shown dormant" wait_until 10 \
    bash -c "[ \$(dormousectl --json volumes | grep -c '\"dormant\"') = 2 ]"
photograph 3-dormant volumes
say "e2fsck -f: $(e2fsck -f -p "$home" | tail -1)"
prove "tune2fs writes to the dormant ext4" tune2fs -c 23 "$home"
prove "xfs_admin writes to the dormant XFS" xfs_admin -L pictures "$photos"
mount "$home" /home/demo
mount "$photos" /photos
for volume in home photos; do
    device=$(disk $volume)
    handle=$(sed -n "s/.*handle=\([0-9]*\) .*dev=$(cat "/sys/block/${device#/dev/}/dev")\b.*/\1/p" \
        /sys/class/misc/dormouse-control/status)
    epoch=$(kmod epochs "$handle" | tail -1 | cut -d' ' -f1)
    image=$(kmod expose "$handle" "$epoch")
    prove "the snapshot of $volume equals the copy made before, to the byte" \
        kmod same "$handle" /copies/$volume "$image"
    refute "while $volume itself is another by now" cmp -s /copies/$volume "$device"
    kmod unexpose "$handle" "$epoch"
done
(cd /home/demo && sha256sum dirty new ledger) >/run/home.sums
(cd /photos && sha256sum dirty ledger) >/run/photos.sums
prove "the next increment runs" dormousectl backup Daily
run_figures seed_increment
prove "on ext4 it has what was written meanwhile" holds /home/demo /run/home.sums
prove "on XFS it has what was written meanwhile" holds /photos /run/photos.sums
prove "and all the files of the first day" holds /home/demo /run/files.sums
prove "and the tools' writes: ext4" dormousectl browse latest-backup --volume /home/demo -- \
    sh -c 'tune2fs -l "$(findmnt -no SOURCE -T .)" | grep -q "Maximum mount count: *23"'
prove "and the tools' writes: XFS" dormousectl browse latest-backup --volume /photos -- \
    sh -c 'xfs_admin -l "$(findmnt -no SOURCE -T .)" | grep -q pictures'
prove "its ext4 is without fault" dormousectl browse latest-backup --volume /home/demo -- \
    sh -c 'e2fsck -fn "$(findmnt -no SOURCE -T .)"'
photograph 4-backups restore

chapter "Good night"
explain_failures
power_off
