#!/usr/bin/python3
"""Which ends of programs are deaths to an operator: event, log and count.

Usage: ends_test.py WSPRUN WSPD WSPCTL --plane=PLANE
"""

import json
import os
import signal
import sys
import textwrap

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import preload_case  # noqa: E402

ENDS = ("KIND_CLIENT_GONE", "KIND_CLIENT_DIED")
# Another program, which needs nothing of the daemon.
TRUE = "/bin/true"


class EndsTest(preload_case.WatchingCase):

    def next_end(self):
        """The kind of the next end of a client, and its pid."""
        while True:
            event = json.loads(self.watch.stdout.readline())
            self.assertNotIn("lost", event)
            if event["kind"] in ENDS:
                return event["kind"], event["pid"]

    def died_total(self):
        (info,) = self.wspctl("info")
        return int(info["clients_died_total"])

    def end_of(self, how, status=0):
        """The end of a program that has a connection, and ends so: its kind, and
        the pid."""
        program = self.start("one = connection()\nexchange(one)\n" +
                             textwrap.dedent(how))
        self.finish(program, status)
        return self.next_end()

    def assert_gone(self, how, status=0):
        with self.subTest(how):
            self.assertEqual(self.end_of(how, status)[0], "KIND_CLIENT_GONE")
            self.assertEqual(self.died_total(), 0)

    def assert_died(self, how, status):
        with self.subTest(how):
            kind, pid = self.end_of(how, status)
            self.assertEqual(kind, "KIND_CLIENT_DIED")
            self.assertIsNotNone(
                self.daemon.await_line("client died", f"pid={pid} ", "killed"))

    def test_ends_in_good_order(self):
        for how in ("pass", "sys.exit(0)", "libc.exit(0)", "os._exit(0)",
                    "libc._exit(0)", "libc._Exit(0)", "libc.quick_exit(0)"):
            self.assert_gone(how)
        self.assert_gone("sys.exit(7)", 7)

    def test_another_program_is_no_death(self):
        path = f"b'{TRUE}'"
        for how in (f"os.execv('{TRUE}', ['true'])",
                    f"os.execve('{TRUE}', ['true'], {{}})",
                    f"os.execvp('{TRUE}', ['true'])",
                    f"os.execve(os.open('{TRUE}', os.O_RDONLY), ['true'], {{}})",
                    f"libc.execl({path}, {path}, None)",
                    f"libc.execlp({path}, {path}, None)",
                    f"libc.execle({path}, {path}, None, None)"):
            self.assert_gone(how)

    def test_signals_are_deaths(self):
        for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM):
            self.assert_died(f"os.kill(os.getpid(), {int(number)})", -number)
        self.assert_died("os.abort()", -signal.SIGABRT)
        self.assertEqual(self.died_total(), 4)

    def test_so_is_an_end_past_the_c_library(self):
        self.assert_died("libc.syscall(231, 0)", 0)

    def test_a_program_that_could_not_be_executed_is_none(self):
        failing = "error_of(os.execv, '/nonexistent', ['x'])\n"
        self.assert_gone(failing + "check()")
        self.assert_died(failing + "os.kill(os.getpid(), 9)", -signal.SIGKILL)

    def test_nor_does_it_take_back_that_the_process_exits(self):
        self.assert_gone("""
            last = ctypes.CFUNCTYPE(None)(
                lambda: error_of(os.execv, "/nonexistent", ["x"]))
            assert libc.__cxa_at_quick_exit(last, None) == 0
            libc.quick_exit(0)
            """)

    def test_children_end_for_themselves(self):
        """None of their ends is their parent's."""
        program = self.start("""
            check()
            def vforked():
                # By vfork, in which it fails to become another program.
                import subprocess
                try:
                    subprocess.run(["/nonexistent"])
                except FileNotFoundError:
                    pass
            vforked()
            in_child(lambda: None)
            in_child(check)
            child = os.fork()
            if child == 0:
                check()
                os.kill(os.getpid(), 9)
            assert wait_for(child) == -9
            print("ready", flush=True)
            sys.stdin.readline()
        """)
        self.expect_line(program, "ready")
        ends = [self.next_end() for _ in range(2)]
        self.assertEqual([kind for kind, _ in ends], list(ENDS))
        self.assertNotIn(program.pid, [pid for _, pid in ends])
        program.send_signal(signal.SIGKILL)
        self.finish(program, -signal.SIGKILL)
        self.assertEqual(self.next_end(), ("KIND_CLIENT_DIED", program.pid))
        self.assertEqual(self.died_total(), 2)

    def test_a_parent_that_leaves_its_work_to_a_child_is_no_death(self):
        program = self.start("""
            check()
            assert libc.daemon(1, 1) == 0
            check()
            print("ready", flush=True)
            sys.stdin.readline()
        """)
        self.expect_line(program, "ready")
        self.assertEqual(self.next_end(), ("KIND_CLIENT_GONE", program.pid))
        self.go_on(program)
        self.finish(program)
        self.assertEqual(self.next_end()[0], "KIND_CLIENT_GONE")
        self.assertEqual(self.died_total(), 0)

    def test_another_user_is_no_death(self):
        self.assert_gone("""
            check()
            os.setuid(os.getuid())
            check()
            """)

    def test_many_threads_do_not_hold_up_the_end(self):
        self.assert_gone("""
            def work():
                while True:
                    check()
            for _ in range(4):
                threading.Thread(target=work, daemon=True).start()
            check()
            os._exit(0)
            """)

    def test_a_daemon_that_says_nothing_does_not_hold_up_the_end(self):
        """Though a thread waits for it: 5 s, if it is let."""
        for how, status in (
                ("os._exit(0)", 0), ("libc.exit(0)", 0),
                (f"os.execv('{TRUE}', ['true'])", 0),
                # In a handler, on the thread that waits.
                ("libc.signal(signal.SIGSYS, libc._exit)\n"
                 "libc.syscall(234, os.getpid(), asking.native_id, "
                 "signal.SIGSYS)\n"
                 "asking.join()", signal.SIGSYS)):
            with self.subTest(how):
                program = self.start(textwrap.dedent("""
                    check()
                    print("ready", flush=True)
                    sys.stdin.readline()
                    asking = threading.Thread(
                        target=error_of, args=(socket.socket,), daemon=True)
                    asking.start()
                    PPOLL = "271"
                    def system_call():
                        path = f"/proc/self/task/{asking.native_id}/syscall"
                        with open(path) as file:
                            return file.read().split()[0]
                    while system_call() != PPOLL:
                        time.sleep(0.001)
                    print("ends", flush=True)
                    """) + how)
                self.expect_line(program, "ready")
                self.pause_daemon()
                self.go_on(program)
                self.expect_line(program, "ends")
                self.finish(program, status, deadline=4)
                self.continue_daemon()
                self.assertEqual(self.next_end(),
                                 ("KIND_CLIENT_GONE", program.pid))


if __name__ == "__main__":
    preload_case.main()
