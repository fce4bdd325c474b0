#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# kmod_stress.sh FS SECONDS: programs that read back and check all they write (fio's
# verify jobs: direct and buffered, mapped, many in flight, with files made and removed
# beside them) while durable and transient snapshots come, are read, and go as fast as
# they can. What the programs wrote is what they read; each snapshot is a sound file
# system and reads twice the same; the volume and its map survive.
. "$VM_GUEST/lib.sh"
fs=$1 seconds=$2

load_module
volume=$(disk volume)
modprobe -a "$fs" loop
make_file_system "$fs" "$volume"
mkdir -p /v
mount "$volume" /v
handle=$(kmod create "$volume" /v 96 "$fs") || die "create"
state() { kmod status "$handle" | sed -n 's/^state //p'; }

verified() { # NAME OPTIONS...
    local name=$1
    shift
    fio --name="$name" --filename="/v/$name" --rw=randrw --bs=4k-32k --verify=crc32c --verify_backlog=32 \
        --verify_fatal=1 --do_verify=1 --time_based --runtime="$seconds" --output="/run/$name.log" "$@"
}
churn() {
    local end=$((SECONDS + seconds)) i
    while [ $SECONDS -lt $end ]; do
        for i in 1 2 3 4 5 6; do
            head -c $((RANDOM * 4)) /dev/urandom >"/v/churn$i"
            md5sum "/v/churn$i" >"/run/churn$i.md5"
        done
        sync -f /v
        md5sum --quiet -c /run/churn[1-6].md5 || return 1
        rm "/v/churn$((RANDOM % 6 + 1))"
    done
}
declare -A jobs
verified direct --size=24M --direct=1 --ioengine=libaio --iodepth=16 &
jobs[direct]=$!
verified uring --size=16M --direct=1 --ioengine=io_uring --iodepth=8 &
jobs[uring]=$!
verified buffered --size=16M --ioengine=psync --fsync=50 &
jobs[buffered]=$!
verified mapped --size=8M --ioengine=mmap &
jobs[mapped]=$!
churn >/run/churn.log 2>&1 &
jobs[churn]=$!

# DEVICE: of a file system that was frozen. XFS leaves files that were deleted while
# somebody had them open to its log, also when it is frozen: a mount puts that right.
sound() {
    case $fs in
    ext4) e2fsck -f -n "$1" ;;
    xfs)
        dd if="$1" of=/copy/image bs=1M conv=sparse status=none &&
            mount -o loop,nouuid /copy/image /copy/mounted && umount /copy/mounted &&
            xfs_repair -n /copy/image
        local code=$?
        rm /copy/image
        return $code
        ;;
    esac
}
mkdir /copy
mount -t tmpfs -o size=1G tmpfs /copy
mkdir /copy/mounted
taken=0 looked=0 ended=0 different=0 unsound=0
living=()
end=$((SECONDS + seconds))
while [ $SECONDS -lt $end ] || [ $looked -lt 3 ]; do # slow machines get the time they need
    kind=$([ $((taken % 2)) = 0 ] || echo --durable)
    epoch=$(kmod snapshot $kind "$handle" 2>/dev/null) || die "snapshot"
    taken=$((taken + 1))
    living+=("$epoch")
    if [ $((taken % 3)) = 0 ]; then
        chosen=${living[RANDOM % ${#living[@]}]}
        # A full store ends the oldest: that is not what is looked for here.
        if device=$(kmod expose "$handle" "$chosen" 2>/dev/null); then
            first=$(md5sum "$device" 2>/dev/null) || first=
            report=$(sound "$device" 2>&1)
            code=$?
            blockdev --flushbufs "$device"
            second=$(md5sum "$device" 2>/dev/null) || second=
            if [ -z "$first" ] || [ -z "$second" ]; then
                ended=$((ended + 1))
            else
                looked=$((looked + 1))
                [ "$first" = "$second" ] || different=$((different + 1))
                [ $code = 0 ] || { unsound=$((unsound + 1)); grep -v -e '^Phase' -e '^  ' <<<"$report" | tail -n 12; }
            fi
            kmod unexpose "$handle" "$chosen"
        else
            ended=$((ended + 1))
        fi
    fi
    while [ ${#living[@]} -gt 4 ]; do
        kmod drop "$handle" "${living[0]}" 2>/dev/null
        living=("${living[@]:1}")
    done
    kmod ack "$handle" $((epoch - 1)) 2>/dev/null
done
for job in "${!jobs[@]}"; do
    wait "${jobs[$job]}"
    prove "$job: all that was read is what was written" [ $? = 0 ] || tail -n 20 "/run/$job.log"
done
figure taken $taken snapshots
figure looked $looked snapshots
figure ended $ended snapshots
prove "each reads twice the same" [ $different = 0 ]
prove "each is a sound file system" [ $unsound = 0 ]
prove "the volume never failed" [ "$(state)" = active ]
for epoch in "${living[@]}"; do
    kmod drop "$handle" "$epoch" 2>/dev/null
done
prove "unmounting works at once" umount /v
prove "the file system is sound" sound "$volume"
prove "unloading works at once" unload_module
