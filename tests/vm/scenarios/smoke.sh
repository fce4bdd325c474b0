# SPDX-License-Identifier: GPL-3.0-or-later
# The plain mode gives a scenario what it promises: root, its disks by name,
# file systems, the host's files, the right time, and a place for results.

. "$VM_GUEST/lib.sh"

say "running $(uname -r) as $(id -un) on $(hostname)"
prove "the kernel need not measure its clock" grep -q 'tsc_early_khz=[1-9]' /proc/cmdline
prove "the disk is there under its name" test -b "$(disk scratch)"
prove "a second kind of disk is there" test -b "$(disk fast)"
prove "a third kind of disk is there" test -b "$(disk old)"
prove "its sector size is as asked" test "$(blockdev --getss "$(disk fast)")" = 4096
refute "an unknown disk is not found" disk nonsense 1
prove "ext4 can be made" mkfs.ext4 -q "$(disk scratch)"
prove "ext4 mounts" mount "$(disk scratch)" /mnt
prove "files can be written" cp -r /etc/pam.d /mnt/
prove "xfs can be made" mkfs.xfs -q "$(disk fast)"
mkdir -p /media/fast
prove "xfs mounts" mount "$(disk fast)" /media/fast
prove "the source tree is visible" test -e "$VM_SOURCE/tests/vm/README.md"
prove "the clock is right" test "$(date +%s)" -ge "$(stat -c %Y /run/vm/boot/job)"
prove "loopback is up" test $(($(</sys/class/net/lo/flags) & 1)) = 1
prove "nothing else is on the network" test "$(ls /sys/class/net)" = lo
prove "arguments arrive whole" test "$1|$2" = "two words|"
echo "from the guest" >"$OUT/smoke"
prove "the root looks writable" touch /etc/written-in-the-guest
refute "a command that fails is refuted" false
figure boot "$(cut -d' ' -f1 /proc/uptime)" s
