#!/usr/bin/python3
"""Preloaded programs whose daemon goes, comes back, or says nothing."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import preload_case  # noqa: E402


class DaemonLossTest(preload_case.PreloadCase):

    def test_without_a_daemon_is_enetdown_and_with_one_again_it_works(self):
        program = self.start("""
            check()
            held = connection()
            print("up", flush=True)
            sys.stdin.readline()
            for _ in range(3):
                begin = time.monotonic()
                assert error_of(socket.socket) == errno.ENETDOWN
                assert time.monotonic() - begin < 4
            exchange(held, b"sockets live on")
            print("down", flush=True)
            sys.stdin.readline()
            check()
            exchange(held, b"still")
            assert len(own_descriptors()) == 2
        """)
        self.expect_line(program, "up")
        self.kill_daemon()
        self.go_on(program)
        self.expect_line(program, "down")
        self.restart_daemon()
        self.go_on(program)
        self.finish(program)

    def test_a_daemon_that_was_restarted_is_found_by_the_next_call(self):
        program = self.start("""
            check()
            print("up", flush=True)
            sys.stdin.readline()
            check()
        """)
        self.expect_line(program, "up")
        self.kill_daemon()
        self.restart_daemon()
        self.go_on(program)
        self.finish(program)

    def test_a_daemon_that_says_nothing_is_enetdown_after_a_while(self):
        # Once for all who wait, not once for each.
        program = self.start("""
            check()
            print("up", flush=True)
            sys.stdin.readline()
            errors = []
            threads = [threading.Thread(
                target=lambda: errors.append(error_of(socket.socket)))
                for _ in range(4)]
            begin = time.monotonic()
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            took = time.monotonic() - begin
            assert errors == [errno.ENETDOWN] * 4, errors
            assert 4.5 < took < 15, took
            print("silent", flush=True)
            sys.stdin.readline()
            check()
        """)
        self.expect_line(program, "up")
        self.pause_daemon()
        self.go_on(program)
        self.expect_line(program, "silent")
        self.continue_daemon()
        self.go_on(program)
        self.finish(program)

    def test_fallback_is_the_kernels_own(self):
        program = self.start("""
            check()
            print("up", flush=True)
            sys.stdin.readline()
            one = socket.socket()
            one.settimeout(5)
            # Of the empty network.
            assert error_of(one.connect, ("127.0.0.1", PORT)) == \\
                errno.ENETUNREACH
        """, options=["--fallback"])
        self.expect_line(program, "up")
        self.kill_daemon()
        self.go_on(program)
        self.finish(program)
        self.restart_daemon()

    def test_disconnected_programs_attach_again(self):
        program = self.start("""
            check()
            for number in 0, 1:
                fd = sorted(own_descriptors())[number]
                with socket.socket(fileno=raw_dup(fd)) as own:
                    own.shutdown(socket.SHUT_RDWR)
                check()
                assert len(own_descriptors()) == 2
        """)
        self.finish(program)


if __name__ == "__main__":
    preload_case.main()
