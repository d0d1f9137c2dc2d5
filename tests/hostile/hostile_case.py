"""What the attacks share: a daemon, and an honest client that must be served.

A test program's first two arguments are the daemon and the root of the protos.
"""

import os
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "python"))
import daemon_process  # noqa: E402
import wire_client  # noqa: E402

WSPD = os.path.abspath(sys.argv[1])
PROTO_ROOT = sys.argv[2]
PROTOS = wire_client.load_protos(PROTO_ROOT)
TYPES, PROVIDER, _ = PROTOS
LOOPBACK = 0x7f000001
ATTACH_SECONDS = 1.0


class Server:
    """Serves every connection by `serve` in a thread of its own."""

    def __init__(self, serve):
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._run, args=(connection,),
                             daemon=True).start()

    def _run(self, connection):
        with connection:
            try:
                self._serve(connection)
            except OSError:
                pass

    def close(self):
        self._listener.close()


def echo(connection):
    while data := connection.recv(65536):
        connection.sendall(data)


def flood(connection):
    while True:
        connection.sendall(bytes(65536))


class HonestClient:
    """A process that echoes all the time, in tests/hostile/honest_client.py."""

    def __init__(self, path, port, script="honest_client.py"):
        self._process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, script),
             PROTO_ROOT, path, str(port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._lines = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.await_echoes()

    def _read(self):
        for line in self._process.stdout:
            with self._changed:
                self._lines.append(line)
                self._changed.notify()

    def await_echoes(self):
        """Waits for the next hundreds of echoes; False if there are none."""
        with self._changed:
            before = len(self._lines)
            return self._changed.wait_for(
                lambda: len(self._lines) >= before + 3, timeout=30)

    def lines_of(self, act):
        """What it says while `act` runs, and at least the three lines after."""
        with self._changed:
            before = len(self._lines)
        act()
        assert self.await_echoes(), "the honest client isn't served"
        with self._changed:
            return self._lines[before:]

    def stop(self):
        """Returns the process's last words, "" for a failure."""
        self._process.stdin.close()
        self._process.wait(60)
        self._reader.join(60)
        self._process.stdout.close()
        return self._lines[-1].rstrip() if self._lines else ""


class HostileCase(unittest.TestCase):
    # Short times: none of the attackers comes back to resume, and many want to
    # attach anew.
    CONFIG = f"times {{ grace_ms: 1 attach_ms: {int(ATTACH_SECONDS * 1e3)} }}"

    def setUp(self):
        self.echo = Server(echo)
        self.addCleanup(self.echo.close)
        with tempfile.NamedTemporaryFile("w", suffix=".textproto") as config:
            config.write(self.CONFIG)
            config.flush()
            self.daemon = daemon_process.DaemonProcess(
                WSPD, "--config", config.name)
            self.daemon.__enter__()
        self.path = self.daemon.provider_socket
        self.honest = HonestClient(self.path, self.echo.port)

    def tearDown(self):
        served = self.honest.await_echoes()
        words = self.honest.stop()
        self.daemon.__exit__(None, None, None)
        print(words)
        if not served or self.daemon.status != 0:
            print("\n".join(self.daemon.log[-30:]))
        self.assertTrue(served)
        self.assertIn("worst", words)
        self.assertEqual(self.daemon.status, 0)

    def assert_honest_is_served(self):
        self.assertTrue(self.honest.await_echoes())


def hello_frame():
    frame = PROVIDER.ClientFrame()
    frame.hello.version.major = 1
    frame.hello.personality = TYPES.PERSONALITY_WINSOCK
    return frame


def add_startup(frame, call_id=1):
    frame.calls.add(call_id=call_id).startup.version_requested = 0x202


def add_connected_socket(frame, socket_id, port, call_id):
    """Uses two call ids."""
    call = frame.calls.add(call_id=call_id, socket_id=socket_id)
    call.socket.family = 1
    call.socket.type = 1
    call = frame.calls.add(call_id=call_id + 1, socket_id=socket_id)
    call.connect.address.ipv4.address = LOOPBACK
    call.connect.address.ipv4.port = port


def main():
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
