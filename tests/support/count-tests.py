#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts the tests in ctest's JUnit report and prints the one summary line.

usage: count-tests.py REPORT CTEST_EXIT_CODE

Only tests that say themselves that they cannot run here (their skip code or
skip text), or that are disabled, count as skipped. A test whose program is
missing is a failure, whatever the report calls it. Exits 0 only if at least
one test passed, none failed, and ctest itself was content.
"""

import sys
import xml.etree.ElementTree as ElementTree


def outcome(case):
    status = case.get("status", "")
    if status == "run":
        return "passed"
    if status == "disabled":
        return "skipped"
    skipped = case.find("skipped")
    if skipped is not None and skipped.get("message", "").startswith("SKIP_"):
        return "skipped"
    return "failed"


def main():
    report, ctest_code = sys.argv[1], int(sys.argv[2])
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    try:
        cases = ElementTree.parse(report).getroot().findall("testcase")
    except (OSError, ElementTree.ParseError) as error:
        print(f"There is no test report: {error}")
        cases = []
    names = {"failed": [], "skipped": []}
    for case in cases:
        result = outcome(case)
        counts[result] += 1
        if result in names:
            names[result].append(case.get("name", "?"))
    for result, listed in names.items():
        if listed:
            print(f"{result}: {' '.join(listed)}")
    if ctest_code != 0 and counts["failed"] == 0:
        print(f"ctest ended with code {ctest_code}")
        counts["failed"] = 1
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 0 if counts["passed"] > 0 and counts["failed"] == 0 else 1


sys.exit(main())
