# SPDX-License-Identifier: GPL-3.0-or-later
"""Boots virtual machines for tests. tests/vm/README.md is the manual."""

from .disk import Disk
from .kernel import Kernel
from .kernel_log import KernelLog
from .lab import Lab
from .machine import Machine, Result
from .paths import LabError, staged_tree

__all__ = ["Disk", "Kernel", "KernelLog", "Lab", "LabError", "Machine", "Result", "staged_tree"]
