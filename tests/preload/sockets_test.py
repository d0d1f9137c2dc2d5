#!/usr/bin/python3
"""socket() of a preloaded program, seen by the program and its peers."""

import os
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import preload_case  # noqa: E402


class SocketsTest(preload_case.PreloadCase):

    def test_streams_and_datagrams_of_both_families_are_the_daemons(self):
        self.run_body("""
            for family in socket.AF_INET, socket.AF_INET6:
                with connection(family) as one:
                    exchange(one, b"x" * 100000)
                host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
                with socket.socket(family, socket.SOCK_DGRAM) as one:
                    one.settimeout(30)
                    one.sendto(b"hello", (host, PORT))
                    assert one.recv(100) == b"hello"
        """)

    def test_a_program_can_serve(self):
        server = self.start("""
            listener = socket.create_server(("127.0.0.1", 0))
            print(listener.getsockname()[1], flush=True)
            one, _ = listener.accept()
            one.sendall(one.recv(100).upper())
        """)
        port = int(server.stdout.readline())
        with socket.create_connection(("127.0.0.1", port)) as one:
            one.sendall(b"abc")
            self.assertEqual(one.recv(100), b"ABC")
        self.finish(server)

    def test_an_accepted_connection_outlives_its_listener(self):
        # Also one on which nothing has come or gone before.
        server = self.start("""
            for turn in range(20):
                listener = socket.create_server(("127.0.0.1", 0))
                print(listener.getsockname()[1], flush=True)
                one, _ = listener.accept()
                listener.close()
                time.sleep(0.01)
                if turn % 2:
                    one.sendall(b"last words")
                one.close()
        """)
        for turn in range(20):
            port = int(server.stdout.readline())
            with socket.create_connection(("127.0.0.1", port)) as one:
                one.settimeout(preload_case.DEADLINE)
                got = b""
                while data := one.recv(100):
                    got += data
                self.assertEqual(got, b"last words" if turn % 2 else b"")
        self.finish(server)

    def test_numbers_and_flags_are_the_kernels(self):
        self.run_body("""
            first = socket.socket()
            gap = os.open("/dev/null", os.O_RDONLY)
            last = socket.socket()
            assert gap == first.fileno() + 1, (first, gap)
            assert last.fileno() == gap + 1, last
            os.close(gap)
            assert socket.socket().fileno() == gap

            def flags(kind):
                fd = libc.socket(socket.AF_INET, kind, 0)
                assert fd >= 0
                return (fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC,
                        fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK)
            stream = socket.SOCK_STREAM
            assert flags(stream) == (0, 0)
            assert flags(stream | socket.SOCK_CLOEXEC) == (1, 0)
            assert flags(stream | socket.SOCK_NONBLOCK) == (0, os.O_NONBLOCK)
        """)

    def test_errors_are_the_kernels(self):
        self.run_body("""
            def refused(*arguments):
                assert libc.socket(*arguments) == -1
                return ctypes.get_errno()
            tcp, udp = socket.IPPROTO_TCP, socket.IPPROTO_UDP
            inet = socket.AF_INET
            assert refused(inet, socket.SOCK_STREAM, udp) == \\
                errno.EPROTONOSUPPORT
            assert refused(inet, socket.SOCK_DGRAM, tcp) == \\
                errno.EPROTONOSUPPORT
            assert refused(inet, socket.SOCK_STREAM | 1 << 20, 0) == \\
                errno.EINVAL
            assert refused(inet, 77, 0) == errno.EINVAL
            assert refused(12345, socket.SOCK_STREAM, 0) == errno.EAFNOSUPPORT
            # errno is left alone by success.
            ctypes.set_errno(77)
            assert libc.socket(inet, socket.SOCK_STREAM, 0) >= 0
            assert ctypes.get_errno() == 77
        """)

    def test_at_the_limit_of_descriptors_is_emfile(self):
        self.run_body("""
            import resource
            check()
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
            held = []
            try:
                while True:
                    held.append(socket.socket())
            except OSError as error:
                assert error.errno == errno.EMFILE, error
            assert held[-1].fileno() == 63, held[-1]
            held.pop()
            held.append(socket.socket())
            del held[:]
            check()
        """)

    def test_other_families_and_types_pass_through(self):
        self.run_body("""
            a, b = socket.socketpair()
            exchange_over = a.send(b"x"), b.recv(1)
            assert exchange_over == (1, b"x")
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).close()
            # The program's own network, in which there is one interface.
            with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) as netlink:
                netlink.bind((0, 0))
            raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)
            assert error_of(raw.sendto, b"x" * 8, ("127.0.0.1", 0)) == \\
                errno.ENETUNREACH
            assert not own_descriptors(), own_descriptors()
        """)

    def test_nothing_happens_before_the_first_internet_socket(self):
        self.run_body("""
            assert not own_descriptors(), own_descriptors()
            assert len(os.listdir("/proc/self/task")) == 1
            socket.socketpair()
            assert not own_descriptors(), own_descriptors()
            check()
            assert len(own_descriptors()) == 2, own_descriptors()
            assert len(os.listdir("/proc/self/task")) == 1
        """)

    def test_peers_see_the_last_close_at_once(self):
        # By close, by a raw system call, by the death of the last holder.
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        program = self.start(f"""
            def open_one():
                one = socket.socket()
                one.connect(("127.0.0.1", {listener.getsockname()[1]}))
                return one
            first, second, third = open_one(), open_one(), open_one()
            print("open", flush=True)
            sys.stdin.readline()
            first.close()
            libc.syscall(3, second.detach())
            child = os.fork()
            if child == 0:
                sys.stdin.readline()
                os._exit(0)
            third.close()
            print("closed", flush=True)
            wait_for(child)
        """)
        peers = [listener.accept()[0] for _ in range(3)]
        for peer in peers:
            self.addCleanup(peer.close)
        self.expect_line(program, "open")
        self.go_on(program)
        self.expect_line(program, "closed")
        for peer in peers[:2]:
            begin = time.monotonic()
            peer.settimeout(preload_case.DEADLINE)
            self.assertEqual(peer.recv(1), b"")
            self.assertLess(time.monotonic() - begin, 5)
        # The child has it still.
        peers[2].settimeout(0.1)
        self.assertRaises(TimeoutError, peers[2].recv, 1)
        self.go_on(program)
        peers[2].settimeout(preload_case.DEADLINE)
        self.assertEqual(peers[2].recv(1), b"")
        self.finish(program)

    def test_what_was_sent_arrives_after_a_violent_death(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        program = self.start(f"""
            one = socket.socket()
            one.connect(("127.0.0.1", {listener.getsockname()[1]}))
            one.sendall(b"x" * 1000000)
            os.kill(os.getpid(), signal.SIGKILL)
        """)
        peer, _ = listener.accept()
        self.addCleanup(peer.close)
        peer.settimeout(preload_case.DEADLINE)
        got = 0
        while data := peer.recv(65536):
            got += len(data)
        self.assertEqual(got, 1000000)
        self.finish(program, -9)

    def test_many_threads_make_sockets(self):
        self.run_body("""
            failures = []
            def work():
                try:
                    for _ in range(25):
                        check()
                except Exception as error:
                    failures.append(error)
            threads = [threading.Thread(target=work) for _ in range(16)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            assert not failures, failures
            assert len(own_descriptors()) == 2, own_descriptors()
        """)

    def test_curl_fetches_without_a_network(self):
        folder = self.daemon.folder
        with open(os.path.join(folder, "file"), "wb") as file:
            file.write(b"contents")
        # The server's socket is the daemon's, too.
        server = self.wsprun(preload_case.PYTHON, "-u", "-m", "http.server",
                             "0", "--bind", "127.0.0.1", "--directory", folder)
        self.addCleanup(server.communicate)
        self.addCleanup(server.kill)
        port = server.stdout.readline().split("port ")[1].split(" ")[0]
        for _ in range(3):
            curl = self.wsprun("curl", "-sS", f"http://127.0.0.1:{port}/file")
            self.assertEqual(self.finish(curl), "contents")

    @unittest.skipUnless(preload_case.PLANE == "relayed", "of that plane")
    def test_to_a_lent_program_a_relayed_socket_is_a_unix_socket(self):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            maker = self.start(f"""
                with connection() as one, \\
                        socket.socket(fileno={ours.fileno()}) as way:
                    socket.send_fds(way, [b"x"], [one.fileno()])
            """, pass_fds=[ours.fileno()])
            self.finish(maker)
            user = self.start(f"""
                way = socket.socket(fileno={theirs.fileno()})
                _, fds, _, _ = socket.recv_fds(way, 1, 1)
                one = socket.socket(fileno=fds[0])
                one.settimeout(30)
                assert one.family == socket.AF_UNIX
                assert not isinstance(one.getpeername(), tuple)
                assert error_of(one.getsockopt, socket.IPPROTO_TCP,
                                socket.TCP_NODELAY) == errno.EOPNOTSUPP
                exchange(one)
                # Its own are lent.
                with connection() as own:
                    exchange(own)
                    assert own.getpeername() == ("127.0.0.1", PORT)
                one.close()
            """, pass_fds=[theirs.fileno()], options=("--plane", "lent"))
            self.finish(user)

    def test_asyncio_mixes_all_kinds(self):
        self.run_body("""
            import asyncio
            async def main():
                reader, writer = await asyncio.open_connection("127.0.0.1",
                                                               PORT)
                writer.write(b"ping")
                assert await reader.readexactly(4) == b"ping"
                child = await asyncio.create_subprocess_exec(
                    "cat", stdin=-1, stdout=-1)
                out, _ = await child.communicate(b"through a pipe")
                assert out == b"through a pipe"
                writer.close()
                await writer.wait_closed()
            asyncio.run(main())
        """)


if __name__ == "__main__":
    preload_case.main()
