"""Attacks on relayed datagrams, while an honest client echoes over a stream.

Usage: relayed_datagrams_test.py WSPD PROTO_ROOT -
"""

import array
import errno
import os
import random
import socket
import struct

import hostile_case
import relayed_case

LINUX = relayed_case.LINUX
# proto/relay_wire.h
HEADER = struct.Struct("=BBHiBBH4s16sI")
DATAGRAM, NO_ADDRESS, IPV4 = 0, 0, 4
MOST_CONTROL = 1024
CMSG = struct.Struct("=Qii")


def header(kind=DATAGRAM, zero=0, control_bytes=0, flags=0, family=NO_ADDRESS,
           address=b"", port=0, scope=0):
    return HEADER.pack(kind, zero, control_bytes, flags, family, 0,
                       socket.htons(port), bytes(4), address.ljust(16, b"\0"),
                       scope)


def to_port(port, **fields):
    return header(family=IPV4, address=socket.inet_aton("127.0.0.1"),
                  port=port, **fields)


def control(level, kind, data, length=None):
    block = CMSG.pack(CMSG.size + len(data) if length is None else length,
                      level, kind) + data
    return block + bytes(-len(block) % 8)


class RelayedDatagramsTest(relayed_case.RelayedCase):
    def sink(self):
        """A port, and the socket that gets what is sent there."""
        sink = self.keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sink.bind(("127.0.0.1", 0))
        sink.settimeout(30)
        return sink.getsockname()[1], sink

    def assert_goes_on(self, relayed):
        """What is sent properly arrives, whatever was sent before."""
        port, sink = self.sink()
        relayed.program.settimeout(30)
        relayed.program.send(to_port(port) + b"proper")
        self.assertEqual(sink.recv(100), b"proper")

    def malformed(self, port):
        whole = to_port(port)
        pktinfo = control(0, 8, bytes(12))
        yield from (b"", b"\0", whole[:35], bytes(36), b"\xff" * 36)
        for kind in 1, 2, 255:
            yield to_port(port, kind=kind) + b"x"
        yield to_port(port, zero=1) + b"x"
        for family in 1, 5, 6, 255:
            yield header(family=family, port=port) + b"x"
        for flags in -1, 2**31 - 1, 0x40, 1, 0x4000:
            yield to_port(port, flags=flags) + b"x"
        # More of a control block than there is, than there may be, and one
        # whose parts are longer than it.
        for size in 1, 15, 16, MOST_CONTROL, MOST_CONTROL + 1, 65535:
            yield to_port(port, control_bytes=size) + b"x"
            yield to_port(port, control_bytes=size) + bytes(size)
            yield to_port(port, control_bytes=size) + b"\xff" * size
        for length in 0, 1, 15, 17, 28, 4096, 2**64 - 1, 2**63:
            block = control(0, 8, bytes(12), length)
            yield to_port(port, control_bytes=len(block)) + block + b"x"
        # Descriptors, credentials, what needs a privilege, and nonsense.
        for level, kind in ((1, 1), (1, 2), (1, 36), (1, 61), (0, 7), (41, 57),
                            (17, 103), (-1, -1), (0, 8)):
            for data in b"", bytes(4), b"\xff" * 12, bytes(900):
                block = control(level, kind, data)
                yield to_port(port, control_bytes=len(block)) + block + b"x"
        yield to_port(port, control_bytes=len(pktinfo)) + pktinfo
        for size in 65507, 65508, 65535, 65536, 100000:
            yield whole + bytes(size)
        yield header() + b"no peer"
        yield to_port(0) + b"no port"

    def test_malformed_datagrams(self):
        relayed = self.keep(self.attacker().datagram())
        relayed.program.settimeout(30)
        relayed.program.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        port, _ = self.sink()

        def send():
            for message in self.malformed(port):
                relayed.program.send(message)

        self.assert_served_during(send)
        self.assert_goes_on(relayed)
        # As a call each has its error.
        for data, kwargs, error in (
                (bytes(65536), {}, errno.EMSGSIZE),
                (b"x", {"flags": -1}, errno.EINVAL),
                (b"x", {"control": bytes(MOST_CONTROL + 1)}, errno.ENOBUFS),
                (b"x", {"control": b"\xff" * 100}, errno.EINVAL)):
            self.assertEqual(relayed.call(send=LINUX.LinuxSend(
                data=data, to=relayed.client.ipv4(relayed_case.LOOPBACK, port),
                **kwargs)).linux_errno, error)

    def test_nonsense(self):
        relayed = self.keep(self.attacker().datagram())
        relayed.program.settimeout(30)
        seed = random.randrange(1 << 32)
        print("seed", seed)
        rng = random.Random(seed)

        def send():
            for _ in range(3000):
                message = bytearray(to_port(9) + rng.randbytes(
                    rng.choice((0, 8, 40, 200))))
                for _ in range(rng.randrange(4)):
                    message[rng.randrange(len(message))] = rng.randrange(256)
                relayed.program.send(message[:rng.choice((20, 400))])

        self.assert_served_during(send)
        self.assert_goes_on(relayed)

    def test_messages_without_a_byte(self):
        relayed = self.keep(self.attacker().datagram())
        relayed.program.settimeout(1)
        self.assert_served_beside(lambda: relayed.program.send(b""))
        self.assert_goes_on(relayed)

    def test_calls_while_the_program_sends(self):
        relayed = self.keep(self.attacker().datagram())
        relayed.program.settimeout(1)
        port, _ = self.sink()
        message = to_port(port)
        self.assert_served_beside(
            lambda: relayed.program.send(message),
            lambda: relayed.program.send(message),
            lambda: relayed.client.calls(
                [("linux_call", relayed.number, {"name": LINUX.LinuxName()})
                 for _ in range(64)]))

    def test_descriptors_with_datagrams(self):
        relayed = self.keep(self.attacker().datagram())
        relayed.program.settimeout(1)
        port, _ = self.sink()
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                   array.array("i", [writer] * 200))]

        def send():
            # Linux from 6.16 on refuses it.
            try:
                relayed.program.sendmsg([to_port(port), b"x"], rights)
            except PermissionError:
                relayed.program.send(to_port(port) + b"x")

        self.assert_served_beside(send)
        os.close(writer)
        # The daemon has none of them: the pipe has its end.
        os.set_blocking(reader, True)
        self.assertEqual(os.read(reader, 1), b"")

    def test_floods_that_nobody_reads(self):
        attacker = self.attacker()
        sockets = [attacker.datagram() for _ in range(100)]
        self.keep(*sockets)
        ports = []
        for relayed in sockets:
            self.assertEqual(relayed.call(bind=LINUX.LinuxBind(
                address=attacker.ipv4(relayed_case.LOOPBACK, 0))).linux_errno, 0)
            ports.append(relayed.name())
        sender = self.keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))

        def flood():
            for port in ports:
                sender.sendto(bytes(60000), ("127.0.0.1", port))

        self.assert_served_beside(flood, flood)

    def test_errors_without_end(self):
        relayed = self.keep(self.attacker().datagram())
        relayed.program.settimeout(1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
        self.assertEqual(relayed.connect(port), 0)
        self.assert_served_beside(lambda: relayed.program.send(header() + b"x"),
                                  relayed.state)


if __name__ == "__main__":
    hostile_case.main()
