# SPDX-License-Identifier: GPL-3.0-or-later
# What is tested by Python: the shape of the tree, and the proof that its guard can bark; the
# rescue program.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME unit.lint_arrows
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/lint_arrows ${CMAKE_SOURCE_DIR})
add_test(NAME unit.lint_arrows_test
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/lint_arrows_test.py)
add_test(NAME unit.rescue COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/rescue_test.py)
set_tests_properties(unit.lint_arrows unit.lint_arrows_test unit.rescue PROPERTIES LABELS unit TIMEOUT 60)
