#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The harness itself: what must fail a test does, and what must not does not."""

import os
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from vmlab import Disk, KernelLog, Lab, LabError, machine

RUN = Path(__file__).resolve().parent / "run"


class Scenario:
    """A scenario from a string, below the lab's folder."""

    def __init__(self, lab, text):
        handle, self.path = tempfile.mkstemp(dir=lab.directory, suffix=".sh")
        os.write(handle, ('. "$VM_GUEST/lib.sh"\n' + text).encode())
        os.close(handle)


class HarnessTest(unittest.TestCase):
    def boot(self, lab, text, **options):
        return lab.boot(Scenario(lab, text).path, echo=None, **options)

    def run_in_guest(self, text, **options):
        with Lab(keep_failures=False) as lab:
            return self.boot(lab, text, **options).wait()

    def assert_one_problem(self, result, text):
        self.assertEqual(len(result.problems()), 1, result.problems())
        self.assertIn(text, result.problems()[0])

    # Boots are what takes time here, so the first two tests look at several
    # things in one boot each.

    def test_failing_exit_code_fails_and_so_does_a_kernel_warning(self):
        problems = self.run_in_guest("echo 'WARNING: made up' >/dev/kmsg\nexit 3\n").problems()
        self.assertEqual(problems, ["the scenario ended with code 3",
                                    "the kernel complained: WARNING: made up"])

    def test_failed_proof_fails_although_the_scenario_ends_well_and_expected_warning_does_not(self):
        text = ('prove "true is true" true\nprove "false is true" false\n'
                'echo "WARNING: made up" >/dev/kmsg\nexit 0\n')
        with Lab(keep_failures=False) as lab, self.boot(lab, text, expect_kernel_log=["made up"]) as machine:
            with self.assertRaisesRegex(LabError, "ended without printing"):
                machine.wait_for("a marker that never comes")
            result = machine.wait()
        self.assert_one_problem(result, "code 1")
        self.assertIn("ok true is true", result.output)
        self.assertIn("not ok false is true", result.output)

    def test_crash_fails(self):
        result = self.run_in_guest("echo c >/proc/sysrq-trigger\nsleep 60\n", timeout=60)
        self.assertEqual(result.ended, "exit")
        self.assertTrue(any("Kernel panic" in problem for problem in result.problems()), result.problems())

    def test_a_machine_that_does_not_boot_is_started_again_and_then_fails(self):
        with mock.patch("vmlab.machine.BOOT_SECONDS", 0.3):  # nobody boots in that
            result = self.run_in_guest("exit 0\n")
        self.assert_one_problem(result, "without reporting a result")
        real = machine.Machine._has_booted
        tries = []

        def once_too_slow(booting, seconds):
            tries.append(seconds)
            return real(booting, 0.3 if len(tries) == 1 else seconds)

        with mock.patch.object(machine.Machine, "_has_booted", once_too_slow):
            self.assertEqual(self.run_in_guest("exit 0\n").problems(), [])
        self.assertEqual(len(tries), 2)

    def test_timeout_fails_and_shows_where_everybody_is_stuck(self):
        result = self.run_in_guest("sleep 600\n", timeout=20)
        self.assert_one_problem(result, "not done after")
        self.assertTrue(any("Show Blocked State" in line for line in result.kernel_log.lines))

    def test_host_talks_with_the_guest_and_cuts_the_power(self):
        with Lab(keep_failures=False) as lab:
            disk = lab.disk("data", "64M")
            text = ('await start\necho kept | dd of=$(disk data) conv=sync,fsync bs=4096 status=none\n'
                    'touch /etc/only-in-the-guest\nsay written\n'
                    'fast=$(disk fast) old=$(disk old)\nsay plugged\n'
                    'wait_until 20 test ! -e $fast -a ! -e $old && say unplugged\nsleep 600\n')
            others = [lab.disk("fast", "64M", unplug=True), lab.disk("old", "64M", kind="scsi")]
            with self.boot(lab, text, disks=[disk, *others]) as machine:
                machine.tell("start")
                self.assertEqual(machine.wait_for("written"), "written")
                self.assertEqual(machine.qmp("query-status")["status"], "running")
                machine.wait_for("plugged")
                for other in others:
                    machine.unplug(other)
                machine.wait_for("unplugged")
                result = machine.kill()
            self.assertEqual((result.ended, result.exit_code), ("killed", None))
            self.assertEqual(result.problems(), [])
            self.assertFalse(Path("/etc/only-in-the-guest").exists())
            again = self.boot(lab, 'prove kept test "$(head -c 4 "$(disk data)")" = kept\n'
                                   'prove fresh test ! -e /etc/only-in-the-guest\n', disks=[disk]).wait()
            self.assertEqual(again.problems(), [])

    def test_nothing_stays_when_the_runner_is_killed(self):
        with tempfile.TemporaryDirectory(dir=Path(RUN).parents[2] / "build") as keep:
            scenario = Path(keep) / "forever.sh"
            scenario.write_text("echo here; sleep 600\n")
            for number in (signal.SIGTERM, signal.SIGKILL):
                with subprocess.Popen([RUN, "--keep", keep, scenario], stdout=subprocess.PIPE, text=True,
                                      stderr=subprocess.DEVNULL) as runner:
                    self.assertEqual(runner.stdout.readline(), "here\n")
                    runner.send_signal(number)
                    runner.wait()
                self.assertEqual(self.processes_naming(keep), [])

    @staticmethod
    def processes_naming(text):
        """Command lines of running processes that contain `text`, once settled."""
        for _ in range(50):
            found = []
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
                except OSError:
                    continue
                if "qemu" in line and text in line:
                    found.append(line)
            if not found:
                break
            time.sleep(0.1)
        return found


