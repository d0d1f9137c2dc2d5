#!/usr/bin/python3
"""What the log says of clients, and that no payload is in it.

Usage: log_test.py WSPD PROTO_ROOT
"""

import base64
import os
import re
import socket
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "python"))
import daemon_process  # noqa: E402
import raw_attach  # noqa: E402
import wire_client  # noqa: E402

WSPD = os.path.abspath(sys.argv[1])
PROTOS = wire_client.load_protos(sys.argv[2])
TYPES, PROVIDER, _ = PROTOS

LOOPBACK = 0x7F000001
DEADLINE = 30
CHUNK = 64 << 10
MSG_PEEK = 2
# Distinct in every form in which it could be logged.
SECRET = b"Pa~yLo#ad"
LINE = re.compile(
    r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z (ERROR|WARNING|INFO|DEBUG)'
    r' [a-z][A-Za-z :]*[a-z]( [a-z_]+=("([^"\\]|\\.)*"|[!#-~]+))*')


def forms(secret):
    """How the bytes could look: themselves, escaped, hexadecimal, base64."""
    yield secret.decode()
    yield secret.hex()
    yield secret.hex(" ")
    yield "".join(f"\\x{byte:02x}" for byte in secret)
    for offset in range(3):
        # The characters that do not depend on what stands around it.
        code = base64.b64encode(bytes(offset) + secret + bytes(3)).decode()
        yield code[4:4 * ((offset + len(secret)) // 3)]


class LogTest(unittest.TestCase):
    def setUp(self):
        self.daemon = daemon_process.DaemonProcess(WSPD, "--log_level",
                                                   "DEBUG")
        self.daemon.__enter__()
        self.running = True
        self.addCleanup(self.stop)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(DEADLINE)
        self.addCleanup(self.listener.close)

    def stop(self):
        if self.running:
            self.daemon.__exit__(None, None, None)
            self.running = False

    def client(self):
        client = wire_client.WireClient(PROTOS, self.daemon.provider_socket)
        self.addCleanup(client.close)
        client.attach()
        self.succeed(client, "startup", version_requested=0x0202)
        return client

    def succeed(self, client, request, socket_id=0, **fields):
        completion = client.call(request, socket_id, **fields)
        self.assertEqual(completion.wsa_error, 0, f"{request}: {completion}")
        return getattr(completion, request)

    def connect(self, client):
        socket_id = client.new_socket_id()
        self.succeed(client, "socket", socket_id,
                     family=PROVIDER.SocketRequest.FAMILY_IPV4,
                     type=PROVIDER.SocketRequest.TYPE_STREAM)
        self.succeed(client, "connect", socket_id,
                     address=client.ipv4(LOOPBACK,
                                         self.listener.getsockname()[1]))
        peer, _ = self.listener.accept()
        peer.settimeout(DEADLINE)
        self.addCleanup(peer.close)
        return socket_id, peer

    def move_payload(self):
        """Both ways, to a reset, an orderly end and a final cleanup."""
        client = self.client()
        for reset in False, True:
            socket_id, peer = self.connect(client)
            self.succeed(client, "send", socket_id, data=SECRET * 100)
            peer.sendall(SECRET * 100)
            for flags in MSG_PEEK, 0:
                received = self.succeed(client, "recv", socket_id,
                                        max_bytes=len(SECRET), flags=flags)
                self.assertEqual(received.data, SECRET)
            if reset:
                peer.close()  # with data unread
                while not client.call("send", socket_id,
                                      data=SECRET).wsa_error:
                    pass
            self.succeed(client, "close_socket", socket_id)
        self.connect(client)
        self.succeed(client, "cleanup")

    def misuse_with_payload(self):
        """Frames that end their client, for what is in them."""
        client = self.client()
        socket_id, _ = self.connect(client)
        with self.assertRaises(Exception):
            client.call("send", socket_id, data=SECRET * CHUNK)
        hello = PROVIDER.ClientFrame()
        hello.hello.version.major = 1
        hello.hello.personality = TYPES.PERSONALITY_WINSOCK
        for body in b"\x1a\x7f" + SECRET, SECRET * 10, b"\xff" * 9 + SECRET:
            self.refused(body)
            self.refused(hello.SerializeToString(), body)

    def refused(self, *bodies):
        connection = raw_attach.RawConnection(self.daemon.provider_socket)
        self.addCleanup(connection.close)
        stream = connection.open_stream()
        for body in bodies:
            connection.send(stream, body)
        with self.assertRaises(raw_attach.Ended):
            while True:
                connection.receive(stream)

    def test_payload_is_in_no_line(self):
        self.move_payload()
        self.misuse_with_payload()
        self.assertIsNotNone(self.daemon.await_line("client ended for misuse"))
        self.stop()
        log = "\n".join(self.daemon.log)
        self.assertIn("DEBUG", log)
        for form in forms(SECRET):
            self.assertNotIn(form, log)

    def test_lines_say_client_pid_socket_and_cause(self):
        client = self.client()
        socket_id, _ = self.connect(client)
        self.succeed(client, "close_socket", socket_id)
        self.connect(client)
        with self.assertRaises(Exception):
            client.call("send", socket_id, data=bytes(CHUNK + 1))
        who = [" client=1 ", f" pid={os.getpid()} "]
        which = f" socket={socket_id:016x}"
        for words in (
                ["INFO client attached", *who, " name=python"],
                ["DEBUG socket opened", *who, which],
                ["DEBUG socket closed", *who, which],
                ["DEBUG socket reset", *who, f" socket={socket_id + 1:016x}"],
                ["INFO client ended for misuse", *who, " sockets=1 ",
                 f' cause="a send of {CHUNK + 1} bytes']):
            self.assertIsNotNone(self.daemon.await_line(*words), words)
        self.stop()
        for line in self.daemon.log:
            self.assertRegex(line, f"^{LINE.pattern}$")
            self.assertNotIn("suppressed=", line)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
