# SPDX-License-Identifier: GPL-3.0-or-later
add_unit_test(tst_extent_blob LIBS dormouse_catalog)
add_unit_test(tst_change_chain LIBS dormouse_catalog)
add_unit_test(tst_catalog LIBS dormouse_catalog)
# These damage the file behind the catalog's back.
add_unit_test(tst_catalog_history LIBS dormouse_catalog PkgConfig::SQLITE3)
add_unit_test(tst_catalog_file LIBS dormouse_catalog PkgConfig::SQLITE3)
