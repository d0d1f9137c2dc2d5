#!/usr/bin/python3
"""Rules about groups: programs that join them by each option there is.

Usage: joins_test.py WSPRUN WSPD WSPCTL --plane=relayed
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import preload_case  # noqa: E402
import rules_case  # noqa: E402

# Joins and leaves by each option; what each join says.
PROGRAM = r"""
loopback = int(sys.stdin.readline())
V4, V6 = socket.IPPROTO_IP, socket.IPPROTO_IPV6
GROUP4, HOST4 = (socket.inet_aton(each) for each in ("239.1.1.1", "127.0.0.1"))
GROUP6, HOST6 = (socket.inet_pton(socket.AF_INET6, each)
                 for each in ("ff02::1234", "::1"))

def of_any_family(family, address):
    '''struct sockaddr_storage, with a port that means nothing.'''
    if family == socket.AF_INET:
        begin = struct.pack("!2sH4s", struct.pack("=H", family), 4000, address)
    else:
        begin = struct.pack("!2sHI16sI", struct.pack("=H", family), 4000, 0,
                            address, 0)
    return begin.ljust(128, b"\0")

def request(family, *addresses):
    '''struct group_req, group_source_req.'''
    return (struct.pack("=Ixxxx", loopback) +
            b"".join(of_any_family(family, each) for each in addresses))

# Level, and of the options that join and leave what they take.
JOINS = {
    "IP_ADD_MEMBERSHIP": (V4, 35, 36, GROUP4 + HOST4),
    "IP_ADD_SOURCE_MEMBERSHIP": (V4, 39, 40, GROUP4 + HOST4 + HOST4),
    "MCAST_JOIN_GROUP 4": (V4, 42, 45, request(socket.AF_INET, GROUP4)),
    "MCAST_JOIN_SOURCE_GROUP 4":
        (V4, 46, 47, request(socket.AF_INET, GROUP4, HOST4)),
    "IPV6_JOIN_GROUP": (V6, 20, 21, GROUP6 + struct.pack("I", loopback)),
    "MCAST_JOIN_GROUP 6": (V6, 42, 45, request(socket.AF_INET6, GROUP6)),
    "MCAST_JOIN_SOURCE_GROUP 6":
        (V6, 46, 47, request(socket.AF_INET6, GROUP6, HOST6)),
}

sockets = {V4: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
           V6: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)}
print("ready", flush=True)
while sys.stdin.readline():
    for name, (level, join, leave, value) in JOINS.items():
        error = error_of(sockets[level].setsockopt, level, join, value)
        if error == 0:
            sockets[level].setsockopt(level, leave, value)
        print(name, errno.errorcode.get(error, "fine"), sep=": ", flush=True)
    print("done", flush=True)
"""


class JoinsTest(rules_case.RulesCase):

    def setUp(self):
        super().setUp()
        program = self.start(PROGRAM)
        self.addCleanup(self.end, program)
        with open("/sys/class/net/lo/ifindex", encoding="ascii") as file:
            self.go_on(program, file.read().strip())
        self.expect_line(program, "ready")
        self.program = program

    def outcomes(self):
        """Of IPv4's options, and of IPv6's."""
        self.go_on(self.program)
        found = {}
        while (line := self.program.stdout.readline().strip()) != "done":
            self.assertNotEqual(line, "", found)
            name, _, outcome = line.partition(": ")
            found[name] = outcome
        self.assertEqual(len(found), 7)
        is_ipv6 = {name: name.startswith("IPV6") or name.endswith(" 6")
                   for name in found}
        return [{found[name] for name in found if is_ipv6[name] == which}
                for which in (False, True)]

    def test_each_asks(self):
        self.assertEqual(self.outcomes(), [{"fine"}, {"fine"}])
        self.rule('rules { name: "no sixes" verdict: DENY '
                  'addresses: "ff00::/8" }')
        self.assertEqual(self.outcomes(), [{"fine"}, {"EACCES"}])
        self.rule('rules { name: "no fours" verdict: DENY '
                  'addresses: "239.0.0.0/8" }')
        self.assertEqual(self.outcomes(), [{"EACCES"}, {"fine"}])
        self.assertEqual(self.refusals(7),
                         [("no sixes", self.program.pid)] * 3 +
                         [("no fours", self.program.pid)] * 4)

    def test_a_join_is_a_connect_at_no_port(self):
        self.rule('rules { verdict: DENY actions: CONNECT ports: "0" }')
        self.assertEqual(self.outcomes(), [{"EACCES"}, {"EACCES"}])
        # That is in what some options take.
        self.rule('rules { verdict: DENY ports: "1-65535" }')
        self.assertEqual(self.outcomes(), [{"fine"}, {"fine"}])


if __name__ == "__main__":
    preload_case.main()
