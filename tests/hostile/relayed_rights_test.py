"""Attacks on whose sockets relayed ones are, while an honest client echoes
over one.

Usage: relayed_rights_test.py WSPD PROTO_ROOT -
"""

import errno
import os
import random
import select
import socket
import tempfile
import unittest

import hostile_case
import admin_client
import linux_client
import other_user
import relayed_case

PROTOS = relayed_case.PROTOS
LINUX = relayed_case.LINUX
SOL_IP, SOL_IPV6 = 0, 41
# What would need a privilege, or what nobody is to have of the daemon.
PRIVILEGED = (
    (socket.SOL_SOCKET, 36),  # SO_MARK
    (socket.SOL_SOCKET, 25),  # SO_BINDTODEVICE
    (socket.SOL_SOCKET, 62),  # SO_BINDTOIFINDEX
    (socket.SOL_SOCKET, 32),  # SO_SNDBUFFORCE
    (socket.SOL_SOCKET, 33),  # SO_RCVBUFFORCE
    (socket.SOL_SOCKET, 26),  # SO_ATTACH_FILTER
    (socket.SOL_SOCKET, 50),  # SO_ATTACH_BPF
    (socket.SOL_SOCKET, 51),  # SO_ATTACH_REUSEPORT_CBPF
    (socket.SOL_SOCKET, 1),   # SO_DEBUG
    (socket.SOL_SOCKET, 83),  # SO_PASSRIGHTS
    (SOL_IP, 19),             # IP_TRANSPARENT
    (SOL_IP, 3),              # IP_HDRINCL
    (SOL_IP, 4),              # IP_OPTIONS
    (SOL_IP, 16),             # IP_IPSEC_POLICY
    (SOL_IP, 64),             # IPT_SO_SET_REPLACE
    (SOL_IP, 200),            # MRT_INIT
    (SOL_IPV6, 1),            # IPV6_ADDRFORM
    (SOL_IPV6, 57),           # IPV6_RTHDR
    (6, 19),                  # TCP_REPAIR
    (6, 31),                  # TCP_ULP
    (6, 33),                  # TCP_FASTOPEN_KEY
    (255, 1),                 # SOL_RAW
    (263, 1),                 # SOL_PACKET
)
FIONBIO, FIOASYNC, SIOCSPGRP, FIOSETOWN = 0x5421, 0x5452, 0x8902, 0x8901
SIOCSIFADDR, SIOCSIFFLAGS, SIOCADDRT = 0x8916, 0x8914, 0x890b
SIOCETHTOOL, SIOCDEVPRIVATE = 0x8946, 0x89f0
CHANGING_IOCTLS = (FIONBIO, FIOASYNC, SIOCSPGRP, FIOSETOWN, SIOCSIFADDR,
                   SIOCSIFFLAGS, SIOCADDRT, SIOCETHTOOL, SIOCDEVPRIVATE, 0,
                   2**64 - 1)


