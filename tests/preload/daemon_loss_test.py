#!/usr/bin/python3
"""Preloaded programs whose daemon goes, comes back, or says nothing."""

import os
import socket
import sys
import textwrap
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import preload_case  # noqa: E402

RELAYED = preload_case.PLANE == "relayed"

# What is at once: far from the 5 s for which a daemon is waited for.
LIBRARY = f"""
AT_ONCE = 0.1
RELAYED = {RELAYED}

def expect_down_at_once(call, *arguments):
    def once():
        error = error_of(call, *arguments)
        assert error == errno.ENETDOWN, (call, error)
    took = quickest(once)
    assert took < AT_ONCE, (call, took)

def expect_no_names():
    try:
        socket.getaddrinfo("unknown.test", 80)
    except socket.gaierror as error:
        assert error.errno == socket.EAI_AGAIN, error
    else:
        assert False, "a name is known"

def listening():
    one = socket.socket()
    one.bind(("127.0.0.1", 0))
    one.listen()
    return one

def await_up():
    print("up", flush=True)
    sys.stdin.readline()
"""

# With the kernel's own sockets, in the empty network: its loopback interface is
# down until somebody takes it up.
FALLBACK = """
def is_the_kernels(one):
    if is_relayed(one.fileno()):
        return False
    # In the daemon's network the server is there.
    one.settimeout(30)
    return error_of(one.connect, ("127.0.0.1", PORT)) in (
        errno.ENETUNREACH, errno.ECONNREFUSED)

def take_loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        IFF_UP, SIOCSIFFLAGS = 1, 0x8914
        fcntl.ioctl(one, SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", IFF_UP))

def talk_within():
    '''Server and client are this program's.'''
    server = socket.create_server(("127.0.0.1", 0))
    one = socket.create_connection(server.getsockname(), 30)
    other, _ = server.accept()
    one.sendall(b"within")
    assert other.recv(6, socket.MSG_WAITALL) == b"within"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(("127.0.0.1", 0))
        datagrams.sendto(b"x", datagrams.getsockname())
        assert datagrams.recv(9) == b"x"
    for each in server, one, other: each.close()

def check_kernels_own():
    with socket.socket() as one:
        assert is_the_kernels(one)
    take_loopback_up()
    talk_within()
    assert socket.getaddrinfo("127.0.0.1", 80)
    # Of the file in which the C library looks.
    assert socket.getaddrinfo("localhost", 80)
"""


class LossCase(preload_case.PreloadCase):

    def start_body(self, body, **settings):
        return self.start(LIBRARY + FALLBACK + textwrap.dedent(body),
                          **settings)

    def lose_daemon(self, program):
        self.expect_line(program, "up")
        self.kill_daemon()
        self.go_on(program)

    def give_daemon(self, program):
        self.expect_line(program, "down")
        self.restart_daemon()
        self.go_on(program)


