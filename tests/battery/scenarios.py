# SPDX-License-Identifier: GPL-3.0-or-later
"""Batteries that are scenarios of the test suite, all of them, one after the other."""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("DORMOUSE_BUILD_DIR", ROOT / "build"))


def run(test):
    """What one test proved: proofs, failures, did it pass."""
    done = subprocess.run(["ctest", "--test-dir", BUILD, "-R", f"^{re.escape(test)}$", "-V", "--no-tests=error"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    counts = re.findall(r"(\d+) proofs, (\d+) failures", done.stdout)
    if done.returncode:
        print(f"{test} failed; its logs are in {BUILD}/vm/failed/", file=sys.stderr)
        print("\n".join(re.findall(r"^\d+: (not ok .*)$", done.stdout, re.M)), file=sys.stderr)
    return sum(int(p) for p, _ in counts), sum(int(f) for _, f in counts), done.returncode == 0


def main(name, description, pattern):
    """The battery's program: all kernel tests whose names fit the pattern."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", choices=["6.12", "debug", "newest"], help="else the release's own")
    parser.add_argument("--json", action="store_true", help="one JSON object a figure, for programs")
    options = parser.parse_args()
    suffix = f"@{options.kernel}" if options.kernel else ""
    listed = subprocess.run(["ctest", "--test-dir", BUILD, "-N"], stdout=subprocess.PIPE, text=True, check=True).stdout
    tests = [test for test in re.findall(r"Test +#\d+: (\S+)$", listed, re.M)
             if re.fullmatch(rf"vm\.kmod\.({pattern}){re.escape(suffix)}", test)]
    if not tests:
        sys.exit(f"{name}: there are no such scenarios")
    proofs = failures = failed = 0
    for test in tests:
        proved, missed, passed = run(test)
        print(f"{test}: {proved} proofs, {missed} failures{'' if passed else ', FAILED'}", file=sys.stderr)
        proofs, failures, failed = proofs + proved, failures + missed, failed + (not passed)
    figures = [("scenarios", len(tests), None), ("proofs", proofs, None), ("failures", failures, 0), ("failed", failed, 0)]
    for figure, value, goal in figures:
        met = goal is None or value <= goal
        if options.json:
            print(json.dumps({"name": f"{name}.{figure}", "value": value, "unit": "", "goal": goal, "met": met}))
        else:
            print(f"{figure:>12} {value:>8}{'' if goal is None else '   goal 0: ' + ('met' if met else 'MISSED')}")
    return 0 if not failures and not failed else 1
