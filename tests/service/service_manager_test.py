#!/usr/bin/python3
"""The daemon as a service: what it tells the manager, and takes from it.

Usage: service_manager_test.py WSPD PROTO_ROOT
"""

import ctypes
import os
import signal
import socket
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "python")]
import admin_client  # noqa: E402
import certificates  # noqa: E402
import service_manager  # noqa: E402
import wire_client  # noqa: E402

WSPD = os.path.abspath(sys.argv[1])
PROTOS = wire_client.load_protos(sys.argv[2])

EX_USAGE, EX_UNAVAILABLE = 64, 69
# The watchdog looks three times in this, in microseconds.
LIMIT_USEC = "300000"
# Threads that have to answer, as the kernel and as the daemon call them.
WATCHED = {
    "wspd-loop-0": "loop 0",
    "wspd-lent": "lent loop",
    "wspd-relay-0": "relay loop 0",
    "wspd-queue": "queue 0",
    "wspd-resolver": "resolver",
    "wspd-admin": "admin server",
    "wspd-remote": "remote administration",
    "wspd-remote-rpc": "remote administration",
}

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p,
                        ctypes.c_void_p]
PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WALL = 0x40000000


class HeldThread:
    """A thread that stands still inside `with`, while the others run."""

    def __init__(self, pid, name):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/comm") as file:
                if file.read().strip() == name:
                    self.thread = int(thread)
                    return
        raise AssertionError(f"no thread {name}")

    def _ptrace(self, request):
        if LIBC.ptrace(request, self.thread, None, None) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")

    def __enter__(self):
        self._ptrace(PTRACE_SEIZE)
        self._ptrace(PTRACE_INTERRUPT)
        os.waitpid(self.thread, WALL)

    def __exit__(self, *_):
        self._ptrace(PTRACE_DETACH)


