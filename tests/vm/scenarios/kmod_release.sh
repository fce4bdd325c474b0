#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Nothing holds a volume: while it is tracked, a snapshot of it lives or not, but
# none is exposed, it can be unmounted, its mapping removed, its logical volume
# deactivated, its loop device released, its disk's driver and our module unloaded,
# at once. What the status says afterwards is true.
. "$VM_GUEST/lib.sh"
state() { kmod status "$1" 2>/dev/null | sed -n 's/^state //p'; }
# A volume whose disk was taken away is let go by itself.
is_let_go() { wait_until 5 sh -c "! python3 $VM_GUEST/kmod.py status $1 >/dev/null 2>&1"; }

# at_once NAME COMMAND...: succeeds, and within two seconds (a debug kernel takes longer).
at_once() {
    local name=$1 start end
    shift
    start=$(date +%s%N)
    prove "$name" "$@"
    end=$(date +%s%N)
    figure "seconds.${name// /-}" "$(awk "BEGIN { printf \"%.2f\", ($end - $start) / 1e9 }")" s
    prove "$name: at once" [ $((end - start)) -lt $((2000000000 * VM_SLOWNESS)) ]
}
# protect DEVICE PLACE [FS]: a fresh file system with a store and some dirty data.
protect() {
    mkfs.ext4 -q -F -b 4096 "$1"
    mkdir -p "$2"
    mount "$1" "$2" || die "mount $1"
    handle=$(kmod create "$1" "$2" 16 ext4) || die "create on $1"
    dd if=/dev/urandom of="$2/dirty" bs=1M count=8 status=none
}

load_module
modprobe -a ext4 dm_mod loop
disk=$(disk volume)
sectors=$(($(blockdev --getsz "$disk") / 2))

say "a mapping"
echo "0 $sectors linear $disk 0" | dmsetup create --noudevsync mapped || die "dmsetup"
dmsetup mknodes
protect /dev/mapper/mapped /mapped
mapped=$handle
kmod snapshot "$mapped" 2>/dev/null
dd if=/dev/urandom of=/mapped/dirty bs=1M count=4 conv=notrunc status=none
prove "it is active while it is mounted" [ "$(state "$mapped")" = active ]
at_once "umount with dirty data" umount /mapped
prove "it is dormant then" [ "$(state "$mapped")" = dormant ]
at_once "dmsetup remove" dmsetup remove --noudevsync mapped
prove "it is not there any more then" [ "$(state "$mapped")" != dormant ]
refute "and no snapshot of it can be taken" kmod snapshot "$mapped"
refute "nor the old one shown" sh -c "python3 $VM_GUEST/kmod.py expose $mapped 2 && dd if=/dev/dormouse0 of=/dev/null count=1"

say "the same mapping again"
echo "0 $sectors linear $disk 0" | dmsetup create --noudevsync mapped || die "dmsetup"
dmsetup mknodes
prove "a new disk in the old one's place is not taken for it" [ "$(state "$mapped")" != dormant ]
prove "the old one is let go" is_let_go "$mapped"
at_once "removing the second mapping" dmsetup remove --noudevsync mapped

say "a loop device"
truncate -s 64M /run/image
loop=$(losetup -f --show /run/image)
protect "$loop" /loop
umount /loop
at_once "releasing the loop device" losetup -d "$loop"
prove "the loop device is let go" is_let_go "$handle"

if command -v lvm >/dev/null; then
    say "a logical volume"
    exec 9>&1
    lvm() { command lvm "$@" --config 'activation { udev_sync=0 udev_rules=0 } devices { use_devicesfile=0 }' 9>&-; }
    lvm pvcreate -q -y "$disk" && lvm vgcreate -q group "$disk" && lvm lvcreate -q -y -L 128M -n logical group || die "lvm"
    protect /dev/group/logical /logical
    umount /logical
    at_once "lvchange with -an" lvm lvchange -an group/logical
    prove "the deactivated volume is let go" is_let_go "$handle"
    lvm vgremove -q -y group
fi

say "the module"
protect "$disk" /plain
plain=$handle
at_once "rmmod while a mounted volume is tracked" unload_module
prove "the file system goes on" dd if=/dev/urandom of=/plain/after bs=1M count=1 conv=fsync status=none
umount /plain
prove "and is whole" e2fsck -fn "$disk"
