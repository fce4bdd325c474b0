# SPDX-License-Identifier: GPL-3.0-or-later
# The installed helper: units, sandbox, bus policy, polkit, udev, schedule.
foreach(part service restore hostile)
    add_vm_test(helper.${part} SCRIPT scenarios/helper_${part}.sh SYSTEMD INSTALL
        DISKS one=512M two=512M backup=1G MEMORY 2G TIMEOUT 400)
endforeach()
