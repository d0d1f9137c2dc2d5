"""A client of another user, who tries what it has no right to. It says what it
got as JSON.

Usage: stranger.py PROTO_ROOT PROVIDER_SOCKET UID[+CAPABILITY] WHAT [ARGUMENT]...
CAPABILITY: the number of one that it keeps.
"""

import ctypes
import errno
import json
import os
import socket
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "python"))
import linux_client  # noqa: E402

LOOPBACK = 0x7f000001
# Each address that contains IPv4's loopback address, or a part of it.
PLACES = (("FAMILY_IPV4", "127.0.0.1"), ("FAMILY_IPV4", "0.0.0.0"),
          ("FAMILY_IPV6", "::ffff:127.0.0.1"), ("FAMILY_IPV6", "::"))


class Stranger:
    def __init__(self, protos, path):
        self._client = linux_client.LinuxClient(protos, path)
        self._linux = protos.linux
        self._spi = None
        # As long as this one lives.
        self._kept = []
        self._client.attach()
        self._client.connect_descriptors()

    def guess(self, number):
        """All requests of another's number and its neighbours; the errors."""
        linux, client = self._linux, self._client
        address = client.ipv4(LOOPBACK, 0)
        requests = [
            {"bind": linux.LinuxBind(address=address)},
            {"connect": linux.LinuxConnect(address=address)},
            {"listen": linux.LinuxListen(backlog=1)},
            {"name": linux.LinuxName()},
            {"get_option": linux.LinuxGetOption(
                level=socket.SOL_SOCKET, name=socket.SO_TYPE, length=4)},
            {"set_option": linux.LinuxSetOption(
                level=socket.SOL_SOCKET, name=socket.SO_KEEPALIVE,
                value=b"\1\0\0\0")},
            {"ioctl": linux.LinuxIoctl(request=0x541b)},
            {"state": linux.LinuxState()},
            {"shutdown": linux.LinuxShutdown(how=socket.SHUT_RDWR)},
            {"send": linux.LinuxSend(data=b"x")},
            {"receive_error": linux.LinuxReceiveError()},
        ]
        numbers = [(number + change) % 2**64
                   for change in (0, 1, -1, 1 << 24, -(1 << 24))]
        errors = set()
        for one in numbers + [0, 2**64 - 1]:
            errors.update(c.linux_errno for c in client.calls(
                [("linux_call", one, request) for request in requests]))
        # With a socket of its own to show.
        _, program = client.relay()
        errors.add(client.adopt(number, program.fileno()))
        return sorted(errors)

    def take_low_ports(self):
        return {kind: [self._bind(kind, port) for port in (1, 87, 1023)]
                for kind in ("TYPE_STREAM", "TYPE_DATAGRAM")}

    def _bind(self, kind, port):
        number, program = self._client.relay(
            type=getattr(self._linux.LinuxSocketRequest, kind))
        with program:
            return self._client.linux_call(
                number, bind=self._linux.LinuxBind(
                    address=self._client.ipv4(LOOPBACK, port))).linux_errno

    # --------------------------------------------------------------- addresses

    def hold(self, family, kind, where, port, *options):
        """A relayed socket with these options, bound there: its port and the
        error."""
        error, port = self._bind_relayed(family, kind, where, port, options)
        return port, error

    def hold_as_spi_client(self, kind, port):
        """The same of an SPI client, at IPv4's loopback address."""
        error, port = self._bind_forwarded(kind, port)
        return port, error

    def share(self, kind, port):
        """Whatever would share that port: its error, by what it was."""
        answer = {"spi client": self._bind_forwarded(kind, port)[0]}
        for family, where in PLACES:
            answer[f"relayed {where}"] = self._bind_relayed(
                family, kind, where, port)[0]
            answer[f"lent {where}"] = self._bind_lent(
                family, kind, where, port)
        answer["lent connection"] = self._bind_lent_connection(kind, port)
        return answer

    def _address(self, where, port):
        address = self._client.types.SocketAddress()
        if ":" in where:
            address.ipv6.address = socket.inet_pton(socket.AF_INET6, where)
            address.ipv6.port = port
        else:
            address.ipv4.address = int.from_bytes(
                socket.inet_aton(where), "big")
            address.ipv4.port = port
        return address

    def _request(self, family, kind):
        request = self._linux.LinuxSocketRequest
        return {"family": getattr(request, family),
                "type": getattr(request, kind)}

    def _bind_relayed(self, family, kind, where, port,
                      options=(socket.SO_REUSEADDR, socket.SO_REUSEPORT)):
        linux, client = self._linux, self._client
        number, program = client.relay(**self._request(family, kind))
        self._kept.append(program)
        for option in options:
            assert client.linux_call(number, set_option=linux.LinuxSetOption(
                level=socket.SOL_SOCKET, name=option,
                value=b"\1\0\0\0")).linux_errno == 0
        requests = [{"bind": linux.LinuxBind(
            address=self._address(where, port))}]
        if kind == "TYPE_STREAM":
            requests.append({"listen": linux.LinuxListen(backlog=8)})
        for request in requests:
            error = client.linux_call(number, **request).linux_errno
            if error != 0:
                return error, 0
        address = client.linux_call(
            number, name=linux.LinuxName()).linux_call.name.address
        return 0, getattr(address, address.WhichOneof("family")).port

    @staticmethod
    def _take(taker, where, port):
        """What the kernel says to the program itself."""
        taker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            taker.bind((where, port))
            if taker.type == socket.SOCK_STREAM:
                taker.listen()
        except OSError as error:
            return error.errno
        return 0

    def _bind_lent(self, family, kind, where, port):
        completion, lent = self._client.lend(**self._request(family, kind))
        if lent is None:
            return completion.linux_errno
        self._kept.append(lent)
        return self._take(lent, where, port)

    # ------------------------------------------------------------- SPI clients

    def _spi_client(self):
        """One that may be lent connections."""
        if self._spi is None:
            types = self._client.types
            client = self._spi = linux_client.LinuxClient(self._protos,
                                                          self._path)
            linux_client.wire_client.WireClient.attach(
                client, [types.CAPABILITY_FORWARDED, types.CAPABILITY_LENT])
            if types.CAPABILITY_LENT in client.welcome.capabilities:
                client.connect_descriptors()
            assert client.call("startup",
                               version_requested=0x0202).wsa_error == 0
        return self._spi

    def _make_forwarded(self, kind):
        client = self._spi_client()
        number = client.new_socket_id()
        request = client.provider.SocketRequest
        assert client.call("socket", number, family=request.FAMILY_IPV4,
                           type=getattr(request, kind)).wsa_error == 0
        return client, number

    def _bind_forwarded(self, kind, port):
        client, number = self._make_forwarded(kind)
        so_reuseaddr = 4
        assert client.call(
            "set_sock_opt", number, level=0xffff, option=so_reuseaddr,
            value=client.provider.OptionValue(number=1)).wsa_error == 0
        bound = client.call("bind", number,
                            address=client.ipv4(LOOPBACK, port))
        if bound.linux_errno == 0 and kind == "TYPE_STREAM":
            assert client.call("listen", number, backlog=8).wsa_error == 0
        return bound.linux_errno, bound.bind.local.ipv4.port

    def _bind_lent_connection(self, kind, port):
        """What is lent is connected to nowhere, and bound anew."""
        client, number = self._make_forwarded(kind)
        if kind == "TYPE_STREAM":
            listener = socket.create_server(("127.0.0.1", 0))
            self._kept.append(listener)
            completion = client.call(
                "connect", number, address=client.ipv4(
                    LOOPBACK, listener.getsockname()[1]))
        else:
            completion = client.call("bind", number,
                                     address=client.ipv4(LOOPBACK, 0))
        assert completion.wsa_error == 0, completion
        completion = client.call("lend_socket", number)
        if completion.linux_errno != 0:
            return completion.linux_errno
        _, _, [lent] = client.descriptors.receive(socket.MSG_DONTWAIT)
        self._kept.append(lent)
        libc = ctypes.CDLL(None, use_errno=True)
        if lent.type == socket.SOCK_DGRAM:
            lent.connect(("127.0.0.1", 9))
        # AF_UNSPEC.
        assert libc.connect(lent.fileno(), bytes(16), 16) == 0
        return self._take(lent, "127.0.0.1", port)

    def take_all(self, plane, most):
        """Sockets until there are no more: how many, and the error."""
        client = self._client
        # Kept, as whatever it takes.
        sockets = self._sockets = []
        while len(sockets) < int(most):
            completion, program = client.lend(
                plane=getattr(client.types, plane))
            if program is None:
                return len(sockets), completion.linux_errno
            sockets.append(program)
        return len(sockets), 0

    def take_unread(self, most):
        """The same, and none of them is received."""
        client = self._client
        taken = 0
        # As many descriptor connections as there may be.
        others = self._others = []
        for _ in range(12):
            other = Stranger.__new__(Stranger)
            Stranger.__init__(other, self._protos, self._path)
            others.append(other)
        for other in [self, *others]:
            for _ in range(int(most)):
                completion = other._client.call(
                    "linux_socket", other._client.new_socket_id(),
                    plane=client.types.PLANE_LENT, family=1, type=1)
                if completion.linux_errno != 0:
                    break
                taken += 1
        return taken, completion.linux_errno


