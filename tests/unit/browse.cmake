# SPDX-License-Identifier: GPL-3.0-or-later
add_unit_test(tst_file_restore LIBS dormouse_file_restore)
