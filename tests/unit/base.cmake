# SPDX-License-Identifier: GPL-3.0-or-later
add_unit_test(tst_coding LIBS dormouse_base)
add_unit_test(tst_directory LIBS dormouse_base)