def become(uid, capability):
    libc = ctypes.CDLL(None, use_errno=True)
    if capability:
        keep_capabilities = 8
        libc.prctl(keep_capabilities, 1)
    os.setresuid(*[int(uid)] * 3)
    if not capability:
        return
    kept = 1 << int(capability)
    # Version 3; effective, permitted and inheritable, of the low half first.
    if libc.capset(struct.pack("Ii", 0x20080522, 0),
                   struct.pack("6I", kept, kept, kept, 0, 0, 0)) != 0:
        raise OSError(ctypes.get_errno(), "capset()")
    # As a service has it that systemd starts as another user.
    ambient, ambient_raise = 47, 2
    if libc.prctl(ambient, ambient_raise, int(capability), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_CAP_AMBIENT)")


def main():
    root, path, uid, what, *arguments = sys.argv[1:]
    # Compiled before it is somebody who can't read the sources.
    protos = linux_client.wire_client.load_protos(root)
    os.setgroups([os.stat(path).st_gid])
    os.setresgid(*[os.stat(path).st_gid] * 3)
    uid, _, capability = uid.partition("+")
    become(uid, capability)
    Stranger._protos, Stranger._path = protos, path
    stranger = Stranger(protos, path)
    arguments = [int(a) if a.isdigit() else a for a in arguments]
    print(json.dumps(getattr(stranger, what)(*arguments)), flush=True)
    # It keeps what it has as long as it is wanted.
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
