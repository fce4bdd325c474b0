# SPDX-License-Identifier: GPL-3.0-or-later
"""One boot of a virtual machine: start, watch, talk to, kill, judge."""

import ctypes
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from .clock import counter_khz
from .disk import escape
from .kernel_log import KernelLog
from .paths import GUEST, SOURCE, LabError, build_directory
from .units import write_units

COMMAND_LINE = [
    "console=ttyS0", "panic=-1", "oops=panic",
    # Under emulation the serial port is slow: only warnings until the scenario
    # starts, then everything (see guest/prepare).
    "loglevel=5",
    # What only costs time here: a virtual CPU needs no mitigations, and the
    # clock watchdog misjudges an emulated TSC on a busy host.
    "mitigations=off", "tsc=reliable", "no_timer_check", "random.trust_cpu=on",
    # Two emulated processors on a busy host can be slow without being stuck.
    "watchdog_thresh=30", "sysctl.kernel.hung_task_timeout_secs=60",
]

BOOT_TRIES, BOOT_SECONDS = 3, 90  # a boot takes three seconds, on a busy host thirty

_PR_SET_PDEATHSIG = 1


def _clock_parameters():
    # What the kernel measures itself as it boots can be wrong by a factor of ten or
    # more on a busy host: then its clock runs that much too fast or too slow, and
    # every time limit in the guest with it.
    khz = counter_khz()
    return [f"tsc_early_khz={khz}"] if khz else []


