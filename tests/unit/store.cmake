# SPDX-License-Identifier: GPL-3.0-or-later
# The store's format: the pure files of the module, and the offline reader.
add_unit_test(tst_change_map LIBS dormouse_store_pure)
add_unit_test(tst_undo_index LIBS dormouse_store_pure)
add_unit_test(tst_record_codec LIBS dormouse_store_pure dormouse_base)
add_unit_test(tst_store_reader LIBS dormouse_store_reader)
add_unit_test(tst_store_command LIBS dormouse_store_pure dormouse_base)
target_compile_definitions(tst_store_command
    PRIVATE DORMOUSE_STORE_COMMAND="$<TARGET_FILE:dormouse-store>")
add_dependencies(tst_store_command dormouse-store)
