#!/usr/bin/python3
"""An administrator resets and closes programs' sockets: wspctl reset, close."""

import os
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import preload_case  # noqa: E402


def may_destroy():
    """Whether the daemon will have CAP_NET_ADMIN."""
    with open("/proc/self/status", encoding="utf-8") as status:
        for line in status:
            if line.startswith("CapEff:"):
                return bool(int(line.split()[1], 16) & (1 << 12))
    return False


class ResetTest(preload_case.PreloadCase):

    def flags(self):
        with tempfile.NamedTemporaryFile("w", delete=False) as config:
            config.write("planes { reset_lent: true }")
        self.addCleanup(os.remove, config.name)
        return "--config", config.name

    def setUp(self):
        if preload_case.PLANE != "relayed" and not may_destroy():
            self.skipTest("needs CAP_NET_ADMIN")
        super().setUp()

    def name_of(self, **wanted):
        """The only socket of which that is true, as people are shown it."""
        found = [one for one in self.wspctl("sockets")
                 if all(one[name] == value for name, value in wanted.items())]
        self.assertEqual(len(found), 1, found)
        self.assertEqual(found[0]["plane"], "PLANE_RELAYED"
                         if preload_case.PLANE == "relayed" else "PLANE_LENT")
        if found[0]["socket_id"] == "0":
            return f'sk:{int(found[0]["cookie"]):x}'
        return f'{int(found[0]["socket_id"]):016x}'

    def refusal(self, name, command="reset"):
        """What wspctl says instead of resetting it."""
        process = subprocess.run(
            [preload_case.WSPCTL, "--socket", self.daemon.admin_socket,
             command, name], capture_output=True, text=True, check=False)
        self.assertEqual((process.returncode, process.stdout), (1, ""))
        return process.stderr

    def test_a_connection(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        program = self.start(f"""
            one = socket.create_connection(("127.0.0.1",
                                            {listener.getsockname()[1]}))
            print("connected", flush=True)
            assert error_of(one.recv, 1) == errno.ECONNABORTED
            print("aborted", flush=True)
            assert error_of(one.send, b"x") == errno.EPIPE
            one.close()
            check()
        """)
        self.expect_line(program, "connected")
        peer, _ = listener.accept()
        self.addCleanup(peer.close)
        peer.settimeout(preload_case.DEADLINE)
        name = self.name_of(state="SOCKET_STATE_CONNECTED")
        self.assertEqual(len(self.wspctl("reset", name)), 1)
        with self.assertRaises(ConnectionResetError):
            peer.recv(1)
        self.expect_line(program, "aborted")
        self.finish(program)

    def end_a_listener(self, command):
        program = self.start("""
            listener = socket.create_server(("127.0.0.1", 0))
            print(listener.getsockname()[1], flush=True)
            assert error_of(listener.accept) in (errno.ECONNABORTED,
                                                 errno.EINVAL)
            print("aborted", flush=True)
            sys.stdin.readline()
        """)
        port = int(program.stdout.readline())
        self.wspctl(command, self.name_of(
            state="SOCKET_STATE_LISTENING"))
        self.expect_line(program, "aborted")
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        self.go_on(program)
        self.finish(program)

    def test_a_listener(self):
        self.end_a_listener("reset")

    def test_datagrams(self):
        self.end_datagrams("reset")

    def end_datagrams(self, command):
        program = self.start("""
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            one.connect(("127.0.0.1", PORT))
            print("connected", flush=True)
            assert error_of(one.recv, 1) == errno.ECONNABORTED
            assert error_of(one.getpeername) == errno.ENOTCONN
            one.settimeout(30)
            one.connect(("127.0.0.1", PORT))
            one.send(b"again")
            assert one.recv(100) == b"again"
        """)
        self.expect_line(program, "connected")
        self.wspctl(command, self.name_of(
            state="SOCKET_STATE_CONNECTED"))
        self.finish(program)

    def test_a_connection_is_closed(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        program = self.start(f"""
            one = socket.create_connection(("127.0.0.1",
                                            {listener.getsockname()[1]}))
            one.sendall(b"x" * 100000)
            print("sent", flush=True)
            if sys.stdin.readline() == "closed\\n":
                assert error_of(one.recv, 1) == errno.ECONNABORTED
                assert error_of(one.send, b"x") == errno.EPIPE
            one.close()
            check()
        """)
        peer, _ = listener.accept()
        self.addCleanup(peer.close)
        peer.settimeout(preload_case.DEADLINE)
        self.expect_line(program, "sent")
        name = self.name_of(state="SOCKET_STATE_CONNECTED")
        if preload_case.PLANE == "relayed":
            self.assertEqual(len(self.wspctl("close", name)), 1)
            self.name_of(state="SOCKET_STATE_CLOSING")
            self.go_on(program, "closed")
        else:
            refusal = self.refusal(name, "close")
            self.assertIn("it is a connection that its program was lent",
                          refusal)
            self.go_on(program)
        received = 0
        while size := len(peer.recv(65536)):
            received += size
        self.assertEqual(received, 100000)
        self.finish(program)

    def test_a_listener_is_closed(self):
        self.end_a_listener("close")

    def test_datagrams_are_closed(self):
        self.end_datagrams("close")

    def test_what_is_not_connected_or_not_there_says_so(self):
        program = self.start("""
            one = socket.socket()
            print("made", flush=True)
            sys.stdin.readline()
        """)
        self.expect_line(program, "made")
        name = self.name_of()
        self.assertIn("there is nothing to reset", self.refusal(name))
        self.assertIn("there is nothing to close",
                      self.refusal(name, "close"))
        self.go_on(program)
        self.finish(program)
        self.assertIn("there is no such socket", self.refusal("sk:1"))


class NoResetTest(ResetTest):
    """Without the configuration's word lent sockets can't be."""

    def flags(self):
        return ()

    test_a_listener = test_datagrams = None
    test_a_connection_is_closed = test_a_listener_is_closed = None
    test_datagrams_are_closed = None
    test_what_is_not_connected_or_not_there_says_so = None

    def test_a_connection(self):
        if preload_case.PLANE == "relayed":
            return super().test_a_connection()
        program = self.start("""
            one = connection()
            print("connected", flush=True)
            sys.stdin.readline()
            exchange(one)
        """)
        self.expect_line(program, "connected")
        name = self.name_of()
        self.assertIn("planes { reset_lent: true }", self.refusal(name))
        self.go_on(program)
        return self.finish(program)


if __name__ == "__main__":
    preload_case.main()
