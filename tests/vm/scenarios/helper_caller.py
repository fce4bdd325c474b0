#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls the helper as somebody who means no good.

    helper_caller.py stranger CONTRACT-FOLDER OBJECT...
    helper_caller.py user     CONTRACT-FOLDER OBJECT...
    helper_caller.py root     CONTRACT-FOLDER OBJECT... --point ID --volume ID

OBJECT are paths of real volumes, plans and repositories. `stranger` may call nothing,
`user` may only look; both try every method of the contract. `root` may call everything,
so it hands in what does not exist, what is far too large and what has the wrong form.

Prints every call that was not refused with an error of the expected kind, then how many
calls it made. Exit code 1 if there was one, or if a call changed the helper's bus name.
"""
import argparse
import os
import pathlib
import sys
import xml.etree.ElementTree as xml

import dbus

NAME = "org.dormouse.Helper1"
ROOT = "/org/dormouse/Helper1"
ERRORS = "org.dormouse.Error."
LOOKING = {
    "GetHealth", "ListVolumes", "ListRepositories", "ListPlans", "ListRestorePoints", "Browse",
    "EndBrowse", "PlanRestore", "ListActivity", "GetChangeMapSummary", "GetInfo", "Details",
}
UNKNOWN = "0123456789abcdef" * 2
STRINGS = [UNKNOWN, "../../etc", "", "\x01\n", "local:" + UNKNOWN, "x" * (4 << 20)]
PATHS = [b"../../etc/passwd", b"/etc/passwd", b"a/../../etc", b"..", b"a//b", b"", b"nul\0byte",
         b"x/" * 4000, b"y" * (4 << 20)]


def methods(folder):
    """(interface, method, input signature) of the whole contract."""
    for file in sorted(pathlib.Path(folder).glob("*.xml")):
        for interface in xml.parse(file).getroot().iter("interface"):
            for method in interface.iter("method"):
                yield interface.get("name"), method.get("name"), [
                    arg.get("type") for arg in method.iter("arg") if arg.get("direction") == "in"]


class Caller:
    def __init__(self, objects):
        self.bus = dbus.SystemBus(private=True)
        self.objects = objects
        self.etc = os.open("/etc", os.O_RDONLY | os.O_DIRECTORY)
        self.owner = self.bus.get_name_owner(NAME)
        self.calls = 0
        self.wrong = 0

    def value(self, kind, text):
        return {
            "s": text, "as": dbus.Array([text], signature="s"), "t": dbus.UInt64(2 ** 64 - 1),
            "u": dbus.UInt32(2 ** 32 - 1), "x": dbus.Int64(-(2 ** 63)), "b": dbus.Boolean(True),
            "h": dbus.types.UnixFd(self.etc), "(uuuu)": dbus.Struct([dbus.UInt32(2 ** 32 - 1)] * 4),
            "aay": dbus.Array([dbus.ByteArray(b"../../etc/passwd")], signature="ay"),
        }[kind]

    def paths(self, interface):
        kind = interface.rsplit(".", 1)[1].lower()
        if kind == "manager":
            return [ROOT]
        return [path for path in self.objects if f"/{kind}/" in path]

    def call(self, path, interface, method, signature, args, timeout=60):
        """The error's name, or None if there was an answer."""
        self.calls += 1
        try:
            self.bus.call_blocking(NAME, path, interface, method, signature, args, timeout)
        except dbus.DBusException as error:
            return error.get_dbus_name()
        return None

    def expect(self, kinds, what, error):
        if error is None or not any(error == kind or error == ERRORS + kind for kind in kinds):
            self.wrong += 1
            print(f"{what}: {error or 'was answered'}")

    def finish(self):
        if self.bus.get_name_owner(NAME) != self.owner:
            self.wrong += 1
            print("the helper is not the same any more")
        print(f"{self.calls} calls, {self.wrong} not refused as they should be")
        return 1 if self.wrong else 0


def try_everything(caller, contract, allowed):
    for interface, method, kinds in methods(contract):
        for path in caller.paths(interface):
            args = [caller.value(kind, UNKNOWN) for kind in kinds]
            error = caller.call(path, interface, method, "".join(kinds), args)
            what = f"{method} of {path}"
            if method not in allowed:
                caller.expect(["NotAuthorized"], what, error)
            elif error == ERRORS + "NotAuthorized":
                caller.expect([], what, error)


