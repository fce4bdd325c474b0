#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What a volume of 1 TiB with room for 8 GiB of scattered old data costs in kernel
# memory: by our own account, and by the kernel's. All of it is reserved at attach.
. "$VM_GUEST/lib.sh"
kib() { # free, or as good as: also in the lists of free pages that each processor has
    {
        awk '/^(MemFree|Buffers|Cached|SReclaimable):/ { print $2 }' /proc/meminfo
        awk '$1 == "count:" { print $2 * 4 }' /proc/zoneinfo
    } | awk '{ sum += $1 } END { print sum }'
}
settled() { # the most that is free of five looks: the kernel frees some things late
    for _ in 1 2 3 4 5; do
        sync
        echo 3 >/proc/sys/vm/drop_caches
        sleep 0.5
        kib
    done | sort -n | tail -1
}
bytes() { kmod status "$handle" | sed -n 's/^memory //p'; }
mib() { awk "BEGIN { printf \"%.1f\", $1 / 1048576 }"; }

load_module
volume=$(disk volume)
kmod status 0 >/dev/null 2>&1 # whatever the first call loads
before=$(settled)
handle=$(kmod create-raw "$volume" 4096 8200) || die "create"
attached=$(bytes)
kmod snapshot "$handle" >/dev/null 2>&1 || die "snapshot"
for ((i = 0; i < 400; i++)); do
    printf '%s\n' $((RANDOM * 32768 + RANDOM))
done | while read -r n; do
    dd if=/dev/urandom of="$volume" bs=16k count=1 seek=$((1048576 + n % 60000000)) oflag=direct conv=notrunc status=none
done
unfetched=$(bytes)
kmod ack "$handle" 1
used=$(bytes)
after=$(settled)
figure memory.attached "$(mib "$attached")" MiB
figure memory.snapshot "$(mib "$used")" MiB
figure memory.with-a-map-not-fetched "$(mib "$unfetched")" MiB
figure memory.by-the-kernel "$(mib $(((before - after) * 1024)))" MiB
prove "400 places were copied" [ "$(kmod status "$handle" | sed -n 's/^copied //p')" -ge $((399 * 16384)) ]
prove "at most 32 MiB under a snapshot" [ "$used" -le $((32 << 20)) ]
prove "nor much more with a map that was not fetched" [ "$unfetched" -le $((34 << 20)) ]
prove "the kernel's account agrees" [ $(((before - after) / 1024)) -le 40 ]
kmod detach "$handle"

export DM_DISABLE_UDEV=1
modprobe dm_zero
dmsetup create huge --table "0 $((33 << 31)) zero"
prove "what is too large for the store's numbers is refused" \
    grep -q "larger than 32 TiB" <(kmod create-raw /dev/mapper/huge 1 64 2>&1)
dmsetup remove huge
