# SPDX-License-Identifier: GPL-3.0-or-later
# The kernel module by itself: no helper, no bus.
foreach(fs ext4 xfs)
    add_vm_test(kmod.oracle.${fs} SCRIPT scenarios/kmod_oracle.sh DISKS volume=384M MEMORY 4G
        TIMEOUT 400 ARGS ${fs})
    add_vm_test(kmod.dormant.${fs} SCRIPT scenarios/kmod_dormant.sh DISKS volume=384M MEMORY 3G
        TIMEOUT 300 ARGS ${fs})
    foreach(how clean cut stranger open)
        add_vm_script_test(kmod.reboot.${fs}.${how} SCRIPT scenarios/kmod_reboot.py TIMEOUT 500
            ARGS ${fs} ${how})
    endforeach()
endforeach()
add_vm_test(kmod.order SCRIPT scenarios/kmod_order.sh DISKS a=256M b=384M MEMORY 2G TIMEOUT 200)
add_vm_test(kmod.ioctl-fuzz SCRIPT scenarios/kmod_ioctl_fuzz.sh DISKS kept=96M scrap=96M MEMORY 3G
    TIMEOUT 200 ARGS 8)
add_vm_test(kmod.release SCRIPT scenarios/kmod_release.sh DISKS volume=512M TIMEOUT 120)
add_vm_test(kmod.discard.ext4 SCRIPT scenarios/kmod_discard.sh DISKS disk=256M MEMORY 3G TIMEOUT 200 ARGS ext4)
add_vm_test(kmod.guard SCRIPT scenarios/kmod_guard.sh DISKS volume=48M TIMEOUT 300)
add_vm_test(kmod.wait SCRIPT scenarios/kmod_wait.sh DISKS volume=272M MEMORY 3G TIMEOUT 240)
add_vm_test(kmod.chain SCRIPT scenarios/kmod_chain.sh DISKS volume=96M references=3G TIMEOUT 400)
if(TARGET cut_replayer)
    add_vm_script_test(kmod.powercut SCRIPT scenarios/kmod_powercut.py TIMEOUT 400 ARGS ext4 3 200 1)
endif()
add_vm_test(kmod.faults SCRIPT scenarios/kmod_faults.sh DISKS volume=96M TIMEOUT 240
    EXPECT_KERNEL_LOG "volume .* failed: ")
