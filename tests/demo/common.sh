# SPDX-License-Identifier: GPL-3.0-or-later
# What both days of the demo need. Sourced after guest/lib.sh.

writer=$VM_BUILD/tests/support/prefix_writer

# chapter TITLE: a heading of the story.
chapter() {
    say ""
    say "== $* =="
}

# explain_failures: what the helper said, if a proof failed.
explain_failures() {
    [ "$_failures" = 0 ] || journalctl -u dormoused -u 'dormouse-browse@*' --no-pager -o cat | tail -60
}

# The two writers of the story: see prefix_writer.cpp. They end with stop_writers.
start_writers() {
    "$writer" run --pause-us 50000 /run/progress /home/demo/ledger /photos/ledger &
    writers=$!
    wait_until 30 test -s /run/progress
}
stop_writers() {
    kill "$writers"
    wait "$writers"
}
acknowledged() { "$writer" progress /run/progress | cut -d' ' -f1; }
issued() { "$writer" progress /run/progress | cut -d' ' -f2; }

# same_moment LEAST MOST: the two ledgers of the newest backup are the state after
# k writes, for one k within LEAST and MOST.
same_moment() {
    dormousectl browse latest-backup --volume /home/demo -- cp ledger /run/ledger.home &&
        dormousectl browse latest-backup --volume /photos -- cp ledger /run/ledger.photos &&
        "$writer" check --min "$1" --max "$2" /run/ledger.home /run/ledger.photos
}

# holds VOLUME SUMS: the newest backup of it has every file of the list.
holds() {
    dormousectl browse latest-backup --volume "$1" -- sha256sum --quiet -c "$2"
}

# points FILTER: how many backups Python's FILTER is true of, p being one.
points() {
    dormousectl --json points | python3 -c "
import json, sys
print(sum(bool($1) for p in json.load(sys.stdin)))"
}

# last_backup FIELD: of the newest backup run, for example readBytes.
last_backup() {
    dormousectl --json activity --limit 20 | python3 -c '
import json, sys
print(next(run for run in json.load(sys.stdin) if run["kind"] == "backup")[sys.argv[1]])' "$1"
}

# run_figures NAME: what the newest run cost, for the table.
run_figures() {
    figure "$1_changed" $(($(last_backup changedBytes) / 1000)) kB
    figure "$1_read" $(($(last_backup readBytes) / 1000)) kB
    figure "$1_stored" $(($(last_backup storedBytes) / 1000)) kB
    figure "$1_time" $(($(last_backup finishedTime) - $(last_backup startedTime))) s
}

# shows FOLDER FILE: do 24 bytes out of the middle of FILE, which are not
# compressible, stand anywhere in a file of FOLDER?
shows() {
    python3 -c '
import pathlib, sys
wanted = pathlib.Path(sys.argv[2]).read_bytes()[100000:100024]
files = [path for path in pathlib.Path(sys.argv[1]).rglob("*") if path.is_file()]
sys.exit(not any(wanted in path.read_bytes() for path in files) if files else 2)' "$@"
}

# sectors_read DISK: 512-byte sectors read from it so far.
sectors_read() { awk '{print $3}' "/sys/block/${1#/dev/}/stat"; }

# open_window PAGE, close_window: the window as user demo, on a hidden screen.
open_window() {
    as_user demo env DISPLAY=:7 QT_QPA_PLATFORM=xcb dormouse --page "$1" >/dev/null 2>&1 &
    window=$!
    sleep 8
}
close_window() {
    pkill -f '^dormouse --page'
    wait "$window"
}

# picture NAME: the hidden screen as it is, into the demo's folder.
picture() {
    prove "the window was photographed: $1" sh -c "import -display :7 -window root '$OUT/$1.png' &&
        [ \$(stat -c %s '$OUT/$1.png') -gt 10000 ]"
}

photograph() {
    open_window "$2"
    picture "$1"
    close_window
}

open_screen() {
    Xvfb :7 -screen 0 1160x780x24 >/dev/null 2>&1 &
    wait_until 20 test -S /tmp/.X11-unix/X7
    install_polkit_rules "$DEMO/polkit"
    [ "$DEMO_WINDOW" = 0 ] || show_live_window
}

# show_live_window: one more window, on the machine's own screen, with its mouse
# and keyboard.
show_live_window() {
    modprobe -a bochs virtio_input evdev
    wait_until 10 test -e /dev/fb0
    chmod a+rw /dev/fb0 /dev/tty0 /dev/input/event*
    local tablet
    tablet=$(grep -l 'QEMU Virtio Tablet' /sys/class/input/event*/device/name | cut -d/ -f5)
    as_user demo env QT_QPA_PLATFORM=linuxfb QT_QPA_EVDEV_MOUSE_PARAMETERS="/dev/input/$tablet:abs" \
        dormouse >/run/live.log 2>&1 &
}
