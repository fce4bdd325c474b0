#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# One volume on a device that is slow for every write, and flooded until its writers have to
# wait; another one on a quick device. Both have a durable snapshot. What the second one
# is asked to do is done long before the first has come to its end.
. "$VM_GUEST/lib.sh"
field() { kmod status "$1" | sed -n "s/^$2 //p"; }

load_module
modprobe -a dm_mod dm_delay
disk=$(disk slow) quick=$(disk quick)
echo "0 $(blockdev --getsz "$disk") delay $disk 0 0 $disk 0 100" | dmsetup create --noudevsync slow || die "dmsetup"
dmsetup mknodes
slow_handle=$(kmod create-raw /dev/mapper/slow 128 96) || die "create"
quick_handle=$(kmod create-raw "$quick" 48 40) || die "create"
kmod snapshot --durable "$slow_handle" "$quick_handle" 2>/dev/null >/run/epochs || die "snapshot"
dd if="$quick" of=/run/reference bs=1M count=48 iflag=direct status=none

fio --name=flood --filename=/dev/mapper/slow --rw=randwrite --bs=1M --direct=1 --ioengine=libaio --iodepth=16 --numjobs=3 \
    --size=96M --time_based --runtime=60 --output=/dev/null &
flood=$!
prove "the slow volume's writers wait" wait_until 30 eval '[ "$(field $slow_handle waited)" -ge 2 ]'
start=$SECONDS
fio --name=quick --filename="$quick" --rw=randwrite --bs=4k --direct=1 --ioengine=libaio --iodepth=8 --size=32M \
    --number_ios=1500 --output=/dev/null
prove "the quick one's writes are done" [ $? = 0 ]
say "after $((SECONDS - start)) s"
prove "long before the slow one's" [ $((SECONDS - start)) -lt 20 ]
prove "which go on" kill -0 $flood
prove "they were copied first" [ "$(field "$quick_handle" copied)" -gt $((4 << 20)) ]
snapshot=$(kmod expose "$quick_handle" "$(cut -d' ' -f2 /run/epochs)")
dd if="$snapshot" of=/run/seen bs=1M count=48 iflag=direct status=none
prove "and its snapshot equals the copy made without us" cmp /run/reference /run/seen
kmod unexpose "$quick_handle" "$(cut -d' ' -f2 /run/epochs)"
kill $flood
wait $flood 2>/dev/null
for handle in "$slow_handle" "$quick_handle"; do
    prove "it is recorded on" [ "$(field "$handle" state)" = dormant ]
done
unload_module
