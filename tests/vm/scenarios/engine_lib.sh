# SPDX-License-Identifier: GPL-3.0-or-later
#
# What the engine's scenarios share. Sourced after lib.sh.

state=/run/engine
driver() { "$VM_BUILD/tests/support/engine_driver" $state "$@"; }

# mount_volumes FOLDER: ext4 at /v/a, XFS at /v/b, and at FOLDER the disk that the
# repositories are on. Sets a, b and c, their devices.
mount_volumes() {
    modprobe -a ext4 xfs loop fuse
    a=$(disk a) b=$(disk b) c=$(disk c)
    mkfs.ext4 -q "$a"
    mkfs.xfs -q "$b"
    mkfs.ext4 -q "$c"
    mkdir -p /v/a /v/b "$1"
    mount "$a" /v/a
    mount "$b" /v/b
    mount "$c" "$1"
}

# Every file's content, owner, mode, time, link, xattrs and ACLs below a folder.
# Directories' times are left out where the source goes on changing.
fingerprint() {
    (
        cd "$1" || exit 1
        find . -path ./.dormouse -prune -o -path ./lost+found -prune -o \
            -printf '%P %y %m %U %G %s %T@ %l\n' | sed -E 's/^([^ ]*) d (.*) [0-9]+ [0-9.]+ $/\1 d \2/' | sort
        find . -path ./.dormouse -prune -o -path ./lost+found -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
        # XFS shows its access lists twice, once under a name of its own.
        getfattr -R -h -d -m - . 2>/dev/null | grep -v -e '^$' -e '^trusted.SGI_ACL' | sort
    )
}

# KiB read from a disk so far.
read_kib() { echo $(($(awk '{print $3}' "/sys/class/block/${1##*/}/stat") / 2)); }

# browse RECORD VOLUME: mounts it for root and prints where; browse_pid is set.
browse() {
    local answer session path
    answer=$(driver browse "$1" "$2" 0) || return 1
    session=$(sed -n 1p <<<"$answer")
    path=$(sed -n 2p <<<"$answer")
    start_browse "$session" "$path"
}

start_browse() {
    "$VM_BUILD/helper/browse/dormouse-browse" "$1" &
    browse_pid=$!
    wait_until 60 test -e "/run/dormouse/browse-requests/$1.answer" || return 1
    browse_path=$2
    mountpoint -q "$2"
}

end_browse() {
    kill "$browse_pid"
    wait "$browse_pid"
}

record_of() { awk '$1 == "record" {print $2}' "$1"; }
# field OUTPUT VOLUME NAME: "changed", "read", "new", "stored"; or "kind"
field() {
    if [ "$3" = kind ]; then
        awk -v id="$2" '$1 == "volume" && $2 == id {print $3}' "$1"
    else
        awk -v id="$2" -v name="$3" '$1 == "volume" && $2 == id {for (i = 4; i < NF; i++) if ($i == name) print $(i + 1)}' "$1"
    fi
}
