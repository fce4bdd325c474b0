# SPDX-License-Identifier: GPL-3.0-or-later
add_unit_test(tst_rhythm LIBS dormouse_policy)
add_unit_test(tst_due_calculator LIBS dormouse_policy)
add_unit_test(tst_retention LIBS dormouse_policy)