class RelayedRightsTest(relayed_case.RelayedCase):
    def stranger(self, uid, *what):
        if not other_user.is_root():
            self.skipTest("being another user takes root")
        return self.keep(other_user.OtherUser(self.path, uid, *what)).answer

    # ------------------------------------------------------------- descriptors

    def foreign_descriptors(self, attacker):
        """What isn't the program's end of that number."""
        other = self.keep(attacker.stream())
        pipe = os.pipe()
        plain = socket.socketpair()
        poll = select.epoll()
        file = tempfile.TemporaryFile()
        self.keep(poll, file, *plain)
        for end in pipe:
            self.addCleanup(os.close, end)
        return [other.program.fileno(), *pipe, poll.fileno(), file.fileno(),
                *[end.fileno() for end in plain],
                attacker.descriptors.socket.fileno()]

    def test_foreign_descriptors_are_not_adopted(self):
        attacker = self.attacker()
        relayed = self.keep(attacker.stream())
        for fd in self.foreign_descriptors(attacker):
            self.assertEqual(attacker.adopt(relayed.number, fd), errno.EBADF)
            self.assertEqual(attacker.adopt(0, fd), errno.EBADF)
        self.assertEqual(
            attacker.adopt(relayed.number, relayed.program.fileno()), 0)

    def test_what_is_no_adoption_ends_the_descriptor_connection(self):
        attacker = self.attacker()
        relayed = self.keep(attacker.stream())
        own = relayed.program.fileno()
        foreign = self.foreign_descriptors(attacker)
        message = linux_client.MESSAGE.pack(relayed.number, 0)
        for data, fds in (
                (message, [own, own]), (message, []), (message, [own] * 253),
                (message, foreign), (message[:8], [own]),
                (linux_client.MESSAGE.pack(relayed.number, 1), [own]),
                (b"x", foreign[:1])):
            if fds:
                socket.send_fds(attacker.descriptors.socket, [data], fds)
            else:
                attacker.descriptors.socket.sendall(data)
            self.assertTrue(attacker.descriptors.is_ended())
            attacker.descriptors.close()
            attacker.connect_descriptors()
        # The socket has nothing of it.
        self.assertEqual(relayed.state().linux_errno, 0)

    # ------------------------------------------------------------------ numbers

    def test_guessed_numbers(self):
        relayed = self.keep(self.attacker().stream())
        port = relayed.listen()
        # Another attachment of the same process hasn't shown it, either.
        other = self.attacker()
        self.assertEqual(other.linux_call(
            relayed.number, state=LINUX.LinuxState()).linux_errno, errno.EBADF)
        self.assertEqual(self.stranger(other_user.NOBODY, "guess", relayed.number),
                         [errno.EBADF])
        self.assertEqual(relayed.name(), port)

    def refusals(self):
        """What operators are told of so far: uid, action, errno, words."""
        admin = PROTOS[2]
        with admin_client.AdminClient(PROTOS, self.daemon.admin_socket) as one:
            events = next(one.stream(
                "WatchEvents", from_sequence=1,
                kinds=[admin.JournalEvent.KIND_SOCKET_REFUSED])).events
        return [(event.uid, admin.PolicyAction.Name(event.action),
                 event.linux_errno, event.detail) for event in events]

    def errors_of_low_ports(self, uid):
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as start:
            if int(start.read()) < 1024:
                self.skipTest("no port needs a privilege here")
        answer = self.stranger(uid, "take_low_ports")
        return set(sum(answer.values(), []))

    def test_low_ports_without_the_capability(self):
        self.assertEqual(self.errors_of_low_ports(other_user.NOBODY),
                         {errno.EACCES})
        told = [what for uid, *what in self.refusals()
                if uid == other_user.NOBODY]
        self.assertEqual(
            told, 6 * [["POLICY_ACTION_BIND", errno.EACCES,
                        "low ports take CAP_NET_BIND_SERVICE"]])
        # Root that has another capability alone, CAP_CHOWN.
        self.assertEqual(self.errors_of_low_ports("0+0"), {errno.EACCES})

    def test_low_ports_with_the_capability(self):
        net_bind_service = 10
        self.assertEqual(self.errors_of_low_ports(
            f"{other_user.NOBODY}+{net_bind_service}"), {0})

    # ------------------------------------------------------------------ options

    def test_options_that_need_a_privilege(self):
        attacker = self.attacker()
        values = (b"", b"\1\0\0\0", b"\xff" * 64, b"lo\0", bytes(4096))
        for relayed in attacker.stream(), attacker.datagram():
            self.keep(relayed)
            for level, name in PRIVILEGED:
                for value in values:
                    error = relayed.call(set_option=LINUX.LinuxSetOption(
                        level=level, name=name, value=value)).linux_errno
                    self.assertIn(error, (errno.EPERM, errno.ENOPROTOOPT),
                                  (level, name))
            error = relayed.call(set_option=LINUX.LinuxSetOption(
                level=socket.SOL_SOCKET, name=socket.SO_KEEPALIVE,
                value=bytes(4097))).linux_errno
            self.assertEqual(error, errno.EINVAL)

    def test_ioctls_that_change_something(self):
        attacker = self.attacker()
        relayed = self.keep(attacker.datagram())
        for request in CHANGING_IOCTLS:
            for value in b"", b"lo\0" + bytes(37), b"\xff" * 4096:
                error = relayed.call(ioctl=LINUX.LinuxIoctl(
                    request=request, value=value)).linux_errno
                self.assertEqual(error, errno.ENOTTY, hex(request))

    def test_options_and_ioctls_at_random(self):
        attacker = self.attacker()
        seed = random.randrange(1 << 32)
        print("seed", seed)
        rng = random.Random(seed)
        sockets = [attacker.stream(), attacker.datagram(),
                   attacker.stream(family=LINUX.LinuxSocketRequest.FAMILY_IPV6)]
        self.keep(*sockets)

        def request():
            level = rng.choice((0, 1, 6, 17, 41, 136, 284, rng.getrandbits(31)))
            name = rng.choice((rng.randrange(130), rng.getrandbits(31)))
            value = rng.randbytes(rng.choice((0, 1, 4, 8, 16, 40, 4096)))
            return rng.choice((
                {"set_option": LINUX.LinuxSetOption(
                    level=level, name=name, value=value)},
                {"get_option": LINUX.LinuxGetOption(
                    level=level, name=name, value=value,
                    length=rng.choice((0, 1, 4, 4096, 4097, 2**32 - 1)))},
                {"ioctl": LINUX.LinuxIoctl(
                    request=rng.choice((0x541b, 0x5411, 0x8905,
                                        0x8900 + rng.randrange(256),
                                        rng.getrandbits(64))),
                    value=value)},
                {"receive_error": LINUX.LinuxReceiveError(
                    data_length=rng.getrandbits(rng.choice((4, 16, 32))),
                    control_length=rng.getrandbits(rng.choice((4, 16, 32))))}))

        def attack():
            for _ in range(60):
                attacker.calls([("linux_call", rng.choice(sockets).number,
                                 request()) for _ in range(32)])

        self.assert_served_during(attack)


class UsersLimitTest(relayed_case.RelayedCase):
    CONFIG = "limits { sockets_per_uid: 40 }"

    @classmethod
    def setUpClass(cls):
        if not other_user.is_root():
            raise unittest.SkipTest("being another user takes root")
        super().setUpClass()

    def take(self, uid, plane):
        other = self.keep(
            other_user.OtherUser(self.path, uid, "take_all", plane, 100))
        return other, other.answer

    def test_a_users_sockets_of_both_planes(self):
        first, answer = self.take(other_user.NOBODY, "PLANE_RELAYED")
        self.assertEqual(answer, [40, errno.ENFILE])
        _, answer = self.take(other_user.NOBODY, "PLANE_LENT")
        self.assertEqual(answer, [0, errno.ENFILE])
        # Others have theirs, and root what there is.
        _, answer = self.take(other_user.OTHER_USER, "PLANE_LENT")
        self.assertEqual(answer, [40, errno.ENFILE])
        attacker = self.attacker()
        sockets = attacker.many(80)
        self.keep(*sockets)
        self.assertEqual(len(sockets), 80)
        before = self.open_files()
        first.close()
        self.await_open_files(before - 80)
        _, answer = self.take(other_user.NOBODY, "PLANE_LENT")
        self.assertEqual(answer, [40, errno.ENFILE])


if __name__ == "__main__":
    hostile_case.main()
