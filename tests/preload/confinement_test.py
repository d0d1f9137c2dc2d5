#!/usr/bin/python3
"""Programs that put themselves under a seccomp filter of their own, which
forbids what the library would do in their place."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import preload_case  # noqa: E402

LIBRARY = """
import resource, select

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 38, 22
KILL, FAIL, ALLOW = 0x80000000, 0x00050000, 0x7fff0000
CALLS = {
    "read": 0, "write": 1, "close": 3, "poll": 7, "mmap": 9, "mprotect": 10,
    "munmap": 11, "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14,
    "rt_sigreturn": 15, "ioctl": 16, "readv": 19, "writev": 20, "select": 23,
    "sched_yield": 24, "mremap": 25, "madvise": 28, "dup": 32, "dup2": 33,
    "getpid": 39, "socket": 41, "connect": 42, "sendto": 44, "recvfrom": 45,
    "sendmsg": 46, "recvmsg": 47, "shutdown": 48, "getsockname": 51,
    "getpeername": 52, "setsockopt": 54, "getsockopt": 55, "exit": 60,
    "fcntl": 72, "getuid": 102, "geteuid": 107, "prctl": 157, "gettid": 186,
    "futex": 202, "clock_gettime": 228, "exit_group": 231, "tgkill": 234,
    "ppoll": 271, "eventfd2": 290, "dup3": 292, "process_vm_readv": 310,
    "process_vm_writev": 311, "seccomp": 317, "getrandom": 318,
}

class Filter(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte),
                ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint)]

class Program(ctypes.Structure):
    _fields_ = [("size", ctypes.c_ushort),
                ("filter", ctypes.POINTER(Filter))]

def program(listed, otherwise, action):
    '''A filter: one action for the listed calls, another for all others.'''
    lines = [(0x20, 0, 0, 0)]
    for name in listed:
        lines += [(0x15, 0, 1, CALLS[name]), (0x06, 0, 0, action)]
    lines.append((0x06, 0, 0, otherwise))
    code = (Filter * len(lines))(*[Filter(*line) for line in lines])
    return Program(len(lines), code)

def confine_by(filter, how="prctl"):
    assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    if how == "prctl":
        result = libc.prctl(PR_SET_SECCOMP, 2, ctypes.byref(filter), 0, 0)
    else:
        result = libc.syscall(CALLS["seccomp"], 1, 0, ctypes.byref(filter))
    assert result == 0, ctypes.get_errno()

# About what OpenSSH's child before authentication has.
FEW = ("read", "write", "close", "poll", "ppoll", "select", "shutdown", "mmap",
       "munmap", "mremap", "mprotect", "madvise", "brk", "futex", "getpid",
       "getuid", "geteuid", "getrandom", "clock_gettime", "rt_sigprocmask",
       "exit", "exit_group")

def confine_to(calls, how="prctl"):
    confine_by(program(calls, KILL, ALLOW), how)

def confine_without(calls, action=KILL, how="prctl"):
    confine_by(program(calls, ALLOW, action), how)

def echo(fd, rounds=100):
    '''What comes is sent back, by the calls that any descriptor has.'''
    for _ in range(rounds):
        data = os.read(fd, 100)
        if not data:
            break
        assert os.write(fd, data) == len(data)

def confined(body):
    '''A forked child's status, which runs nothing of Python's at its end.'''
    child = os.fork()
    if child == 0:
        try:
            body()
            os._exit(0)
        except BaseException:
            os._exit(1)
    return wait_for(child)

def pair():
    '''A connection whose both ends are this program's.'''
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        one = socket.socket()
        one.settimeout(30)
        one.connect(listener.getsockname())
        other, _ = listener.accept()
    other.settimeout(30)
    for end in one, other:
        end.setblocking(True)
    return one, other

def serve(fd, confine):
    '''Confined, it echoes on the descriptor until its end, and shuts it.'''
    def body():
        confine()
        echo(fd)
        libc.shutdown(fd, socket.SHUT_WR)
        assert libc.close(fd) == 0
    return body

def converse(one):
    for _ in range(3):
        exchange(one, b"to and fro")
    one.shutdown(socket.SHUT_WR)
    assert one.recv(1) == b""

def check_serving(confine):
    '''By accepted and by connected ones, in a child that inherits them.'''
    for turn in 0, 1:
        ends = pair()
        near, far = ends if turn else ends[::-1]
        child = os.fork()
        if child == 0:
            status = 1
            try:
                near.close()
                body = serve(far.fileno(), confine)
                body()
                status = 0
            finally:
                os._exit(status)
        far.close()
        converse(near)
        assert wait_for(child) == 0, turn
        near.close()
