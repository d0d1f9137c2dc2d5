"""Attacks the daemon while an honest client goes on.

Usage: hostile_test.py WSPD PROTO_ROOT [FRAMES]
"""

import os
import random
import socket
import subprocess
import sys
import threading
import time
import unittest

import grpc

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "python"))
import daemon_process  # noqa: E402
import wire_client  # noqa: E402

WSPD = os.path.abspath(sys.argv[1])
PROTOS = wire_client.load_protos(sys.argv[2])
FRAMES = int(sys.argv[3]) if len(sys.argv) > 3 else 3000
TYPES, PROVIDER, _ = PROTOS


class EchoServer(threading.Thread):
    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.echo, args=(connection,),
                             daemon=True).start()

    @staticmethod
    def echo(connection):
        try:
            while data := connection.recv(65536):
                connection.sendall(data)
        except OSError:
            pass
        connection.close()


class HonestClient:
    """A process that echoes all the time, in tests/hostile/honest_client.py."""

    def __init__(self, path, port):
        folder = os.path.dirname(os.path.abspath(__file__))
        self._process = subprocess.Popen(
            [sys.executable, os.path.join(folder, "honest_client.py"),
             sys.argv[2], path, str(port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.await_echoes()

    def await_echoes(self):
        """Waits for the next hundred echoes; False if there are none."""
        return self._process.stdout.readline().startswith("echoed")

    def stop(self):
        """Returns the process's last words, "" for a failure."""
        words, _ = self._process.communicate("", timeout=60)
        return words.splitlines()[-1] if words else ""


def sample_frames(port):
    """Valid frames of many kinds, as bytes."""
    frames = []
    address = TYPES.SocketAddress()
    address.ipv4.address = 0x7f000001
    address.ipv4.port = port

    def add(*calls, **fields):
        frame = PROVIDER.ClientFrame(**fields)
        for request, values in calls:
            call = frame.calls.add(call_id=random.getrandbits(64) | 1,
                                   socket_id=random.randrange(1, 6))
            call.overlapped = random.random() < 0.3
            getattr(call, request).SetInParent()
            for name, value in values.items():
                field = getattr(getattr(call, request), name)
                if hasattr(field, "CopyFrom"):
                    field.CopyFrom(value)
                else:
                    setattr(getattr(call, request), name, value)
        frames.append(frame.SerializeToString())

    add(("startup", {"version_requested": 0x202}))
    for _ in range(6):
        add(("socket", {"family": 1, "type": 1}))
        add(("connect", {"address": address}))
        add(("bind", {"address": address}))
        add(("send", {"data": os.urandom(random.choice([1, 100, 65536]))}))
        add(("recv", {"max_bytes": random.choice([0, 1, 1 << 31])}))
        add(("accept", {"accepted_socket_id": random.randrange(9)}))
        add(("listen", {"backlog": -5}))
        add(("shutdown", {"how": 3}))
        add(("close_socket", {}))
        add(("cleanup", {}))
        add(("select", {}), ("event_select", {}), ("join_leaf", {}))
        add(ack_sequence=random.getrandbits(random.choice([1, 63])))
    return frames


def mutate(data):
    data = bytearray(data)
    for _ in range(random.randrange(4)):
        if not data:
            break
        at = random.randrange(len(data))
        what = random.randrange(4)
        if what == 0:
            data[at] = random.randrange(256)
        elif what == 1:
            del data[at:at + random.randrange(8)]
        elif what == 2:
            data[at:at] = os.urandom(random.randrange(8))
        else:
            data = data[:at]
    return bytes(data)


class HostileTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        seed = int(os.environ.get("SEED", time.time()))
        print("SEED", seed)
        random.seed(seed)

    def setUp(self):
        self.server = EchoServer()
        self.daemon = daemon_process.DaemonProcess(WSPD)
        self.daemon.__enter__()
        self.honest = HonestClient(self.daemon.provider_socket,
                                   self.server.port)

    def tearDown(self):
        served = self.honest.await_echoes()
        words = self.honest.stop()
        self.daemon.__exit__(None, None, None)
        self.server.listener.close()
        print(words)
        if not served or self.daemon.status != 0:
            print("\n".join(self.daemon.log[-30:]))
        self.assertTrue(served)
        self.assertIn("worst", words)
        self.assertEqual(self.daemon.status, 0)

    def attach_raw(self, first):
        """A stream that sends raw bytes as messages."""
        channel = grpc.insecure_channel(
            f"unix:{self.daemon.provider_socket}",
            options=[("grpc.use_local_subchannel_pool", 1)])
        stream = channel.stream_stream(
            "/wsp.v1.Provider/Attach")(iter([*first]))
        return channel, stream

    def hello(self):
        frame = PROVIDER.ClientFrame()
        frame.hello.version.major = 1
        frame.hello.personality = TYPES.PERSONALITY_WINSOCK
        return frame.SerializeToString()

    def test_mutated_frames_end_nobody_else(self):
        sent = 0
        statuses = {}
        while sent < FRAMES:
            samples = sample_frames(self.server.port)
            frames = [self.hello()]
            for _ in range(random.randrange(1, 60)):
                frames.append(mutate(random.choice(samples)))
            sent += len(frames)
            channel, stream = self.attach_raw(frames)
            try:
                # Sometimes the client goes away in the middle.
                patience = random.choice([0, 3, 10**6])
                for _ in stream:
                    patience -= 1
                    if patience < 0:
                        stream.cancel()
                        break
                code = "end"
            except grpc.RpcError as error:
                code = error.code().name
            statuses[code] = statuses.get(code, 0) + 1
            channel.close()
        print(sent, "frames", statuses)
        self.assertTrue(self.daemon.alive())
        self.assertTrue(set(statuses) <= {
            "end", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "CANCELLED",
            "UNAVAILABLE", "ABORTED"}, statuses)

    def test_bytes_that_are_no_http2(self):
        for _ in range(100):
            raw = socket.socket(socket.AF_UNIX)
            raw.connect(self.daemon.provider_socket)
            try:
                raw.sendall(random.choice([
                    b"", b"GET / HTTP/1.1\r\n\r\n", os.urandom(4000),
                    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + os.urandom(500)]))
            except OSError:
                pass
            raw.close()
        self.assertTrue(self.daemon.alive())

    def test_a_connection_without_attach_is_shut_down(self):
        raw = socket.socket(socket.AF_UNIX)
        raw.connect(self.daemon.provider_socket)
        raw.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" +
                    b"\0\0\0\4\0\0\0\0\0")
        raw.settimeout(30)
        while raw.recv(4096):
            pass
        raw.close()

    def test_a_client_that_never_reads_costs_bounded_memory(self):
        # It asks for much and takes nothing of it: the daemon holds what fits
        # the limits, and serves others.
        before = self.daemon.memory_kib()
        raw = PROVIDER.ClientFrame()
        frames = [self.hello()]
        raw.calls.add(call_id=1).startup.version_requested = 0x202
        call_id = 10
        address = TYPES.SocketAddress()
        address.ipv4.address = 0x7f000001
        address.ipv4.port = self.flood_port()
        for number in range(1, 33):
            call = raw.calls.add(call_id=call_id, socket_id=number)
            call.socket.family = 1
            call.socket.type = 1
            call = raw.calls.add(call_id=call_id + 1, socket_id=number)
            call.connect.address.CopyFrom(address)
            call_id += 2
            for _ in range(100):
                call = raw.calls.add(call_id=call_id, socket_id=number)
                call.recv.max_bytes = 65536
                call_id += 1
        frames.append(raw.SerializeToString())
        done = threading.Event()

        def outgoing():
            yield from frames
            done.wait(60)

        channel = grpc.insecure_channel(
            f"unix:{self.daemon.provider_socket}",
            options=[("grpc.use_local_subchannel_pool", 1)])
        stream = channel.stream_stream("/wsp.v1.Provider/Attach")(outgoing())
        next(stream)
        for _ in range(5):
            self.assertTrue(self.honest.await_echoes())
        grown = self.daemon.memory_kib() - before
        print("grown by", grown, "KiB")
        done.set()
        stream.cancel()
        channel.close()
        self.assertLess(grown, 64 << 10)

    @staticmethod
    def flood_port():
        """A server that sends without end on every connection."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)

        def flood(connection):
            try:
                while True:
                    connection.sendall(bytes(65536))
            except OSError:
                connection.close()

        def serve():
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=flood, args=(connection,),
                                 daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        return listener.getsockname()[1]


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
