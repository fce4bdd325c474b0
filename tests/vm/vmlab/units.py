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
    systemd-journal-flush.service systemd-machine-id-commit.service systemd-modules-load.service
    systemd-network-generator.service systemd-pcrphase-sysinit.service systemd-pcrphase.service
    systemd-pstore.service systemd-random-seed.service systemd-remount-fs.service
    systemd-repart.service systemd-sysctl.service systemd-sysusers.service
    systemd-timesyncd.service systemd-tmpfiles-clean.timer systemd-tmpfiles-setup.service
    systemd-update-done.service systemd-update-utmp.service
""".split()


def write_units(directory, interactive):
    """Fills `directory` with what becomes the guest's /etc/systemd/system."""
    source = GUEST / "systemd"
    shutil.copytree(source, directory)
    for unit in Path(directory).glob("*.service"):
        text = unit.read_text()
        text = text.replace("@GUEST@", str(GUEST)).replace("@INPUT@", "tty-force" if interactive else "null")
        unit.write_text(text)
    for name in MASKED:
        (Path(directory) / name).symlink_to("/dev/null")
