"""A client that has as much of the daemon as it can get, until it is killed.

Usage: flooding_client.py PROTO_ROOT PROVIDER_SOCKET KIND SINK_PORT UID

It says "floods" when it does. As UID, if that isn't its own already; and with
the CPU when nobody else wants it, so that what it takes from others is the
daemon's time and not its own. KIND:
  calls        16 attachments ask for an option in one call after another
  frames       three do, with a frame for each call and many of them under way
  outstanding  one has all calls that there may be, and replaces what ends
  sockets      one has all sockets that there may be, and others come and go
  connections  connections come and go
  bulk         16 attachments send to SINK_PORT, which reads
And on the relayed plane:
  relayed_bytes        hundreds of streams with a byte each, again and again
  relayed_bulk         as many with all that they take
  relayed_datagrams    hundreds of sockets with empty datagrams
  relayed_connections  sockets come, connect and go
"""

import os
import resource
import selectors
import socket
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "python"))
import linux_client  # noqa: E402
import raw_attach  # noqa: E402
import wire_client  # noqa: E402

PROTOS = None
PROVIDER = None
TYPES = None
LOOPBACK = 0x7f000001
ATTACHMENTS = 16
CALLS_IN_FRAME = 256
FRAMES_AHEAD = 64
SOL_SOCKET, SO_RCVBUF = 0xffff, 0x1002
CHUNK = 64 << 10
RELAYED = 300
# Of calls in a frame, so that their descriptors find room.
BATCH = 32
# proto/relay_wire.h: a datagram to 127.0.0.1.
HEADER = struct.Struct("=BBHiBBH4s16sI")


class Attachment:
    """Sends frames and takes in their results, at most `ahead` behind."""

    def __init__(self, path):
        self._connection = raw_attach.RawConnection(path, timeout=None)
        self._stream = self._connection.open_stream()
        self._ack = 0
        self._next_call = 1
        self.unanswered = 0
        frame = PROVIDER.ClientFrame()
        frame.hello.version.major = 1
        frame.hello.personality = TYPES.PERSONALITY_WINSOCK
        self.add(frame).startup.version_requested = 0x202
        self.send(frame.SerializeToString(), 1)
        self.await_answers(0)

    def add(self, frame, socket_id=0):
        call = frame.calls.add(call_id=self._next_call, socket_id=socket_id)
        self._next_call += 1
        return call

    def open(self, socket_id, port=None):
        frame = PROVIDER.ClientFrame()
        call = self.add(frame, socket_id)
        call.socket.family = PROVIDER.SocketRequest.FAMILY_IPV4
        call.socket.type = PROVIDER.SocketRequest.TYPE_STREAM
        if port is not None:
            call = self.add(frame, socket_id)
            call.connect.address.ipv4.address = LOOPBACK
            call.connect.address.ipv4.port = port
        self.send(frame.SerializeToString(), len(frame.calls))
        self.await_answers(0)

    def send(self, body, calls):
        ack = PROVIDER.ClientFrame(ack_sequence=self._ack)
        self._connection.send(self._stream, ack.SerializeToString() + body)
        self.unanswered += calls

    def send_same(self, template, calls, stride, offset):
        """`template` has its calls' ids each `stride` bytes."""
        for i in range(calls):
            struct.pack_into("<Q", template, offset + i * stride,
                             self._next_call + i)
        self._next_call += calls
        self.send(bytes(template), calls)

    def await_answers(self, most):
        while self.unanswered > most:
            frame = PROVIDER.ServerFrame.FromString(
                self._connection.receive(self._stream))
            for completion in frame.completions:
                if not completion.pending:
                    self.unanswered -= 1
                    self._ack = completion.sequence


def template_of(call):
    """A frame of this call, so often, and where the ids are in it."""
    frame = PROVIDER.ClientFrame()
    call.call_id = 2**64 - 1
    frame.calls.append(call)
    one = frame.SerializeToString()
    return bytearray(one * CALLS_IN_FRAME), len(one), one.index(b"\xff" * 8)


