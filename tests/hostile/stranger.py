"""A client of another user, who tries what it has no right to. It says what it
got as JSON.

Usage: stranger.py PROTO_ROOT PROVIDER_SOCKET UID WHAT [ARGUMENT]...
"""

import errno
import json
import os
import socket
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
        errors = {}
        for kind in ("TYPE_STREAM", "TYPE_DATAGRAM"):
            number, program = self._client.relay(
                type=getattr(self._linux.LinuxSocketRequest, kind))
            errors[kind] = [self._client.linux_call(
                number, bind=self._linux.LinuxBind(
                    address=self._client.ipv4(LOOPBACK, port))).linux_errno
                for port in (1, 80, 1023)]
            program.close()
        return errors

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


def main():
    root, path, uid, what, *arguments = sys.argv[1:]
    # Compiled before it is somebody who can't read the sources.
    protos = linux_client.wire_client.load_protos(root)
    os.setgroups([os.stat(path).st_gid])
    os.setresgid(*[os.stat(path).st_gid] * 3)
    os.setresuid(*[int(uid)] * 3)
    Stranger._protos, Stranger._path = protos, path
    stranger = Stranger(protos, path)
    arguments = [int(a) if a.isdigit() else a for a in arguments]
    print(json.dumps(getattr(stranger, what)(*arguments)), flush=True)
    # It keeps what it has as long as it is wanted.
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
