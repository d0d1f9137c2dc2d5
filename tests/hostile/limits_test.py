"""The limits of proto/README.md: all is well at each, and above it ends who
went there, while an honest client goes on.

Usage: limits_test.py WSPD PROTO_ROOT -
"""

import socket

import hostile_case
import raw_attach

PROVIDER = hostile_case.PROVIDER
INVALID_ARGUMENT, RESOURCE_EXHAUSTED = 3, 8
WSAEMFILE, WSAENOBUFS = 10024, 10055
SOL_SOCKET, SO_SNDBUF = 0xffff, 0x1001
KIB, MIB = 1 << 10, 1 << 20
FRAME = MIB
CHUNK = 64 * KIB
SOCKET_CREDIT = 256 * KIB
CLIENT_CREDIT = 8 * MIB
CALLS = 8192
SOCKETS = 4096
ATTACHMENTS = 16
STREAMS = 16
SOME_CALLS = 256  # in one frame
# A field that no version has.
UNKNOWN_FIELD = b"\x82\x7d"


def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7f | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


class Client:
    """An attachment on a connection of its own, started up."""

    def __init__(self, path, connection=None):
        self.connection = connection or raw_attach.RawConnection(path)
        self.stream = self.connection.open_stream()
        self.welcome = None
        self.pending = set()
        self._results = {}
        self._ack = 0
        self._calls = 0
        frame = hostile_case.hello_frame()
        self.startup = self.add(frame)
        self.startup.startup.version_requested = 0x202
        self.send(frame)

    def frame(self):
        return PROVIDER.ClientFrame(ack_sequence=self._ack)

    def add(self, frame, socket_id=0, **fields):
        self._calls += 1
        return frame.calls.add(call_id=self._calls, socket_id=socket_id,
                               **fields)

    def send(self, frame):
        self.send_bytes(frame.SerializeToString())

    def send_bytes(self, body):
        self.connection.send(self.stream, body)

    def read(self):
        """Takes in the next frame."""
        body = self.connection.receive(self.stream)
        assert len(body) <= FRAME, len(body)
        frame = PROVIDER.ServerFrame.FromString(body)
        if frame.HasField("welcome"):
            self.welcome = frame.welcome
        for completion in frame.completions:
            if completion.pending:
                self.pending.add(completion.call_id)
            else:
                self._results[completion.call_id] = completion
                self._ack = completion.sequence

    def result(self, call):
        while call.call_id not in self._results:
            self.read()
        return self._results.pop(call.call_id)

    def has_result(self, call):
        return call.call_id in self._results

    def await_pending(self, call):
        """Whether it waits, and hasn't ended."""
        while call.call_id not in self.pending and not self.has_result(call):
            self.read()
        return not self.has_result(call)

    def status(self):
        """What the daemon ends the stream with."""
        while True:
            try:
                self.read()
            except raw_attach.Ended as ended:
                return ended.status

    def is_served(self):
        frame = self.frame()
        call = self.add(frame, 0)
        call.startup.version_requested = 0x202
        self.send(frame)
        return self.result(call).wsa_error == 0


