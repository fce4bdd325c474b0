#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Back from the installed helper: backups and snapshots are looked into, files come
# back, a volume is forgotten, and all of it again after the catalog was lost.
. "$VM_GUEST/lib.sh"
. "$VM_SOURCE/tests/vm/scenarios/helper_lib.sh"

no_browse_mount() { ! findmnt -rno TARGET | grep -q '^/run/dormouse/browse/'; }
no_snapshot_disk() { ! ls /dev/dormouse[0-9]* >/dev/null 2>&1; }
no_browse_unit() { ! systemctl list-units --no-legend 'dormouse-browse@*' | grep -q .; }

make_volumes
add_user demo 1000
protect_and_back_up
big=$(sha256sum </v/two/big)
rm /v/two/big
one_id=$(volume "$one" id) two_id=$(volume "$two" id)
backup_id=$(json "next(p['id'] for p in d if p['source'] == 'backup')" points)

# As root and as the user whose files they are.
prove "a backup is browsed" ctl browse "$backup_id" --volume "$two_id" -- test -s big
prove "its unit ends with it" wait_until 20 no_browse_unit
prove "a user sees his own files in it" as_local_user demo timeout 100 \
    dormousectl browse "$backup_id" --volume "$one_id" -- cat private/note
prove "a snapshot is taken" ctl snapshot "$one" "$two"
echo changed >/v/one/private/note
sync
prove "and shows what was" bash -c \
    "test \"\$(ctl browse latest --volume $one_id -- cat private/note)\" = mine"
prove "nothing stays mounted" wait_until 20 no_browse_mount
prove "no snapshot disk stays" wait_until 20 no_snapshot_disk

restored_as_it_was() {
    prove "a deleted file comes back $1" ctl restore "$backup_id" big --volume "$two_id" --to /restored --yes
    prove "as it was" test "$(sha256sum </restored/big)" = "$big"
    prove "a folder comes back" ctl restore "$backup_id" private --volume "$one_id" --to /restored --yes
    prove "with owner and mode" test "$(stat -c '%u %a' /restored/private)" = "1000 700"
    prove "and content" test "$(cat /restored/private/note)" = mine
}
restored_as_it_was "from the backup"

prove "the plan is reduced to one volume" ctl plans update both --volume "$one"
prove "XFS is forgotten, whose snapshot was browsed" ctl forget "$two" --yes
refute "its store is gone" test -e /v/two/.dormouse
prove "the next boot knows one" test "$(grep -c ^volume /etc/dormouse/attach.conf)" = 1

# Nothing but the repository and its passphrase is left.
systemctl stop dormoused
rm -rf /var/lib/dormouse /restored/*
prove "without its catalog the helper starts" ctl volumes
prove "and knows no backup" test "$(json "sum(p['source'] == 'backup' for p in d)" points)" = 0
echo wrong >/tmp/wrong
refute "a wrong passphrase opens nothing" ctl repo open /backup/repository --passphrase-file /tmp/wrong
prove "the repository is opened again" ctl repo open /backup/repository --passphrase-file /tmp/passphrase
prove "its backups are known" test "$(json "sum(p['source'] == 'backup' for p in d)" points)" = 2
restored_as_it_was "though the catalog was lost"
prove "the volume is taken over" ctl protect "$one" --store 64M
prove "under its old id" test "$(volume "$one" id)" = "$one_id"
prove "a new plan is made" ctl plans create --name again --volume "$one" --repo store --by-hand --keep 3
prove "it runs" ctl plans run again
say "$(ctl activity --limit 1)"
prove "building on what is stored" test "$(json "d[0]['kind']" points "$one")" != full
prove "the repository verifies" ctl repo verify store
show_log
power_off
