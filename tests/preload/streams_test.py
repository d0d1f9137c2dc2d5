#!/usr/bin/python3
"""TCP on the relayed plane: what a socket pair can't say by itself."""

import os
import socket
import sys
import textwrap

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import preload_case  # noqa: E402
import daemon_process  # noqa: E402

LIBRARY = """
import array, select, tempfile

def listening(backlog=64):
    one = socket.socket()
    one.bind(("127.0.0.1", 0))
    one.listen(backlog)
    return one

def pair():
    '''A connection whose both ends are this program's.'''
    with listening() as listener:
        one = socket.socket()
        one.settimeout(30)
        one.connect(listener.getsockname())
        other, _ = listener.accept()
    other.settimeout(30)
    return one, other

def reset(one):
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()

def wait(one, events, seconds=30):
    poll = select.poll()
    poll.register(one, events)
    ready = poll.poll(seconds * 1000)
    return ready[0][1] if ready else 0
"""


class RelayedStreamsTest(preload_case.PreloadCase):

    def run_relayed(self, body, expected=0, **settings):
        return self.finish(self.start_relayed(body, **settings), expected)

    def start_relayed(self, body, **settings):
        path = os.path.join(self.daemon.folder, "library.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write(LIBRARY)
        prelude = f"exec(open({path!r}).read())\n"
        return self.start(prelude + textwrap.dedent(body), **settings)

    def listener(self):
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(preload_case.DEADLINE)
        self.addCleanup(listener.close)
        return listener

    def test_connections_both_ways(self):
        self.run_relayed("""
            for family in socket.AF_INET, socket.AF_INET6:
                with connection(family) as one:
                    assert is_relayed(one.fileno())
                    exchange(one)
                    exchange(one, os.urandom(3000000))
                    name = one.getpeername()
                    assert name[1] == PORT, name
                    assert one.getsockname()[1] != 0
                    one.shutdown(socket.SHUT_WR)
                    assert one.recv(1) == b""
                    assert one.recv(1) == b""
            one, other = pair()
            assert is_relayed(other.fileno())
            assert one.getpeername() == other.getsockname()
            assert one.getsockname() == other.getpeername()
            other.sendall(b"from there")
            assert one.recv(100) == b"from there"
        """)

    def test_a_socket_says_what_it_is(self):
        self.run_relayed("""
            one = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
            def option(name):
                return one.getsockopt(socket.SOL_SOCKET, name)
            assert option(socket.SO_TYPE) == socket.SOCK_STREAM
            assert option(socket.SO_DOMAIN) == socket.AF_INET6
            assert option(socket.SO_PROTOCOL) == socket.IPPROTO_TCP
            assert option(socket.SO_ERROR) == 0
            tcp = socket.IPPROTO_TCP
            assert one.getsockopt(tcp, socket.TCP_NODELAY) == 0
            one.setsockopt(tcp, socket.TCP_NODELAY, 1)
            assert one.getsockopt(tcp, socket.TCP_NODELAY) == 1
            assert len(one.getsockopt(tcp, socket.TCP_INFO, 104)) == 104
            assert error_of(one.getpeername) == errno.ENOTCONN
            assert error_of(one.recv, 1) == errno.ENOTCONN
            assert error_of(one.getsockopt, tcp, 9999) == errno.ENOPROTOOPT
        """)

    def test_a_refused_connect_may_be_made_again(self):
        self.run_relayed("""
            with socket.socket() as held:
                held.bind(("127.0.0.1", 0))
                one = socket.socket()
                for _ in range(3):
                    assert error_of(one.connect, held.getsockname()) == \\
                        errno.ECONNREFUSED
                    assert one.getsockopt(socket.SOL_SOCKET,
                                          socket.SO_ERROR) == 0
                one.connect(("127.0.0.1", PORT))
                exchange(one)
                assert error_of(one.connect, ("127.0.0.1", PORT)) == \\
                    errno.EISCONN
        """)

    def full_listener(self):
        """One that takes no more, until take_all()."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        listener.settimeout(preload_case.DEADLINE)
        self.addCleanup(listener.close)
        first = socket.create_connection(listener.getsockname())
        self.addCleanup(first.close)
        return listener

    def take_all(self, listener):
        """The program's connection."""
        listener.accept()[0].close()
        peer, _ = listener.accept()
        self.addCleanup(peer.close)
        peer.settimeout(preload_case.DEADLINE)
        return peer

    def expect_all(self, peer, wanted):
        """This and nothing else is what the peer gets."""
        got = b""
        while data := peer.recv(100):
            got += data
        self.assertEqual(got, wanted)

    def test_a_connect_that_does_not_wait_is_an_edge(self):
        listener = self.full_listener()
        program = self.start_relayed(f"""
            address = ("127.0.0.1", {listener.getsockname()[1]})
            one = socket.socket()
            one.setblocking(False)
            epoll = select.epoll()
            assert error_of(one.connect, address) == errno.EINPROGRESS
            epoll.register(one, select.EPOLLIN | select.EPOLLOUT |
                           select.EPOLLET)
            assert epoll.poll(0) == []
            assert error_of(one.send, b"x") == errno.EAGAIN
            assert error_of(one.recv, 1) == errno.EAGAIN
            assert error_of(one.connect, address) == errno.EALREADY
            assert one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
            print("under way", flush=True)
            (fd, events), = epoll.poll(60)
            assert fd == one.fileno() and events == select.EPOLLOUT, events
            assert one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
            one.send(b"after")
        """)
        self.expect_line(program, "under way")
        self.expect_all(self.take_all(listener), b"after")
        self.finish(program)

    def test_a_connect_that_waits_is_interrupted(self):
        listener = self.full_listener()
        program = self.start_relayed(f"""
            class Action(ctypes.Structure):
                _fields_ = [("handler", ctypes.c_void_p),
                            ("mask", ctypes.c_ulong * 16),
                            ("flags", ctypes.c_int),
                            ("restorer", ctypes.c_void_p)]
            handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(lambda _: None)
            action = Action(ctypes.cast(handler, ctypes.c_void_p).value)
            assert libc.sigaction(signal.SIGALRM, ctypes.byref(action),
                                  None) == 0
            one = socket.socket()
            address = struct.pack("=H", socket.AF_INET) + \
                struct.pack("!H", {listener.getsockname()[1]}) + \
                socket.inet_aton("127.0.0.1") + bytes(8)
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            assert libc.connect(one.fileno(), address, len(address)) == -1
            assert ctypes.get_errno() == errno.EINTR, ctypes.get_errno()
            # Its timeout is Linux's.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO,
                           struct.pack("ll", 0, 100000))
            assert libc.connect(one.fileno(), address, len(address)) == -1
            assert ctypes.get_errno() == errno.EALREADY
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, bytes(16))
            # And the attempt goes on.
            print("under way", flush=True)
            assert libc.connect(one.fileno(), address, len(address)) == 0
            one.sendall(b"after")
        """)
        self.expect_line(program, "under way")
        self.expect_all(self.take_all(listener), b"after")
        self.finish(program)

    def test_a_connect_that_is_cancelled_goes_on(self):
        listener = self.full_listener()
        program = self.wsprun(preload_case.PROGRAM, "cancelled_connect",
                              str(listener.getsockname()[1]))
        self.expect_line(program, "cancelled")
        self.expect_all(self.take_all(listener), b"after")
        self.finish(program)

    def test_a_connect_that_is_left_promises_nothing(self):
        listener = self.full_listener()
        program = self.wsprun(preload_case.PROGRAM, "left_connect",
                              str(listener.getsockname()[1]))
        self.expect_line(program, "left")
        self.expect_all(self.take_all(listener), b"after")
        self.finish(program)

    def test_whoever_sends_before_connect_has_returned(self):
        listener = self.full_listener()
        program = self.wsprun(preload_case.PROGRAM, "waiting_connect",
                              str(listener.getsockname()[1]))
        self.expect_line(program, "waiting")
        self.expect_all(self.take_all(listener), b"afterwards")
        self.finish(program)

    def test_two_threads_connect_one_socket(self):
        self.run_relayed("""
            import collections
            def connect():
                start.wait()
                results[one.connect_ex(("127.0.0.1", PORT))] += 1
            for turn in range(100):
                results = collections.Counter()
                one = socket.socket()
                one.setblocking(turn % 2 == 0)
                start = threading.Barrier(2)
                threads = [threading.Thread(target=connect) for _ in range(2)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                assert wait(one, select.POLLOUT) == select.POLLOUT
                one.setblocking(True)
                exchange(one, b"nothing else")
        """)

    def test_connecting_what_a_spawned_program_has_connected(self):
        self.run_relayed("""
            import subprocess
            for leaves in "one.getpeername()", "pass":
                fresh = socket.socket()
                code = (f"import socket; one = socket.socket("
                        f"fileno={fresh.fileno()}); one.setblocking(False); "
                        f"one.connect_ex(('127.0.0.1', {PORT})); {leaves}; "
                        f"one.detach()")
                subprocess.run([sys.executable, "-c", code], check=True,
                               pass_fds=[fresh.fileno()])
                assert wait(fresh, select.POLLOUT) == select.POLLOUT
                fresh.setblocking(True)
                assert fresh.connect_ex(("127.0.0.1", PORT)) in (
                    0, errno.EISCONN)
                exchange(fresh, b"nothing else")
        """)

    def test_a_reset_is_told_once(self):
        self.run_relayed("""
            one, other = pair()
            other.sendall(b"before")
            assert wait(one, select.POLLIN)
            reset(other)
            assert wait(one, 0) & select.POLLHUP
            assert one.recv(100) == b"before"
            assert error_of(one.recv, 1) == errno.ECONNRESET
            assert one.recv(1) == b""
            assert error_of(one.send, b"x") == errno.EPIPE
            one, other = pair()
            reset(other)
            assert wait(one, 0) & select.POLLHUP
            assert one.getsockopt(socket.SOL_SOCKET,
                                  socket.SO_ERROR) == errno.ECONNRESET
            assert one.recv(1) == b""
            assert error_of(one.getpeername) == errno.ENOTCONN
            one, other = pair()
            reset(other)
            assert wait(one, 0) & select.POLLHUP
            # No signal for a reset.
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            assert error_of(one.send, b"x") == errno.ECONNRESET
        """)

    def test_writing_after_the_end_is_a_signal(self):
        self.run_relayed("""
            one, other = pair()
            one.shutdown(socket.SHUT_WR)
            assert other.recv(1) == b""
            pipes = []
            signal.signal(signal.SIGPIPE, lambda *_: pipes.append(1))
            calls = [lambda: one.send(b"x"), lambda: os.write(one.fileno(),
                     b"x"), lambda: os.writev(one.fileno(), [b"x"]),
                     lambda: one.sendmsg([b"x"])]
            for number, call in enumerate(calls):
                assert error_of(call) == errno.EPIPE
                time.sleep(0)  # where Python runs handlers
                assert len(pipes) == number + 1, pipes
            assert error_of(one.send, b"x", socket.MSG_NOSIGNAL) == errno.EPIPE
            assert len(pipes) == len(calls)
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            child = os.fork()
            if child == 0:
                one.send(b"x")
                os._exit(0)
            assert wait_for(child) == -signal.SIGPIPE
        """)

    def test_children_have_what_their_parents_have(self):
        self.run_relayed("""
            one, other = pair()
            fresh = socket.socket()
            def use():
                exchange_with = one.getpeername()
                one.sendall(b"from the child")
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                fresh.connect(("127.0.0.1", PORT))
            in_child(use)
            assert other.recv(100) == b"from the child"
            assert one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
            # The child has connected it.
            assert error_of(fresh.connect, ("127.0.0.1", PORT)) == \\
                errno.EISCONN
            exchange(fresh)
            in_child(lambda: in_child(use_again))
        """.replace("in_child(lambda: in_child(use_again))",
                    "in_child(lambda: in_child(lambda: exchange(fresh)))"))

    def test_programs_that_are_executed_have_them_too(self):
        self.run_relayed("""
            one, other = pair()
            listener = listening()
            fresh = socket.socket()
            code = f'''
            import socket, errno
            one = socket.socket(fileno={one.fileno()})
            assert one.family == socket.AF_INET, one
            assert one.getpeername() == {other.getsockname()}
            one.sendall(b"executed")
            listener = socket.socket(fileno={listener.fileno()})
            assert listener.getsockopt(socket.SOL_SOCKET,
                                       socket.SO_ACCEPTCONN) == 1
            fresh = socket.socket(fileno={fresh.fileno()})
            fresh.connect(listener.getsockname())
            accepted, peer = listener.accept()
            assert peer == fresh.getsockname()
            accepted.sendall(b"accepted")
            assert fresh.recv(100) == b"accepted"
            '''
            import textwrap
            for held in one, listener, fresh:
                held.set_inheritable(True)
            child = os.fork()
            if child == 0:
                os.execv(sys.executable, [sys.executable, "-c",
                                          textwrap.dedent(code)])
            assert wait_for(child) == 0
            assert other.recv(100) == b"executed"
        """)

    def test_descriptors_are_passed_on(self):
        self.run_relayed("""
            near, far = socket.socketpair()
            one, other = pair()
            listener = listening()
            def give():
                held = socket.socket()
                held.connect(listener.getsockname())
                socket.send_fds(near, [b"x"], [one.fileno(), held.fileno()])
            in_child(give)
            one.close()
            _, fds, _, _ = socket.recv_fds(far, 1, 2)
            passed, held = [socket.socket(fileno=fd) for fd in fds]
            assert is_relayed(passed.fileno())
            passed.sendall(b"passed on")
            assert other.recv(100) == b"passed on"
            accepted, _ = listener.accept()
            held.sendall(b"too")
            assert accepted.recv(100) == b"too"
        """)

    def test_numbers_change_hands_unseen(self):
        # By system calls past the library, which believes what it knew.
        self.run_relayed("""
            def close_past_the_library(fd):
                assert libc.syscall(3, fd) == 0
            for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
                fd = os.dup(0)
                os.close(fd)
                one = socket.socket(socket.AF_INET, kind)
                assert one.fileno() == fd
                one.connect(("127.0.0.1", PORT))
                one.send(b"x")
                assert one.recv(1) == b"x"
                close_past_the_library(one.detach())
                assert os.open("/dev/null", os.O_RDWR) == fd
                assert os.write(fd, b"x") == 1
                assert os.read(fd, 1) == b""
                os.close(fd)
            near, far = socket.socketpair()
            one, other = pair()
            # One that is known as no socket's.
            plain = os.open("/dev/null", os.O_RDWR)
            assert os.write(plain, b"x") == 1
            close_past_the_library(plain)
            socket.send_fds(near, [b"x"], [one.fileno()])
            _, (fd,), _, _ = socket.recv_fds(far, 1, 1)
            assert fd == plain
            passed = socket.socket(fileno=fd)
            assert passed.getpeername() == other.getsockname()
            plain = os.open("/dev/null", os.O_RDWR)
            assert os.write(plain, b"x") == 1
            os.dup2(one.fileno(), plain)
            copy = socket.socket(fileno=plain)
            assert copy.getpeername() == other.getsockname()
        """)

    def test_a_name_alone_is_no_socket(self):
        # In a network of its own the daemon's names are free.
        self.run_relayed("""
            one = connection()
            name, size = ctypes.create_string_buffer(110), ctypes.c_uint(110)
            assert libc.syscall(52, one.fileno(), name, ctypes.byref(size)) == 0
            near, far = socket.socketpair()
            assert libc.syscall(49, far.fileno(), name, size) == 0
            # Of a number that nothing is known of.
            forged = os.dup(near.fileno())
            value, length = ctypes.c_int(1), ctypes.c_uint(4)
            for asked in range(2):
                assert libc.setsockopt(
                    forged, socket.SOL_SOCKET, socket.SO_KEEPALIVE,
                    ctypes.byref(value), 4) == -1
                assert ctypes.get_errno() == errno.ENETDOWN
                assert libc.getsockname(forged, name, ctypes.byref(size)) == -1
                assert ctypes.get_errno() == errno.ENETDOWN
                assert one.getsockopt(socket.SOL_SOCKET,
                                      socket.SO_KEEPALIVE) == 0
                exchange(one)
        """)

    def test_workers_share_a_listener(self):
        self.run_relayed("""
            listener = listening()
            children = []
            for _ in range(4):
                child = os.fork()
                if child == 0:
                    for _ in range(10):
                        with listener.accept()[0] as one:
                            one.sendall(str(os.getpid()).encode())
                    os._exit(0)
                children.append(child)
            served = {}
            for _ in range(40):
                with socket.socket() as one:
                    one.settimeout(30)
                    one.connect(listener.getsockname())
                    who = int(one.recv(100))
                    assert one.recv(1) == b""
                served[who] = served.get(who, 0) + 1
            assert served == {child: 10 for child in children}, served
            for child in children:
                assert wait_for(child) == 0
        """)

    def test_accept_without_a_number_loses_nothing(self):
        self.run_relayed("""
            import resource
            listener = listening()
            one = socket.socket()
            one.connect(listener.getsockname())
            assert wait(listener, select.POLLIN)
            limits = resource.getrlimit(resource.RLIMIT_NOFILE)
            lowest = os.dup(0)
            os.close(lowest)
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, limits[1]))
            assert error_of(listener.accept) == errno.EMFILE
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            other, name = listener.accept()
            assert name == one.getsockname()
            assert other.fileno() == lowest
            other.sendall(b"there")
            assert one.recv(100) == b"there"
        """)

    def test_whoever_closes_how(self):
        # By close, a raw system call, close_range, dup2, exec and death.
        listener = self.listener()
        program = self.start_relayed(f"""
            def open_one():
                one = socket.socket()
                one.connect(("127.0.0.1", {listener.getsockname()[1]}))
                return one
            held = [open_one() for _ in range(6)]
            print("open", flush=True)
            sys.stdin.readline()
            held[0].close()
            libc.syscall(3, held[1].detach())
            fd = held[2].detach()
            os.closerange(fd, fd + 1)
            null = os.open("/dev/null", os.O_RDWR)
            os.dup2(null, held[3].fileno())
            # What the numbers stand for now.
            for number in held[3].detach(), os.dup2(null, fd):
                assert os.write(number, b"x") == 1
                assert os.read(number, 1) == b""
            child = os.fork()
            if child == 0:
                held[5].close()
                os.kill(os.getpid(), signal.SIGKILL)
            held[4].close()
            wait_for(child)
            print("closed", flush=True)
            sys.stdin.readline()
            os.execv("/bin/true", ["true"])
        """)
        peers = [listener.accept()[0] for _ in range(6)]
        for peer in peers:
            self.addCleanup(peer.close)
            peer.settimeout(preload_case.DEADLINE)
        self.expect_line(program, "open")
        self.go_on(program)
        self.expect_line(program, "closed")
        for peer in peers[:5]:
            self.assertEqual(peer.recv(1), b"")
        peers[5].settimeout(0.1)
        self.assertRaises(TimeoutError, peers[5].recv, 1)
        self.go_on(program)
        peers[5].settimeout(preload_case.DEADLINE)
        self.assertEqual(peers[5].recv(1), b"")
        self.finish(program)

    def test_closing_with_unread_bytes_is_a_reset(self):
        listener = self.listener()
        program = self.start_relayed(f"""
            one = socket.socket()
            one.connect(("127.0.0.1", {listener.getsockname()[1]}))
            assert wait(one, select.POLLIN)
            one.close()
            sys.stdin.readline()
        """)
        peer, _ = listener.accept()
        self.addCleanup(peer.close)
        peer.settimeout(preload_case.DEADLINE)
        peer.sendall(b"unread")
        self.assertRaises(ConnectionResetError, peer.recv, 1)
        self.go_on(program)
        self.finish(program)

    def test_an_abort_is_a_reset(self):
        listener = self.listener()
        program = self.start_relayed(f"""
            one = socket.socket()
            one.connect(("127.0.0.1", {listener.getsockname()[1]}))
            reset(one)
        """)
        peer, _ = listener.accept()
        self.addCleanup(peer.close)
        peer.settimeout(preload_case.DEADLINE)
        self.assertRaises(ConnectionResetError, peer.recv, 1)
        self.finish(program)

    def test_files_are_sent_and_spliced(self):
        self.run_relayed("""
            one, other = pair()
            with tempfile.TemporaryFile() as file:
                file.write(b"contents" * 1000)
                file.flush()
                assert os.sendfile(one.fileno(), file.fileno(), 0, 8000) == 8000
            got = b""
            while len(got) < 8000:
                got += other.recv(8000)
            assert got == b"contents" * 1000
            out, into = os.pipe()
            os.write(into, b"through")
            assert os.splice(out, one.fileno(), 100) == 7
            other.setblocking(True)
            assert os.splice(other.fileno(), into, 100) == 7
            assert os.read(out, 100) == b"through"
            one.shutdown(socket.SHUT_WR)
            assert os.splice(other.fileno(), into, 100) == 0
        """)

    def test_receiving_knows_tcps_flags(self):
        self.run_relayed("""
            one, other = pair()
            other.sendall(b"0123456789")
            assert one.recv(4, socket.MSG_PEEK) == b"0123"
            # Dropped, not copied.
            assert libc.recv(one.fileno(), None, 4, socket.MSG_TRUNC) == 4
            data, ancillary, flags, name = one.recvmsg(100, 100)
            assert (data, ancillary, flags) == (b"456789", [], 0), data
            assert not name, name
            assert libc.recv(one.fileno(), None, 0,
                             socket.MSG_ERRQUEUE) == -1
            assert ctypes.get_errno() == errno.EAGAIN
            other.sendall(b"x")
            assert one.recvfrom(10)[0] == b"x"
            # An address means nothing to TCP.
            assert one.sendto(b"y", ("127.0.0.1", 9)) == 1
            assert other.recv(10) == b"y"
            assert one.sendmsg([b"z"], [], 0, ("127.0.0.1", 9)) == 1
            assert other.recv(10) == b"z"
        """)

    def test_calls_on_other_descriptors_are_the_kernels(self):
        self.run_relayed("""
            a, b = socket.socketpair()
            assert a.getsockname() == ""
            a.send(b"x")
            assert b.recvfrom(10) == (b"x", None)
            out, into = os.pipe()
            assert os.writev(into, [b"a", b"b"]) == 2
            buffer = bytearray(2)
            assert os.readv(out, [buffer]) == 2
            with tempfile.TemporaryFile() as file:
                os.pwritev(file.fileno(), [b"abc"], 0)
                assert os.preadv(file.fileno(), [buffer], 1) == 2
                assert buffer == b"bc"
                assert error_of(socket.socket, -1, -1, 0, file.fileno()) == \\
                    errno.ENOTSOCK
            assert not own_descriptors(), own_descriptors()
        """)

    def test_a_lost_answer_to_connect_counts_nothing_twice(self):
        # The daemon breaks each connection after so many frames: it connects,
        # and nobody hears of it.
        refused = socket.socket()
        self.addCleanup(refused.close)
        refused.bind(("127.0.0.1", 0))
        whole = self.daemon
        self.addCleanup(setattr, self, "daemon", whole)
        for frames in range(4, 8):
            with daemon_process.DaemonProcess(
                    preload_case.WSPD,
                    f"--test_break_after_frames={frames}") as broken:
                self.daemon = broken
                self.run_relayed("""
                    def ask(one, times):
                        for _ in range(times):
                            one.getsockname()
                    for asked in range(4):
                        one = socket.socket()
                        ask(one, asked)
                        one.connect(("127.0.0.1", PORT))
                        exchange(one, b"all of it")
                        other = socket.socket()
                        other.setblocking(False)
                        ask(other, asked)
                        assert other.connect_ex(("127.0.0.1", PORT)) == \\
                            errno.EINPROGRESS
                        assert wait(other, select.POLLOUT) == select.POLLOUT
                        assert other.getsockopt(socket.SOL_SOCKET,
                                                socket.SO_ERROR) == 0
                        other.setblocking(True)
                        exchange(other, b"here as well")
                        third = socket.socket()
                        ask(third, asked)
                        # What was told to nobody is told by another name.
                        assert third.connect_ex(("127.0.0.1", CLOSED)) in (
                            errno.ECONNREFUSED, errno.ECONNABORTED)
                        third.connect(("127.0.0.1", PORT))
                        exchange(third, b"and here")
                """.replace("CLOSED", str(refused.getsockname()[1])))

    def test_asyncio_mixes_all_kinds(self):
        self.run_relayed("""
            import asyncio
            async def serve(reader, writer):
                writer.write(await reader.readexactly(4))
                await writer.drain()
                writer.close()
            async def main():
                server = await asyncio.start_server(serve, "127.0.0.1", 0)
                port = server.sockets[0].getsockname()[1]
                async def ask():
                    reader, writer = await asyncio.open_connection(
                        "127.0.0.1", port)
                    writer.write(b"ping")
                    assert await reader.read() == b"ping"
                    writer.close()
                    await writer.wait_closed()
                await asyncio.gather(*[ask() for _ in range(50)])
                child = await asyncio.create_subprocess_exec(
                    "cat", stdin=-1, stdout=-1)
                out, _ = await child.communicate(b"through a pipe")
                assert out == b"through a pipe"
                server.close()
            asyncio.run(main())
        """)


if __name__ == "__main__":
    preload_case.main()
