#!/usr/bin/python3
"""Limits that a reload changes while clients are there, on a real daemon."""

import json
import socket
import threading
import time

import admin_case
from admin_case import linux_client

LOOPBACK = 0x7F000001
WSAEMFILE = 10024
WSAENOBUFS = 10055
EMFILE = 24
SOL_SOCKET, SO_TYPE = 0xffff, 0x1008
CHUNK = 64 << 10
RATE = 1000000
BYTES = 2 * RATE
# At first there is a burst of a tenth of a second's, and of the last bytes what
# goes at once may be owed: four chunks, or what a relay moves.
LEAST_SECONDS = (BYTES - RATE / 10 - 4 * CHUNK) / RATE


class ReloadCase(admin_case.AdminCase):
    def setUp(self):
        super().setUp()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listener.close)
        self.port = self.listener.getsockname()[1]

    def reload(self, config):
        self.write_config(config)
        self.wspctl("reload")

    def limits(self):
        return {limit.name: limit.value for limit in
                self.admin.call("GetServerInfo").configured_limits}

    def accepted(self):
        peer, _ = self.listener.accept()
        peer.settimeout(admin_case.DEADLINE)
        self.addCleanup(peer.close)
        return peer

    # ---- forwarded

    def connected(self, client):
        """The number of a socket, and its peer's end."""
        error, number = self.make_socket(client)
        self.assertEqual(error, 0)
        self.assertEqual(
            self.error(client, "connect", number,
                       address=client.ipv4(LOOPBACK, self.port)), 0)
        return number, self.accepted()

    def sends(self, client, number, offset, data):
        """The errors of sends of all of it, four at a time."""
        chunks = [(offset + at, data[at:at + CHUNK])
                  for at in range(0, len(data), CHUNK)]
        errors = []
        for at in range(0, len(chunks), 4):
            errors += [done.wsa_error for done in client.calls(
                [("send", number, {"stream_offset": begin, "data": chunk})
                 for begin, chunk in chunks[at:at + 4]])]
        return errors

    # ---- relayed

    def linux(self):
        client = self.attach(linux_client.LinuxClient)
        client.connect_descriptors()
        return client

    def relayed(self, client):
        """A connected program's end, and its peer's."""
        number, program = client.relay()
        program.settimeout(admin_case.DEADLINE)
        self.addCleanup(program.close)
        completion = client.linux_call(
            number, connect=client.linux.LinuxConnect(
                address=client.ipv4(LOOPBACK, self.port)))
        self.assertEqual(completion.linux_errno, 0)
        peer = self.accepted()
        state = client.linux.LinuxStateResult.STATE_CONNECTING
        while state == client.linux.LinuxStateResult.STATE_CONNECTING:
            state = client.linux_call(
                number,
                state=client.linux.LinuxState()).linux_call.state.state
        return program, peer


def receive_all(peer, size):
    data = bytearray()
    while len(data) < size:
        part = peer.recv(1 << 20)
        assert part, "the connection has ended"
        data += part
    return bytes(data)


class Reader(threading.Thread):
    """Receives so many bytes; sets `begun` when it has the first."""

    def __init__(self, peer, size, begun=None):
        super().__init__(daemon=True)
        self._peer, self._size = peer, size
        self._begun = begun or threading.Event()
        self.data = None
        self.start()

    def run(self):
        first = self._peer.recv(1)
        self._begun.set()
        self.data = first + receive_all(self._peer, self._size - len(first))

    def finish(self):
        self.join(admin_case.DEADLINE)
        return self.data


