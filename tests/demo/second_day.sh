#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The second day of the demo: see tests/demo/run.
. "$VM_GUEST/lib.sh"
. "$DEMO/common.sh"

chapter "The next morning"
add_user demo 1000
mkdir -p /photos /backup
prove "both volumes were attached before they were mounted" \
    [ "$(grep -c handle= /sys/class/misc/dormouse-control/status)" = 2 ]
mount "$(disk home)" /home/demo
mount "$(disk photos)" /photos
mount "$(disk backup)" /backup
open_screen
refute "nothing is unverified" sh -c 'dormousectl volumes | grep -qi unverified'
dd if=/dev/urandom of=/home/demo/morning bs=1M count=3 status=none
sync
before=$(sectors_read "$(disk home)")
prove "a backup runs" dormousectl backup Daily
prove "it is an increment: nothing is read in full" sh -c 'dormousectl points /home/demo | grep -iE "full|incremental|compared" | head -1 | grep -qi incremental'
read_bytes=$((($(sectors_read "$(disk home)") - before) * 512))
figure read_from_the_volume_for_the_increment $((read_bytes / 1024)) KiB
(cd /home/demo && sha256sum morning) >/run/morning.sums
prove "and it has the new file" \
    dormousectl browse latest-backup --volume /home/demo -- sha256sum --quiet -c /run/morning.sums

chapter "Restore"
mkdir /home/demo/restored
file=$(head -1 /var/lib/dormouse/home.sums | cut -c67-)
folder=$(dirname "$file")
prove "a file and a folder are restored" dormousectl restore latest-backup "$file" "$folder" \
    --volume /home/demo --to /home/demo/restored --yes
describe() { stat -c '%a %u %g %Y' "$1" && getfattr -d "$1" 2>/dev/null | grep -v '^#'; }
prove "content, owner, mode, times and attributes are the same" sh -c "
    cmp '/home/demo/$file' '/home/demo/restored/$(basename "$file")'"
prove "so says its description" [ "$(describe "/home/demo/$file")" = "$(describe "/home/demo/restored/$(basename "$file")")" ]
prove "the folder is the same" diff -r "/home/demo/$folder" "/home/demo/restored/$(basename "$folder")"
photograph 5-restored activity
power_off