REFUSALS = ["NotFound", "InvalidArgument", "Refused"]
MALFORMED = ["org.freedesktop.DBus.Error." + kind for kind in (
    "UnknownMethod", "InvalidArgs", "InvalidSignature", "UnknownObject", "UnknownInterface",
    "UnknownProperty", "PropertyReadOnly", "AccessDenied")]


def hand_in_junk(caller, contract):
    for interface, method, kinds in methods(contract):
        for path in caller.paths(interface):
            if any(kind in ("s", "as") for kind in kinds):
                for text in STRINGS:
                    if method == "ListRestorePoints" and text == "":
                        continue  # of all volumes
                    args = [caller.value(kind, text) for kind in kinds]
                    caller.expect(REFUSALS, f"{method} of {text[:40]!r}",
                                  caller.call(path, interface, method, "".join(kinds), args))
            args = [caller.value(kind, UNKNOWN) for kind in kinds]
            caller.expect(MALFORMED, f"{method} with an argument too many",
                          caller.call(path, interface, method, "".join(kinds) + "s", args + ["x"]))
        # An object that was never there.
        if not interface.endswith(".Manager"):
            path = f"{ROOT}/{interface.rsplit('.', 1)[1].lower()}/{UNKNOWN}"
            args = [caller.value(kind, UNKNOWN) for kind in kinds]
            caller.expect(MALFORMED, f"{method} of {path}",
                          caller.call(path, interface, method, "".join(kinds), args))
    properties = "org.freedesktop.DBus.Properties"
    caller.expect(MALFORMED, "setting a property", caller.call(
        ROOT, properties, "Set", "ssv", [NAME + ".Manager", "Version", dbus.String("9")]))
    caller.expect(MALFORMED, "an unknown property", caller.call(
        ROOT, properties, "Get", "ss", [NAME + ".Manager", "x" * (4 << 20)]))
    caller.expect(MALFORMED, "an unknown method", caller.call(
        ROOT, NAME + ".Manager", "Format", "", []))


def escape_a_session(caller, point, volume):
    manager = NAME + ".Manager"
    session, path = caller.bus.call_blocking(
        NAME, ROOT, manager, "Browse", "ss", [point, volume], 60)
    target = os.open(sys.argv[0].rsplit("/", 1)[0], os.O_RDONLY | os.O_DIRECTORY)
    folder = dbus.types.UnixFd(target)
    for method in ("PlanRestore", "RestoreFiles"):
        for one in PATHS:
            args = [session, dbus.Array([dbus.ByteArray(one)], signature="ay"), folder, dbus.UInt32(0)]
            caller.expect(REFUSALS, f"{method} of {one[:40]!r}",
                          caller.call(ROOT, manager, method, "saayhu", args))
        good = dbus.Array([dbus.ByteArray(b".")], signature="ay")
        caller.expect(REFUSALS, f"{method} with a conflict policy that does not exist", caller.call(
            ROOT, manager, method, "saayhu", [session, good, folder, dbus.UInt32(77)]))
        file = dbus.types.UnixFd(os.open("/etc/passwd", os.O_RDONLY))
        caller.expect(REFUSALS, f"{method} into a file", caller.call(
            ROOT, manager, method, "saayhu", [session, good, file, dbus.UInt32(0)]))
        other = Caller([])
        caller.expect(REFUSALS, f"{method} from somebody else's session", other.call(
            ROOT, manager, method, "saayhu", [session, good, folder, dbus.UInt32(0)]))
    caller.bus.call_blocking(NAME, ROOT, manager, "EndBrowse", "s", [session], 60)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("who", choices=["stranger", "user", "root"])
    parser.add_argument("contract")
    parser.add_argument("objects", nargs="*")
    parser.add_argument("--point")
    parser.add_argument("--volume")
    options = parser.parse_args()
    caller = Caller(options.objects)
    if options.who == "root":
        hand_in_junk(caller, options.contract)
        escape_a_session(caller, options.point, options.volume)
    else:
        try_everything(caller, options.contract, LOOKING if options.who == "user" else set())
    return caller.finish()


sys.exit(main())
