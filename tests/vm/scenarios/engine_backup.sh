#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Protect an ext4 and an XFS volume; back both up in one moment; change, go away
# and come back, back up what changed; every file of every moment is there again.
. "$VM_GUEST/lib.sh"
. "$VM_SOURCE/tests/vm/scenarios/engine_lib.sh"

load_module
mount_volumes /repository

for v in a b; do
    mkdir /v/$v/tree
    cp -a /usr/share/doc/[a-b]* /v/$v/tree/
    dd if=/dev/urandom of=/v/$v/big bs=1M count=4 status=none
    truncate -s 16M /v/$v/sparse
    dd if=/dev/urandom of=/v/$v/sparse bs=64k seek=100 count=1 conv=notrunc status=none
    ln /v/$v/big /v/$v/hard
    ln -s big /v/$v/soft
    mkfifo /v/$v/fifo
    setfattr -n user.colour -v brown /v/$v/big
    setfacl -m u:1234:r /v/$v/tree
    chown 1001:1002 /v/$v/big
    chmod 4750 /v/$v/big
done
sync
say "files: $(find /v -type f | wc -l)"

va=$(driver protect "$a" 64) || die "protect ext4"
vb=$(driver protect "$b" 64) || die "protect xfs"
prove "both volumes are active" [ "$(driver status | grep -c ' active ')" = 2 ]
refute "the store cannot be changed through the file system" dd if=/dev/zero of=/v/a/.dormouse/store count=1 conv=notrunc
driver repository /repository
driver plan both /repository 0 "$va" "$vb"

mkdir -p /tmp/moments
moment() {
    local name=$1
    sync
    fingerprint /v/a >"/tmp/moments/$name.$va"
    fingerprint /v/b >"/tmp/moments/$name.$vb"
    local before_a before_b
    before_a=$(read_kib "$a") before_b=$(read_kib "$b")
    driver backup both >"/tmp/moments/$name.out" || { cat "/tmp/moments/$name.out"; die "backup $name"; }
    eval "read_$va=$(($(read_kib "$a") - before_a)) read_$vb=$(($(read_kib "$b") - before_b))"
    say "$(grep -v '^record' "/tmp/moments/$name.out")"
}
check() {
    local name=$1 volume record
    record=$(record_of "/tmp/moments/$name.out")
    for volume in "$va" "$vb"; do
        browse "$record" "$volume" || die "cannot browse $name of $volume"
        fingerprint "$browse_path" >/tmp/moments/seen
        prove "$name: every file of $volume is as it was" cmp "/tmp/moments/$name.$volume" /tmp/moments/seen ||
            diff "/tmp/moments/$name.$volume" /tmp/moments/seen | head -5
        end_browse
    done
    prove "$name: nothing stays mounted" [ -z "$(findmnt -rno TARGET | grep /run/dormouse)" ]
}

moment first
pack=$(find /repository/packs -type f -printf '%s %p\n' | sort -n | tail -n 1 | cut -d' ' -f2)
prove "the first backup of ext4 is full" [ "$(field /tmp/moments/first.out "$va" kind)" = full ]
prove "the first backup of XFS is full" [ "$(field /tmp/moments/first.out "$vb" kind)" = full ]
refute "free space was not asked for in vain" grep -q 'Everything was read' /tmp/moments/first.out
prove "no snapshot is left" [ "$(driver status | grep -c 'snapshots 0')" = 2 ]

change() {
    for v in a b; do
        for ((i = 0; i < 10; i++)); do
            dd if=/dev/urandom of=/v/$v/big bs=4k count=8 seek=$((RANDOM % 1000)) conv=notrunc status=none
        done
        rm -rf "$(ls -d /v/$v/tree/* | shuf -n 1)"
        cp -r /v/$v/tree/b* "$(mktemp -d /v/$v/new.XXXX)"
    done
}
change
moment second
for volume in "$va" "$vb"; do
    prove "the second backup of $volume is incremental" [ "$(field /tmp/moments/second.out $volume kind)" = incremental ]
    changed=$(($(field /tmp/moments/second.out $volume changed) / 1024))
    eval "read=\$read_$volume"
    figure "increment.read.$volume" "$((read * 100 / changed))" "% of the bytes changed"
    prove "it read at most 1.2 times what changed ($read of $changed KiB)" [ $((read * 10)) -le $((changed * 12)) ]
done

say "a snapshot, 8 MB of dirty data, unmount, write to the device meanwhile, remount"
driver snapshot "$va" "$vb" >/tmp/moments/local
for v in a b; do
    fingerprint /v/$v >/tmp/moments/local.$v
    dd if=/dev/urandom of=/v/$v/dirty bs=1M count=4 status=none
    umount /v/$v
