#!/usr/bin/python3
"""wspctl top on a real terminal, about a real daemon.

Usage: top_test.py WSPD PROTO_ROOT WSPCTL
"""

import html
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "python"))
sys.path.insert(0, HERE)
import daemon_process  # noqa: E402
import wire_client  # noqa: E402
import terminal  # noqa: E402

WSPD = os.path.abspath(sys.argv[1])
PROTOS = wire_client.load_protos(sys.argv[2])
TYPES, PROVIDER, ADMIN = PROTOS
WSPCTL = os.path.abspath(sys.argv[3])
LOOPBACK = 0x7F000001
# The README's.
PICTURE = "deploy/wspctl_top.svg"


class TopTest(unittest.TestCase):

    def setUp(self):
        self.daemon = daemon_process.DaemonProcess(WSPD)
        self.daemon.__enter__()
        self.addCleanup(self.daemon.__exit__, None, None, None)
        self.client = wire_client.WireClient(PROTOS,
                                             self.daemon.provider_socket)
        self.addCleanup(self.client.close)
        self.client.attach()
        self.call("startup", version_requested=0x0202)
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        self.socket_id = self.client.new_socket_id()
        self.call("socket", family=PROVIDER.SocketRequest.FAMILY_IPV4,
                  type=PROVIDER.SocketRequest.TYPE_STREAM, protocol=6)
        self.port = listener.getsockname()[1]
        self.call("connect", address=self.client.ipv4(LOOPBACK, self.port))
        self.peer, _ = listener.accept()
        self.addCleanup(self.peer.close)

    def call(self, request, **fields):
        socket_id = 0 if request == "startup" else self.socket_id
        completion = self.client.call(request, socket_id, **fields)
        self.assertEqual(completion.wsa_error, 0, f"{request}: {completion}")

    def command(self, *options):
        return [WSPCTL, "--socket", self.daemon.admin_socket, "top", *options]

    def top(self, *options, **settings):
        screen = terminal.Terminal(self.command(*options), **settings)
        self.addCleanup(screen.__exit__)
        screen.await_screen(lambda lines: self.row(lines) is not None)
        return screen

    def row(self, lines):
        """What stands in this process's row; None: there is none."""
        for line in lines:
            if line.split()[:1] == [str(os.getpid())]:
                return line.split()
        return None

    def test_the_picture_is_of_this_screen(self):
        with open(PICTURE, encoding="utf-8") as file:
            texts = [html.unescape(text) for text in
                     re.findall(r"<text [^>]*>([^<]*)</text>", file.read())]
        columns = texts[texts.index("PID"):texts.index("COMMAND") + 1]
        # As wide and high as that is. The last line is drawn last.
        keys = texts[-1].split()
        screen = self.top(columns=110, rows=15)
        screen.await_screen(
            lambda lines: any(line.split() == keys for line in lines))
        lines = [line for line in screen.lines() if line.strip()]
        heading = next(line.split() for line in lines
                       if line.split()[0] == "PID")
        self.assertEqual(columns, heading)
        self.assertEqual(keys, lines[-1].split())

        def shape(text):
            return re.sub(r"[\d.]+[KMG]?|-", "0", text).rstrip()

        self.assertEqual([shape(text) for text in texts[:2]],
                         [shape(line) for line in lines[:2]])

    def keep_sending(self):
        stop = threading.Event()

        def send():
            while not stop.is_set():
                self.call("send", data=b"x" * 4096)
                self.peer.recv(65536)

        thread = threading.Thread(target=send)
        thread.start()

        def end():
            stop.set()
            thread.join()
        self.addCleanup(end)

    def test_rates_are_seen_and_sorted_by(self):
        self.keep_sending()
        screen = self.top("--interval=0.2", columns=150)
        sent, received = 4, 5
        screen.await_screen(
            lambda lines: self.row(lines)[sent] not in ("-", "0"))
        self.assertEqual(self.row(screen.lines())[received], "0")
        screen.type("s")
        screen.await_screen(
            lambda lines: any(f"127.0.0.1:{self.port}" in line
                              for line in lines))
        screen.type("R")
        screen.await_screen(lambda lines: "sockets by received" in lines[2])
        screen.type("/nothing like it")
        screen.await_screen(lambda lines: self.row(lines) is None)
        screen.type("\x1b")
        screen.await_screen(lambda lines: self.row(lines) is not None)
        screen.type("q")
        self.assertEqual(screen.await_end(), 0)
        self.assertTrue(screen.is_restored())

    def test_follows_the_size_of_the_terminal(self):
        screen = self.top(columns=100, rows=30)
        for columns, rows in (70, 12), (150, 50), (20, 5):
            screen.resize(columns, rows)
            screen.await_screen(
                lambda lines: lines[rows - 1].startswith("q end  c clients"[
                    :columns - 3]))
        screen.send(signal.SIGINT)
        self.assertEqual(screen.await_end(), 0)
        self.assertTrue(screen.is_restored())

    def test_restores_the_terminal_at_signals(self):
        for number in signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT:
            screen = self.top()
            screen.send(number)
            self.assertEqual(screen.await_end(), -number)
            self.assertTrue(screen.is_restored())

    def test_restores_the_terminal_while_it_is_stopped(self):
        screen = self.top()
        screen.type("\x1a")
        screen.await_stop()
        self.assertTrue(screen.is_restored())
        screen.go_on()
        screen.await_screen(lambda lines: screen.alternate and
                            self.row(lines) is not None)
        screen.type("q")
        self.assertEqual(screen.await_end(), 0)
        self.assertTrue(screen.is_restored())

    def test_says_that_the_daemon_has_gone(self):
        screen = self.top("--interval=0.2")
        self.daemon.process.kill()
        screen.await_screen(
            lambda lines: "can't reach a daemon" in lines[2])
        self.assertIsNotNone(self.row(screen.lines()))
        screen.type("q")
        self.assertEqual(screen.await_end(), 0)

    def test_has_colors_where_they_are_wanted(self):
        def colored(screen):
            return any(style != "0" for line in screen.styled_lines()
                       for _, style in line)
        self.assertTrue(colored(self.top(NO_COLOR="")))
        self.assertFalse(colored(self.top(NO_COLOR="1")))

    def test_without_a_terminal_it_is_one_table(self):
        output = subprocess.run(self.command("--interval=0.1"), check=True,
                                stdin=subprocess.DEVNULL, capture_output=True,
                                text=True, timeout=60).stdout
        self.assertNotIn("\x1b", output)
        self.assertIsNotNone(self.row(output.split("\n")))
        output = subprocess.run(
            self.command("--interval=0.1", "--json", "--sockets"), check=True,
            capture_output=True, text=True, timeout=60).stdout
        row = json.loads(output)
        self.assertEqual(row["peer"], f"127.0.0.1:{self.port}")
        self.assertEqual(row["sent_per_second"], 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
