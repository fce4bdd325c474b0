# SPDX-License-Identifier: GPL-3.0-or-later
# The kernel module by itself: no helper, no bus.

# add_kernel_test(NAME ...): add_vm_test() or, with a .py, add_vm_script_test(), on each
# kernel. NAME is on the release's own, NAME@6.12 on the other, NAME@debug and NAME@newest on
# those that `./dev kernels` makes.
function(add_kernel_test name)
    set(add add_vm_test)
    if("${ARGN}" MATCHES "[.]py")
        set(add add_vm_script_test)
    endif()
    cmake_language(CALL ${add} ${name} ${ARGN})
    foreach(kernel 6.12 debug newest)
        cmake_language(CALL ${add} ${name}@${kernel} KERNEL ${kernel} ${ARGN})
    endforeach()
endfunction()

foreach(fs ext4 xfs)
    add_kernel_test(kmod.oracle.${fs} SCRIPT scenarios/kmod_oracle.sh DISKS volume=384M MEMORY 4G
        TIMEOUT 400 ARGS ${fs})
    add_kernel_test(kmod.dormant.${fs} SCRIPT scenarios/kmod_dormant.sh DISKS volume=384M MEMORY 3G
        TIMEOUT 300 ARGS ${fs})
    add_kernel_test(kmod.grow.${fs} SCRIPT scenarios/kmod_grow.sh DISKS volume=384M MEMORY 3G
        TIMEOUT 300 EXPECT_KERNEL_LOG "store was overwritten" ARGS ${fs})
    add_kernel_test(kmod.external.${fs}.partition SCRIPT scenarios/kmod_external.sh DISKS volume=560M,kind=scsi
        MEMORY 4G TIMEOUT 400 EXPECT_KERNEL_LOG "volume .* failed: " ARGS ${fs} partition)
    add_kernel_test(kmod.external.${fs}.disk SCRIPT scenarios/kmod_external.sh
        DISKS volume=360M ground=160M,kind=scsi MEMORY 4G TIMEOUT 400
        EXPECT_KERNEL_LOG "volume .* failed: " ARGS ${fs} disk)
    add_kernel_test(kmod.external.${fs}.file SCRIPT scenarios/kmod_external.sh DISKS volume=360M ground=256M
        MEMORY 4G TIMEOUT 400 EXPECT_KERNEL_LOG "volume .* failed: " ARGS ${fs} file)
    foreach(stack partition lvm luks)
        add_kernel_test(kmod.seed.${fs}.${stack} SCRIPT scenarios/kmod_seed.sh DISKS disk=360M MEMORY 3G
            TIMEOUT 300 ARGS ${fs} ${stack})
    endforeach()
    add_kernel_test(kmod.stress.${fs} SCRIPT scenarios/kmod_stress.sh DISKS volume=320M MEMORY 3G
        TIMEOUT 300 ARGS ${fs} 30)
    foreach(how clean cut stranger open)
        add_kernel_test(kmod.reboot.${fs}.${how} SCRIPT scenarios/kmod_reboot.py TIMEOUT 500
            ARGS ${fs} ${how})
    endforeach()
endforeach()
add_kernel_test(kmod.order SCRIPT scenarios/kmod_order.sh DISKS a=256M b=384M MEMORY 2G TIMEOUT 200)
add_kernel_test(kmod.ioctl-fuzz SCRIPT scenarios/kmod_ioctl_fuzz.sh DISKS kept=96M scrap=96M MEMORY 3G
    TIMEOUT 200 ARGS 8)
add_kernel_test(kmod.memory SCRIPT scenarios/kmod_memory.sh DISKS volume=1T TIMEOUT 120)
add_kernel_test(kmod.release SCRIPT scenarios/kmod_release.sh DISKS volume=512M TIMEOUT 120)
foreach(kind scsi virtio)
    add_kernel_test(kmod.unplug.${kind} SCRIPT scenarios/kmod_unplug.sh DISKS volume=96M,kind=${kind}
        TIMEOUT 200 EXPECT_KERNEL_LOG "let go of a volume" ARGS ${kind})