class DaemonLossTest(LossCase):

    def test_without_a_daemon_is_enetdown_at_once_and_with_one_it_works(self):
        program = self.start_body("""
            check()
            held = connection()
            await_up()
            for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
                expect_down_at_once(socket.socket, socket.AF_INET, kind)
                expect_down_at_once(socket.socket, socket.AF_INET6, kind)
            took = quickest(expect_no_names)
            assert took < AT_ONCE, took
            if not RELAYED:
                exchange(held, b"lent sockets live on")
            print("down", flush=True)
            sys.stdin.readline()
            check()
            if not RELAYED:
                exchange(held, b"still")
        """)
        self.lose_daemon(program)
        self.give_daemon(program)
        self.finish(program)

    def test_the_first_call_of_all_is_at_once_too(self):
        # In children, each of which has never asked: no socket of the daemon's
        # any more, one that nobody listens at, and a folder that is gone.
        program = self.start_body("""
            await_up()
            def first():
                in_child(lambda: expect_down_at_once(socket.socket))
            first()
            path = os.environ["WSPD_SOCKET"]
            os.rename(path, path + ".away")
            first()
            os.rename(path + ".away", path)
        """)
        self.lose_daemon(program)
        self.finish(program)

    def test_a_daemon_that_was_restarted_is_found_by_the_next_call(self):
        program = self.start_body("""
            check()
            await_up()
            check()
        """)
        self.expect_line(program, "up")
        self.kill_daemon()
        self.restart_daemon()
        self.go_on(program)
        self.finish(program)

    def test_a_daemon_that_says_nothing_is_enetdown_after_a_while(self):
        # Once for all who wait, not once for each.
        program = self.start_body("""
            check()
            await_up()
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

    def test_disconnected_programs_attach_again(self):
        program = self.start_body("""
            check()
            for number in 0, 1:
                fd = sorted(own_descriptors())[number]
                with socket.socket(fileno=raw_dup(fd)) as own:
                    own.shutdown(socket.SHUT_RDWR)
                check()
                assert len(own_descriptors()) == 2
        """)
        self.finish(program)


class FallbackTest(LossCase):

    def test_without_a_daemon_from_the_start(self):
        self.kill_daemon()
        program = self.start_body("""
            check_kernels_own()
            in_child(check_kernels_own)
            assert not own_descriptors(), own_descriptors()
            print("down", flush=True)
            sys.stdin.readline()
            # It has come.
            check()
            with connection() as one:
                assert is_relayed(one.fileno()) == RELAYED
        """, options=["--fallback"])
        self.give_daemon(program)
        self.finish(program)

    def test_with_a_socket_that_is_nowhere(self):
        nowhere = os.path.join(self.daemon.folder, "nowhere")
        self.finish(self.start_body("check_kernels_own()", options=[
            "--fallback", "--socket", nowhere]))

    def test_a_daemon_that_goes(self):
        program = self.start_body("""
            check()
            held = connection()
            await_up()
            check_kernels_own()
            assert quickest(lambda: socket.socket().close()) < AT_ONCE
            if RELAYED:
                # What the daemon had is lost; nothing else takes its place.
                assert error_of(held.recv, 1) == errno.ENETDOWN
            else:
                exchange(held, b"lent sockets live on")
            print("down", flush=True)
            sys.stdin.readline()
            check()
        """, options=["--fallback"])
        self.lose_daemon(program)
        self.give_daemon(program)
        self.finish(program)


@unittest.skipUnless(RELAYED, "only there it is so")
class RelayedSocketsTest(LossCase):

    def test_without_its_daemon_a_socket_is_enetdown_at_once(self):
        program = self.start_body("""
            one = connection()
            exchange(one)
            fresh = socket.socket()
            listener = listening()
            await_up()
            server = ("127.0.0.1", PORT)
            def expect_all_down():
                for call in ((one.recv, 1), (one.send, b"x"),
                             (one.getsockname,), (one.getpeername,),
                             (fresh.connect, server),
                             (fresh.bind, ("127.0.0.1", 0)),
                             (listener.accept,)):
                    expect_down_at_once(*call)
            expect_all_down()
            print("down", flush=True)
            sys.stdin.readline()
            # Another daemon has none of them, and all others.
            expect_all_down()
            check()
        """)
        self.lose_daemon(program)
        self.give_daemon(program)
        self.finish(program)

    def test_its_end_wakes_who_waits(self):
        full = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.addCleanup(full.close)
        filler = socket.create_connection(full.getsockname())
        self.addCleanup(filler.close)
        program = self.start_body("""
            import select
            errors = {}
            begun = threading.Barrier(7)

            def fill(one):
                one.setblocking(False)
                while True:
                    try:
                        one.send(b"x" * 65536)
                    except BlockingIOError:
                        break
                one.setblocking(True)

            def start(name, call, *arguments):
                def run():
                    begun.wait()
                    errors[name] = error_of(call, *arguments)
                thread = threading.Thread(target=run)
                thread.start()
                return thread

            # Nobody reads what is sent on it.
            listener = listening()
            sender = socket.create_connection(listener.getsockname())
            other, _ = listener.accept()
            fill(sender)
            receiver, watched = connection(), connection()
            for one in receiver, watched: one.setblocking(True)
            poll = select.poll()
            poll.register(watched, select.POLLIN)
            epoll = select.epoll()
            epoll.register(watched, select.EPOLLIN)
            threads = [
                start("recv", receiver.recv, 1),
                start("send", sender.sendall, bytes(64 << 20)),
                start("accept", listener.accept),
                start("connect", socket.socket().connect,
                      ("127.0.0.1", FULL)),
                start("poll", poll.poll, 60000),
                start("epoll", epoll.poll, 60),
            ]
            begun.wait()
            print("up", flush=True)
            for thread in threads: thread.join(50)
            down = errno.ENETDOWN
            assert errors == {"recv": down, "send": down, "accept": down,
                              "connect": down, "poll": 0, "epoll": 0}, errors
        """.replace("FULL", str(full.getsockname()[1])))
        self.expect_line(program, "up")
        self.kill_daemon()
        self.finish(program)


if __name__ == "__main__":
    preload_case.main()
