#!/usr/bin/python3
"""Sockets in quick succession, which are asked for before they are wanted."""

import os
import sys
import tempfile
import textwrap
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import preload_case  # noqa: E402

LIMIT = 40
MOST_AHEAD = 8

BODY = """
stream, datagram = socket.SOCK_STREAM, socket.SOCK_DGRAM

def burst(count=5, family=socket.AF_INET, kind=stream):
    '''Closes them, but it is long over before they have.'''
    for _ in range(count):
        libc.close(libc.socket(family, kind, 0))

def descriptors():
    return sorted(int(fd) for fd in os.listdir("/proc/self/fd"))
"""


class BurstCase(preload_case.PreloadCase):

    def start(self, body, **settings):
        return super().start(BODY + textwrap.dedent(body), **settings)

    def sockets(self):
        """Those of programs that the daemon lists."""
        return len(self.wspctl("sockets"))

    def await_sockets(self, most):
        deadline = time.monotonic() + preload_case.DEADLINE
        while self.sockets() > most:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)


class SocketsAheadTest(BurstCase):

    def test_they_are_as_any_others(self):
        self.run_body("""
            check()
            before = descriptors()
            lowest = libc.dup(0)
            os.close(lowest)
            for turn in range(10):
                held = [connection() for _ in range(10)]
                assert [one.fileno() for one in held] == \\
                    list(range(lowest, lowest + 10)), held
                assert not any(one.get_inheritable() for one in held)
                for one in reversed(held):
                    exchange(one, b"x" * 1000)
                for one in held:
                    one.close()
                assert descriptors() == before, (descriptors(), before)
        """)

    def test_kinds_take_turns(self):
        self.run_body("""
            check()
            before = descriptors()
            for turn in range(10):
                for family in socket.AF_INET, socket.AF_INET6:
                    burst(5, family)
                    with connection(family) as one:
                        assert one.family == family
                        exchange(one)
                    burst(5, family, datagram)
                    with socket.socket(family, datagram) as one:
                        one.settimeout(30)
                        host = "::1" if family == socket.AF_INET6 else \\
                            "127.0.0.1"
                        one.sendto(b"hello", (host, PORT))
                        assert one.recv(100) == b"hello"
                    burst(5, family, stream | socket.SOCK_NONBLOCK)
                    fd = libc.socket(family, stream, 0)
                    assert os.get_blocking(fd)
                    os.close(fd)
            assert descriptors() == before, (descriptors(), before)
        """)

    def test_children_ask_for_their_own(self):
        descriptors = self.run_body("""
            def child():
                check()
                burst()
                check()
            for turn in range(10):
                burst()
                in_child(child)
                check()
            # Neither do those of a program that execs.
            burst()
            count = "import os; print(len(os.listdir('/proc/self/fd')))"
            os.execv(sys.executable, [sys.executable, "-c", count])
        """)
        self.assertEqual(descriptors, "4\n")

    def test_threads_take_one_each(self):
        self.run_body("""
            failures = []
            def work():
                try:
                    for _ in range(20):
                        burst(3)
                        check()
                except BaseException as error:
                    failures.append(error)
            threads = [threading.Thread(target=work) for _ in range(4)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            assert not failures, failures
        """)

    def test_the_daemon_keeps_nothing_of_them(self):
        folder = f"/proc/{self.daemon.process.pid}/fd"
        self.run_body("check()\n")
        before = len(os.listdir(folder))
        for _ in range(5):
            self.run_body("burst(50)\n")
        deadline = time.monotonic() + preload_case.DEADLINE
        while len(os.listdir(folder)) > before:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        self.await_sockets(0)

    def test_another_daemon_has_others(self):
        program = self.start("""
            burst()
            print("burst", flush=True)
            sys.stdin.readline()
            assert error_of(socket.socket) == errno.ENETDOWN
            print("down", flush=True)
            sys.stdin.readline()
            check()
            burst()
            check()
        """)
        self.expect_line(program, "burst")
        self.kill_daemon()
        self.go_on(program)
        self.expect_line(program, "down")
        self.restart_daemon()
        self.go_on(program)
        self.finish(program)


class LimitTest(BurstCase):

    def flags(self):
        config = tempfile.NamedTemporaryFile("w")
        self.addCleanup(config.close)
        config.write(f"limits {{ sockets_per_client: {LIMIT} }}")
        config.flush()
        return "--config", config.name

    def test_all_that_a_program_may_have_are_its_own(self):
        program = self.start(f"""
            held = []
            for turn in range(3):
                try:
                    while True:
                        held.append(socket.socket())
                except OSError as error:
                    assert error.errno == errno.EMFILE, error
                assert len(held) == {LIMIT}, len(held)
            print("full", flush=True)
            sys.stdin.readline()
            # Errors are those of now.
            for _ in range(3):
                assert error_of(socket.socket) == errno.EMFILE
            while held:
                held.pop().close()
            deadline = time.monotonic() + 60
            while error_of(check) == errno.EMFILE:
                assert time.monotonic() < deadline
            burst()
            print("over", flush=True)
            sys.stdin.readline()
        """)
        self.expect_line(program, "full")
        self.assertEqual(self.sockets(), LIMIT)
        self.go_on(program)
        self.expect_line(program, "over")
        # Some that nobody wants yet.
        self.await_sockets(MOST_AHEAD)
        self.go_on(program)
        self.finish(program)
        self.await_sockets(0)


if __name__ == "__main__":
    preload_case.main()
