"""The daemon's end under load, and a daemon that has little room, which one user
tries to use up, and no privilege but the one for lending to other users.

Usage: relayed_death_test.py WSPD PROTO_ROOT -
"""

import errno
import os
import select
import shutil
import signal
import socket
import tempfile
import threading
import unittest

import grpc

import hostile_case
import daemon_process
import other_user
import relayed_case

LINUX = relayed_case.LINUX
DAEMONS_USER = 54322
OPEN_FILES = 400


class RelayedDeathTest(unittest.TestCase):
    def start(self):
        self.echo = hostile_case.Server(hostile_case.echo)
        self.addCleanup(self.echo.close)
        self.flood = hostile_case.Server(hostile_case.flood)
        self.addCleanup(self.flood.close)
        self.daemon = daemon_process.DaemonProcess(hostile_case.WSPD)
        self.daemon.__enter__()
        self.attacker = relayed_case.Attacker(self.daemon.provider_socket)
        self.addCleanup(self.attacker.close)

    def connected(self, port):
        relayed = self.attacker.stream()
        self.addCleanup(relayed.close)
        self.assertEqual(relayed.connect(port), 0)
        relayed.await_connected()
        return relayed

    def load(self):
        """Sockets of all kinds, some with much under way."""
        flooded = [self.connected(self.flood.port) for _ in range(8)]
        echoing = [self.connected(self.echo.port) for _ in range(8)]
        others = [self.attacker.stream(), self.attacker.datagram(),
                  self.attacker.stream()]
        for relayed in others:
            self.addCleanup(relayed.close)
        port = others[0].listen()
        self.addCleanup(socket.create_connection(("127.0.0.1", port)).close)
        return flooded + echoing + others, echoing

    def end_under_load(self, signal_number):
        sockets, echoing = self.load()
        stop = threading.Event()

        def send(relayed):
            while not stop.is_set():
                try:
                    relayed.program.send(bytes(1 << 16))
                except BlockingIOError:
                    select.select([], [relayed.program], [], 1)
                except OSError:
                    return

        senders = [threading.Thread(target=send, args=(relayed,), daemon=True)
                   for relayed in echoing]
        for sender in senders:
            sender.start()
        self.assertTrue(select.select([echoing[0].program], [], [], 30)[0])
        self.daemon.process.send_signal(signal_number)
        status = self.daemon.process.wait(60)
        for relayed in sockets:
            self.assert_ended(relayed)
        stop.set()
        for sender in senders:
            sender.join(30)
            self.assertFalse(sender.is_alive())
        with self.assertRaises(grpc.RpcError):
            sockets[0].state()
        self.daemon.__exit__(None, None, None)
        return status

    def assert_ended(self, relayed):
        """Reads what was there before the end, and then the end."""
        program = relayed.program
        program.settimeout(30)
        while True:
            try:
                if not program.recv(1 << 20):
                    break
            except ConnectionResetError:
                # What it had sent wasn't received any more.
                pass
        poll = select.poll()
        poll.register(program, select.POLLIN)
        self.assertTrue(poll.poll(30000)[0][1] & select.POLLHUP)
        with self.assertRaises((BrokenPipeError, ConnectionResetError)):
            program.send(b"x")

    def test_killed(self):
        self.start()
        self.assertEqual(self.end_under_load(signal.SIGKILL), -signal.SIGKILL)

    def test_stopped(self):
        self.start()
        self.assertEqual(self.end_under_load(signal.SIGTERM), 0)


@unittest.skipUnless(other_user.is_root(),
                     "being another user takes root")
class LittleRoomTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.mkdtemp(prefix="wspd-test.", dir="/tmp")
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        # Where that user may run it.
        wspd = os.path.join(folder, "wspd")
        shutil.copy(hostile_case.WSPD, wspd)
        config = os.path.join(folder, "config")
        with open(config, "w") as file:
            file.write("privileges { chown: true }")
        start = os.path.join(folder, "start")
        with open(start, "w") as script:
            script.write(
                f"#!/bin/sh\nexec setpriv --reuid {DAEMONS_USER} --regid "
                f"{DAEMONS_USER} --clear-groups --inh-caps=-all,+chown "
                f"--ambient-caps=-all,+chown prlimit --nofile={OPEN_FILES} "
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

    def user(self, uid, *what):
        user = other_user.OtherUser(self.path, uid, *what)
        self.addCleanup(user.close)
        return user.answer

    def test_descriptors_that_nobody_reads_are_their_users_affair(self):
        taken, error = self.user(other_user.NOBODY, "take_unread", 60)
        print(f"{taken} descriptors left unread")
        self.assertEqual(error, errno.ENOBUFS)
        self.assertEqual(taken, OPEN_FILES // 4)
        self.assertEqual(self.user(other_user.OTHER_USER, "take_all",
                                   "PLANE_LENT", 20), [20, 0])
        self.assertEqual(self.user(other_user.OTHER_USER, "take_all",
                                   "PLANE_RELAYED", 20), [20, 0])

    def test_half_of_the_sockets_are_left_for_others(self):
        taken, error = self.user(other_user.NOBODY, "take_all",
                                 "PLANE_RELAYED", OPEN_FILES)
        self.assertEqual(error, errno.ENFILE)
        self.assertEqual(taken, OPEN_FILES // 8 * 3 // 2)
        self.assertEqual(self.user(other_user.OTHER_USER, "take_all",
                                   "PLANE_RELAYED", 20), [20, 0])


if __name__ == "__main__":
    hostile_case.main()