def _die_with_parent():
    """In the child: QEMU must not survive its runner, however that ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@dataclass
class Result:
    """How a boot ended.

    `ended` is "exit" (the guest powered off, or crashed), "killed" (by us) or
    "timeout"; `exit_code` is the scenario's, None if it never reported one.
    """

    ended: str
    exit_code: int
    output: str
    kernel_log: KernelLog
    seconds: float
    extra: list = field(default_factory=list)

    def problems(self):
        """Sentences saying what is wrong; empty if all went as it should."""
        found = list(self.extra)
        if self.ended == "timeout":
            found.append(f"the guest was not done after {self.seconds:.0f} s")
        elif self.ended == "exit" and self.exit_code is None:
            found.append("the guest ended without reporting a result")
        elif self.exit_code:
            found.append(f"the scenario ended with code {self.exit_code}")
        return found + self.kernel_log.problems()

    def check(self):
        """Raises LabError with everything that is wrong."""
        if self.problems():
            raise LabError("\n".join(self.problems()))
        return self


class Machine:
    """A running virtual machine. Made by Lab.boot(), which documents the options."""

    def __init__(self, directory, kernel, scenario, args=(), disks=(), systemd=False, memory="2G",
                 cpus=2, timeout=180, module=None, expect_kernel_log=(), append="", qemu=(),
                 install=None, out=None, state=None, environment=None, interactive=False, echo=sys.stdout):
        self.directory = Path(directory)
        self.timeout = timeout and timeout * kernel.slowness
        self.scenario = Path(scenario).resolve()
        self._expected = list(expect_kernel_log)
        self._echo = echo
        self._output = bytearray()
        self._seen = 0  # how much of the output wait_for() has consumed
        self._news = threading.Condition()
        self._output_ended = False
        self._killed = False
        self._monitor = None
        self._result = None
        self._disks = list(disks) + ([state] if state else [])
        (self.directory / "told").mkdir(parents=True)
        for disk in self._disks:
            disk.create()
        self._write_job(kernel, args, systemd, module, install, state, environment or {}, interactive)
        for _ in range(BOOT_TRIES):
            self._start(kernel, memory, cpus, append, qemu, install, out, interactive)
            if interactive or self._has_booted(BOOT_SECONDS * kernel.slowness):
                break

    # -- starting ----------------------------------------------------------

    def _write_job(self, kernel, args, systemd, module, install, state, environment, interactive):
        """What the guest is to do; guest/prepare reads it from the share "boot"."""
        size = shutil.get_terminal_size()
        job = {
            "VM_SOURCE": SOURCE, "VM_GUEST": GUEST, "VM_BUILD": build_directory(),
            "VM_SCENARIO": self.scenario, "VM_MODULE": module or "",
            "VM_MODULES": kernel.modules, "VM_TIMEOUT": int(self.timeout or 0),
            "VM_SLOWNESS": kernel.slowness,
            "VM_SYSTEMD": int(systemd), "VM_INSTALL": int(install is not None),
            "VM_DRIVERS": " ".join(sorted({driver for disk in self._disks for driver in disk.drivers()})),
            "VM_STATE": state.name if state else "", "VM_INTERACTIVE": int(interactive),
            "VM_COLUMNS": size[0], "VM_ROWS": size[1], "VM_TERM": os.environ.get("TERM", "dumb"),
        }
        job.update(environment)
        lines = [f"{name}={shlex.quote(str(value))}" for name, value in job.items()]
        (self.directory / "job").write_text("\n".join(lines) + "\n")
        if systemd:
            write_units(self.directory / "units", interactive, install)
        (self.directory / "args").write_bytes(b"".join(str(arg).encode() + b"\0" for arg in args))

    def _start(self, kernel, memory, cpus, append, qemu, install, out, interactive):
        shares = [("host", "/", True), ("boot", self.directory, False), ("out", out, False)]
        if install is not None:
            shares.append(("install", Path(install).resolve(), True))
        ours, theirs = socket.socketpair()
        self._monitor_socket, monitor_theirs = socket.socketpair()
        command = [
            "qemu-system-x86_64", "-name", f"dormouse-{self.scenario.stem}", "-nodefaults", "-no-user-config",
            "-display", "none", "-vga", "none", "-nic", "none", "-no-reboot", "-machine", "q35",
            "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", str(cpus), "-m", str(memory),
            "-rtc", "base=utc", "-kernel", str(kernel.fast_image()), "-initrd", str(kernel.initramfs()),
            "-append", " ".join([*COMMAND_LINE, *_clock_parameters(), append]).strip(),
            "-chardev", f"file,id=kernel,path={escape(self.directory / 'kernel.log')}",
            "-serial", "chardev:kernel",
            "-chardev", f"socket,id=monitor,fd={monitor_theirs.fileno()}", "-mon", "monitor,mode=control",
            "-device", "virtio-serial-pci", "-device", "virtconsole,chardev=console",
            "-chardev", "stdio,id=console,signal=off" if interactive
            else f"socket,id=console,fd={theirs.fileno()}",
        ]
        for tag, path, readonly in shares:
            command += ["-virtfs", f"local,path={escape(path)},mount_tag={tag},security_model=none,"
                                   f"multidevs=remap{',readonly=on' if readonly else ''}"]
        if any(disk.kind == "scsi" for disk in self._disks):
            command += ["-device", "virtio-scsi-pci,id=scsi"]
        for number, disk in enumerate(self._disks, start=1):
            command += disk.qemu_options(number)
        command += list(qemu)
        (self.directory / "qemu-command").write_text(shlex.join(command) + "\n")
        self._started = time.monotonic()
        with open(self.directory / "qemu.log", "wb") as log:
            self._process = subprocess.Popen(
                command, stdin=None if interactive else subprocess.DEVNULL,
                stdout=None if interactive else log, stderr=None if interactive else log,
                pass_fds=[theirs.fileno(), monitor_theirs.fileno()], preexec_fn=_die_with_parent)
        theirs.close()
        monitor_theirs.close()
        self._reader = threading.Thread(target=self._read_output, args=(ours,), daemon=True)
        self._reader.start()

    def _has_booted(self, seconds):
        """False, and QEMU is gone, if the guest did not even reach its first program in
        time. QEMU's emulation hangs like that once in some hundred boots, while the
        kernel patches itself; our module is not there yet."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if (self.directory / "booted").exists() or not self.is_running():
                return True
            time.sleep(0.05)
        if self._echo is not None:
            self._echo.write(f"# the machine had not booted after {seconds} s, so it is started again\n")
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._monitor_socket.close()
        return False

    def _read_output(self, console):
        with console, open(self.directory / "output.log", "wb") as log:
            while True:
                try:
                    data = console.recv(65536)
                except ConnectionError:
                    data = b""
                with self._news:
                    self._output += data
                    self._output_ended = not data
                    self._news.notify_all()
                if not data:
                    return
                log.write(data)
                log.flush()
                if self._echo is not None:
                    self._echo.write(data.decode(errors="replace"))
                    self._echo.flush()

    # -- while it runs -----------------------------------------------------

    def is_running(self):
        return self._process.poll() is None

    def output(self):
        """Everything the scenario has printed so far."""
        with self._news:
            return self._output.decode(errors="replace")

    def wait_for(self, text, timeout=None):
        """Waits until the scenario prints `text` (after what an earlier call
        found) and returns the line it stands in. Raises LabError if the guest
        ends first, or after `timeout` seconds (default: the boot's own)."""
        wanted = text.encode()
        deadline = time.monotonic() + (timeout or self.timeout or 1e9)
        with self._news:
            while True:
                at = self._output.find(wanted, self._seen)
                if at >= 0:
                    end = self._output.find(b"\n", at)
                    if end >= 0 or self._output_ended:
                        end = end if end >= 0 else len(self._output)
                        self._seen = end
                        start = self._output.rfind(b"\n", 0, at) + 1
                        return self._output[start:end].decode(errors="replace").rstrip("\r")
                if self._output_ended:
                    raise LabError(f"the guest ended without printing {text!r}")
                left = deadline - time.monotonic()
                if left <= 0:
                    raise LabError(f"the guest did not print {text!r} in time")
                self._news.wait(left)

    def tell(self, word):
        """Wakes a scenario that does `await WORD` (guest/lib.sh)."""
        (self.directory / "told" / word).touch()

    def qmp(self, command, **arguments):
        """Runs one command of QEMU's machine protocol and returns its answer.

        Dashes in argument names are written as underscores.
        """
        if self._monitor is None:
            self._monitor = self._monitor_socket.makefile("rw", encoding="utf-8")
            self._monitor.readline()  # the greeting
            self.qmp("qmp_capabilities")
        request = {"execute": command,
                   "arguments": {name.replace("_", "-"): value for name, value in arguments.items()}}
        self._monitor.write(json.dumps(request) + "\n")
        self._monitor.flush()
        while True:
            line = self._monitor.readline()
            if not line:
                raise LabError(f"the machine ended during {command}")
            answer = json.loads(line)
            if "error" in answer:
                raise LabError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def unplug(self, disk):
        """Pulls a disk out of the running guest; it must be scsi, or have
        `unplug` set. The guest notices some seconds later."""
        self.qmp("device_del", id=f"disk-{disk.name}")

    def kill(self):
        """Pulls the plug: the guest stops between two instructions."""
        if self.is_running():
            self._killed = True
        self._process.kill()
        return self.wait()

    # -- the end -----------------------------------------------------------

    def wait(self, timeout=None):
        """Waits for the end (at most `timeout` seconds from now, default the
        boot's own from its start; then the guest is killed) and returns the
        Result."""
        if self._result is not None:
            return self._result
        ended = "exit"
        left = timeout
        if left is None and self.timeout:
            left = max(0.0, self._started + self.timeout - time.monotonic())
        try:
            self._process.wait(left)
        except subprocess.TimeoutExpired:
            ended = "timeout"
            self._process.kill()
        self._process.wait()
        self._reader.join()
        self._monitor_socket.close()
        seconds = time.monotonic() - self._started
        report = self.directory / "exit-code"
        code = report.read_text().strip() if report.exists() else ""
        log = self.directory / "kernel.log"
        text = log.read_text(errors="replace") if log.exists() else ""
        complaint = self.directory / "qemu.log"
        extra = []
        if self._process.returncode > 0:
            extra = ["QEMU failed: " + complaint.read_text(errors="replace").strip()]
        self._result = Result("killed" if self._killed else ended, int(code) if code else None,
                              self.output(), KernelLog(text, self._expected), seconds, extra)
        return self._result

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.is_running():
            self.kill()