class ServiceManagerTest(unittest.TestCase):
    def setUp(self):
        self.manager = service_manager.ServiceManager(WSPD)
        self.enter(self.manager)

    def enter(self, context):
        value = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return value

    def listen(self, path):
        made = self.manager.listen(path)
        self.addCleanup(made.close)
        return made

    def attach(self):
        client = wire_client.WireClient(PROTOS, self.manager.provider_socket)
        self.addCleanup(client.close)
        client.attach()
        return client

    def test_says_when_it_serves_and_when_it_goes(self):
        self.manager.start()
        self.assertEqual(self.manager.await_ready(),
                         ["READY=1", "STATUS=serving 0 clients"])
        self.attach()
        self.manager.process.terminate()
        # stop_ms, and ten seconds for the rest.
        self.assertEqual(
            self.manager.receive(),
            ["STOPPING=1", "EXTEND_TIMEOUT_USEC=15000000"])
        self.assertEqual(self.manager.wait()[0], 0)

    def test_serves_on_passed_sockets_and_leaves_them(self):
        provider = self.listen(self.manager.provider_socket)
        admin = self.listen(self.manager.admin_socket)
        passed = [("admin", admin), ("provider", provider)]
        inodes = [os.stat(path).st_ino for path in
                  (self.manager.provider_socket, self.manager.admin_socket)]
        for _ in range(2):
            # Comes before the daemon.
            early = socket.socket(socket.AF_UNIX)
            self.addCleanup(early.close)
            early.settimeout(service_manager.DEADLINE)
            early.connect(self.manager.provider_socket)
            self.manager.start(passed=passed)
            self.manager.await_ready()
            early.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                          b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
            self.assertNotEqual(early.recv(9), b"", "it has been accepted")
            self.attach()
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(service_manager.DEADLINE)
                connection.connect(self.manager.admin_socket)
                connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                                   b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
                self.assertNotEqual(connection.recv(9), b"")
            code, log = self.manager.stop()
            self.assertEqual(code, 0, log)
            self.assertEqual(inodes, [
                os.stat(path).st_ino for path in
                (self.manager.provider_socket, self.manager.admin_socket)])
            self.assertFalse(
                os.path.exists(self.manager.provider_socket + ".lock"))

    def test_one_socket_may_be_passed_alone(self):
        provider = self.listen(self.manager.provider_socket)
        self.manager.start(passed=[("provider", provider)])
        self.manager.await_ready()
        self.attach()
        self.assertTrue(os.path.exists(self.manager.admin_socket))
        self.assertEqual(self.manager.stop()[0], 0)
        self.assertFalse(os.path.exists(self.manager.admin_socket))

    def refuses(self, status, message, passed):
        self.manager.start(passed=passed)
        code, log = self.manager.wait()
        self.assertEqual(code, status, log)
        self.assertIn(message, log)

    def test_sockets_that_cannot_be_served_are_told(self):
        elsewhere = self.listen(os.path.join(self.manager.folder, "other"))
        self.refuses(EX_UNAVAILABLE,
                     '"provider" listens at '
                     f"{self.manager.folder}/other, the configuration says "
                     f"{self.manager.provider_socket}",
                     [("provider", elsewhere)])
        self.refuses(EX_UNAVAILABLE, '"admin" is no Unix stream socket',
                     [("admin", self.manager.notify)])
        self.refuses(EX_USAGE, 'a socket named "connection" was passed',
                     [("connection", elsewhere)])

    def test_gives_signs_of_life_while_every_thread_answers(self):
        authority = certificates.Authority(self.manager.folder, "authority")
        certificate, key = authority.issue("server", usage="serverAuth")
        config = os.path.join(self.manager.folder, "wspd.textproto")
        with open(config, "w") as file:
            file.write('remote_admin { address: "127.0.0.1:0" '
                       f'certificate: "{certificate}" key: "{key}" '
                       f'client_ca: "{authority.certificate}" '
                       'readers: "CN:nobody" }')
        self.manager.start("--log_level=ERROR", "--config", config,
                           environment={"WATCHDOG_USEC": LIMIT_USEC})
        self.manager.await_ready()
        self.attach()
        self.manager.await_message(
            lambda line: line == "STATUS=serving 1 client")
        for thread, name in WATCHED.items():
            with self.subTest(thread=thread):
                with HeldThread(self.manager.process.pid, thread):
                    silence = [f"STATUS=don't answer: {name}"]
                    self.manager.await_message(
                        lambda line: line == silence[0])
                    # More than the limit, without one sign.
                    for _ in range(4):
                        self.assertEqual(self.manager.receive(), silence)
                self.manager.await_message(lambda line: line == "WATCHDOG=1")
        # The one that gives the signs.
        with HeldThread(self.manager.process.pid, "wspd-control"):
            self.manager.notify.settimeout(1)
            with self.assertRaises(socket.timeout):
                while True:
                    self.manager.notify.recv(4096)
        self.manager.await_message(lambda line: line == "WATCHDOG=1")
        code, log = self.manager.stop()
        self.assertEqual(code, 0)
        self.assertIn("threads don't answer names=\"admin server\"", log)

    def test_says_when_it_is_drained(self):
        self.manager.start()
        self.manager.await_ready()
        self.attach()
        admin = self.enter(admin_client.AdminClient(
            PROTOS, self.manager.admin_socket))
        call = admin.stream("Drain")
        self.assertEqual(next(call).clients, 1)
        self.assertEqual(self.manager.receive(),
                         ["STATUS=draining, left: 1 client, 0 sockets and 0 "
                          "closed ones that still send"])
        self.assertTrue(admin.call("CancelDrain").was_draining)
        self.assertEqual(self.manager.receive(), ["STATUS=serving 1 client"])
        self.assertEqual(self.manager.stop()[0], 0)

    def test_watchdog_of_another_process_is_not_its_own(self):
        self.manager.start(environment={"WATCHDOG_USEC": "1000",
                                        "WATCHDOG_PID": str(os.getpid())})
        self.manager.await_ready()
        self.attach()
        self.manager.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.manager.receive()[0], "STOPPING=1")
        self.assertEqual(self.manager.wait()[0], 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
