# SPDX-License-Identifier: GPL-3.0-or-later
add_unit_test(tst_store_setup LIBS dormouse_snapshot)
