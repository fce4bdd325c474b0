# SPDX-License-Identifier: GPL-3.0-or-later
# The engine on the real module, without the daemon.
if(TARGET engine_driver)
    add_vm_test(engine.backup SCRIPT scenarios/engine_backup.sh DISKS a=768M b=768M c=2G
        MEMORY 3G TIMEOUT 600)
    add_vm_test(engine.two-plans SCRIPT scenarios/engine_two_plans.sh DISKS a=320M b=320M c=1G
        TIMEOUT 600)
    foreach(fs ext4 xfs)
        add_vm_script_test(engine.reboot.${fs} SCRIPT scenarios/engine_reboot.py TIMEOUT 900 ARGS ${fs})
    endforeach()
endif()
