# SPDX-License-Identifier: GPL-3.0-or-later
#
# Functions for scenarios: `. "$VM_GUEST/lib.sh"`. tests/vm/README.md lists
# them. A scenario that sources this ends with 0 only if every proof held:
# its exit code is set by an EXIT trap, so `exit 0` cannot hide a failed proof.

if [ -z "${VM_GUEST:-}" ]; then
    echo "guest/lib.sh: this is for scenarios that run inside a virtual machine" >&2
    exit 2
fi

_proofs=0
_failures=0

# say TEXT...: tells the story. One line, so that the host can wait for it.
say() {
    printf '%s\n' "$*"
}

# fail TEXT...: counts a failure and goes on.
fail() {
    _failures=$((_failures + 1))
    printf 'not ok %s\n' "$*"
}

# die TEXT...: for what makes going on senseless.
die() {
    fail "$*"
    exit 1
}

# prove NAME COMMAND...: the proof holds if the command succeeds. What the
# command prints is shown when it fails.
prove() {
    local name=$1 output
    shift
    _proofs=$((_proofs + 1))
    if output=$("$@" 2>&1); then
        printf 'ok %s\n' "$name"
    else
        local code=$?
        fail "$name (code $code: $*)"
        [ -z "$output" ] || printf '%s\n' "$output" | tail -n 30 | sed 's/^/    /'
        return 1
    fi
}

# refute NAME COMMAND...: the proof holds if the command fails by itself (a
# command that does not exist, or that a signal ended, proves nothing).
refute() {
    local name=$1 output code
    shift
    _proofs=$((_proofs + 1))
    output=$("$@" 2>&1)
    code=$?
    if [ $code -gt 0 ] && [ $code -lt 126 ]; then
        printf 'ok %s\n' "$name"
    else
        fail "$name (code $code: $*)"
        [ -z "$output" ] || printf '%s\n' "$output" | tail -n 30 | sed 's/^/    /'
        return 1
    fi
}

# figure NAME VALUE UNIT: a measured number, for people and for the host.
figure() {
    printf 'figure %s %s %s\n' "$1" "$2" "$3"
}

# disk NAME [SECONDS]: prints the device of the disk that the host calls NAME.
# Waits for it up to 10 s. Needs no udev.
disk() {
    local block serial deadline=$((SECONDS + ${2:-10}))
    while :; do
        for block in /sys/block/vd* /sys/block/sd* /sys/block/nvme*; do
            [ -e "$block" ] || continue
            if [ -e "$block/serial" ]; then
                serial=$(<"$block/serial")
            elif [ -e "$block/device/serial" ]; then
                serial=$(<"$block/device/serial")
            elif [ -e "$block/device/vpd_pg80" ]; then
                serial=$(tr -d '\0' <"$block/device/vpd_pg80")
                serial=${serial//[^A-Za-z0-9_-]/} # the page's header is binary
            else
                continue
            fi
            read -r serial <<<"$serial" # nvme pads it with blanks
            if [ "$serial" = "$1" ] && [ -b "/dev/${block##*/}" ]; then
                echo "/dev/${block##*/}"
                return 0
            fi
        done
        [ $SECONDS -lt $deadline ] || break
        sleep 0.1
    done
    echo "there is no disk named $1" >&2
    return 1
}

# load_module [PARAMETER...]: loads our kernel module. Where a unit has loaded it
# at boot already, that is good too, unless parameters are asked for.
load_module() {
    [ $# -gt 0 ] || [ ! -e /sys/module/dormouse ] || return 0
    if [ -z "$VM_MODULE" ] || [ ! -e "$VM_MODULE" ]; then
        die "the kernel module is not built for $(uname -r) (looked for '${VM_MODULE:-nothing}')"
    fi
    insmod "$VM_MODULE" "$@" || die "the kernel module does not load"
}

# unload_module: removes it again.
unload_module() {
    rmmod dormouse
}

# kmod COMMAND...: speaks the module's ioctls; kmod.py lists the commands.
kmod() {
    python3 "$VM_GUEST/kmod.py" "$@"
}

# make_file_system ext4|xfs DEVICE: with blocks of 4 KiB, however small it is.
make_file_system() {
    case $1 in
    ext4) mkfs.ext4 -q -b 4096 "$2" ;;
    xfs) mkfs.xfs -q "$2" ;;
    *) die "there is no making a $1" ;;
    esac
}

