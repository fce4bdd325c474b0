#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The oracle's own proof: it accepts every true state and no other.
set -euo pipefail
tool=$1
folder=$(mktemp -d "$PWD/prefix_writer.XXXXXX")
trap 'rm -rf "$folder"' EXIT
cd "$folder"

"$tool" init 1 a b
[ "$("$tool" check a b)" = 0 ]
"$tool" run progress a b &
writer=$!
until [ -s progress ] && [ "$("$tool" progress progress | cut -d' ' -f1)" -gt 500 ]; do sleep 0.05; done
kill $writer
wait $writer
state=$("$tool" check a b)
[ "$state" = "$("$tool" progress progress | cut -d' ' -f1)" ]

expect_refusal() {
    if "$tool" check "$@" >/dev/null 2>&1; then
        echo "accepted a false state: $*" >&2
        exit 1
    fi
}
expect_refusal --min $((state + 1)) a b
expect_refusal --max $((state - 1)) a b
expect_refusal b a
cat a b >both
[ "$("$tool" check both@0+1048576 both@1048576+1048576)" = "$state" ]
expect_refusal both@4096+1048576 both@1048576+1048576

cp a older
"$tool" run progress a b &
writer=$!
until [ "$("$tool" progress progress | cut -d' ' -f1)" -gt $((state + 100)) ]; do sleep 0.05; done
kill $writer
wait $writer
"$tool" check a b >/dev/null
expect_refusal older b # one volume's moment is not the other's

cp a torn
printf x | dd of=torn bs=1 seek=5000 conv=notrunc status=none
expect_refusal torn b
cp a stale # one block of an older state
dd if=older of=stale bs=4096 conv=notrunc status=none count=128
expect_refusal stale b