endforeach()
foreach(fs ext4 xfs)
    add_kernel_test(kmod.partition.${fs} SCRIPT scenarios/kmod_partition.sh
        DISKS disk=384M,kind=scsi,lbs=4096,pbs=4096 MEMORY 3G TIMEOUT 200 ARGS ${fs})
endforeach()
add_kernel_test(kmod.discard.ext4 SCRIPT scenarios/kmod_discard.sh DISKS disk=256M MEMORY 3G TIMEOUT 200
    ARGS ext4)
add_kernel_test(kmod.raw.512e SCRIPT scenarios/kmod_raw.sh DISKS volume=384M,lbs=512,pbs=4096 MEMORY 4G
    TIMEOUT 240 ARGS 4)
add_kernel_test(kmod.raw.4kn SCRIPT scenarios/kmod_raw.sh DISKS volume=1G,lbs=4096,pbs=4096 MEMORY 4G
    TIMEOUT 400 ARGS 20)
# Debian's kernels only: of the others one has no persistent memory.
foreach(kernel "" 6.12)
    string(REGEX REPLACE "(.+)" "@\\1" at "${kernel}")
    add_vm_test(kmod.refused${at} KERNEL "${kernel}" SCRIPT scenarios/kmod_refused.sh DISKS volume=64M
        MEMORY 2G TIMEOUT 120 APPEND memmap=64M!512M)
endforeach()
add_kernel_test(kmod.stuck SCRIPT scenarios/kmod_stuck.sh DISKS volume=64M MEMORY 3G TIMEOUT 200)
add_kernel_test(kmod.freeze SCRIPT scenarios/kmod_freeze.sh DISKS a=96M b=96M c=96M TIMEOUT 200)
# One processor: QEMU before 8.1 may translate an instruction while another processor changes
# it, and runs what it was for ever; what is changed here is a hot function's first.
add_kernel_test(kmod.cycles SCRIPT scenarios/kmod_cycles.sh DISKS volume=96M CPUS 1 TIMEOUT 600 ARGS 20)
add_kernel_test(kmod.bypass SCRIPT scenarios/kmod_bypass.sh DISKS drive=48M,kind=scsi disk=160M TIMEOUT 200
    EXPECT_KERNEL_LOG "what changed is not known")
add_kernel_test(kmod.guard SCRIPT scenarios/kmod_guard.sh DISKS volume=48M TIMEOUT 300)
add_kernel_test(kmod.wait SCRIPT scenarios/kmod_wait.sh DISKS volume=272M MEMORY 3G TIMEOUT 240)
add_kernel_test(kmod.fair SCRIPT scenarios/kmod_fair.sh DISKS slow=224M quick=96M MEMORY 3G TIMEOUT 240)
add_kernel_test(kmod.chain SCRIPT scenarios/kmod_chain.sh DISKS volume=96M references=3G TIMEOUT 400)
if(TARGET cut_replayer)
    add_kernel_test(kmod.powercut SCRIPT scenarios/kmod_powercut.py TIMEOUT 400 ARGS ext4 3 4 200 1)
    add_kernel_test(kmod.powercut.alone SCRIPT scenarios/kmod_powercut.py TIMEOUT 400 ARGS ext4 1 0 100 1)
    add_kernel_test(kmod.powercut.elsewhere SCRIPT scenarios/kmod_powercut.py TIMEOUT 400
        ARGS ext4 3 4 100 1 elsewhere)
endif()
add_kernel_test(kmod.faults SCRIPT scenarios/kmod_faults.sh DISKS volume=96M TIMEOUT 240
    EXPECT_KERNEL_LOG "volume .* failed: ")
# Only that kernel can keep memory from whom it likes.
add_vm_test(kmod.no-memory@debug KERNEL debug SCRIPT scenarios/kmod_no_memory.sh
    DISKS volume=64M other=64M MEMORY 3G TIMEOUT 200)