class LimitsTest(hostile_case.HostileCase):
    def client(self):
        client = Client(self.path)
        self.addCleanup(client.connection.close)
        self.assertEqual(client.result(client.startup).wsa_error, 0)
        return client

    def silent_server(self):
        """A port whose connections take little and are never read."""
        listener = socket.socket()
        self.addCleanup(listener.close)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen(512)
        return listener.getsockname()[1]

    def connect(self, client, socket_id, port):
        frame = client.frame()
        made = client.add(frame, socket_id)
        made.socket.family = PROVIDER.SocketRequest.FAMILY_IPV4
        made.socket.type = PROVIDER.SocketRequest.TYPE_STREAM
        small = client.add(frame, socket_id)
        small.set_sock_opt.level = SOL_SOCKET
        small.set_sock_opt.option = SO_SNDBUF
        small.set_sock_opt.value.number = 4096
        connected = client.add(frame, socket_id)
        connected.connect.address.ipv4.address = hostile_case.LOOPBACK
        connected.connect.address.ipv4.port = port
        client.send(frame)
        for call in made, small, connected:
            self.assertEqual(client.result(call).wsa_error, 0, call)

    def start_send(self, client, socket_id, size):
        frame = client.frame()
        call = client.add(frame, socket_id, overlapped=True,
                          report_pending=True)
        call.send.data = bytes(size)
        client.send(frame)
        return call

    def use_up_credit(self, client, socket_id):
        """Leaves exactly SOCKET_CREDIT of the socket unanswered."""
        while not client.await_pending(
                self.start_send(client, socket_id, CHUNK)):
            pass
        for _ in range(SOCKET_CREDIT // CHUNK - 1):
            self.assertTrue(client.await_pending(
                self.start_send(client, socket_id, CHUNK)))

    def assert_logged(self, cause):
        self.assertIsNotNone(
            self.daemon.await_line("client ended for misuse", cause))

    def test_frame(self):
        client = self.client()
        frame = client.frame()
        call = client.add(frame)
        call.startup.version_requested = 0x202
        body = frame.SerializeToString()

        def padded(size):
            padding = size - len(body) - len(UNKNOWN_FIELD) - 3
            self.assertEqual(len(varint(padding)), 3)
            return body + UNKNOWN_FIELD + varint(padding) + bytes(padding)

        client.send_bytes(padded(FRAME))
        self.assertEqual(client.result(call).wsa_error, 0)
        client.send_bytes(padded(FRAME + 1))
        self.assertEqual(client.status(), RESOURCE_EXHAUSTED)
        self.assert_logged("1048577 bytes")

    def test_frame_that_grpc_refuses(self):
        client = self.client()
        self.assertTrue(client.is_served())
        client.send_bytes(UNKNOWN_FIELD + varint(2 * FRAME) +
                          bytes(2 * FRAME))
        client.status()
        # To the daemon the stream just broke.
        self.assertIsNotNone(
            self.daemon.await_line("client cleaned up", "stream broken"))

    def test_payload_of_a_send(self):
        client = self.client()
        self.connect(client, 1, self.echo.port)
        self.assertEqual(
            client.result(self.start_send(client, 1, CHUNK)).send.bytes_sent,
            CHUNK)
        self.start_send(client, 1, CHUNK + 1)
        self.assertEqual(client.status(), INVALID_ARGUMENT)

    def test_payload_of_a_receive(self):
        total = 4 * MIB
        peer = hostile_case.Server(lambda c: c.sendall(bytes(total)))
        self.addCleanup(peer.close)
        client = self.client()
        self.connect(client, 1, peer.port)
        sizes = []
        while sum(sizes) < total:
            frame = client.frame()
            call = client.add(frame, 1)
            call.recv.max_bytes = 2**32 - 1
            client.send(frame)
            sizes.append(len(client.result(call).recv.data))
        self.assertEqual(max(sizes), CHUNK)

    def test_unanswered_sends_of_a_socket(self):
        client = self.client()
        self.assertEqual(client.welcome.limits.socket_send_credit_bytes,
                         SOCKET_CREDIT)
        self.connect(client, 1, self.silent_server())
        self.use_up_credit(client, 1)
        self.assertTrue(client.is_served())
        self.start_send(client, 1, 1)
        self.assertEqual(client.status(), RESOURCE_EXHAUSTED)
        self.assert_logged("a socket's credit of 262144 bytes")

    def test_unanswered_sends_of_a_client(self):
        client = self.client()
        self.assertEqual(client.welcome.limits.client_send_credit_bytes,
                         CLIENT_CREDIT)
        port = self.silent_server()
        most = CLIENT_CREDIT // SOCKET_CREDIT
        for socket_id in range(1, most + 2):
            self.connect(client, socket_id, port)
        for socket_id in range(1, most + 1):
            self.use_up_credit(client, socket_id)
        self.assertTrue(client.is_served())
        self.start_send(client, most + 1, 1)
        self.assertEqual(client.status(), RESOURCE_EXHAUSTED)
        self.assert_logged("client's credit of 8388608 bytes")

    def test_unanswered_sends_count_for_all_attachments(self):
        port = self.silent_server()
        most = CLIENT_CREDIT // SOCKET_CREDIT
        one, other = self.client(), self.client()
        for client in one, other:
            for socket_id in range(1, most // 2 + 1):
                self.connect(client, socket_id, port)
                self.use_up_credit(client, socket_id)
        self.connect(other, most, port)
        self.assertTrue(one.is_served())
        self.assertTrue(other.is_served())
        self.start_send(other, most, 1)
        self.assertEqual(other.status(), RESOURCE_EXHAUSTED)

    def test_calls(self):
        client = self.client()
        self.connect(client, 1, self.silent_server())
        client.send(client.frame())  # acknowledges

        def start(count):
            calls = []
            while len(calls) < count:
                frame = client.frame()
                for _ in range(min(SOME_CALLS, count - len(calls))):
                    call = client.add(frame, 1, report_pending=True)
                    call.recv.max_bytes = 1
                    calls.append(call)
                client.send(frame)
            return calls

        for call in start(CALLS):
            self.assertTrue(client.await_pending(call))
        # Refused alone, as long as the refusals aren't too many themselves.
        client.frame = PROVIDER.ClientFrame  # no acknowledgement
        for call in start(CALLS):
            self.assertEqual(client.result(call).wsa_error, WSAENOBUFS)
        start(1)
        self.assertEqual(client.status(), RESOURCE_EXHAUSTED)
        self.assert_logged("more than 16384 unacknowledged calls")

    def test_sockets(self):
        client = self.client()

        def open_sockets(first, count):
            frame = client.frame()
            calls = []
            for socket_id in range(first, first + count):
                call = client.add(frame, socket_id)
                call.socket.family = PROVIDER.SocketRequest.FAMILY_IPV4
                call.socket.type = PROVIDER.SocketRequest.TYPE_STREAM
                calls.append(call)
            client.send(frame)
            return [client.result(call).wsa_error for call in calls]

        for first in range(1, SOCKETS, SOME_CALLS):
            self.assertEqual(open_sockets(first, SOME_CALLS),
                             [0] * SOME_CALLS)
        self.assertEqual(open_sockets(SOCKETS + 1, 1), [WSAEMFILE])
        frame = client.frame()
        call = client.add(frame, 1)
        call.close_socket.SetInParent()
        client.send(frame)
        self.assertEqual(client.result(call).wsa_error, 0)
        self.assertEqual(open_sockets(SOCKETS + 1, 2), [0, WSAEMFILE])

    def test_attachments_of_a_process(self):
        clients = [self.client() for _ in range(ATTACHMENTS)]
        surplus = Client(self.path)
        self.addCleanup(surplus.connection.close)
        self.assertEqual(surplus.status(), RESOURCE_EXHAUSTED)
        for client in clients:
            self.assertTrue(client.is_served())

    def test_streams_of_a_connection(self):
        connection = raw_attach.RawConnection(self.path)
        self.addCleanup(connection.close)
        client = Client(self.path, connection)
        self.assertTrue(client.is_served())
        self.assertEqual(
            connection.settings[raw_attach.MAX_CONCURRENT_STREAMS], STREAMS)
        for _ in range(STREAMS - 1):
            connection.open_stream()
        self.assertTrue(client.is_served())
        # HTTP/2 says to wait; who doesn't isn't served.
        surplus = Client(self.path, connection)
        self.assertIsNone(surplus.status())
        self.assertIsNone(surplus.welcome)


if __name__ == "__main__":
    hostile_case.main()
