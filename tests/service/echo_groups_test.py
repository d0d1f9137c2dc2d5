#!/usr/bin/python3
"""Who may have ICMP echoes: by net.ipv4.ping_group_range of the daemon's network
namespace, which is one of the test's own, and the groups of the client.

Usage: echo_groups_test.py WSPD PROTO_ROOT WSPRUN
"""

import os
import shutil
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "python")]
import admin_client  # noqa: E402
import service_manager  # noqa: E402
import wire_client  # noqa: E402

WSPD = os.path.abspath(sys.argv[1])
PROTOS = wire_client.load_protos(sys.argv[2])
WSPRUN = os.path.abspath(sys.argv[3])
TYPES, _, ADMIN = PROTOS
REFUSED = ADMIN.JournalEvent.KIND_SOCKET_REFUSED

USER = 54321
GROUP = 4150
OTHER_GROUP = 4300
PLANES = {"relayed": TYPES.PLANE_RELAYED, "lent": TYPES.PLANE_LENT}
IPPROTO_ICMP, IPPROTO_ICMPV6 = 1, 58
ALLOWED = ["made", "made"]
DENIED = ["EACCES", "EACCES"]
CLIENTS = "ICMP echoes take a group in net.ipv4.ping_group_range"
DAEMONS = "no group of wspd's is in net.ipv4.ping_group_range"

# What becomes of a socket for echoes of each family.
PROGRAM = """
import errno, socket
for family, protocol in ((socket.AF_INET, 1), (socket.AF_INET6, 58)):
    try:
        socket.socket(family, socket.SOCK_DGRAM, protocol).close()
        print("made")
    except OSError as error:
        print(errno.errorcode[error.errno])
"""


def skip(reason):
    print(f"skipped: {reason}", flush=True)
    raise unittest.SkipTest(reason)


class EchoGroupsTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            skip("only root can be several users")
        if subprocess.run(
                ["unshare", "--net", "sh", "-c",
                 "echo 7 7 >/proc/sys/net/ipv4/ping_group_range"],
                check=False, stderr=subprocess.DEVNULL).returncode != 0:
            skip("no network namespace with settings of its own")

    def setUp(self):
        self.manager = service_manager.ServiceManager(WSPD)
        self.manager.__enter__()
        self.addCleanup(self.manager.__exit__, None, None, None)
        # The build's folders are root's alone.
        for name in "wsprun", "libwsp_preload.so":
            shutil.copy(os.path.join(os.path.dirname(WSPRUN), name),
                        self.manager.folder)
        self.manager.within = ["unshare", "--net"]
        self.manager.start()
        self.manager.await_ready()
        os.chmod(self.manager.provider_socket, 0o666)
        self.admin = admin_client.AdminClient(PROTOS,
                                              self.manager.admin_socket)
        self.addCleanup(self.admin.__exit__)

    def set_range(self, first, last):
        subprocess.run(
            ["nsenter", f"--net=/proc/{self.manager.process.pid}/ns/net",
             "sh", "-c",
             f"echo {first} {last} >/proc/sys/net/ipv4/ping_group_range"],
            check=True)

    def ask(self, plane, group, *others):
        who = ["setpriv", f"--reuid={USER}", f"--regid={group}",
               f"--groups={','.join(map(str, others))}" if others else
               "--clear-groups"]
        done = subprocess.run(
            [*who, os.path.join(self.manager.folder, "wsprun"), "--socket",
             self.manager.provider_socket, "--plane", plane, "--",
             "/usr/bin/python3", "-c", PROGRAM],
            check=False, capture_output=True, text=True, cwd="/", timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.split()

    def refusals(self):
        """Of all so far: plane, protocol, errno and the default's name."""
        events = next(self.admin.stream("WatchEvents", from_sequence=1,
                                        kinds=[REFUSED])).events
        for event in events:
            self.assertEqual(event.action, ADMIN.POLICY_ACTION_PRIVILEGE)
            self.assertEqual(event.uid, USER)
        return [(event.plane, event.protocol, event.linux_errno, event.detail)
                for event in events]

    def expected(self, detail):
        return [(plane, protocol, 13, detail) for plane in PLANES.values()
                for protocol in (IPPROTO_ICMP, IPPROTO_ICMPV6)]

    def test_the_clients_groups_count(self):
        # The daemon's, 0, is in it as well.
        self.set_range(0, 4200)
        for plane in PLANES:
            with self.subTest(plane):
                self.assertEqual(self.ask(plane, GROUP), ALLOWED)
                self.assertEqual(self.ask(plane, OTHER_GROUP, GROUP), ALLOWED)
        self.assertEqual(self.refusals(), [])
        for plane in PLANES:
            with self.subTest(plane):
                self.assertEqual(self.ask(plane, OTHER_GROUP), DENIED)
        self.assertEqual(self.refusals(), self.expected(CLIENTS))

    def test_so_do_the_daemons(self):
        self.set_range(GROUP, GROUP)
        for plane in PLANES:
            with self.subTest(plane):
                self.assertEqual(self.ask(plane, GROUP), DENIED)
        self.assertEqual(self.refusals(), self.expected(DAEMONS))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
