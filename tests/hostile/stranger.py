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


class Stranger:
    def __init__(self, protos, path):
        self._client = linux_client.LinuxClient(protos, path)
        self._linux = protos.linux
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
