"""Clients that stop in the middle, while an honest one goes on.

Usage: half_open_test.py WSPD PROTO_ROOT -
"""

import socket
import time

import hostile_case
import raw_attach

DATA, HEADERS = raw_attach.DATA, raw_attach.HEADERS
SETTINGS = raw_attach.PREFACE + raw_attach.frame(raw_attach.SETTINGS, 0, 0)
HELLO = raw_attach.message(hostile_case.hello_frame().SerializeToString())


def attach(stream):
    return raw_attach.frame(HEADERS, raw_attach.END_HEADERS, stream,
                            raw_attach.REQUEST_HEADERS)


def data(body, flags=0):
    return raw_attach.frame(DATA, flags, 1, body)


# How far a client gets that never says hello.
BEGINNINGS = {
    "nothing": b"",
    "half a preface": raw_attach.PREFACE[:10],
    "settings": SETTINGS,
    "half a frame's head": SETTINGS + attach(1)[:5],
    "half a frame": SETTINGS + attach(1)[:30],
    "headers without end": SETTINGS + raw_attach.frame(
        HEADERS, 0, 1, raw_attach.REQUEST_HEADERS),
    "Attach": SETTINGS + attach(1),
    "16 Attaches": SETTINGS + b"".join(attach(2 * i + 1) for i in range(16)),
    "half a message's prefix": SETTINGS + attach(1) + data(HELLO[:3]),
    "half a hello": SETTINGS + attach(1) + data(HELLO[:-3]),
    "half a hello's frame": SETTINGS + attach(1) + data(HELLO)[:-3],
    "Attach that ends": SETTINGS + attach(1) + data(
        b"", raw_attach.END_STREAM),
}
EACH = 10


class HalfOpenTest(hostile_case.HostileCase):
    def test_who_never_says_hello_is_shut_down(self):
        begin = time.monotonic()
        clients = []
        for what, beginning in BEGINNINGS.items():
            for _ in range(EACH):
                client = socket.socket(socket.AF_UNIX)
                client.settimeout(20)
                client.connect(self.path)
                client.sendall(beginning)
                clients.append((what, client))
        self.assert_honest_is_served()
        ends = {}
        for what, client in clients:
            try:
                while client.recv(4096):
                    pass
            except ConnectionResetError:
                pass  # it left unread what it was sent
            except TimeoutError:
                self.fail(f"still there: {what}")
            client.close()
            ends[what] = time.monotonic() - begin
        print({what: f"{end:.2f} s" for what, end in ends.items()})
        self.assertGreater(ends["nothing"], 0.9 * hostile_case.ATTACH_SECONDS)
        self.assertLess(max(ends.values()), 10 * hostile_case.ATTACH_SECONDS)

    def test_who_stops_in_mid_frame_is_cleaned_up_when_it_goes(self):
        ended = []

        def wait_for_end(connection):
            try:
                connection.recv(1)
                ended.append("end")
            except ConnectionResetError:
                ended.append("reset")

        peer = hostile_case.Server(wait_for_end)
        self.addCleanup(peer.close)
        clients = []
        for _ in range(EACH):
            client = raw_attach.RawConnection(self.path)
            stream = client.open_stream()
            hello = hostile_case.hello_frame()
            hostile_case.add_startup(hello)
            hostile_case.add_connected_socket(hello, 1, peer.port, 10)
            client.send(stream, hello.SerializeToString())
            frame = hostile_case.PROVIDER.ClientFrame()
            frame.calls.add(call_id=20, socket_id=1).send.data = bytes(60000)
            body = raw_attach.message(frame.SerializeToString())
            results = 0
            while results < 3:
                got = hostile_case.PROVIDER.ServerFrame.FromString(
                    client.receive(stream))
                for completion in got.completions:
                    self.assertEqual(completion.wsa_error, 0)
                    results += 1
            # A frame that announces more than comes.
            client.send_raw(
                raw_attach.frame(DATA, 0, stream, body[:16384])[:-5000])
            clients.append(client)
        # They have said hello: nobody ends them, and nobody waits for them.
        time.sleep(1.5 * hostile_case.ATTACH_SECONDS)
        self.assert_honest_is_served()
        self.assertEqual(ended, [])
        for client in clients:
            client.close()
        deadline = time.monotonic() + 20
        while len(ended) < EACH and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual(ended, ["reset"] * EACH)


if __name__ == "__main__":
    hostile_case.main()