"""


# What the kernel's own calls on a real socket say needs no test.
relayed_only = unittest.skipIf(preload_case.PLANE != "relayed",
                               "about relayed sockets")


class ConfinementTest(preload_case.PreloadCase):

    def run_confined(self, body, expected=0):
        path = os.path.join(self.daemon.folder, "library.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write(LIBRARY)
        return self.run_body(
            f"exec(open({path!r}).read())\n# BODY\n" +
            textwrap.dedent(body), expected)

    def test_few_calls_are_enough_to_serve(self):
        self.run_confined("""
            check_serving(lambda: confine_to(FEW))
        """)

    def test_by_the_system_call_as_well(self):
        self.run_confined("""
            check_serving(lambda: confine_to(FEW, "syscall"))
        """)

    def test_in_strict_mode(self):
        self.run_confined("""
            one, other = pair()
            child = os.fork()
            if child == 0:
                one.close()
                fd, buffer = other.fileno(), ctypes.create_string_buffer(100)
                read, write, exit = libc.read, libc.write, libc.syscall
                assert libc.prctl(PR_SET_SECCOMP, 1, 0, 0, 0) == 0
                while (size := read(fd, buffer, 100)) > 0:
                    write(fd, buffer, size)
                exit(60, 0)
            other.close()
            converse(one)
            assert wait_for(child) == 0
        """)

    def test_what_is_inherited_by_exec_is_found_before(self):
        self.run_confined('''
            one, other = pair()
            one.set_inheritable(True)
            # Connected by one that doesn't say so to who executes.
            held = connection()
            held.setblocking(True)
            held.set_inheritable(True)
            code = open(sys.argv[0]).read().split("# BODY")[0] + f"""
            confine_to(FEW)
            assert os.write({held.fileno()}, b"own") == 3
            assert os.read({held.fileno()}, 100) == b"own"
            echo({one.fileno()})
            os._exit(0)
            """.replace("            ", "")
            child = os.fork()
            if child == 0:
                os.execv(sys.executable, [sys.executable, "-B", "-c", code])
            one.close()
            converse(other)
            assert wait_for(child) == 0
        ''')

    def test_a_connection_still_under_way_opens_by_itself(self):
        self.run_confined("""
            one = socket.socket()
            one.setblocking(False)
            assert one.connect_ex(("127.0.0.1", PORT)) == errno.EINPROGRESS
            def body():
                fd = one.fileno()
                confine_to(FEW)
                poll = select.poll()
                poll.register(fd, select.POLLOUT)
                assert poll.poll(30000)
                assert os.write(fd, b"ping") == 4
                poll.register(fd, select.POLLIN)
                assert poll.poll(30000)
                assert os.read(fd, 100) == b"ping"
            assert confined(body) == 0
        """)

    @relayed_only
    def test_the_end_is_the_kernels_own(self):
        # Without sendto() there is no way to keep it from raising SIGPIPE,
        # without the daemon none to tell a reset.
        self.run_confined("""
            def reset_pair():
                one, other = pair()
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                               struct.pack("ii", 1, 0))
                return one, other
            one, other = reset_pair()
            def body():
                fd = other.fileno()
                confine_to(FEW + ("rt_sigaction",))
                poll = select.poll()
                poll.register(fd, select.POLLIN)
                assert poll.poll(30000)
                assert os.read(fd, 1) == b""
                assert error_of(os.write, fd, b"x") == errno.EPIPE
                signal.signal(signal.SIGPIPE, signal.SIG_DFL)
                os.write(fd, b"x")
            child = os.fork()
            if child == 0:
                one.close()
                try:
                    body()
                finally:
                    os._exit(1)
            other.close()
            one.close()
            assert wait_for(child) == -signal.SIGPIPE
        """)

    def test_a_filter_in_nobodys_way_takes_nothing(self):
        for forbidden in "()", "('sched_yield',)":
            self.run_confined(f"""
                confine_without({forbidden}, FAIL | errno.EPERM)
                one, other = pair()
                exchange(connection())
                assert one.getpeername() == other.getsockname()
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                               struct.pack("ii", 1, 0))
                one.close()
                assert error_of(other.recv, 1) == errno.ECONNRESET
                assert error_of(other.send, b"x") == errno.EPIPE
                check()
            """)

    def test_what_the_kernel_refuses_takes_nothing(self):
        self.run_confined("""
            empty = Program(0, None)
            libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            assert libc.prctl(PR_SET_SECCOMP, 2, ctypes.byref(empty), 0, 0) != 0
            assert ctypes.get_errno() == errno.EINVAL
            assert libc.prctl(PR_SET_SECCOMP, 2, None, 0, 0) != 0
            assert ctypes.get_errno() == errno.EFAULT
            assert libc.syscall(CALLS["seccomp"], 1, 0, None) != 0
            assert ctypes.get_errno() == errno.EFAULT
            check()
            one, other = pair()
            assert one.getpeername() == other.getsockname()
        """)

    @relayed_only
    def test_without_a_way_to_tell_sockets_their_names_are_remembered(self):
        for action in "KILL", "FAIL | errno.EPERM":
            self.run_confined(f"""
                one, other = pair()
                listener = socket.socket()
                listener.bind(("127.0.0.1", 0))
                listener.listen()
                datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                datagrams.connect(("127.0.0.1", PORT))
                client = socket.socket()
                client.settimeout(30)
                client.connect(listener.getsockname())
                names = [end.getsockname() for end in (one, other)]
                confine_without(("getpeername",), {action})
                assert [end.getsockname() for end in (one, other)] == names
                one.sendall(b"x")
                assert other.recv(1) == b"x"
                # Also what is made from them now.
                accepted, peer = listener.accept()
                assert peer == client.getsockname()
                assert accepted.getsockname() == listener.getsockname()
                copy = os.dup(accepted.fileno())
                assert socket.socket(
                    fileno=copy).getsockname() == listener.getsockname()
                datagrams.send(b"ping")
                assert datagrams.recv(100) == b"ping"
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                               struct.pack("ii", 1, 0))
                one.close()
                assert error_of(other.recv, 1) == errno.ECONNRESET
            """)

    def test_numbers_that_change_hands_are_not_taken_for_sockets(self):
        self.run_confined("""
            one, other = pair()
            fd, lowest = one.detach(), os.dup(0)
            os.close(lowest)
            confine_without(("getpeername", "sendto", "sendmsg"))
            os.close(fd)
            # The next one gets its number, without a word to the library.
            for number in range(lowest, fd + 1):
                held = os.open("/dev/null", os.O_RDWR)
                assert held == number, (held, number)
                if held == fd:
                    break
            assert os.write(fd, b"x") == 1
            assert os.read(fd, 1) == b""
            assert other.recv(1) == b""
            out, into = os.pipe()
            # Python itself would look at who its peer is in the end.
            fd = other.detach()
            os.dup2(into, fd)
            assert os.write(fd, b"x") == 1
            assert os.read(out, 1) == b"x"
        """)

    def test_without_a_way_to_the_daemon_new_sockets_fail(self):
        self.run_confined("""
            one, other = pair()
            confine_without(("sendmsg",))
            assert error_of(socket.socket) == errno.ENETDOWN
            os.write(one.fileno(), b"x")
            assert os.read(other.fileno(), 1) == b"x"
        """)

    def test_what_is_attached_may_still_be_asked(self):
        # No new sockets of any kind: the connections to the daemon are there.
        self.run_confined("""
            one, other = pair()
            name = other.getsockname()
            confine_without(("socket", "connect"))
            assert one.getpeername() == name
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                           struct.pack("ii", 1, 0))
            one.close()
            assert error_of(other.recv, 1) == errno.ECONNRESET
        """)

    def test_the_daemon_is_told_of_the_end_before(self):
        """It can't be later: to it the end is no death, whatever it is. But it
        is, if there is no confinement."""
        for confine, kind in (("confine_without(('sendmsg',))", "GONE"),
                              ("confine_without(('fcntl',))", "DIED"),
                              ("libc.prctl(PR_SET_SECCOMP, 2, 0, 0, 0)",
                               "DIED")):
            with self.subTest(confine):
                program = self.start(LIBRARY + textwrap.dedent(f"""
                    check()
                    {confine}
                    print("ready", flush=True)
                    sys.stdin.readline()
                """))
                self.expect_line(program, "ready")
                program.kill()
                self.finish(program, -signal.SIGKILL)
                self.assertEqual(self.last_end(program.pid), kind)

    def last_end(self, pid):
        """GONE or DIED."""
        with subprocess.Popen(
                [preload_case.WSPCTL, "--socket", self.daemon.admin_socket,
                 "--json", "watch", "--from", "1", "--kind",
                 "client_gone,client_died"],
                stdout=subprocess.PIPE, text=True) as watch:
            while True:
                event = json.loads(watch.stdout.readline())
                if event["pid"] == pid:
                    watch.terminate()
                    return event["kind"].rpartition("_")[2]

    def test_no_new_privileges_alone_is_no_confinement(self):
        self.run_confined("""
            assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            assert libc.prctl(39, 0, 0, 0, 0) == 1
            one, other = pair()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                           struct.pack("ii", 1, 0))
            one.close()
            assert error_of(other.recv, 1) == errno.ECONNRESET
        """)


if __name__ == "__main__":
    preload_case.main()
