#!/usr/bin/python3
"""fork, vfork, exec and what comes of sockets and the library there."""

import os
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import preload_case  # noqa: E402


class ProcessesTest(preload_case.PreloadCase):

    def test_a_forked_child_has_its_parents_sockets_and_makes_its_own(self):
        self.run_body("""
            one = connection()
            exchange(one)
            parents = own_descriptors()
            def child():
                # The parent's are closed before fork returns.
                assert not own_descriptors(), own_descriptors()
                exchange(one, b"from the child")
                check()
                assert not set(own_descriptors().values()) & \\
                    set(parents.values())
            in_child(child)
            exchange(one, b"from the parent")
            check()
            assert own_descriptors() == parents
        """)

    def test_the_daemon_sees_each_process(self):
        program = self.start("""
            held = [socket.socket()]
            child = os.fork()
            if child == 0:
                held.append(socket.socket())
                print(os.getpid(), flush=True)
                sys.stdin.readline()
                os._exit(0)
            sys.stdin.readline()
            wait_for(child)
        """)
        child = int(program.stdout.readline())
        clients = {client["pid"]: client for client in self.wspctl("clients")}
        self.assertEqual(len(clients), 2, clients)
        self.assertIn(child, clients)
        program.stdin.write("go\ngo\n")
        self.finish(program)

    def test_children_of_children_work(self):
        self.run_body("""
            def descend(depth):
                check()
                if depth > 0:
                    in_child(lambda: descend(depth - 1))
                check()
            descend(5)
        """)

    def test_a_child_forked_without_handlers_is_told_from_its_parent(self):
        self.run_body("""
            SYS_fork = 57
            check()
            parents = own_descriptors()
            child = libc.syscall(SYS_fork)
            if child == 0:
                status = 1
                try:
                    check()
                    assert not set(own_descriptors().values()) & \\
                        set(parents.values())
                    status = 0
                finally:
                    os._exit(status)
            assert wait_for(child) == 0
            check()
            assert own_descriptors() == parents
        """)

    def test_spawned_programs_are_preloaded_and_leave_the_parent_alone(self):
        self.run_body("""
            import subprocess
            check()
            parents = own_descriptors()
            one = connection()
            body = ("import os, socket, sys;"
                    "inherited = socket.socket(fileno=int(sys.argv[1]));"
                    "inherited.sendall(b'inherited');"
                    "mine = socket.create_connection(('127.0.0.1', "
                    "inherited.getpeername()[1]));"
                    "mine.sendall(b'x'); assert mine.recv(1) == b'x'")
            # By vfork.
            subprocess.run([sys.executable, "-c", body, str(one.fileno())],
                           check=True, pass_fds=[one.fileno()])
            pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-c", body, "9"], os.environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, one.fileno(), 9),
                              (os.POSIX_SPAWN_CLOSE, max(parents))])
            assert wait_for(pid) == 0
            assert one.recv(100).startswith(b"inherited")
            check()
            assert own_descriptors() == parents
        """)

    def test_exec_keeps_sockets_and_honours_close_on_exec(self):
        self.run_body("""
            kept, gone = connection(), connection()
            kept.setblocking(True)
            os.set_inheritable(kept.fileno(), True)
            body = '''
            import errno, os, socket, sys
            high = [fd for fd in os.listdir("/proc/self/fd") if int(fd) > 255]
            assert not high, high
            kept = socket.socket(fileno=int(sys.argv[1]))
            kept.sendall(b"after exec")
            assert kept.recv(100) == b"after exec"
            try:
                os.fstat(int(sys.argv[2]))
            except OSError as error:
                assert error.errno == errno.EBADF
            else:
                raise AssertionError("it is still open")
            one = socket.create_connection(("127.0.0.1", int(sys.argv[3])))
            one.sendall(b"x")
            assert one.recv(1) == b"x"
            '''
            import textwrap
            os.execv(sys.executable,
                     [sys.executable, "-c", textwrap.dedent(body),
                      str(kept.fileno()), str(gone.fileno()), str(PORT)])
        """)

    # Nobody waits for the daemon's answers to these, and of what comes on a
    # connection last the daemon may read nothing.
    OPTIONS = """
import socket, sys
OPTIONS = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
           (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
           (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 77),
           (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 7),
           (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 5)]
def set_options(one):
    for level, name, value in OPTIONS:
        one.setsockopt(level, name, value)
def check_options(one):
    for level, name, value in OPTIONS:
        found = one.getsockopt(level, name)
        assert found == value, (level, name, found)
"""

    def test_options_are_set_whoever_is_executed_next(self):
        self.run_body(self.OPTIONS + """
code = OPTIONS_CODE + "check_options(socket.socket(fileno=int(sys.argv[1])))"
def become(execute):
    one = connection()
    one.set_inheritable(True)
    set_options(one)
    execute(sys.executable, [sys.executable, "-c", code, str(one.detach())])
for turn in range(12):
    in_child(lambda: become(os.execv))
    in_child(lambda: become(os.execvp))
    in_child(lambda: become(lambda path, arguments: os.execve(
        path, arguments, os.environ)))
    in_child(lambda: become(lambda path, arguments: os.execve(
        os.open(path, os.O_RDONLY), arguments, os.environ)))
""".replace("OPTIONS_CODE", repr(self.OPTIONS)))

    def test_options_are_set_by_who_ends_next(self):
        self.run_body(self.OPTIONS + """
for end in os._exit, sys.exit, libc._exit, libc._Exit, libc.exit:
    for turn in range(10):
        with connection() as one:
            child = os.fork()
            if child == 0:
                set_options(one)
                end(0)
            assert wait_for(child) == 0
            check_options(one)
""")

    def test_options_are_set_before_another_user_asks(self):
        self.run_body(self.OPTIONS + """
for turn in range(20):
    with connection() as one:
        set_options(one)
        os.setuid(os.getuid())
        check_options(one)
""")

    def test_arguments_of_execl_are_those_that_were_given(self):
        output = self.run_body("""
def become(execute):
    execute()
path = sys.executable.encode()
environment = (ctypes.c_char_p * 2)(b"LEFT=over", None)
show = b"import os, sys; print(sys.argv[1:], os.environ.get('LEFT'))"
in_child(lambda: libc.execl(path, path, b"-c", show, b"a", b"b", None))
in_child(lambda: libc.execlp(path, path, b"-c", show, *[b"x"] * 20, None))
in_child(lambda: libc.execle(path, path, b"-c", show, b"c", None, environment))
""")
        self.assertEqual(output.splitlines(), [
            "['a', 'b'] None", str(["x"] * 20) + " None", "['c'] over"])

    def test_threads_fork_while_others_make_sockets(self):
        self.run_body("""
            failures = []
            done = threading.Event()
            def work():
                try:
                    while not done.is_set():
                        check()
                except Exception as error:
                    failures.append(error)
            threads = [threading.Thread(target=work) for _ in range(4)]
            for thread in threads: thread.start()
            for _ in range(40):
                in_child(check)
            done.set()
            for thread in threads: thread.join()
            assert not failures, failures
        """)

    def test_workers_share_a_listening_socket(self):
        program = self.start("""
            listener = socket.create_server(("127.0.0.1", 0), backlog=64)
            print(listener.getsockname()[1], flush=True)
            children = []
            for _ in range(3):
                child = os.fork()
                if child == 0:
                    while True:
                        one, _ = listener.accept()
                        one.sendall(str(os.getpid()).encode())
                        one.close()
                children.append(child)
            listener.close()
            sys.stdin.readline()
            for child in children:
                os.kill(child, signal.SIGKILL)
                wait_for(child)
        """)
        port = int(program.stdout.readline())
        for _ in range(30):
            with socket.create_connection(("127.0.0.1", port)) as one:
                one.settimeout(preload_case.DEADLINE)
                self.assertTrue(one.recv(100))
        self.go_on(program)
        self.finish(program)
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))


if __name__ == "__main__":
    preload_case.main()
