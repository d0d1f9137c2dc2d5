"""A client of the WINSOCK personality that is lent its connections and bound
datagram sockets."""

import os
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import linux_client  # noqa: E402
import wire_client  # noqa: E402


class LentClient(wire_client.WireClient):

    def __init__(self, protos, path):
        super().__init__(protos, path)
        self._path = path
        self.descriptors = None

    def attach(self, **hello):
        welcome = super().attach(
            capabilities=[self.types.CAPABILITY_FORWARDED,
                          self.types.CAPABILITY_LENT], **hello)
        self.descriptors = linux_client.DescriptorConnection(
            self._path, linux_client.MAGIC + welcome.attachment_token)
        self.descriptors.receive()
        return welcome

    def lend(self, number):
        """The cookie of that socket, and the kernel's socket itself."""
        completion = self.call("lend_socket", number)
        assert completion.wsa_error == 0, completion
        # It is there already.
        call_id, cookie, sockets = self.descriptors.receive(
            socket.MSG_DONTWAIT)
        assert call_id == completion.call_id, completion
        assert cookie == completion.lend_socket.cookie, completion
        assert len(sockets) == 1, sockets
        return cookie, sockets[0]

    def close(self):
        if self.descriptors is not None:
            self.descriptors.close()
        super().close()
