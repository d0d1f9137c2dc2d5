#!/usr/bin/python3
"""wspctl sockets about 15,000 real ones, page by page.

Usage: sockets_test.py WSPD PROTO_ROOT WSPCTL
"""

import json
import os
import resource
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "python"))
import daemon_process  # noqa: E402
import wire_client  # noqa: E402

WSPD = os.path.abspath(sys.argv[1])
PROTOS = wire_client.load_protos(sys.argv[2])
TYPES, PROVIDER, ADMIN = PROTOS
WSPCTL = os.path.abspath(sys.argv[3])
COUNT = 15000
BOUND = 500
BATCH = 250
LOOPBACK = 0x7F000001


class SocketsTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        if most < COUNT + 1000:
            print(f"skipped: at most {most} open files here")
            raise unittest.SkipTest("too few open files")
        cls.daemon = daemon_process.DaemonProcess(WSPD)
        config = os.path.join(cls.daemon.folder, "config")
        with open(config, "w", encoding="ascii") as file:
            file.write(f"limits {{ sockets_per_client: {COUNT + 100} }}\n")
        cls.daemon._command += ["--config", config]
        cls.daemon.__enter__()
        cls.addClassCleanup(cls.daemon.__exit__, None, None, None)
        cls.client = wire_client.WireClient(PROTOS, cls.daemon.provider_socket)
        cls.addClassCleanup(cls.client.close)
        cls.client.attach()
        cls.succeed([("startup", 0, {"version_requested": 0x0202})])
        cls.ids = [cls.client.new_socket_id() for _ in range(COUNT)]
        udp = {"family": PROVIDER.SocketRequest.FAMILY_IPV4,
               "type": PROVIDER.SocketRequest.TYPE_DATAGRAM, "protocol": 17}
        for begin in range(0, COUNT, BATCH):
            cls.succeed([("socket", number, udp)
                         for number in cls.ids[begin:begin + BATCH]])
        address = {"address": cls.client.ipv4(LOOPBACK, 0)}
        for begin in range(0, BOUND, BATCH):
            cls.succeed([("bind", number, address)
                         for number in cls.ids[begin:begin + BATCH]])

    @classmethod
    def succeed(cls, calls):
        for completion in cls.client.calls(calls):
            if completion.wsa_error != 0:
                raise AssertionError(completion)

    def wspctl(self, *arguments):
        return subprocess.run(
            [WSPCTL, "--socket", self.daemon.admin_socket, *arguments],
            check=True, capture_output=True, text=True,
            timeout=120).stdout.splitlines()

    def test_all_are_there_once(self):
        sockets = [json.loads(line)
                   for line in self.wspctl("--json", "sockets")]
        self.assertEqual(sorted(int(one["socket_id"]) for one in sockets),
                         self.ids)

    def test_pages_may_be_small(self):
        lines = self.wspctl("sockets", "--page-size=1000", "--fields",
                            "socket_id,state")
        self.assertEqual(len(lines), 1 + COUNT)
        self.assertEqual(lines[0], "SOCKET            STATE")
        self.assertEqual(len({line.split()[0] for line in lines[1:]}), COUNT)

    def test_filters_are_the_daemons(self):
        found = self.wspctl("--json", "sockets", "--state=bound",
                            "--local=127.0.0.0/8", "--fields", "socket_id")
        self.assertEqual(sorted(int(json.loads(line)["socket_id"])
                                for line in found), self.ids[:BOUND])

    def test_top_takes_them_in(self):
        lines = self.wspctl("top", "--interval=0.1", "--sockets")
        self.assertIn(f"sockets: {COUNT}", lines[0])
        self.assertEqual(len(lines), COUNT + 5)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
