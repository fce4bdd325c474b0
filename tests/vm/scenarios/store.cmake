# SPDX-License-Identifier: GPL-3.0-or-later
# The offline store reader beside the module that wrote the store.
foreach(fs ext4 xfs)
    add_vm_test(store-reader.${fs} SCRIPT scenarios/store_reader.sh DISKS volume=320M MEMORY 3G
        TIMEOUT 300 ARGS ${fs})
endforeach()
