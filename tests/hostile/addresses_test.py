"""Attacks on addresses that another user's programs have: by relayed and lent
sockets and by those of SPI clients, all of which are one user's to the kernel,
the daemon's. Unless that has CAP_CHOWN.

Usage: addresses_test.py WSPD PROTO_ROOT -
"""

import errno
import os
import shutil
import socket
import tempfile
import unittest

import hostile_case
import admin_client
import daemon_process
import other_user

DAEMONS_USER = 54323
ALICE, MALLORY = other_user.NOBODY, other_user.OTHER_USER
KINDS = "TYPE_STREAM", "TYPE_DATAGRAM"


@unittest.skipUnless(other_user.is_root(), "being another user takes root")
class AddressesTest(unittest.TestCase):
    """As the daemon is by default."""

    CAPABILITIES = "-all"
    CONFIG = ""
    # Of whatever is lent to another user.
    LENT = errno.EPERM
    OPTIONS = socket.SO_REUSEADDR, socket.SO_REUSEPORT

    def setUp(self):
        folder = tempfile.mkdtemp(prefix="wspd-test.", dir="/tmp")
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        # Where that user may run it.
        wspd = os.path.join(folder, "wspd")
        shutil.copy(hostile_case.WSPD, wspd)
        config = os.path.join(folder, "config")
        with open(config, "w") as file:
            file.write(self.CONFIG)
        start = os.path.join(folder, "start")
        with open(start, "w") as script:
            script.write(
                f"#!/bin/sh\nexec setpriv --reuid {DAEMONS_USER} --regid "
                f"{DAEMONS_USER} --clear-groups "
                f"--inh-caps={self.CAPABILITIES} "
                f"--ambient-caps={self.CAPABILITIES} "
                f'{wspd} --config {config} "$@"\n')
        for file in wspd, start:
            os.chmod(file, 0o755)
        self.daemon = daemon_process.DaemonProcess(start)
        os.chown(self.daemon.folder, DAEMONS_USER, DAEMONS_USER)
        # It has to get to the test's notification socket.
        before = os.umask(0)
        self.daemon.__enter__()
        os.umask(before)
        self.addCleanup(self.daemon.__exit__, None, None, None)
        os.chmod(self.daemon.folder, 0o755)
        self.path = self.daemon.provider_socket
        os.chmod(self.path, 0o666)
        self.events_seen = 0

    def user(self, uid, *what):
        user = other_user.OtherUser(self.path, uid, *what)
        self.addCleanup(user.close)
        return user.answer

    def expect_refusals(self, answer):
        print(answer)
        self.expect_events(answer)
        for what, error in answer.items():
            with self.subTest(what=what):
                if what == "spi client":
                    self.assertIn(error, (errno.EADDRINUSE, errno.EACCES))
                elif what.startswith("lent"):
                    self.assertEqual(error, self.LENT)
                else:
                    self.assertEqual(error, errno.EADDRINUSE)

    def expect_events(self, answer):
        """Of each of Mallory's that the daemon itself refused."""
        admin = hostile_case.PROTOS[2]
        with admin_client.AdminClient(hostile_case.PROTOS,
                                      self.daemon.admin_socket) as one:
            response = next(one.stream(
                "WatchEvents", from_sequence=self.events_seen + 1,
                kinds=[admin.JournalEvent.KIND_SOCKET_REFUSED]))
        self.events_seen = response.next_sequence - 1
        self.assertEqual(
            [(event.uid, event.action, event.detail)
             for event in response.events],
            [(MALLORY, admin.POLICY_ACTION_BIND,
              "another user has the address")] *
            sum(not what.startswith("lent") for what in answer))

    def test_nobody_shares_a_relayed_sockets_address(self):
        for kind in KINDS:
            for family, where in (("FAMILY_IPV4", "127.0.0.1"),
                                  ("FAMILY_IPV4", "0.0.0.0"),
                                  ("FAMILY_IPV6", "::")):
                with self.subTest(kind=kind, where=where):
                    port, error = self.user(ALICE, "hold", family, kind,
                                            where, 0, *self.OPTIONS)
                    self.assertEqual(error, 0)
                    self.expect_refusals(
                        self.user(MALLORY, "share", kind, port))
                    # Her own, as on any Linux.
                    self.assertEqual(
                        self.user(ALICE, "hold", family, kind, where, port,
                                  *self.OPTIONS), [port, 0])

    def test_nobody_shares_an_spi_clients_address(self):
        for kind in KINDS:
            with self.subTest(kind=kind):
                port, error = self.user(ALICE, "hold_as_spi_client", kind, 0)
                self.assertEqual(error, 0)
                self.expect_refusals(self.user(MALLORY, "share", kind, port))


class AddressesWithChownTest(AddressesTest):
    CAPABILITIES = "-all,+chown"
    CONFIG = "privileges { chown: true }"
    # The kernel's word. With SO_REUSEADDR datagram sockets share with any
    # user's, as without the daemon.
    LENT = errno.EADDRINUSE
    OPTIONS = (socket.SO_REUSEPORT,)


if __name__ == "__main__":
    hostile_case.main()
