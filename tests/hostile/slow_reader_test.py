"""Clients that ask for much and read little, while an honest one goes on.

Usage: slow_reader_test.py WSPD PROTO_ROOT -
"""

import select
import time

import hostile_case
import raw_attach

SOCKETS = 32
RECEIVES = 100  # on each
MOST_GROWTH_KIB = 64 << 10


def read_frame(client, stream):
    return hostile_case.PROVIDER.ServerFrame.FromString(client.receive(stream))


class SlowReaderTest(hostile_case.HostileCase):
    def setUp(self):
        super().setUp()
        self.flood = hostile_case.Server(hostile_case.flood)
        self.addCleanup(self.flood.close)
        self.before = self.daemon.memory_kib()

    def ask_for_much(self, window=raw_attach.MOST):
        """A client that wants 200 MiB of a peer that never stops sending."""
        client = raw_attach.RawConnection(self.path, window)
        self.addCleanup(client.close)
        stream = client.open_stream()
        frame = hostile_case.hello_frame()
        hostile_case.add_startup(frame)
        for number in range(1, SOCKETS + 1):
            hostile_case.add_connected_socket(
                frame, number, self.flood.port, 2 * number)
        client.send(stream, frame.SerializeToString())
        if window > 0:
            self.await_successes(client, stream, 1 + 2 * SOCKETS)
        else:
            time.sleep(1)  # nothing can be heard of the connects
        frame = hostile_case.PROVIDER.ClientFrame()
        call_id = 1000
        for number in range(1, SOCKETS + 1):
            for _ in range(RECEIVES):
                call = frame.calls.add(call_id=call_id, socket_id=number)
                call.recv.max_bytes = 65536
                call_id += 1
        client.send(stream, frame.SerializeToString())
        return client, stream

    def await_successes(self, client, stream, count):
        while count > 0:
            for completion in read_frame(client, stream).completions:
                self.assertEqual(completion.wsa_error, 0)
                count -= 1

    def assert_memory_is_bounded(self):
        grown = self.daemon.memory_kib() - self.before
        print("grown by", grown, "KiB")
        if self.daemon.memory_tells():
            self.assertLess(grown, MOST_GROWTH_KIB)

    def test_who_never_reads_costs_bounded_memory(self):
        for _ in range(3):
            self.ask_for_much()
        time.sleep(1)
        self.assert_honest_is_served()
        self.assert_memory_is_bounded()

    def test_who_opens_no_window_costs_bounded_memory(self):
        for _ in range(3):
            self.ask_for_much(window=0)
        time.sleep(1)
        self.assert_honest_is_served()
        self.assert_memory_is_bounded()

    def test_who_reads_slowly_gets_it_all_in_the_end(self):
        client, stream = self.ask_for_much()
        # 4 KiB in 10 ms, for a second.
        for _ in range(100):
            client.read_some(4096)
            time.sleep(0.01)
        self.assert_honest_is_served()
        self.assert_memory_is_bounded()
        # Faster now, and with acknowledgements.
        received = 0
        while received < 16 << 20:
            last = 0
            for completion in read_frame(client, stream).completions:
                self.assertEqual(completion.wsa_error, 0)
                received += len(completion.recv.data)
                last = completion.sequence
            if last:
                client.send(stream, hostile_case.PROVIDER.ClientFrame(
                    ack_sequence=last).SerializeToString())

    def test_who_goes_on_asking_and_never_reads_is_ended(self):
        client = raw_attach.RawConnection(self.path)
        self.addCleanup(client.close)
        stream = client.open_stream()
        hello = hostile_case.hello_frame()
        client.send(stream, hello.SerializeToString())
        calls = 0
        # Two times the limit of unacknowledged calls, proto/README.md says.
        while calls < 2 * 8192 + 2000:
            frame = hostile_case.PROVIDER.ClientFrame()
            for _ in range(1000):
                calls += 1
                frame.calls.add(call_id=calls).close_socket.SetInParent()
            client.send(stream, frame.SerializeToString())
        ended = select.poll()
        ended.register(client.socket, select.POLLHUP)
        self.assertTrue(ended.poll(20000), "still connected after 20 s")
        with self.assertRaises(raw_attach.Ended) as end:
            while True:
                client.receive(stream)
        # CANCELLED: the status doesn't wait for what is unread.
        self.assertIn(end.exception.status, [1, 8, None])
        self.assert_honest_is_served()
        self.assert_memory_is_bounded()


if __name__ == "__main__":
    hostile_case.main()
