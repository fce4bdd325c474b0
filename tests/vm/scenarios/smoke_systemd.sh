# SPDX-License-Identifier: GPL-3.0-or-later
# The systemd mode gives a scenario what it promises: a bus, a polkit that
# decides by user, session and rule, udev, a state disk, and an orderly end.
# The host boots it twice: with "first", then with "second".

. "$VM_GUEST/lib.sh"
figure boot_to_bus_and_polkit "$(cut -d' ' -f1 /proc/uptime)" s

call() { # SERVICE OBJECT INTERFACE PROPERTY: reads a property over the bus
    busctl get-property "$1" "$2" "$3" "$4"
}

allowed() { # ACTION: is the calling process allowed to do it, unasked?
    pkcheck --action-id "$1" --process $$
}

if [ "$1" = second ]; then
    prove "the state is still there" test "$(cat /var/lib/dormouse/kept)" = state
    prove "the settings are still there" test "$(cat /etc/dormouse/kept)" = settings
    prove "the state disk was left clean" bash -c '! dmesg | grep -q "recovery complete"'
    exit
fi

prove "the state folder is on its disk" mountpoint -q /var/lib/dormouse
echo state >/var/lib/dormouse/kept
echo settings >/etc/dormouse/kept

prove "the staged tree lies over the root" test "$(cat /usr/share/vm-smoke/file)" = staged
prove "the rest of that folder is the host's" test -e /usr/share/common-licenses/GPL-3
prove "udev names the disk" wait_until 10 test -b /dev/disk/by-id/virtio-data
# Nobody ever owns the name, so the call itself fails; what counts is that the
# bus found the service, was allowed to start it, and systemd did.
busctl --timeout=2 call org.dormouse.Smoke1 / org.freedesktop.DBus.Peer Ping >/dev/null 2>&1
prove "a staged service starts when the bus is asked for it" wait_until 10 test -e /run/smoke-started

prove "polkit answers over the bus" call org.freedesktop.PolicyKit1 \
    /org/freedesktop/PolicyKit1/Authority org.freedesktop.PolicyKit1.Authority BackendName

action=org.freedesktop.login1.set-wall-message
easy=org.freedesktop.login1.inhibit-block-sleep
export -f allowed
add_user demo 1000
add_user guest 1001
prove "root may" allowed $action
refute "an ordinary user may not" as_user demo bash -c "allowed $action"
refute "a user without a session may not what a session allows" as_user demo bash -c "allowed $easy"
prove "a user at the machine is in an active, local session" \
    as_local_user demo bash -c 'loginctl show-session "$XDG_SESSION_ID" -p Active -p Remote -p Seat | sort | tr "\n" " " |
        grep -x "Active=yes Remote=no Seat=seat0 "'
prove "a user at the machine may what a session allows" \
    as_local_user demo bash -c "pkcheck --action-id $easy --process \$\$"

mkdir /tmp/rules
cat >/tmp/rules/50-smoke.rules <<'RULE'
polkit.addRule(function (action, subject) {
    if (action.id == "org.freedesktop.login1.set-wall-message" && subject.user == "demo")
        return polkit.Result.YES;
});
RULE
install_polkit_rules /tmp/rules
prove "a rule lets one user" as_user demo bash -c "allowed $action"
refute "and not the other" as_user guest bash -c "allowed $action"

power_off