class CountsTest(ReloadCase):
    def test_what_is_open_stays_and_nothing_more_comes(self):
        self.write_config("limits { sockets_per_client: 3 }")
        self.start()
        client = self.started()
        number, peer = self.connected(client)
        others = [self.make_socket(client) for _ in range(2)]
        self.assertEqual([error for error, _ in others], [0, 0])
        self.assertEqual(self.make_socket(client)[0], WSAEMFILE)
        self.reload("limits { sockets_per_client: 2 }")
        self.assertIsNotNone(self.daemon.await_line(
            "configuration read anew", "changed=limits.sockets_per_client"))
        self.assertEqual(len(self.wspctl("--json", "sockets").splitlines()), 3)
        self.assertEqual(self.sends(client, number, 0, b"as it was"), [0])
        self.assertEqual(receive_all(peer, 9), b"as it was")
        self.assertEqual(self.make_socket(client)[0], WSAEMFILE)
        # As many as there may be.
        self.assertEqual(self.error(client, "close_socket", others[0][1]), 0)
        self.assertEqual(self.make_socket(client)[0], WSAEMFILE)
        self.assertEqual(self.error(client, "close_socket", others[1][1]), 0)
        self.assertEqual(self.make_socket(client)[0], 0)
        self.reload("limits { sockets_per_client: 4 }")
        self.assertEqual(self.make_socket(client)[0], 0)

    def test_sockets_of_programs(self):
        self.start()
        client = self.linux()
        _, relayed = client.relay()
        _, lent = client.lend()
        self.addCleanup(relayed.close)
        self.addCleanup(lent.close)
        self.reload("limits { sockets_per_client: 2 }")
        for plane in (client.types.PLANE_LENT, client.types.PLANE_RELAYED):
            self.assertEqual(client.lend(plane=plane)[0].linux_errno, EMFILE)
        self.reload("limits { sockets_per_client: 3 }")
        _, another = client.relay()
        self.addCleanup(another.close)

    def test_a_client_isnt_ended_for_what_it_was_told(self):
        self.start()
        client = self.started()
        number, peer = self.connected(client)
        self.assertEqual(client.welcome.limits.client_send_credit_bytes,
                         8 << 20)
        self.reload(f"limits {{ queued_bytes_per_client: {CHUNK} "
                    "calls_per_client: 3 }")
        peer.sendall(b"y" * 9)
        # More calls at once than there may be by now.
        errors = [done.wsa_error for done in client.calls(
            [("send", number, {"stream_offset": 0, "data": b"x" * CHUNK})] +
            [("recv", number, {"max_bytes": 1})] * 9)]
        self.assertEqual(errors[0], 0)
        self.assertIn(WSAENOBUFS, errors)
        self.assertEqual(len(receive_all(peer, CHUNK)), CHUNK)
        # The next one is told of less.
        welcome = self.attach().welcome
        self.assertEqual(welcome.limits.client_send_credit_bytes, CHUNK)
        self.assertEqual(welcome.limits.outstanding_calls, 3)
        self.assertEqual(self.error(client, "close_socket", number), 0)

    def test_info_has_those_in_force(self):
        self.start()
        self.reload("limits { clients: 7 bytes_per_second_per_uid: 3000000 }")
        limits = self.limits()
        self.assertEqual(limits["clients"], 7)
        self.assertEqual(limits["bytes_per_second_per_uid"], 3000000)
        self.assertEqual(limits["sockets_per_client"], 4096)
        info = self.wspctl("info")
        self.assertRegex(info, r"\nlimits.clients +7\n")
        self.assertEqual(self.wspctl("reload"), "nothing has changed\n")
        self.reload("")
        self.assertEqual(self.limits()["clients"], 4096)

    def test_a_bad_file_changes_nothing(self):
        self.write_config("limits { sockets_per_client: 1 }")
        self.start()
        client = self.started()
        self.assertEqual(self.make_socket(client)[0], 0)
        before = self.limits()
        for bad in ("limits { sockets_per_client: 2 clients: 0 }",
                    "limits { sockets_per_client: 2 } polcy {}",
                    "limits { sockets_per_client: 2 } "
                    'policy { rules { verdict: DENY ports: "x" } }',
                    # Read, but it can't be put in force.
                    "limits { sockets_per_client: 2 } "
                    'remote_admin { address: "127.0.0.1:0" readers: "CN:a" '
                    'certificate: "/none" key: "/none" client_ca: "/none" }'):
            with self.subTest(bad):
                self.write_config(bad)
                self.assertIn("nothing has changed",
                              self.wspctl("reload", code=1))
                self.assertEqual(self.limits(), before)
                self.assertEqual(self.make_socket(client)[0], WSAEMFILE)

    def test_what_has_to_wait_is_named(self):
        self.start()
        self.write_config("limits { clients: 7 } times { grace_ms: 7 } "
                          "threads { queues: 1 }")
        needs = {change.field: change.needs_restart for answer in
                 self.admin.stream("Reload") for change in answer.changes}
        self.assertFalse(needs.pop("limits.clients"))
        self.assertTrue(needs.pop("times.grace_ms"))
        self.assertTrue(all(needs.values()), needs)
        self.assertIsNotNone(self.daemon.await_line(
            "the rest waits for a restart", "times.grace_ms"))