# await WORD [SECONDS]: waits until the host does Machine.tell(WORD).
await() {
    local left=$((${2:-600} * 10))
    until [ -e "/run/vm/boot/told/$1" ]; do
        left=$((left - 1))
        [ $left -gt 0 ] || die "the host never said $1"
        sleep 0.1
    done
}

# wait_until SECONDS COMMAND...: repeats the command until it succeeds.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $deadline ] || return 1
        sleep 0.1
    done
}

# drop_caches: what is read next comes from the devices.
drop_caches() {
    sync
    echo 3 >/proc/sys/vm/drop_caches
}

# add_user NAME [UID]: a person with a home folder, no password and no rights.
# Whoever has that uid on the host does not exist in the guest.
add_user() {
    local name=$1 uid=${2:-1000} file
    for file in passwd shadow group gshadow; do
        [ -e /etc/$file ] && sed -i -E "/^$name:/d" /etc/$file
    done
    sed -i -E "/^[^:]*:[^:]*:$uid:/d" /etc/passwd /etc/group
    echo "$name:x:$uid:$uid:$name:/home/$name:/bin/bash" >>/etc/passwd
    echo "$name:*:19000:0:99999:7:::" >>/etc/shadow
    echo "$name:x:$uid:" >>/etc/group
    rm -rf "/home/$name"
    install -d -o "$uid" -g "$uid" -m 0700 "/home/$name"
}

# as_user NAME COMMAND...: runs it with that user's rights, in no session, as a
# service or a network login would.
as_user() {
    local name=$1
    shift
    (cd "$(getent passwd "$name" | cut -d: -f6)" &&
        HOME=$PWD USER=$name LOGNAME=$name setpriv --reuid "$name" --regid "$name" --clear-groups -- "$@")
}

# as_local_user NAME COMMAND...: runs it in a session of that user at the
# machine's own seat, which polkit calls active and local. systemd mode only.
# One at a time: the seat has one screen.
as_local_user() {
    local name=$1
    shift
    # systemd would expand these itself.
    set -- "${@//\$/\$\$}"
    # Without logind running, PAM opens no session and says nothing.
    systemctl start systemd-logind.service
    systemd-run --quiet --wait --pipe --collect -p "User=$name" -p PAMName=login \
        -p "WorkingDirectory=~" -p TTYPath=/dev/tty1 \
        -E XDG_SEAT=seat0 -E XDG_VTNR=1 -E XDG_SESSION_TYPE=tty -E XDG_SESSION_CLASS=user \
        -E "PATH=$PATH" -E "OUT=$OUT" -E "VM_GUEST=$VM_GUEST" -E SYSTEMD_COLORS=0 -- "$@"
}

# install_polkit_rules DIR: copies its *.rules to where an administrator would
# put them, and waits until polkit has noticed. systemd mode only.
install_polkit_rules() {
    cp "$1"/*.rules /etc/polkit-1/rules.d/ || die "there are no polkit rules in $1"
    chmod -R a+rX /etc/polkit-1/rules.d
    systemctl restart polkit.service
}

_conclude() {
    local code=$?
    [ $code = 0 ] || [ $_failures -gt 0 ] || _failures=1
    if [ $code = 0 ] && [ $_failures -gt 0 ]; then
        code=1
    fi
    printf '%d proofs, %d failures\n' "$_proofs" "$_failures"
    return $code
}

_exit_with_verdict() {
    _conclude
    exit $?
}

# power_off: reports the verdict so far, then shuts down like a person would:
# through systemd where it runs. Does not return.
power_off() {
    trap - EXIT
    _conclude
    echo $? >/run/vm/boot/exit-code
    if [ "$VM_SYSTEMD" = 1 ]; then
        systemctl poweroff
        sleep infinity
    fi
    exit "$(</run/vm/boot/exit-code)"
}

# Only the scenario's own shell concludes, not its subshells.
if [ "${BASH_SUBSHELL}" = 0 ] && [ $$ != 1 ]; then
    trap _exit_with_verdict EXIT
fi
