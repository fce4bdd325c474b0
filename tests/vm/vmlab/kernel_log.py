# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges a guest's kernel log: any complaint of the kernel fails a test."""

import re

COMPLAINTS = [
    r"\bWARNING:",
    r"\bBUG:",
    r"\bBUG at\b",
    r"\bOops\b",
    r"general protection",
    r"lockdep",
    r"possible (recursive|circular|irq lock inversion)",
    r"INFO: task .* blocked for more than",
    r"[Hh]ung task",
    r"\brcu.*\bstall",
    r"soft lockup",
    r"hard LOCKUP",
    r"KASAN",
    r"KFENCE",
    r"UBSAN",
    r"refcount_t:",
    r"list_(add|del) corruption",
    r"Bad page state",
    r"[Uu]nable to handle",
    r"Kernel panic",
    r"ODEBUG",
    r"kmemleak: \d+ new",
    r"Objects remaining in",
]

# Lines that match a complaint and are known to be harmless.
HARMLESS = [
    # The command line is echoed, and may name the very things looked for.
    r"(Kernel c|C)ommand line: ",
    r"Unknown kernel command line parameters",
    # Said at boot by every kernel that has the feature.
    r"kfence: initialized",
]

_COMPLAINT = re.compile("|".join(COMPLAINTS))
_HARMLESS = re.compile("|".join(HARMLESS))
_TIMESTAMP = re.compile(r"^\[\s*[\d.]+\](\[[^]]*\])? ")


class KernelLog:
    """A kernel log and what is wrong with it.

    `expected` are regular expressions of lines that must occur; a complaint
    that one of them matches is excused.
    """

    def __init__(self, text, expected=()):
        self.lines = [_TIMESTAMP.sub("", line.rstrip()) for line in text.splitlines()]
        self.expected = [re.compile(pattern) for pattern in expected]

    def problems(self):
        """Sentences, one a problem; empty when the log is in order."""
        found = []
        for line in self.lines:
            if not _COMPLAINT.search(line) or _HARMLESS.search(line):
                continue
            if any(pattern.search(line) for pattern in self.expected):
                continue
            found.append("the kernel complained: " + line)
        for pattern in self.expected:
            if not any(pattern.search(line) for line in self.lines):
                found.append(f"the kernel log should have had a line like /{pattern.pattern}/")
        return found