class RatesTest(ReloadCase):
    def test_forwarded_sockets(self):
        self.start()
        client = self.started()
        number, peer = self.connected(client)
        self.assertEqual(self.sends(client, number, 0, b"0123"), [0])
        self.assertEqual(receive_all(peer, 4), b"0123")
        self.reload(f"limits {{ bytes_per_second_per_client: {RATE} }}")
        data = bytes(range(256)) * (BYTES // 256)
        begin = time.monotonic()
        reader = Reader(peer, len(data))
        self.assertEqual(set(self.sends(client, number, 4, data)), {0})
        self.assertTrue(reader.finish() == data)
        self.assertGreaterEqual(time.monotonic() - begin, LEAST_SECONDS)

    def test_relayed_sockets(self):
        self.start()
        program, peer = self.relayed(self.linux())
        program.sendall(b"0123")
        self.assertEqual(receive_all(peer, 4), b"0123")
        self.reload(f"limits {{ bytes_per_second_per_client: {RATE} }}")
        data = bytes(range(256)) * (BYTES // 256)
        for source, sink in ((program, peer), (peer, program)):
            begin = time.monotonic()
            reader = Reader(sink, len(data))
            source.sendall(data)
            self.assertTrue(reader.finish() == data)
            self.assertGreaterEqual(time.monotonic() - begin, LEAST_SECONDS)

    def test_connections(self):
        self.start()
        client = self.started()
        self.connected(client)
        self.reload("limits { connections_per_second_per_client: 10 }")
        begin = time.monotonic()
        for _ in range(20):
            self.connected(client)
        self.assertGreaterEqual(time.monotonic() - begin, 0.9)

    def options(self, client, number, frames, in_frame):
        """Asks for an option so often; the errors."""
        return {done.wsa_error for _ in range(frames) for done in client.calls(
            [("get_sock_opt", number, {"level": SOL_SOCKET, "option": SO_TYPE})
             for _ in range(in_frame)])}

    def test_operations_of_the_forwarded_plane(self):
        self.start()
        client = self.started()
        number, _ = self.connected(client)
        for frames, in_frame in ((400, 1), (1, 400)):
            self.reload("limits { operations_per_second_per_client: 0 }")
            self.reload("limits { operations_per_second_per_client: 500 }")
            begin = time.monotonic()
            self.assertEqual(self.options(client, number, frames, in_frame),
                             {0})
            # A tenth of a second's are there at first, and what a turn does, at
            # most 64 calls, may be more than there was.
            self.assertGreaterEqual(time.monotonic() - begin,
                                    (400 - 50 - 64) / 500)

    def test_calls_that_wait_go_on_when_the_rate_is_gone(self):
        self.start()
        client = self.started()
        number, _ = self.connected(client)
        self.reload("limits { operations_per_second_per_client: 1 }")
        errors = []
        caller = threading.Thread(
            target=lambda: errors.append(self.options(client, number, 1, 1000)),
            daemon=True)
        caller.start()
        self.reload("limits { operations_per_second_per_client: 1000000 }")
        caller.join(admin_case.DEADLINE)
        self.assertEqual(errors, [{0}])

    def test_who_goes_while_its_calls_wait_is_forgotten(self):
        self.start()
        other = self.started()
        number, _ = self.connected(other)
        client = self.started()
        self.reload("limits { operations_per_second_per_client: 1 }")
        for _ in range(200):
            client.begin("get_sock_opt", number, level=SOL_SOCKET,
                         option=SO_TYPE)
        client.close()
        self.reload("")
        self.assertEqual(self.options(other, number, 1, 1), {0})
        # It waits for all streams.
        self.stop()

    def test_what_waits_goes_on_when_they_are_gone(self):
        self.start()
        client, program = self.started(), self.linux()
        number, peer = self.connected(client)
        end, other = self.relayed(program)
        # Minutes for what follows: more than anything here waits. Both are one
        # client, so that whichever comes first has taken what goes at once.
        self.reload("limits { bytes_per_second_per_client: 100 }")
        data = b"x" * (2 * CHUNK)
        begun = threading.Event()
        relayed = Reader(other, len(data), begun)
        reader = Reader(peer, len(data), begun)
        errors = []
        senders = [threading.Thread(target=send, daemon=True) for send in (
            lambda: end.sendall(data),
            lambda: errors.extend(self.sends(client, number, 0, data)))]
        for sender in senders:
            sender.start()
        self.assertTrue(begun.wait(admin_case.DEADLINE))
        self.reload("")
        for sender in senders:
            sender.join(admin_case.DEADLINE)
        self.assertEqual(errors, [0, 0])
        self.assertTrue(reader.finish() == data)
        self.assertTrue(relayed.finish() == data)

    def test_who_was_lent_sockets_keeps_them_and_is_lent_no_more(self):
        self.start()
        client = self.linux()
        completion, lent = client.lend()
        self.assertEqual(completion.linux_errno, 0)
        self.addCleanup(lent.close)
        lent.settimeout(admin_case.DEADLINE)
        lent.connect(("127.0.0.1", self.port))
        peer = self.accepted()
        self.reload("limits { bytes_per_second_per_client: 100 }")
        self.assertNotEqual(client.lend()[0].linux_errno, 0)
        # A thousand seconds' worth, if it were held to it.
        data = b"x" * 100000
        reader = Reader(peer, len(data))
        lent.sendall(data)
        self.assertTrue(reader.finish() == data)
        self.assertIn("not lent", self.wspctl("policy", "test", "connect",
                                              f"127.0.0.1:{self.port}"))
        self.assertEqual(
            [json.loads(line)["plane"] for line in
             self.wspctl("--json", "sockets").splitlines()], ["PLANE_LENT"])
        capabilities = self.linux().welcome.capabilities
        self.assertNotIn(client.types.CAPABILITY_LENT, capabilities)
        self.reload("")
        again, held = client.lend()
        self.assertEqual(again.linux_errno, 0)
        held.close()


if __name__ == "__main__":
    admin_case.main()
