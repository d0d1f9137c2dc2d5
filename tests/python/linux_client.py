"""A client of the LINUX personality: sockets whose descriptors are its own.

As a program it is one that lends a socket, connects it, hands it to the Unix
socket that it has as standard input, and waits there for the end:

  linux_client.py PROTO_ROOT PROVIDER_SOCKET PORT

What it prints is the hexadecimal token of its attachment.
"""

import os
import socket
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import wire_client  # noqa: E402

MAGIC = b"WSPDFD1\n"
MESSAGE = struct.Struct("<QQ")


class DescriptorConnection:
    """A connection on which descriptors come."""

    def __init__(self, path, first_bytes, timeout=30):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.socket.sendall(first_bytes)

    def receive(self, flags=0):
        """(call id, cookie, [socket]); None at the end."""
        data, fds, _, _ = socket.recv_fds(self.socket, MESSAGE.size, 8, flags)
        sockets = [socket.socket(fileno=fd) for fd in fds]
        if not data:
            return None
        call_id, cookie = MESSAGE.unpack(data)
        return call_id, cookie, sockets

    def is_ended(self):
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.socket.close()


class LinuxClient(wire_client.WireClient):

    def __init__(self, protos, path):
        super().__init__(protos, path)
        self._path = path
        self.linux = protos.linux
        self.descriptors = None

    def attach(self, **hello):
        return super().attach(
            personality=self.types.PERSONALITY_LINUX,
            capabilities=[self.types.CAPABILITY_LENT,
                          self.types.CAPABILITY_RELAYED], **hello)

    def connect_descriptors(self):
        """Replaces what there is; returns the first message."""
        self.descriptors = DescriptorConnection(
            self._path, MAGIC + self.welcome.attachment_token)
        return self.descriptors.receive()

    def lend(self, **fields):
        """The completion of a LinuxSocket, and the socket if there is one."""
        request = self.linux.LinuxSocketRequest
        fields = {"plane": self.types.PLANE_LENT,
                  "family": request.FAMILY_IPV4,
                  "type": request.TYPE_STREAM, **fields}
        completion = self.call("linux_socket", self.new_socket_id(), **fields)
        if completion.linux_errno != 0:
            return completion, None
        # It is there already.
        call_id, cookie, sockets = self.descriptors.receive(
            socket.MSG_DONTWAIT)
        assert call_id == completion.call_id, completion
        assert cookie == completion.linux_socket.cookie, completion
        assert len(sockets) == 1, sockets
        return completion, sockets[0]

    def relay(self, **fields):
        """The same on the relayed plane: a Unix socket, and its number."""
        completion, program = self.lend(plane=self.types.PLANE_RELAYED,
                                        **fields)
        return completion.linux_socket.number, program

    def linux_call(self, number, **request):
        """The completion of a LinuxCall; one request by its name."""
        return self.call("linux_call", number, **request)

    def adopt(self, number, fd):
        """Shows a descriptor; the errno of the answer."""
        socket.send_fds(self.descriptors.socket, [MESSAGE.pack(number, 0)],
                        [fd])
        answered, error, sockets = self.descriptors.receive()
        assert (answered, sockets) == (number, []), answered
        return error

    def close(self):
        if self.descriptors is not None:
            self.descriptors.close()
        super().close()


def main(proto_root, path, port):
    out = socket.socket(fileno=os.dup(0))
    client = LinuxClient(wire_client.load_protos(proto_root), path)
    client.attach()
    print(client.welcome.attachment_token.hex(), flush=True)
    client.connect_descriptors()
    _, lent = client.lend()
    lent.connect(("127.0.0.1", int(port)))
    socket.send_fds(out, [b"x"], [lent.fileno()])
    while out.recv(1):
        pass
    # Without a word to anybody.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
