# SPDX-License-Identifier: GPL-3.0-or-later
add_unit_test(tst_backup_writer LIBS dormouse_repository)
