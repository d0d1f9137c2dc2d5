"""A daemon that serves metrics, real traffic through it, and what it tells."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "python"))
import daemon_process  # noqa: E402
import wire_client  # noqa: E402

DEADLINE = 30
LOOPBACK = 0x7f000001
SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


def await_true(condition, what):
    deadline = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"never came: {what}")
        time.sleep(0.05)


class Scrape:
    """The text of a scrape, and its samples."""

    def __init__(self, port):
        url = f"http://127.0.0.1:{port}/metrics"
        with urllib.request.urlopen(url, timeout=DEADLINE) as answer:
            self.text = answer.read().decode()
        self.samples = []
        for line in self.text.splitlines():
            if line and line[0] != "#":
                name, labels, value = SAMPLE.match(line).groups()
                self.samples.append((name, dict(LABEL.findall(labels or "")),
                                     float(value)))

    def names(self):
        return {name for name, _, _ in self.samples}

    def value(self, wanted, **labels):
        """Of the one sample that has all the labels."""
        found = self.values(wanted, **labels)
        if len(found) != 1:
            raise AssertionError(f"{len(found)} samples: {wanted} {labels}")
        return found[0]

    def values(self, wanted, **labels):
        return [value for name, own, value in self.samples
                if name == wanted and labels.items() <= own.items()]


def listening_ports(pid):
    """The TCP ports on which a process of this network listens."""
    inodes = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            inodes.add(os.readlink(f"/proc/{pid}/fd/{fd}"))
    ports = set()
    for table in ["tcp", "tcp6"]:
        with open(f"/proc/{pid}/net/{table}") as file:
            for line in list(file)[1:]:
                fields = line.split()
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                    ports.add(int(fields[1].rsplit(":", 1)[1], 16))
    return ports


class EchoServer:
    """Echoes what one connection after the other sends."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._connection = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connection = connection
            with connection, contextlib.suppress(ConnectionError):
                while data := connection.recv(65536):
                    connection.sendall(data)

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        # Its peer may be there still.
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(DEADLINE)
        self._listener.close()


class MetricsCase(unittest.TestCase):
    """Arguments of the program: WSPD PROTO_ROOT and what the test needs."""

    CONFIG = 'metrics { address: "127.0.0.1:0" }'

    @classmethod
    def setUpClass(cls):
        cls.wspd = os.path.abspath(sys.argv[1])
        cls.proto_root = os.path.abspath(sys.argv[2])
        cls.protos = wire_client.load_protos(cls.proto_root)

    def start_daemon(self, config=CONFIG):
        folder = tempfile.TemporaryDirectory(prefix="wspd-metrics.")
        self.addCleanup(folder.cleanup)
        self.config_file = os.path.join(folder.name, "wspd.textproto")
        with open(self.config_file, "w") as file:
            file.write(config)
        daemon = daemon_process.DaemonProcess(self.wspd, "--config",
                                              self.config_file)
        daemon.__enter__()
        self.addCleanup(lambda: daemon.__exit__(None, None, None))
        return daemon

    def metrics_port(self, daemon):
        line = daemon.await_line("metrics served")
        return int(re.search(r"port=(\d+)", line).group(1))

    def client(self, daemon):
        client = wire_client.WireClient(self.protos, daemon.provider_socket)
        self.addCleanup(client.close)
        client.attach()
        started = client.call("startup", version_requested=0x0202)
        self.assertEqual(started.wsa_error, 0)
        return client

    def connected(self, client, port):
        socket_id = client.new_socket_id()
        for completion in [
                client.call("socket", socket_id, family=1, type=1),
                client.call("connect", socket_id,
                            address=client.ipv4(LOOPBACK, port))]:
            self.assertEqual(completion.wsa_error, 0)
        return socket_id

    def echo(self, client, socket_id, data):
        self.assertEqual(client.call("send", socket_id, data=data).wsa_error,
                         0)
        got = b""
        while len(got) < len(data):
            got += client.call("recv", socket_id,
                               max_bytes=len(data) - len(got)).recv.data
        self.assertEqual(got, data)

    def start_echo_server(self):
        server = EchoServer()
        self.addCleanup(server.close)
        return server

    def let_a_client_die(self, daemon, *options):
        """A process that is registered, or, with --linux, has a connection for
        descriptors, and is killed."""
        process = subprocess.Popen(
            ["/usr/bin/python3", os.path.join(HERE, "doomed_client.py"),
             self.proto_root, daemon.provider_socket, *options],
            stdout=subprocess.PIPE, text=True)
        self.assertEqual(process.stdout.readline(), "registered\n")
        process.send_signal(signal.SIGKILL)
        process.communicate()
