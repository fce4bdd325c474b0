# SPDX-License-Identifier: GPL-3.0-or-later
"""The guest's /etc/systemd/system: our target and scenario, and nothing slow.

The host's own /etc/systemd/system does not count in the guest, so no service
that somebody enabled on this machine starts there. What Debian enables in
/lib/systemd/system does, except for these.
"""

import shutil
from pathlib import Path

from .paths import GUEST

# Masked: slow under emulation, or pointless on a root that is thrown away.
MASKED = """
    apparmor.service apt-daily-upgrade.timer apt-daily.timer blk-availability.service
    console-setup.service debug-shell.service dev-hugepages.mount dev-mqueue.mount
    dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer
    getty-static.service getty.target keyboard-setup.service ldconfig.service
    logrotate.timer lvm2-lvmpolld.socket lvm2-monitor.service man-db.timer
    modprobe@configfs.service modprobe@drm.service modprobe@efi_pstore.service
    networking.service proc-sys-fs-binfmt_misc.automount sys-fs-fuse-connections.mount
    sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount
    systemd-ask-password-console.path systemd-ask-password-wall.path
    systemd-binfmt.service systemd-boot-system-token.service systemd-firstboot.service
    systemd-hwdb-update.service systemd-initctl.socket systemd-journal-catalog-update.service
    systemd-journal-flush.service systemd-machine-id-commit.service
    systemd-network-generator.service systemd-pcrphase-sysinit.service systemd-pcrphase.service
    systemd-pstore.service systemd-random-seed.service systemd-remount-fs.service
    systemd-repart.service systemd-sysctl.service systemd-sysusers.service
    systemd-timesyncd.service systemd-tmpfiles-clean.timer systemd-tmpfiles-setup.service
    systemd-update-done.service systemd-update-utmp.service
""".split()


# Where the staged tree keeps units, and the target that stands for multi-user
# in the guest.
STAGED_UNITS = "usr/lib/systemd/system"
TARGET = "vm.target"


def _enable(unit, directory):
    """Makes the links that `systemctl enable` would, as installing a package does."""
    for line in unit.read_text().splitlines():
        key, equals, targets = line.partition("=")
        if not equals or key.strip() not in ("WantedBy", "RequiredBy"):
            continue
        for target in targets.split():
            target = TARGET if target in ("multi-user.target", "graphical.target") else target
            suffix = "wants" if key.strip() == "WantedBy" else "requires"
            folder = directory / f"{target}.{suffix}"
            folder.mkdir(exist_ok=True)
            (folder / unit.name).symlink_to(Path("/") / STAGED_UNITS / unit.name)


def write_units(directory, interactive, install):
    """Fills `directory` with what becomes the guest's /etc/systemd/system.

    Units of the staged tree `install` (or None) are enabled. systemd loads
    modules at boot only for a staged tree: it may name ours.
    """
    shutil.copytree(GUEST / "systemd", directory)
    if install is None:
        (directory / "systemd-modules-load.service").symlink_to("/dev/null")
    else:
        for unit in sorted((Path(install) / STAGED_UNITS).glob("*.*")):
            if unit.is_file():
                _enable(unit, directory)
    for unit in directory.glob("*.service"):
        text = unit.read_text()
        text = text.replace("@GUEST@", str(GUEST)).replace("@INPUT@", "tty-force" if interactive else "null")
        unit.write_text(text)
    for name in MASKED:
        (directory / name).symlink_to("/dev/null")
