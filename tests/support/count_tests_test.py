#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The summary line of ./dev test, against reports that the real ctest writes."""

import subprocess
import tempfile
import unittest
from pathlib import Path

COUNT = Path(__file__).resolve().parent / "count-tests.py"

GOOD = "add_test(NAME good COMMAND true)\n"
ALL_KINDS = GOOD + """
add_test(NAME bad COMMAND false)
add_test(NAME says-it-cannot COMMAND sh -c "exit 77")
set_tests_properties(says-it-cannot PROPERTIES SKIP_RETURN_CODE 77)
add_test(NAME prints-it-cannot COMMAND echo SKIPPED)
set_tests_properties(prints-it-cannot PROPERTIES SKIP_REGULAR_EXPRESSION SKIPPED)
add_test(NAME off COMMAND true)
set_tests_properties(off PROPERTIES DISABLED TRUE)
add_test(NAME missing COMMAND no-such-program)
add_test(NAME slow COMMAND sleep 9)
set_tests_properties(slow PROPERTIES TIMEOUT 1)
add_test(NAME set-up COMMAND false)
set_tests_properties(set-up PROPERTIES FIXTURES_SETUP something)
add_test(NAME depends COMMAND true)
set_tests_properties(depends PROPERTIES FIXTURES_REQUIRED something)
"""


class CountTestsTest(unittest.TestCase):
    def summary(self, tests):
        """Last line and exit code for a project with these tests."""
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "CTestTestfile.cmake").write_text(tests)
            report = Path(directory, "report.xml")
            ctest = subprocess.run(["ctest", "--test-dir", directory, "--no-tests=error", "--output-junit", report],
                                   capture_output=True, check=False)
            count = subprocess.run(["python3", COUNT, report, str(ctest.returncode)],
                                   capture_output=True, text=True, check=False)
            return count.stdout.splitlines()[-1], count.returncode

    def test_success_is_zero(self):
        self.assertEqual(self.summary(self.generated(GOOD)), ("1 passed, 0 failed, 0 skipped", 0))

    def test_each_kind_is_counted_and_what_could_not_run_is_a_failure(self):
        self.assertEqual(self.summary(self.generated(ALL_KINDS)), ("1 passed, 5 failed, 3 skipped", 1))

    def test_no_test_at_all_is_a_failure(self):
        self.assertEqual(self.summary(""), ("0 passed, 1 failed, 0 skipped", 1))

    def test_a_missing_report_is_a_failure(self):
        count = subprocess.run(["python3", COUNT, "/nonexistent", "0"], capture_output=True, text=True, check=False)
        self.assertEqual((count.stdout.splitlines()[-1], count.returncode), ("0 passed, 0 failed, 0 skipped", 1))

    @staticmethod
    def generated(tests):
        """What CMake makes of the add_test() calls, as ctest reads it."""
        with tempfile.TemporaryDirectory() as directory:
            project = "cmake_minimum_required(VERSION 3.25)\nproject(x LANGUAGES NONE)\nenable_testing()\n"
            Path(directory, "CMakeLists.txt").write_text(project + tests)
            subprocess.run(["cmake", "-S", directory, "-B", f"{directory}/build"], check=True, capture_output=True)
            return Path(directory, "build/CTestTestfile.cmake").read_text()


if __name__ == "__main__":
    unittest.main(verbosity=2)
