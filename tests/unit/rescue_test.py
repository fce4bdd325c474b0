# SPDX-License-Identifier: GPL-3.0-or-later
"""The program written from the format's document alone reads the golden repository, and
never gives out what was not backed up."""

import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden/repository"
PASSPHRASE = "hazel and oak"


class Rescue(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.tree = self.folder / "tree"
        shutil.copytree(GOLDEN / "tree", self.tree)
        self.expected = dict(line.split() for line in (GOLDEN / "expected.txt").read_text().splitlines())
        self.passphrase = self.file("passphrase", PASSPHRASE + "\n")
        self.recovery = self.file("recovery", self.expected["recovery-key-text"].lower().replace("-", " "))

    def file(self, name, content):
        path = self.folder / name
        path.write_text(content)
        return path

    def run_it(self, *arguments, key=None):
        key = key or ["--recovery-key-file", self.recovery]  # the quick one: no Argon2id
        return subprocess.run([sys.executable, ROOT / "rescue/dormouse-rescue", *key, self.tree, *arguments],
                              capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)

    def backups(self):
        """Oldest first, as the program lists them."""
        listed = self.run_it("list")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        return [line.split()[0] for line in listed.stdout.splitlines() if not line.startswith(" ")]

    def restored(self, backup, **options):
        target = self.folder / "image"
        target.unlink(missing_ok=True)
        done = self.run_it("restore", backup, str(target), **options)
        if done.returncode:
            return None, done.stderr
        return hashlib.blake2b(target.read_bytes(), digest_size=32).hexdigest(), done.stdout

    def wanted(self):
        return [self.expected["content-1"], self.expected["content-2"]]

    def test_every_backup_comes_back_bit_for_bit(self):
        for key in (["--passphrase-file", self.passphrase], ["--recovery-key-file", self.recovery]):
            self.assertEqual([self.restored(backup, key=key)[0] for backup in self.backups()], self.wanted())

    def test_holes_of_a_new_file_stay_holes(self):
        self.restored("latest")
        info = os.stat(self.folder / "image")
        self.assertLess(info.st_blocks * 512, info.st_size)

    def test_without_an_index_the_packs_serve(self):
        shutil.rmtree(self.tree / "index")
        self.assertEqual([self.restored(backup)[0] for backup in self.backups()], self.wanted())

    def test_wrong_secrets_are_told(self):
        wrong = self.file("wrong", "hazel and elm")
        self.assertIn("not the passphrase", self.run_it("list", key=["--passphrase-file", wrong]).stderr)
        digits = list(self.expected["recovery-key-text"])
        digits[0] = "Z" if digits[0] != "Z" else "Y"
        wrong = self.file("wrong", "".join(digits))
        self.assertIn("digit wrong", self.run_it("list", key=["--recovery-key-file", wrong]).stderr)

    def test_nothing_is_overwritten(self):
        target = self.file("there", "mine")
        self.assertNotEqual(self.run_it("restore", "latest", str(target)).returncode, 0)
        self.assertEqual(target.read_text(), "mine")

    def test_newer_formats_are_refused_as_such(self):
        path = next((self.tree / "records").iterdir())
        data = bytearray(path.read_bytes())
        data[8] = 2
        path.write_bytes(data)
        self.assertIn("newer Dormouse", self.run_it("list").stderr)

    def test_damage_never_passes_for_content(self):
        """One flipped bit anywhere: what comes back is right, or nothing does."""
        chance = random.Random(7)
        wanted, refused = self.wanted(), 0
        names = self.backups()
        files = [path for path in self.tree.rglob("*") if path.is_file() and path.parent.name != "keys"]
        for _ in range(60):
            path = chance.choice(files)
            before = path.read_bytes()
            data = bytearray(before)
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            path.write_bytes(data)
            got, _ = self.restored(names[1])
            self.assertIn(got, (None, wanted[1]), path)
            refused += got is None
            path.write_bytes(before)
        self.assertGreater(refused, 10)
        self.assertEqual(self.restored(names[1])[0], wanted[1])


if __name__ == "__main__":
    unittest.main()
