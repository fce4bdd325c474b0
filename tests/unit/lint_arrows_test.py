# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that lint_arrows finds what it is there for."""

import os
import subprocess
import sys
import tempfile
import unittest

LINT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lint_arrows")
SPDX = "// SPDX-License-Identifier: GPL-3.0-or-later\n"


class LintArrows(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        for path in (
            "helper/base/result.h", "helper/catalog/catalog.h", "helper/dbus/types.h",
            "helper/daemon/jobs.h", "helper/engine/engine.h", "helper/snapshot/module.h",
            "kmod/uapi/dormouse_ioctl.h", "kmod/change_map.h", "kmod/pure.h", "kmod/volume.h",
        ):
            self.write(path, SPDX)

    def write(self, path, content):
        full = os.path.join(self.folder.name, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(content)

    def lint(self):
        done = subprocess.run([sys.executable, LINT, self.folder.name],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.stderr, "")
        self.assertEqual(done.returncode, 1 if done.stdout else 0)
        return done.stdout

    def assert_includes(self, path, included, complaint):
        self.write(path, f'{SPDX}#include "{included}"\n')
        out = self.lint()
        os.remove(os.path.join(self.folder.name, path))
        if complaint is None:
            self.assertEqual(out, "")
        else:
            self.assertIn(complaint, out)
            self.assertIn(f"{path}:2:", out)

    def test_a_tidy_tree_passes(self):
        self.assertEqual(self.lint(), "")

    def test_arrows_that_exist_pass(self):
        for path, included in (
            ("helper/catalog/a.cpp", "helper/base/result.h"),
            ("helper/engine/a.cpp", "helper/catalog/catalog.h"),
            ("helper/daemon/a.cpp", "helper/engine/engine.h"),
            ("helper/snapshot/a.cpp", "kmod/change_map.h"),
            ("helper/snapshot/a.cpp", "kmod/uapi/dormouse_ioctl.h"),
            ("app/pages/a.cpp", "helper/dbus/types.h"),
            ("kmod/hook.c", "volume.h"),
            ("kmod/change_map.c", "change_map.h"),
            ("tests/unit/a.cpp", "helper/daemon/jobs.h"),
            ("app/pages/a.cpp", "a.moc"),
        ):
            self.assert_includes(path, included, None)

    def test_arrows_that_do_not_exist_fail(self):
        for path, included, complaint in (
            ("helper/base/a.cpp", "helper/catalog/catalog.h", "may not include"),
            ("helper/catalog/a.cpp", "helper/engine/engine.h", "may not include"),
            ("helper/catalog/a.cpp", "helper/snapshot/module.h", "may not include"),
            ("helper/engine/a.cpp", "helper/daemon/jobs.h", "nothing includes the daemon"),
            ("app/cli/a.cpp", "helper/daemon/jobs.h", "nothing includes the daemon"),
            ("app/client/a.cpp", "helper/base/result.h", "may not include"),
            ("app/client/a.cpp", "kmod/uapi/dormouse_ioctl.h", "may not include"),
            ("helper/snapshot/a.cpp", "kmod/volume.h", "only pure files"),
            ("helper/catalog/a.cpp", "../engine/engine.h", "may not include"),
            ("helper/surprise/a.cpp", "helper/base/result.h", "no place among the arrows"),
            ("kmod/change_map.c", "volume.h", "pure file"),
        ):
            self.assert_includes(path, included, complaint)

    def test_libraries_know_no_bus_and_no_widgets(self):
        for header in ("QDBusConnection", "QtDBus/QDBusMessage", "QWidget", "QtWidgets/QLabel"):
            self.write("helper/engine/a.cpp", f"{SPDX}#include <{header}>\n")
            self.assertIn("no D-Bus and no widgets", self.lint())
            self.write("helper/engine/a.cpp", SPDX)
            self.write("helper/daemon/a.cpp", f"{SPDX}#include <{header}>\n")
            self.assertEqual(self.lint(), "")
        self.write("helper/engine/CMakeLists.txt",
                   "# SPDX-License-Identifier: x\ntarget_link_libraries(e PUBLIC Qt6::DBus)\n")
        self.assertIn("links neither", self.lint())

    def test_a_file_without_a_licence_fails(self):
        for path in ("helper/catalog/a.cpp", "tests/unit/a.py", "tests/vm/CMakeLists.txt"):
            self.write(path, "nothing\n")
            self.assertIn(f"{path}:1: no SPDX", self.lint())
            os.remove(os.path.join(self.folder.name, path))
        self.write("tests/vm/tool", "#!/bin/bash\necho\n")
        self.assertIn("no SPDX", self.lint())

    def test_a_long_file_fails_but_not_a_long_test(self):
        self.write("kmod/long.c", SPDX + "\n" * 600)
        self.assertIn("kmod/long.c:601: more than 600 lines", self.lint())
        self.write("kmod/long.c", SPDX + "\n" * 599)
        self.write("tests/unit/long.cpp", SPDX + "\n" * 900)
        self.assertEqual(self.lint(), "")


if __name__ == "__main__":
    unittest.main()
