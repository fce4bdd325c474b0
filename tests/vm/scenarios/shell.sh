# SPDX-License-Identifier: GPL-3.0-or-later
# An interactive shell, for ./dev vm.

. "$VM_GUEST/lib.sh"
trap - EXIT

if [ -n "$VM_MODULE" ]; then
    load_module
    echo "The module is loaded ($VM_MODULE)."
else
    echo "There is no module for $(uname -r); build it with ./dev build."
fi
for name in one two; do
    echo "Scratch disk $name: $(disk $name)"
done
echo "The root is the host's; changes stay in memory. 'exit' powers off."
PS1='vm:\w# ' bash --norc -i
exit 0
