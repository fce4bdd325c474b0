# SPDX-License-Identifier: GPL-3.0-or-later
add_unit_test(tst_backup_writer LIBS dormouse_repository)
add_unit_test(tst_repository LIBS dormouse_repository)
add_unit_test(tst_repository_crash LIBS dormouse_repository)
add_unit_test(tst_repository_golden LIBS dormouse_repository)
add_unit_test(tst_repository_prune LIBS dormouse_repository)
add_unit_test(tst_repository_verify LIBS dormouse_repository)
