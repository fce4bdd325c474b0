# SPDX-License-Identifier: GPL-3.0-or-later
#
# What the scenarios of the installed helper share. Sourced after lib.sh.
export QT_LOGGING_RULES='*.debug=false'

ctl() { timeout 100 dormousectl "$@"; }
export -f ctl
json() { # FILTER COMMAND...: a value out of dormousectl's answer, by Python
    local filter=$1
    shift
    ctl --json "$@" | python3 -c "import json, sys; d = json.load(sys.stdin); print($filter)"
}
volume() { json "next(v['$2'] for v in d if v['device'] == '$1')" volumes; }
helper_pid() { systemctl show -P MainPID dormoused; }
mounted_below_run() { findmnt -rno TARGET | grep -q '^/run/dormouse/'; }
show_log() { say "$(journalctl -u dormoused -u 'dormouse-browse@*' --no-pager -o cat | tail -20)"; }

# make_volumes: /v/one (ext4) and /v/two (XFS) with some files each, and the empty
# folder /backup/repository on a third disk. Sets one, two and backup.
make_volumes() {
    modprobe -a ext4 xfs loop fuse
    load_module
    one=$(disk one) two=$(disk two) backup=$(disk backup)
    mkfs.ext4 -q "$one"
    mkfs.xfs -q "$two"
    mkfs.ext4 -q "$backup"
    mkdir -p /v/one /v/two /backup /restored
    mount "$one" /v/one
    mount "$two" /v/two
    mount "$backup" /backup
    mkdir /backup/repository
    local v i
    for v in one two; do
        mkdir /v/$v/tree
        for ((i = 0; i < 40; i++)); do
            head -c $((RANDOM * 2)) /dev/urandom >/v/$v/tree/$i
        done
        head -c 8M /dev/urandom >/v/$v/big
    done
    mkdir /v/one/private
    echo mine >/v/one/private/note
    chown -R 1000:1000 /v/one/private
    chmod 700 /v/one/private
    sync
    echo 'correct horse' >/tmp/passphrase
}

# protect_and_back_up: both volumes protected, the repository "store", the plan
# "both", and its first backup.
protect_and_back_up() {
    prove "ext4 is protected" ctl protect "$one" --store 64M
    prove "XFS is protected" ctl protect "$two" --store 64M
    prove "a repository is made" ctl repo create /backup/repository --name store \
        --passphrase-file /tmp/passphrase --recovery-key-file /tmp/recovery
    prove "a plan is made" ctl plans create --name both --volume "$one" --volume "$two" --repo store \
        --daily 03:00 --keep 3
    prove "it runs" ctl plans run both
}