done
e2fsck -fp "$a"
tune2fs -L renamed "$a" >/dev/null
xfs_admin -L renamed "$b" >/dev/null
prove "unmounted volumes are dormant" wait_until 20 sh -c "[ \$($VM_BUILD/tests/support/engine_driver $state status | grep -c ' dormant ') = 2 ]"
mount "$a" /v/a
mount "$b" /v/b
moment third
for volume in "$va" "$vb"; do
    prove "after the absence $volume is still incremental" [ "$(field /tmp/moments/third.out $volume kind)" = incremental ]
done
while read -r volume epoch; do
    v=a
    [ "$volume" = "$va" ] || v=b
    answer=$(driver browse-local "$volume" "$epoch" 0)
    start_browse $(sed -n 1p <<<"$answer") $(sed -n 2p <<<"$answer") || die "cannot browse the snapshot"
    fingerprint "$browse_path" >/tmp/moments/seen
    prove "the local snapshot of $volume shows what was" cmp /tmp/moments/local.$v /tmp/moments/seen
    end_browse
done </tmp/moments/local

check third

say "by the program written from the format's document alone"
mkdir /image
for volume in "$va" "$vb"; do
    prove "it restores $volume" "$VM_SOURCE/rescue/dormouse-rescue" /repository restore \
        "$(record_of /tmp/moments/third.out)" "$volume" /repository/image
    options=ro,loop,noload
    [ "$volume" = "$va" ] || options=ro,loop,norecovery,nouuid
    mount -o $options /repository/image /image || die "mount the image"
    fingerprint /image >/tmp/moments/seen
    prove "every file of $volume is as it was" cmp "/tmp/moments/third.$volume" /tmp/moments/seen ||
        diff "/tmp/moments/third.$volume" /tmp/moments/seen | head -5
    umount /image
    rm /repository/image
done

say "restore"
record=$(record_of /tmp/moments/first.out)
browse "$record" "$va" || die "cannot browse"
mkdir /v/b/restored
driver restore "$browse_path" /v/b/restored beside . | tail -1
fingerprint "$browse_path" >/tmp/moments/wanted
fingerprint /v/b/restored >/tmp/moments/seen
prove "restored files have owner, mode, times, attributes and content" cmp /tmp/moments/wanted /tmp/moments/seen ||
    diff /tmp/moments/wanted /tmp/moments/seen | head
prove "hard links stay linked" [ /v/b/restored/big -ef /v/b/restored/hard ]
prove "holes stay holes" [ "$(du -k /v/b/restored/sparse | cut -f1)" -lt 1024 ]
driver restore "$browse_path" /v/b/restored beside big >/dev/null
prove "an existing file stays, the saved one comes beside it" [ "$(ls /v/b/restored | grep -c '^big')" = 2 ]
end_browse

say "the catalog is lost"
rm -rf $state
driver repository /repository
driver protect "$a" 64
driver protect "$b" 64
driver plan both /repository 0 "$va" "$vb"
change
moment fourth
for volume in "$va" "$vb"; do
    prove "the backup goes on from the imported one" [ "$(field /tmp/moments/fourth.out $volume kind)" != full ]
done
check fourth
check first
prove "the repository is healthy" driver verify /repository

# flip STEP: turns one bit over in the middle of the pack, and every STEP bytes after it.
flip() {
    python3 -c '
import sys
data = bytearray(open(sys.argv[1], "rb").read())
for at in range(len(data) // 2, len(data), int(sys.argv[2]) or len(data)):
    data[at] ^= 1
open(sys.argv[1], "wb").write(data)' "$pack" "$1"
}
say "one byte of a pack of the first backup is changed, then many"
cp "$pack" /tmp/pack
flip 0
refute "verification finds the byte" driver verify /repository
flip 32768
sound=0
for volume in "$va" "$vb"; do
    browse "$(record_of /tmp/moments/first.out)" "$volume" || continue
    fingerprint "$browse_path" >/tmp/moments/seen 2>/dev/null
    cmp -s "/tmp/moments/first.$volume" /tmp/moments/seen && sound=$((sound + 1))
    end_browse
done
refute "what is damaged is not shown as sound" [ $sound = 2 ]
cp /tmp/pack "$pack"
prove "with its bytes back the repository is healthy" driver verify /repository

driver plan both /repository 0 "$va"
driver snapshot "$vb" >/tmp/moments/local
read -r _ epoch </tmp/moments/local
driver browse-local "$vb" "$epoch" 0 >/dev/null
snapshot_disk=$(ls /dev/dormouse[0-9]* | tail -n 1)
exec {reader}<"$snapshot_disk"
refute "XFS cannot be forgotten while a snapshot is read" driver forget "$vb"
prove "and is still protected" test -b "$snapshot_disk" -a -e /v/b/.dormouse/store
exec {reader}<&-
prove "XFS can be forgotten once nobody reads it" driver forget "$vb"
refute "its store is gone" test -e /v/b/.dormouse
refute "its snapshot's disk is gone" test -b "$snapshot_disk"
refute "ext4 cannot, while a plan names it" driver forget "$va"
prove "XFS can be protected again" driver protect "$b" 64
umount /v/a /v/b
prove "the module can be unloaded" rmmod dormouse
