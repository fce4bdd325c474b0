# SPDX-License-Identifier: GPL-3.0-or-later
# The installed helper: units, sandbox, bus policy, polkit, udev, schedule.
foreach(part service restore hostile grow)
    add_vm_test(helper.${part} SCRIPT scenarios/helper_${part}.sh SYSTEMD INSTALL
        DISKS one=512M two=512M backup=1G MEMORY 2G TIMEOUT 600)
endforeach()
add_vm_test(helper.external SCRIPT scenarios/helper_external.sh SYSTEMD INSTALL
    DISKS one=512M two=512M spare=128M backup=1G MEMORY 2G TIMEOUT 600)
add_vm_test(helper.absence SCRIPT scenarios/helper_absence.sh SYSTEMD INSTALL
    DISKS one=192M backup=192M MEMORY 2G TIMEOUT 300)
# A copy of a protected disk beside it.
add_vm_test(helper.clone SCRIPT scenarios/helper_clone.sh SYSTEMD INSTALL
    DISKS one=192M copy=192M backup=192M MEMORY 2G TIMEOUT 240)
