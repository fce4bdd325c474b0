#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# bench_frozen.sh ROUNDS: how long four idle volumes are frozen by their file systems' own
# call, and for one moment of ours, in turn.
. "$VM_GUEST/lib.sh"
rounds=$1

load_module
modprobe -a ext4 xfs
handles=()
for name in a b c d; do
    fs=ext4
    [[ $name = [ab] ]] || fs=xfs
    make_file_system "$fs" "$(disk $name)"
    mkdir -p "/v/$name"
    mount "$(disk $name)" "/v/$name"
    handles+=("$(kmod create "$(disk $name)" "/v/$name" 16 "$fs")") || die "create"
done
own() { # microseconds
    python3 - <<'END'
import fcntl, os, time
FIFREEZE, FITHAW = 0xC0045877, 0xC0045878
mounts = [os.open(f"/v/{name}", os.O_RDONLY) for name in "abcd"]
start = time.monotonic()
for mount in mounts:
    fcntl.ioctl(mount, FIFREEZE, 0)
for mount in mounts:
    fcntl.ioctl(mount, FITHAW, 0)
print(round((time.monotonic() - start) * 1e6))
END
}
for ((round = 1; round <= rounds; round++)); do
    sync
    figure "own.frozen.$round" "$(own)" us
    sync
    answer=$(kmod snapshot "${handles[@]}" 2>&1) || die "snapshot: $answer"
    figure "snapshot.frozen.$round" "$(sed -n 's/^frozen \([0-9]*\) us$/\1/p' <<<"$answer")" us
    epochs=($(head -1 <<<"$answer"))
    for i in 0 1 2 3; do
        kmod drop "${handles[i]}" "${epochs[i]}"
        kmod ack "${handles[i]}" "$((epochs[i] - 1))"
    done
done
prove "all are recorded on" [ "$(grep -c active /sys/class/misc/dormouse-control/status)" = 4 ]
umount /v/*
unload_module
