#!/usr/bin/python3
"""What takes a privilege: a program without it has it neither by a socket that
the daemon, which is root, made for it.

Usage: rights_test.py WSPRUN WSPD WSPCTL --plane=auto
"""

import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import preload_case  # noqa: E402
import rules_case  # noqa: E402
from rules_case import as_user  # noqa: E402

ALICE = 70001
IS_LENT = preload_case.PLANE != "relayed"
# Who is root there, with all capabilities, and nobody here.
ROOT_OF_OWN_NAMESPACE = [*as_user(ALICE), "unshare", "--map-root-user"]

# What becomes of binding a socket to a device, and again when it is bound to
# one: since Linux 5.7 only that takes a right.
DEVICES = """
def devices(one):
    return [error_of(one.setsockopt, socket.SOL_SOCKET, socket.SO_BINDTODEVICE,
                     b"lo\\0") for _ in range(2)]

def words(errors):
    return " ".join(errno.errorcode.get(each, "fine") for each in errors)
"""

# The same without wsprun, in the daemon's network.
NATIVE = preload_case.PRELUDE + DEVICES + """
with socket.socket() as one:
    print(words(devices(one)))
"""

# For each kind of socket, what becomes of each thing, as words.
PROGRAM = DEVICES + f"""
SO_MARK, IP_TRANSPARENT, IPV6_TRANSPARENT = 36, 19, 75

def low_port(one, host):
    # Not one that other tests bind.
    for port in range(600, 500, -1):
        error = error_of(one.bind, (host, port))
        if error != errno.EADDRINUSE:
            return error

def outcomes(family, kind):
    with socket.socket(family, kind) as one:
        assert is_relayed(one.fileno()) != {IS_LENT}
        if family == socket.AF_INET:
            host, transparent = "127.0.0.1", (socket.SOL_IP, IP_TRANSPARENT)
        else:
            host, transparent = "::1", (socket.IPPROTO_IPV6, IPV6_TRANSPARENT)
        return [
            error_of(one.setsockopt, socket.SOL_SOCKET, SO_MARK, 7),
            error_of(one.setsockopt, *transparent, 1),
            low_port(one, host),
            *devices(one),
        ]

print("ready", flush=True)
for family in socket.AF_INET, socket.AF_INET6:
    for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
        print(words(outcomes(family, kind)), flush=True)
print("done", flush=True)
"""


def unprivileged_start():
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start",
              encoding="ascii") as file:
        return int(file.read())


class RightsTest(rules_case.RulesCase):

    @classmethod
    def setUpClass(cls):
        rules_case.need_users()
        if unprivileged_start() < 1024:
            print("skipped: no port needs a privilege here", flush=True)
            raise unittest.SkipTest("no low ports")

    def outcomes(self, launcher):
        """Of all kinds of sockets."""
        program = self.start_under(launcher, PROGRAM)
        lines = []
        while (line := program.stdout.readline().rstrip("\n")) != "done":
            self.assertNotEqual(line, "", lines)
            lines.append(line)
        self.assertEqual(len(lines), 4)
        return set(lines)

    def devices(self, launcher):
        """What they are to that user: on a lent socket what they are without
        us, and on a relayed one nobody's."""
        if not IS_LENT:
            return "EPERM EPERM"
        return subprocess.run(
            [*launcher, preload_case.PYTHON, "-c", NATIVE],
            env=self.environment(), stdout=subprocess.PIPE, text=True,
            check=True, timeout=preload_case.DEADLINE).stdout.strip()

    def test_a_user_has_none(self):
        self.assertEqual(
            self.outcomes(as_user(ALICE)),
            {"EPERM EPERM EACCES " + self.devices(as_user(ALICE))})

    def test_nor_has_root_of_a_namespace_of_ones_own(self):
        if subprocess.run([*ROOT_OF_OWN_NAMESPACE, "true"], check=False,
                          stderr=subprocess.DEVNULL).returncode != 0:
            print("skipped: users can make no user namespaces here", flush=True)
            self.skipTest("no user namespaces")
        self.assertEqual(
            self.outcomes(ROOT_OF_OWN_NAMESPACE),
            {"EPERM EPERM EACCES " + self.devices(ROOT_OF_OWN_NAMESPACE)})

    @unittest.skipUnless(IS_LENT, "only what is lent is the kernel's to judge")
    def test_root_has_what_the_kernel_gives(self):
        self.assertEqual(self.outcomes([]), {"fine fine fine fine fine"})


if __name__ == "__main__":
    preload_case.main()
