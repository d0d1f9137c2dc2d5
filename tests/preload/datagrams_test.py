#!/usr/bin/python3
"""Datagram sockets of a preloaded program: what takes more than one process, a
daemon that goes, or the memory of where datagrams have gone."""

import errno
import os
import sys
import textwrap
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import preload_case  # noqa: E402

HELPERS = """
SERVER = ("127.0.0.1", PORT)

def datagrams():
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.settimeout(30)
    return one

def echo(one, data):
    one.sendto(data, SERVER)
    got, sender = one.recvfrom(70000)
    assert (got, sender) == (data, SERVER), (len(got), sender)
"""


class DatagramCase(preload_case.PreloadCase):

    def start(self, body, **settings):
        return super().start(HELPERS + textwrap.dedent(body), **settings)


class DatagramsTest(DatagramCase):

    def test_errors_are_told_by_the_send_that_has_them(self):
        self.run_body("""
            one = datagrams()
            everybody = "127.255.255.255", PORT
            for _ in range(2):
                assert error_of(one.sendto, b"x", everybody) == errno.EACCES
            one.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            for _ in range(3):
                assert one.sendto(b"x", everybody) == 1
            # What went before doesn't vouch for what comes after a change.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 0)
            assert error_of(one.sendto, b"x", everybody) == errno.EACCES
            assert error_of(one.send, b"x") == errno.EDESTADDRREQ
            one.connect(SERVER)
            for _ in range(3):
                assert one.send(b"x") == 1
            libc.connect(one.fileno(), (ctypes.c_uint16 * 8)(0), 16)
            assert error_of(one.send, b"x") == errno.EDESTADDRREQ
        """)

    def test_any_size_goes_there_and_back(self):
        self.run_body("""
            one = datagrams()
            for size in 0, 1, 1232, 1233, 9000, 40000, 65507, 3, 65507:
                echo(one, os.urandom(size))
            assert error_of(one.sendto, bytes(65508), SERVER) == errno.EMSGSIZE
        """)

    def test_more_destinations_than_are_remembered(self):
        self.run_body("""
            one = datagrams()
            listeners = [datagrams() for _ in range(20)]
            for index, listener in enumerate(listeners):
                listener.bind((f"127.0.0.{index + 1}", 0))
            for turn in range(300):
                for listener in listeners:
                    one.sendto(b"%d" % turn, listener.getsockname())
                for listener in listeners:
                    assert listener.recv(100) == b"%d" % turn
            # As many as the table has entries, and more.
            for host in range(1, 1500):
                one.sendto(b"x", (f"127.1.{host // 250}.{host % 250 + 1}", 9))
            echo(one, b"still here")
        """)

    def test_processes_share_a_socket(self):
        self.run_body("""
            one = datagrams()
            echo(one, b"parent")
            in_child(lambda: echo(one, b"child"))
            # One that another program has by its descriptor alone.
            ours, theirs = socket.socketpair()
            theirs.set_inheritable(True)
            body = '''
            import socket, sys
            ours = socket.socket(fileno=int(sys.argv[1]))
            _, fds, _, _ = socket.recv_fds(ours, 1, 1)
            one = socket.socket(fileno=fds[0])
            assert (one.family, one.type) == (socket.AF_INET, socket.SOCK_DGRAM)
            one.settimeout(30)  # it doesn't block
            server = ("127.0.0.1", int(sys.argv[2]))
            one.sendto(b"passed", server)
            assert one.recvfrom(100) == (b"passed", server)
            '''
            import textwrap
            pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-c", textwrap.dedent(body),
                 str(theirs.fileno()), str(PORT)], os.environ)
            socket.send_fds(ours, [b"x"], [one.fileno()])
            assert wait_for(pid) == 0
            echo(one, b"parent again")
        """)

    def test_asyncio_sends_and_receives(self):
        self.run_body("""
            import asyncio
            class Client(asyncio.DatagramProtocol):
                def __init__(self):
                    self.got = asyncio.Queue()
                def datagram_received(self, data, sender):
                    self.got.put_nowait((data, sender))
                def error_received(self, error):
                    self.got.put_nowait(error)
            async def main():
                loop = asyncio.get_running_loop()
                transport, client = await loop.create_datagram_endpoint(
                    Client, remote_addr=SERVER)
                for i in range(100):
                    transport.sendto(b"%d" % i)
                    assert await client.got.get() == (b"%d" % i, SERVER)
                transport.close()
                with datagrams() as nobody:
                    nobody.bind(("127.0.0.1", 0))
                    nobody.connect(nobody.getsockname())
                    transport, client = await loop.create_datagram_endpoint(
                        Client, remote_addr=nobody.getsockname())
                    transport.sendto(b"x")
                    error = await client.got.get()
                    assert isinstance(error, ConnectionRefusedError), error
            asyncio.run(main())
        """)

    def test_a_socket_that_is_shut_down_keeps_its_port(self):
        self.run_body("""
            one, other = datagrams(), datagrams()
            one.bind(("127.0.0.1", 0))
            name = one.getsockname()
            # The kernel does it all the same.
            assert error_of(one.shutdown, socket.SHUT_RDWR) == errno.ENOTCONN
            one.settimeout(None)
            assert one.recv(1) == b""
            assert error_of(one.sendto, b"x", SERVER) == errno.EPIPE
            assert one.getsockname() == name
            assert error_of(other.bind, name) == errno.EADDRINUSE
        """)

    def test_a_flood_is_bounded_and_ends(self):
        self.run_body("""
            # Nobody reads it: what doesn't fit is dropped, as natively.
            silent, one = datagrams(), datagrams()
            silent.bind(("127.0.0.1", 0))
            for _ in range(20000):
                one.sendto(bytes(1400), silent.getsockname())
            silent.setblocking(False)
            count = 0
            try:
                while silent.recv(2000):
                    count += 1
            except BlockingIOError:
                pass
            assert 10 < count < 20000, count
            echo(one, b"goes on")
        """)


@unittest.skipUnless(preload_case.PLANE == "relayed", "only there it is so")
class RelayedDatagramsTest(DatagramCase):

    def test_without_the_daemon_the_network_is_down(self):
        program = self.start("""
            one, other = datagrams(), datagrams()
            other.settimeout(None)
            echo(one, b"there")
            waiting = threading.Thread(
                target=lambda: print(error_of(other.recv, 1), flush=True))
            waiting.start()
            print("ready", flush=True)
            sys.stdin.readline()
            waiting.join()
            assert error_of(one.recv, 1) == errno.ENETDOWN
            assert error_of(one.sendto, b"x", SERVER) == errno.ENETDOWN
            assert error_of(one.connect, SERVER) == errno.ENETDOWN
        """)
        self.expect_line(program, "ready")
        self.kill_daemon()
        self.expect_line(program, str(errno.ENETDOWN))
        self.go_on(program)
        self.finish(program)


if __name__ == "__main__":
    preload_case.main()
