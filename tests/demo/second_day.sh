#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The second day of the demo: see tests/demo/run.
. "$VM_GUEST/lib.sh"
. "$DEMO/common.sh"
home=$(disk home) photos=$(disk photos)

chapter "The next morning"
add_user demo 1000
modprobe -a ext4 xfs
mkdir -p /photos /backup
prove "both volumes were attached before they were mounted" \
    [ "$(grep -c handle= /sys/class/misc/dormouse-control/status)" = 2 ]
mount "$home" /home/demo
mount "$photos" /photos
mount "$(disk backup)" /backup
open_screen
prove "both go on being recorded, verified" wait_until 20 \
    bash -c "[ \$(dormousectl --json volumes | grep -c '\"active\"') = 2 ]"
dormousectl volumes
for volume in /home/demo /photos; do
    dd if=/dev/urandom of=$volume/morning bs=1M count=12 status=none
done
(cd /home/demo && sha256sum morning) >/run/home.sums
(cd /photos && sha256sum morning) >/run/photos.sums
drop_caches
before=$(($(sectors_read "$home") + $(sectors_read "$photos")))
prove "a backup runs" dormousectl backup Daily
read_bytes=$((($(sectors_read "$home") + $(sectors_read "$photos") - before) * 512))
changed_bytes=$(last_backup changedBytes)
run_figures morning
dormousectl points
figure read_from_the_disks_as_the_kernel_counts $((read_bytes / 1000)) kB
prove "it is an increment" [ "$(points 'p["kind"] == "incremental"')" = 6 ]
prove "it read no more than 1.2 times what had changed" \
    [ $((read_bytes * 10)) -le $((changed_bytes * 12)) ]
prove "it has the new file on ext4" holds /home/demo /run/home.sums
prove "it has the new file on XFS" holds /photos /run/photos.sums

chapter "Restore"
mkdir /photos/restored
file=$(head -1 /home/demo/files.sums | cut -c67-)
folder=${file%/*}
describe() { # FOLDER: everything about what is in it
    (cd "$1" && find . -printf '%P %y %m %U %G %T@ %l\n' | sort && getfattr -Rd . 2>/dev/null &&
        find . -type f -print0 | sort -z | xargs -0 sha256sum)
}
describe "/home/demo/$folder" >/run/wanted
content=$(sha256sum <"/home/demo/$file")
rm -r "/home/demo/$folder"
prove "a folder is restored" dormousectl restore latest-backup "$folder" \
    --volume /home/demo --to /photos/restored --yes
describe "/photos/restored/${folder##*/}" >/run/seen
prove "its files, owners, modes, times and attributes are the same" cmp /run/wanted /run/seen
prove "among them an attribute of a user" grep -q 'user.kept="yes"' /run/seen
prove "a file is restored" dormousectl restore latest-backup "$file" --volume /home/demo \
    --to /home/demo --yes
prove "it is the same" [ "$(sha256sum <"/home/demo/${file##*/}")" = "$content" ]
photograph 5-restored activity
explain_failures
power_off
