# SPDX-License-Identifier: GPL-3.0-or-later
# What both days of the demo need. Sourced after guest/lib.sh.

writer=$VM_BUILD/tests/support/prefix_writer
kmod() { python3 "$VM_GUEST/kmod.py" "$@"; }

# chapter TITLE: a heading of the story.
chapter() {
    say ""
    say "== $* =="
}

start_writers() {
    "$writer" run --pause-us 20000 /run/progress /home/demo/ledger /photos/ledger &
    writers=$!
    wait_until 30 test -s /run/progress
}

stop_writers() {
    kill "$writers" 2>/dev/null
    wait "$writers" 2>/dev/null
}

acknowledged() { "$writer" progress /run/progress | cut -d' ' -f1; }
issued() { "$writer" progress /run/progress | cut -d' ' -f2; }

# point_of VOLUME: id of its newest backup.
newest_backup() {
    dormousectl --json points "$1" | python3 -c '
import json, sys
data = json.load(sys.stdin)
points = data if isinstance(data, list) else data.get("points", data.get("restorePoints", []))
print(next(p["id"] for p in points if "backup" in str(p.get("type", p.get("layer", p.get("kind", ""))))
           or p.get("kind") in ("full", "incremental", "compared")))'
}

# sectors_read DISK: 512-byte sectors read from it so far.
sectors_read() { awk '{print $3}' "/sys/block/${1#/dev/}/stat"; }

# same_moment LEAST MOST: the two ledgers of the newest backup are the state after
# k writes, for one k within LEAST and MOST.
same_moment() {
    mkdir -p /run/moment
    dormousectl browse latest-backup --volume /home/demo -- cp ledger /run/moment/a &&
        dormousectl browse latest-backup --volume /photos -- cp ledger /run/moment/b &&
        "$writer" check --min "$1" --max "$2" /run/moment/a /run/moment/b
}

# photograph NAME PAGE: the window as it is now.
photograph() {
    as_user demo env DISPLAY=:7 QT_QPA_PLATFORM=xcb dormouse --page "$2" >/dev/null 2>&1 &
    sleep 9
    import -display :7 -window root "$OUT/$1.png"
    pkill -x dormouse
    wait $! 2>/dev/null
    [ "$(stat -c %s "$OUT/$1.png")" -gt 10000 ]
}

open_screen() {
    Xvfb :7 -screen 0 1180x780x24 >/dev/null 2>&1 &
    wait_until 20 test -S /tmp/.X11-unix/X7
    install_polkit_rules "$DEMO/polkit"
}
