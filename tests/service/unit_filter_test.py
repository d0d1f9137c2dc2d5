#!/usr/bin/python3
"""systemd's filter of system calls, of the unit, lets through what the daemon's
own does.

Usage: unit_filter_test.py UNIT SYSTEM_CALLS_CC
"""

import re
import shutil
import subprocess
import sys
import unittest

UNIT, TABLES = sys.argv[1:3]

# Of sockets that the daemon makes itself, and of old C libraries.
NOT_UNDER_THE_UNIT = {"lchown", "fchownat", "setrlimit"}


def members(name):
    """The system calls of a group "@name", those of its groups too."""
    listed = subprocess.run(["systemd-analyze", "syscall-filter", name],
                            check=True, stdout=subprocess.PIPE,
                            text=True).stdout
    calls = set()
    for line in listed.split("\n")[1:]:
        word = line.strip()
        if word.startswith("@"):
            calls |= members(word)
        elif word and not word.startswith("#"):
            calls.add(word)
    return calls


def permitted_by_unit():
    calls = members("@default")
    with open(UNIT) as file:
        for value in re.findall(r"^SystemCallFilter=(.*)$", file.read(),
                                re.MULTILINE):
            named = set()
            for word in value.lstrip("~").split():
                named |= members(word) if word[0] == "@" else {word}
            calls = calls - named if value[0] == "~" else calls | named
    return calls


def allowed_by_daemon():
    with open(TABLES) as file:
        text = file.read()
    table = text[text.index("AllowedSystemCalls() {"):
                 text.index("DeadlySystemCalls() {")]
    calls = set()
    for names in re.findall(r'\{((?:\s*"[a-z0-9_]+",?)+)\s*\}', table):
        calls |= set(re.findall(r'"([a-z0-9_]+)"', names))
    return calls


class UnitFilterTest(unittest.TestCase):
    def test_the_unit_permits_what_the_daemon_needs(self):
        needed = allowed_by_daemon()
        self.assertIn("epoll_wait", needed)
        self.assertIn("sendmmsg", needed)
        # Of the filter itself, and those that depend on their arguments.
        needed |= {"seccomp", "capset", "socket", "clone", "fchown"}
        self.assertEqual(needed - permitted_by_unit(), NOT_UNDER_THE_UNIT)


if __name__ == "__main__":
    if shutil.which("systemd-analyze") is None:
        print("skipped: systemd-analyze isn't installed")
        sys.exit(0)
    unittest.main(argv=sys.argv[:1], verbosity=2)
