#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The helper as it is installed: started by the bus, in its sandbox, with the real
# polkit; volumes protected and backed up, the schedule, absence, the end.
. "$VM_GUEST/lib.sh"
. "$VM_SOURCE/tests/vm/scenarios/helper_lib.sh"

make_volumes
add_user demo 1000

prove "the bus starts the helper" ctl volumes
prove "it runs in its unit" systemctl is-active --quiet dormoused
# Bits of <linux/capability.h>: what it needs first, then what it must not have.
may_have() { test $((0x$(sed -n 's/^CapBnd:\t//p' "/proc/$(helper_pid)/status") >> $1 & 1)) = 1; }
prove "it may mount (CAP_SYS_ADMIN)" may_have 21
for capability in 6:setgid 7:setuid 12:net_admin 16:sys_module 17:sys_rawio 19:sys_ptrace 22:sys_boot; do
    refute "it may not ${capability#*:}" may_have ${capability%:*}
done
prove "a user at the machine may look" as_local_user demo timeout 60 dormousectl volumes
refute "and may not change" as_local_user demo timeout 60 dormousectl protect "$one" </dev/null
refute "a user elsewhere may not even look" as_user demo timeout 60 dormousectl volumes </dev/null

protect_and_back_up
prove "the next boot knows both" test "$(grep -c ^volume /etc/dormouse/attach.conf)" = 2
prove "both are recorded" test "$(json "sum(v['state'] == 'active' for v in d)" volumes)" = 2
prove "the repository's recovery key was handed over" test -s /tmp/recovery
prove "both backups are full" test "$(json "sum(p['kind'] == 'full' for p in d)" points)" = 2
dd if=/dev/urandom of=/v/one/big bs=64k count=4 conv=notrunc status=none
rm /v/two/big
prove "it runs again" ctl plans run both
say "$(ctl activity --limit 1)"
prove "both backups are incremental" test "$(json "sum(p['kind'] == 'incremental' for p in d)" points)" = 2

# A destination that is not mounted is mounted for the job only.
umount /backup
prove "it runs with the disk unmounted" ctl plans run both
refute "and leaves nothing mounted" mounted_below_run
mount "$backup" /backup

# Killed in the middle of a run: nothing stays, the next run is whole.
dd if=/dev/urandom of=/v/two/more bs=1M count=64 status=none
sync
ctl plans run both --no-wait >/dev/null
sleep 1
systemctl kill -s KILL dormoused
prove "it starts again" wait_until 30 ctl volumes
prove "no snapshot of nobody is left" test "$(json "sum(v['snapshotCount'] for v in d)" volumes)" = 0
refute "no mount is left" mounted_below_run
prove "the next run is well" ctl plans run both
prove "the repository verifies" ctl repo verify store

# The schedule: a minute before its time comes, and on.
runs_by_itself() { test "$(json 'd[0]["id"]' points)" != "$newest"; }
newest=$(json 'd[0]["id"]' points)
date -s "$(date -d tomorrow +%F) 04:29:50" >/dev/null
prove "the rhythm changes" ctl plans update both --daily 04:30
prove "the plan runs by itself" wait_until 60 runs_by_itself
prove "when its time has come, not before" test "$(date -d "@$(json 'd[0]["time"]' points)" +%H:%M)" = 04:30
prove "the plan is paused" ctl plans pause both --for 4h

umount /v/one
prove "an unmounted volume is dormant" wait_until 20 bash -c \
    "ctl --json volumes | grep -q '\"dormant\"'"
prove "udev's tool finds it attached" /usr/libexec/dormouse/dormouse-attach --all
mount "$one" /v/one

prove "the helper stops" systemctl stop dormoused
refute "and leaves nothing mounted" mounted_below_run
show_log
power_off
