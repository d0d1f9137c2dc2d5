"""Attacks on relayed streams, while an honest client echoes over one.

Usage: relayed_test.py WSPD PROTO_ROOT -
"""

import errno
import itertools
import os
import select
import socket

import hostile_case
import relayed_case

LINUX = relayed_case.LINUX
MOST_FILLER = 2 << 20
FILLERS = (0, 1, 5, 7, 1000, MOST_FILLER, MOST_FILLER + 1, 2**31, 2**32 - 1)
CHUNK = bytes(1 << 16)
# Sent in one go, so that there is no pause in it.
LARGE = bytes(1 << 22)


def read_all(connection):
    while connection.recv(1 << 16):
        pass


def discard(program):
    """What is there, without waiting."""
    try:
        while program.recv(1 << 16):
            pass
    except OSError:
        pass


class RelayedTest(relayed_case.RelayedCase):
    def connected(self, port=None):
        relayed = self.keep(self.attacker().stream())
        self.assertEqual(relayed.connect(port or self.echo.port), 0)
        state = relayed.await_connected()
        self.assertEqual(state.state, state.STATE_CONNECTED)
        return relayed

    def refusing_port(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            return server.getsockname()[1]

    def big_sender(self, relayed):
        relayed.program.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
        relayed.program.settimeout(1)
        return lambda: relayed.program.send(LARGE)

    # ------------------------------------------------------------ the filler

    def test_lies_about_the_filler(self):
        attacker = self.attacker()
        refusing = self.refusing_port()

        def lie():
            for filler, there, port in itertools.product(
                    FILLERS, (0, 3), (self.echo.port, refusing)):
                relayed = attacker.stream()
                relayed.program.send(b"x" * there)
                error = relayed.connect(port, filler)
                if filler > MOST_FILLER:
                    self.assertEqual(error, errno.EINVAL)
                # Twice, and more than that.
                relayed.connect(port, filler)
                for change in -1, -1, 1, -2**31, 2**31 - 1, 0:
                    relayed.state(change)
                discard(relayed.program)
                relayed.close()

        self.assert_served_during(lie)

    def test_a_filler_without_end(self):
        relayed = self.keep(self.attacker().stream())
        refusing = self.refusing_port()

        def connect():
            relayed.connect(refusing, 2**32 - 1)
            relayed.connect(refusing, MOST_FILLER)
            relayed.state(-2**31)

        self.assert_served_beside(connect, self.big_sender(relayed),
                                  self.big_sender(relayed))

    def test_a_connection_taken_back_while_the_program_sends(self):
        relayed = self.keep(self.attacker().stream())

        def again():
            relayed.connect(self.echo.port)
            relayed.await_connected()
            relayed.call(connect=LINUX.LinuxConnect())

        self.assert_served_beside(again, self.big_sender(relayed),
                                  lambda: discard(relayed.program))

    def test_a_listener_that_is_written_to(self):
        relayed = self.keep(self.attacker().stream())
        relayed.listen()

        def again():
            relayed.call(shutdown=LINUX.LinuxShutdown(how=socket.SHUT_RD))
            relayed.call(listen=LINUX.LinuxListen(backlog=1))

        self.assert_served_beside(again, self.big_sender(relayed))

    # -------------------------------------------------------------- the bytes

    def test_urgent_bytes_without_end(self):
        relayed = self.connected(self.server(read_all))
        other = self.connected(self.server(read_all))
        relayed.program.settimeout(1)
        other.program.settimeout(1)
        self.assert_served_beside(
            lambda: relayed.program.send(b"x", socket.MSG_OOB),
            lambda: other.program.send(b"abc", socket.MSG_OOB))

    def test_urgent_bytes_of_a_peer_without_end(self):
        def storm(connection):
            while True:
                connection.send(b"x", socket.MSG_OOB)

        relayed = self.connected(self.server(storm))
        relayed.program.settimeout(1)
        self.assert_served_beside(lambda: relayed.program.recv(1 << 16))

    def test_descriptors_among_the_bytes(self):
        relayed = self.connected(self.server(read_all))
        relayed.program.settimeout(1)
        ours, theirs = os.pipe()
        os.close(ours)
        self.addCleanup(os.close, theirs)

        def send():
            # Never the daemon's: Linux from 6.16 on refuses it.
            try:
                socket.send_fds(relayed.program, [b"x"], [theirs] * 200)
            except PermissionError:
                relayed.program.send(b"x")

        self.assert_served_beside(send)

    def test_floods_that_nobody_reads(self):
        attacker = self.attacker()
        flooded = attacker.many(64)
        flooding = attacker.many(64)
        self.keep(*flooded, *flooding)
        flood = self.server(hostile_case.flood)
        silent = self.silent_listener()

        def begin():
            for sockets, port in (flooded, flood), (flooding, silent):
                self.assertEqual(set(attacker.of_all(
                    sockets, connect=LINUX.LinuxConnect(
                        address=attacker.ipv4(relayed_case.LOOPBACK, port)))),
                    {0})
            for relayed in flooding:
                relayed.await_connected()
                self.fill(relayed)

        self.assert_served_during(begin)
        self.assert_served_during(lambda: None)

    def fill(self, relayed, most=1 << 30):
        """Sends until the daemon takes no more, or `most`."""
        try:
            while most > 0:
                most -= relayed.program.send(CHUNK[:most])
        except BlockingIOError:
            pass

    def test_as_many_sockets_as_there_may_be_and_more(self):
        limit = 4096
        if relayed_case.raise_open_files_limit() < 2 * limit:
            self.skipTest("too low a limit of open files")
        attacker = self.attacker()
        sockets = attacker.many(limit)
        self.keep(*sockets)
        if len(sockets) < limit:
            print(f"the daemon has room for {len(sockets)}")
        else:
            completion, _ = attacker.lend(plane=attacker.types.PLANE_RELAYED)
            self.assertEqual(completion.linux_errno, errno.EMFILE)
        port = self.silent_listener()

        def connect():
            attacker.of_all(sockets, connect=LINUX.LinuxConnect(
                address=attacker.ipv4(relayed_case.LOOPBACK, port)))
            for relayed in sockets:
                self.fill(relayed, 1 << 20)

        self.assert_served_during(connect)
        self.assert_served_during(lambda: None)

    def test_connections_to_nowhere(self):
        attacker = self.attacker()
        sockets = attacker.many(1000)
        self.keep(*sockets)
        hole = self.silent_listener(0)
        errors = []

        def connect():
            errors.extend(attacker.of_all(sockets, connect=LINUX.LinuxConnect(
                address=attacker.ipv4(relayed_case.LOOPBACK, hole))))

        self.assert_served_during(connect)
        self.assertEqual(set(errors), {0})
        states = [relayed.state().linux_call.state for relayed in sockets[-9:]]
        self.assertEqual({state.state for state in states},
                         {LINUX.LinuxStateResult.STATE_CONNECTING})

    # ------------------------------------------------------------------- ends

    def test_accepts_that_nobody_takes(self):
        attacker = self.attacker()
        listeners = attacker.many(8)
        self.keep(*listeners)
        connections = []

        def flood():
            for relayed in listeners:
                port = relayed.listen(4096)
                for _ in range(150):
                    connection = socket.create_connection(("127.0.0.1", port))
                    connection.send(b"hello")
                    connections.append(connection)

        self.assert_served_during(flood)
        self.keep(*connections)
        # Some of them end before they are taken, others with their listener.
        for connection in connections[::3]:
            connection.close()
        for relayed in listeners[::2]:
            relayed.close()
        self.assert_served_during(lambda: None)

    def test_ends_in_every_order(self):
        attacker = self.attacker()
        hows = (socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR)
        refusing = self.refusing_port()

        def end(relayed, order, of_number):
            for how in order:
                if of_number:
                    relayed.call(shutdown=LINUX.LinuxShutdown(how=how))
                else:
                    relayed.program.shutdown(how)
                try:
                    relayed.program.send(b"x" * 100)
                    relayed.program.send(b"x", socket.MSG_OOB)
                except OSError:
                    pass
            relayed.state()
            relayed.close()

        def all_orders():
            for order, of_number in itertools.product(
                    [*itertools.product(hows, hows), *zip(hows)],
                    (False, True)):
                for prepare in (
                        lambda relayed: relayed.connect(self.echo.port),
                        lambda relayed: relayed.connect(refusing, 3),
                        lambda relayed: relayed.listen(),
                        lambda relayed: None):
                    relayed = attacker.stream()
                    prepare(relayed)
                    end(relayed, order, of_number)
                end(attacker.datagram(), order, of_number)

        self.assert_served_during(all_orders)

    def test_hang_ups_without_end(self):
        attacker = self.attacker()
        sockets = attacker.many(500)
        self.keep(*sockets)

        def hang_up():
            for relayed in sockets:
                relayed.program.shutdown(socket.SHUT_RDWR)

        self.assert_served_beside(hang_up)

    def test_addresses_in_use(self):
        attacker = self.attacker()
        sockets = attacker.many(1500)
        self.keep(*sockets)
        port = sockets[0].listen()
        for relayed in sockets[1:]:
            relayed.program.shutdown(socket.SHUT_RDWR)
        errors = set()

        def bind():
            errors.update(attacker.of_all(
                sockets[-64:], bind=LINUX.LinuxBind(
                    address=attacker.ipv4(relayed_case.LOOPBACK, port))))

        self.assert_served_beside(bind)
        self.assertEqual(errors, {errno.EADDRINUSE})

    def test_half_a_pair_goes_on(self):
        relayed = self.connected(self.echo.port)
        relayed.program.shutdown(socket.SHUT_WR)
        self.assertTrue(select.select([relayed.program], [], [], 30)[0])
        self.assertEqual(relayed.program.recv(1), b"")


if __name__ == "__main__":
    hostile_case.main()