def ask_for_options(path, _):
    attachments = [Attachment(path) for _ in range(ATTACHMENTS)]
    for attachment in attachments:
        attachment.open(1)
    call = PROVIDER.Call(socket_id=1)
    call.get_sock_opt.level = SOL_SOCKET
    call.get_sock_opt.option = SO_RCVBUF
    template, stride, offset = template_of(call)
    while True:
        for attachment in attachments:
            attachment.send_same(template, CALLS_IN_FRAME, stride, offset)
            attachment.await_answers(2 * CALLS_IN_FRAME)
        yield


def ask_frame_by_frame(path, _):
    attachments = [Attachment(path) for _ in range(3)]
    for attachment in attachments:
        attachment.open(1)
    call = PROVIDER.Call(socket_id=1)
    call.get_sock_opt.level = SOL_SOCKET
    call.get_sock_opt.option = SO_RCVBUF
    template, stride, offset = template_of(call)
    template = template[:stride]
    while True:
        for attachment in attachments:
            for _ in range(FRAMES_AHEAD):
                attachment.send_same(template, 1, stride, offset)
            attachment.await_answers(FRAMES_AHEAD)
        yield


def keep_calls(path, port):
    attachment = Attachment(path)
    attachment.open(1, port)
    receive = PROVIDER.Call(socket_id=1)
    receive.recv.max_bytes = 1
    receives, stride, offset = template_of(receive)
    for _ in range(8192 // CALLS_IN_FRAME - 2):
        attachment.send_same(receives, CALLS_IN_FRAME, stride, offset)
    waiting = attachment.unanswered
    call = PROVIDER.Call(socket_id=1)
    call.get_sock_opt.level = SOL_SOCKET
    call.get_sock_opt.option = SO_RCVBUF
    options, stride, offset = template_of(call)
    while True:
        attachment.send_same(options, CALLS_IN_FRAME, stride, offset)
        attachment.await_answers(waiting + CALLS_IN_FRAME // 2)
        yield


def churn_sockets(path, _):
    attachment = Attachment(path)
    for socket_id in range(1, 4000):
        attachment.open(socket_id)
    while True:
        frame = PROVIDER.ClientFrame()
        for socket_id in range(5000, 5050):
            call = attachment.add(frame, socket_id)
            call.socket.family = PROVIDER.SocketRequest.FAMILY_IPV4
            call.socket.type = PROVIDER.SocketRequest.TYPE_STREAM
            attachment.add(frame, socket_id).close_socket.SetInParent()
        attachment.send(frame.SerializeToString(), len(frame.calls))
        attachment.await_answers(len(frame.calls))
        yield


def churn_connections(path, port):
    attachment = Attachment(path)
    while True:
        frame = PROVIDER.ClientFrame()
        for socket_id in range(1, 10):
            call = attachment.add(frame, socket_id)
            call.socket.family = PROVIDER.SocketRequest.FAMILY_IPV4
            call.socket.type = PROVIDER.SocketRequest.TYPE_STREAM
            call = attachment.add(frame, socket_id)
            call.connect.address.ipv4.address = LOOPBACK
            call.connect.address.ipv4.port = port
            attachment.add(frame, socket_id).close_socket.SetInParent()
        attachment.send(frame.SerializeToString(), len(frame.calls))
        attachment.await_answers(0)
        yield


def send_bulk(path, port):
    attachments = [Attachment(path) for _ in range(ATTACHMENTS)]
    for attachment in attachments:
        attachment.open(1, port)
    while True:
        for attachment in attachments:
            frame = PROVIDER.ClientFrame()
            attachment.add(frame, 1).send.data = bytes(CHUNK)
            attachment.send(frame.SerializeToString(), 1)
            attachment.await_answers(1)
        yield


class RelayedClient(linux_client.LinuxClient):
    """Sockets by the batch, each a number and the program's end."""

    def __init__(self, path):
        super().__init__(PROTOS, path)
        self.attach()
        self.connect_descriptors()

    def make(self, count, kind):
        request = self.linux.LinuxSocketRequest
        fields = {"plane": TYPES.PLANE_RELAYED,
                  "family": request.FAMILY_IPV4, "type": kind}
        made = []
        while count > 0:
            batch = min(count, BATCH)
            count -= batch
            for completion in self.calls(
                    [("linux_socket", self.new_socket_id(), fields)
                     for _ in range(batch)]):
                assert completion.linux_errno == 0, completion
                program = self.descriptors.receive()[2][0]
                program.setblocking(False)
                made.append((completion.linux_socket.number, program))
        return made

    def streams(self, count):
        return self.make(count, self.linux.LinuxSocketRequest.TYPE_STREAM)

    def connect(self, sockets, port):
        request = {"connect": self.linux.LinuxConnect(
            address=self.ipv4(LOOPBACK, port))}
        for first in range(0, len(sockets), BATCH):
            for completion in self.calls(
                    [("linux_call", number, request)
                     for number, _ in sockets[first:first + BATCH]]):
                assert completion.linux_errno == 0, completion

    def connected(self, count, port):
        made = self.streams(count)
        self.connect(made, port)
        return [program for _, program in made]


def send_on_all(programs, data):
    # Asks when nothing has room: to try again and again takes the machine's
    # time, not the daemon's.
    selector = selectors.DefaultSelector()
    for program in programs:
        selector.register(program, selectors.EVENT_WRITE)
    while True:
        for key, _ in selector.select():
            try:
                key.fileobj.send(data)
            except BlockingIOError:
                pass
        yield


def start_sink():
    """A process of its own that reads all there is; ends with this one."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    ended, keep = os.pipe()
    if os.fork() == 0:
        os.close(keep)
        selector = selectors.DefaultSelector()
        selector.register(listener, selectors.EVENT_READ)
        selector.register(ended, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is listener:
                    selector.register(listener.accept()[0],
                                      selectors.EVENT_READ)
                elif key.fileobj == ended:
                    os._exit(0)
                elif not key.fileobj.recv(1 << 18):
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
    os.close(ended)
    return listener.getsockname()[1]


def send_relayed_bytes(path, port):
    return send_on_all(RelayedClient(path).connected(RELAYED, port), b"x")


def send_relayed_bulk(path, port):
    return send_on_all(RelayedClient(path).connected(RELAYED, port),
                       bytes(CHUNK))


def send_relayed_datagrams(path, _):
    # Nobody reads what comes there.
    sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sink.bind(("127.0.0.1", 0))
    client = RelayedClient(path)
    programs = [program for _, program in client.make(
        RELAYED, client.linux.LinuxSocketRequest.TYPE_DATAGRAM)]
    header = HEADER.pack(0, 0, 0, 0, 4, 0,
                         socket.htons(sink.getsockname()[1]), bytes(4),
                         socket.inet_aton("127.0.0.1").ljust(16, b"\0"), 0)
    for turn in send_on_all(programs, header):
        # It is to outlive them.
        assert sink.fileno() >= 0
        yield turn


def churn_relayed_connections(path, port):
    client = RelayedClient(path)
    while True:
        made = client.streams(BATCH)
        client.connect(made, port)
        for _, program in made:
            program.close()
        yield


KINDS = {
    "calls": ask_for_options,
    "frames": ask_frame_by_frame,
    "outstanding": keep_calls,
    "sockets": churn_sockets,
    "connections": churn_connections,
    "bulk": send_bulk,
    "relayed_bytes": send_relayed_bytes,
    "relayed_bulk": send_relayed_bulk,
    "relayed_datagrams": send_relayed_datagrams,
    "relayed_connections": churn_relayed_connections,
}


def main():
    global PROTOS, TYPES, PROVIDER
    proto_root, path, kind, port, uid = sys.argv[1:]
    PROTOS = wire_client.load_protos(proto_root)
    TYPES, PROVIDER, _ = PROTOS
    if int(uid) != os.getuid():
        os.setgroups([])
        os.setgid(int(uid))
        os.setuid(int(uid))
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if kind.startswith("relayed_"):
        # Before there are threads.
        port = start_sink()
    for turn, _ in enumerate(KINDS[kind](path, int(port))):
        if turn == 1:
            print("floods", flush=True)


if __name__ == "__main__":
    main()
