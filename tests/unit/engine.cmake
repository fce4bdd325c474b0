# SPDX-License-Identifier: GPL-3.0-or-later
add_unit_test(tst_backup_job LIBS dormouse_engine)
add_unit_test(tst_block_plan LIBS dormouse_engine)
