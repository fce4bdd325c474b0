# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things are in the source tree."""

import os
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[3]
GUEST = SOURCE / "tests/vm/guest"
SCENARIOS = SOURCE / "tests/vm/scenarios"


def build_directory():
    """The CMake build directory: $DORMOUSE_BUILD_DIR, else build/."""
    return Path(os.environ.get("DORMOUSE_BUILD_DIR") or SOURCE / "build").resolve()


def staged_tree():
    """What the ctest fixture vm.stage installed, for Lab.boot(install=...)."""
    tree = build_directory() / "stage"
    if not tree.is_dir():
        raise LabError(f"{tree} is missing; run: ctest --test-dir {build_directory()} -R vm.stage")
    return tree


class LabError(Exception):
    """Something is wrong with the set-up, not with what is being tested."""
