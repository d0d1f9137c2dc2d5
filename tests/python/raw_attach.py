"""Attach over HTTP/2 by hand: what no honest gRPC client would send.

Nothing here reads by itself, so that a client can leave unread what it likes,
stop in the middle of anything, and open several streams on one connection.
"""

import collections
import socket
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = (
    0, 1, 3, 4, 6, 7, 8)
END_STREAM, ACK, END_HEADERS = 1, 1, 4
HEADER_TABLE_SIZE, MAX_CONCURRENT_STREAMS = 1, 3
INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = 4, 5
DEFAULT_WINDOW = 65535
MOST = 2**31 - 1


def frame(kind, flags, stream, payload=b""):
    return (struct.pack(">I", len(payload))[1:] +
            struct.pack(">BBI", kind, flags, stream) + payload)


def literal(text):
    return bytes([len(text)]) + text


# HPACK: indexed where the static table has it, else literals without index.
REQUEST_HEADERS = (
    b"\x83\x86\x04" + literal(b"/wsp.v1.Provider/Attach") +
    b"\x01" + literal(b"localhost") +
    b"\x0f\x10" + literal(b"application/grpc") +
    b"\x00" + literal(b"te") + literal(b"trailers"))


def message(body):
    """A gRPC message: its prefix and itself."""
    return b"\0" + struct.pack(">I", len(body)) + body


class Ended(Exception):
    """The stream or its connection is over; `status` is gRPC's, if it came."""

    def __init__(self, status):
        super().__init__(f"status {status}")
        self.status = status


class RawConnection:
    """A connection and the streams on it. Not thread-safe.

    `window` is what the daemon may send, on each stream, before anybody reads;
    the connection's is as large as can be unless `window` is 0.
    """

    def __init__(self, path, window=MOST, timeout=30):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self._received = bytearray()
        self._next_stream = 1
        self._ended = False
        # What may be sent: by streams, with the connection's under 0.
        self._windows = {0: DEFAULT_WINDOW}
        self._peer_initial_window = DEFAULT_WINDOW
        self._peer_frame_size = 16384
        self._messages = collections.defaultdict(bytearray)
        self._statuses = {}
        self.settings = {}  # the daemon's
        settings = struct.pack(">HIHI", HEADER_TABLE_SIZE, 0,
                               INITIAL_WINDOW_SIZE, window)
        hello = PREFACE + frame(SETTINGS, 0, 0, settings)
        if window > 0:
            hello += frame(WINDOW_UPDATE, 0, 0,
                           struct.pack(">I", MOST - DEFAULT_WINDOW))
        self.send_raw(hello)

    def close(self):
        self.socket.close()

    def send_raw(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            # What the daemon said before is still to be read.
            pass

    def open_stream(self):
        stream = self._next_stream
        self._next_stream += 2
        self._windows[stream] = self._peer_initial_window
        self.send_raw(frame(HEADERS, END_HEADERS, stream, REQUEST_HEADERS))
        return stream

    def send(self, stream, body, end=False):
        """One gRPC message, within what flow control allows."""
        data = message(body)
        out = bytearray()
        while data or end:
            room = min(self._windows[0], self._windows[stream],
                       self._peer_frame_size)
            if room <= 0 and data:
                self.send_raw(out)
                out = bytearray()
                self._read_frame()
                self._check(stream)
                continue
            piece, data = data[:room], data[room:]
            self._windows[0] -= len(piece)
            self._windows[stream] -= len(piece)
            last = end and not data
            out += frame(DATA, END_STREAM if last else 0, stream, piece)
            if last:
                break
        self.send_raw(out)

    def receive(self, stream):
        """The stream's next message; Ended if there is none to come."""
        while True:
            buffer = self._messages[stream]
            if len(buffer) >= 5:
                size = struct.unpack_from(">I", buffer, 1)[0]
                if len(buffer) >= 5 + size:
                    body = bytes(buffer[5:5 + size])
                    del buffer[:5 + size]
                    return body
            self._check(stream)
            self._read_frame()

    def read_some(self, size):
        """Takes at most so many bytes off the socket."""
        data = self.socket.recv(size)
        if not data:
            self._ended = True
        self._received += data

    def _check(self, stream):
        if stream in self._statuses:
            raise Ended(self._statuses[stream])
        if self._ended:
            raise Ended(None)

    def _fill(self, size):
        while len(self._received) < size:
            try:
                data = self.socket.recv(1 << 18)
            except ConnectionResetError:
                data = b""
            if not data:
                self._ended = True
                return False
            self._received += data
        return True

    def _read_frame(self):
        if not self._fill(9):
            return
        size = int.from_bytes(self._received[:3], "big")
        kind, flags, stream = struct.unpack_from(">BBI", self._received, 3)
        if not self._fill(9 + size):
            return
        payload = bytes(self._received[9:9 + size])
        del self._received[:9 + size]
        self._on_frame(kind, flags, stream & MOST, payload)

    def _on_frame(self, kind, flags, stream, payload):
        if kind == DATA:
            self._messages[stream] += payload
        elif kind == SETTINGS and not flags & ACK:
            self._on_settings(payload)
        elif kind == PING and not flags & ACK:
            self.send_raw(frame(PING, ACK, 0, payload))
        elif kind == WINDOW_UPDATE and stream in self._windows:
            self._windows[stream] += struct.unpack(">I", payload)[0] & MOST
        elif kind == HEADERS and flags & END_STREAM:
            self._statuses[stream] = self._status_in(payload)
        elif kind == RST_STREAM:
            self._statuses.setdefault(stream, None)
        if kind == DATA and flags & END_STREAM:
            self._statuses.setdefault(stream, None)

    def _on_settings(self, payload):
        for name, value in struct.iter_unpack(">HI", payload):
            self.settings[name] = value
            if name == INITIAL_WINDOW_SIZE:
                more = value - self._peer_initial_window
                self._peer_initial_window = value
                for stream in self._windows:
                    if stream != 0:
                        self._windows[stream] += more
            elif name == MAX_FRAME_SIZE:
                self._peer_frame_size = value
        self.send_raw(frame(SETTINGS, ACK, 0))

    @staticmethod
    def _status_in(block):
        """grpc-status of trailers, which gRPC doesn't compress here."""
        at = block.find(literal(b"grpc-status"))
        if at < 0:
            return None
        at += 1 + len(b"grpc-status")
        return int(block[at + 1:at + 1 + block[at]])
