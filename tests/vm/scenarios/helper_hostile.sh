#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Callers who mean no good, on the real bus with the real polkit: each call gets an
# error and nothing else, and the helper goes on as if nothing had been.
. "$VM_GUEST/lib.sh"
. "$VM_SOURCE/tests/vm/scenarios/helper_lib.sh"

caller() { /usr/bin/python3 "$VM_SOURCE/tests/vm/scenarios/helper_caller.py" "$@"; }
objects() {
    busctl tree --list org.dormouse.Helper1 | grep -E '/(volume|plan|repository)/'
}
# What a successful attack would have changed.
everything() {
    ctl --json volumes | grep -vE 'Bytes|Time'
    ctl --json plans list | grep -vE 'Time'
    ctl --json repo list | grep -vE 'Bytes|Time'
    ctl --json points | grep -vE 'Bytes'
    find /etc/dormouse /var/lib/dormouse/keys /backup/repository /etc/passwd -printf '%p %m %U %s %l\n' | sort
}

make_volumes
add_user demo 1000
protect_and_back_up
mapfile -t objects < <(objects)
prove "there are objects to attack" test ${#objects[@]} -ge 4
point=$(json "next(p['id'] for p in d if p['source'] == 'backup')" points)
one_id=$(volume "$one" id)
contract=$VM_SOURCE/helper/dbus
pid=$(helper_pid)
everything >/tmp/before

prove "a user elsewhere may call nothing" as_user demo /usr/bin/python3 \
    "$VM_SOURCE/tests/vm/scenarios/helper_caller.py" stranger "$contract" "${objects[@]}"
prove "a user at the machine may only look" as_local_user demo /usr/bin/python3 \
    "$VM_SOURCE/tests/vm/scenarios/helper_caller.py" user "$contract" "${objects[@]}"
prove "root's junk is refused too" caller root "$contract" "${objects[@]}" \
    --point "$point" --volume "$one_id"
refute "a repository is not made in a folder that is not empty" ctl repo create \
    /backup/repository/../../etc --name etc --no-encryption
refute "dormousectl does not leave the restore point" ctl restore "$point" ../../etc/passwd \
    --volume "$one_id" --to /restored --yes
prove "nothing was restored" test -z "$(ls /restored)"

prove "the helper is the same process" test "$(helper_pid)" = "$pid"
prove "and was never started again" test "$(systemctl show -P NRestarts dormoused)" = 0
everything >/tmp/after
prove "nothing has changed" diff /tmp/before /tmp/after
refute "nothing stays mounted" mounted_below_run
figure "helper.memory" "$(awk '/VmRSS/ {print int($2 / 1024)}' "/proc/$pid/status")" MiB
prove "it still does its work" ctl plans run both
show_log
power_off