class KernelLogTest(unittest.TestCase):
    def test_complaints_are_found_and_ordinary_lines_are_not(self):
        ordinary = ["[    0.000000] Command line: rcupdate.rcu_cpu_stall_timeout=60",
                    "[    1.0] dormouse: loading out-of-tree module taints kernel.",
                    "[    1.0] EXT4-fs (vda): warning: mounting unchecked fs, running e2fsck is recommended"]
        complaints = ["[    1.0] WARNING: CPU: 0 PID: 1 at mm/slub.c:1", "[    1.0] BUG: sleeping function",
                      "[  242.1] INFO: task umount:812 blocked for more than 60 seconds.",
                      "[   99.2] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
                      "[    1.0] Oops: 0000 [#1] PREEMPT SMP NOPTI",
                      "[    1.0][  T812] WARNING: possible recursive locking detected"]
        self.assertEqual(KernelLog("\n".join(ordinary)).problems(), [])
        self.assertEqual(len(KernelLog("\n".join(complaints)).problems()), len(complaints))

    def test_what_is_expected_must_come_and_is_excused(self):
        log = "[    1.0] WARNING: made up"
        self.assertEqual(KernelLog(log, ["made up"]).problems(), [])
        self.assertEqual(len(KernelLog("", ["made up"]).problems()), 1)


class DiskTest(unittest.TestCase):
    def test_a_disk_is_given_by_size_or_path(self):
        disk = Disk.parse("one=64M,kind=nvme,lbs=4096", "/somewhere")
        self.assertEqual((disk.path, disk.size, disk.pbs), (Path("/somewhere/one.img"), 64 << 20, 4096))
        disk = Disk.parse("two=/images/x.img,size=1G,ro", "/somewhere")
        self.assertEqual((disk.path, disk.size, disk.ro), (Path("/images/x.img"), 1 << 30, True))

    def test_nonsense_is_refused(self):
        for text in ["one", "one=", "one=64M,kind=floppy", "one=64M,colour=red", "a/b=64M"]:
            with self.assertRaises(LabError, msg=text):
                Disk.parse(text, "/somewhere")


if __name__ == "__main__":
    unittest.main(verbosity=2)
