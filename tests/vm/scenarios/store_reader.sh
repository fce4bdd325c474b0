#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# store_reader.sh FS: what dormouse-store reads from a device, without the module's
# help, is what the module says and what a copy made without either shows.
. "$VM_GUEST/lib.sh"
fs=$1
reader=$VM_BUILD/helper/dormouse-store

load_module
volume=$(disk volume)
modprobe "$fs"
make_file_system "$fs" "$volume"
mkdir -p /v /ref
mount -t tmpfs -o size=2000M tmpfs /ref
mount "$volume" /v
dd if=/dev/urandom of=/v/big bs=1M count=24 status=none
sync
handle=$(kmod create "$volume" /v 64 "$fs") || die "create"
superblock=$(kmod status "$handle" | sed -n 's/^superblock //p')

# Not through the device's page cache, which the module's own writes pass by.
read_store() {
    blockdev --flushbufs "$volume"
    "$reader" --superblock "$superblock" "$@"
}
# Are two images equal outside the store, of which the reader says where it is?
same() {
    read_store --json print "$volume" >/ref/store.json
    python3 - "$@" <<'PYTHON'
import json, sys
hidden = [(e["offsetBytes"], e["lengthBytes"]) for e in json.load(open("/ref/store.json"))["storeExtents"]]
assert sum(length for _, length in hidden) == 64 << 20, hidden
different, at = 0, 0
with open(sys.argv[1], "rb") as one, open(sys.argv[2], "rb") as other:
    while True:
        a, b = one.read(1 << 20), other.read(1 << 20)
        for i in range(0, max(len(a), len(b)), 4096) if a != b else ():
            if a[i:i + 4096] != b[i:i + 4096] and not any(o <= at + i < o + n for o, n in hidden):
                different += 1
        at += len(a)
        if not a and not b:
            break
print(different, "blocks differ")
sys.exit(different != 0)
PYTHON
}
write_about() {
    fio --name=random --filename=/v/big --rw=randwrite --bs=4k --size=24M --io_size=3M --ioengine=psync \
        --randseed="$1" --minimal >/dev/null
    cp -r /usr/share/doc/b* /v/ 2>/dev/null
    sync
}

mount -o remount,ro /v
sync
dd if="$volume" of=/ref/before bs=1M iflag=direct status=none
epoch=$(kmod snapshot --durable "$handle")
prove "$fs: a durable snapshot is in the store" \
    grep -q '"hasSnapshot":true' <(read_store --json print "$volume")
mount -o remount,rw /v
write_about 1
prove "$fs: the store is sound while it is written" read_store check "$volume"
prove "$fs: the snapshot can be rebuilt" read_store snapshot "$volume" "$epoch" /ref/rebuilt
prove "$fs: and equals the copy made without us" same /ref/before /ref/rebuilt
refute "$fs: which the volume itself no longer does" same /ref/before "$volume"

next=$(kmod snapshot --durable "$handle")
write_about 2
kmod changes "$handle" "$epoch" >/ref/map-of-module
read_store changes "$volume" "$epoch" >/ref/map-of-reader
prove "$fs: both say the same of what changed" diff /ref/map-of-module /ref/map-of-reader
prove "$fs: which is something" test -s /ref/map-of-module

prove "$fs: the second snapshot can be rebuilt" read_store snapshot "$volume" "$next" /ref/second
disk=$(kmod expose "$handle" "$next")
prove "$fs: and equals the module's disk of it" same "$disk" /ref/second
kmod unexpose "$handle" "$next"

prove "unmounting works" umount /v
kmod seal "$handle"
prove "$fs: the store is sealed" grep -q '"isSealed":true' <(read_store --json check "$volume")
prove "unloading works" unload_module
prove "$fs: the store is sound without the module" read_store check "$volume"
for snapshot in "$epoch rebuilt" "$next second"; do
    read -r moment image <<<"$snapshot"
    prove "$fs: snapshot $moment can be rebuilt without it" \
        read_store snapshot "$volume" "$moment" /ref/again
    prove "$fs: as it was with it" cmp /ref/again "/ref/$image"
    rm -f /ref/again
done
