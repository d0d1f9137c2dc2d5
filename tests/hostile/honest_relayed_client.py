"""Echoes over a relayed connection until its input ends, and asks the daemon
for a socket now and then. Says so after every 50 echoes, with the medians of
how long an echo and a call took, in microseconds.

Usage: honest_relayed_client.py PROTO_ROOT PROVIDER_SOCKET ECHO_PORT
"""

import os
import select
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "python"))
import linux_client  # noqa: E402

ECHOES = 50
LOOPBACK = 0x7f000001


def take_time(times, act):
    begin = time.monotonic()
    act()
    times.append((time.monotonic() - begin) * 1e6)


class Honest:
    def __init__(self, client, port):
        self._client = client
        number, self._program = client.relay()
        self._program.settimeout(60)
        completion = client.linux_call(number, connect=client.linux.LinuxConnect(
            address=client.ipv4(LOOPBACK, port)))
        assert completion.linux_errno == 0, completion
        while True:
            state = client.linux_call(
                number, state=client.linux.LinuxState()).linux_call.state
            assert state.error == 0, state
            if state.state == state.STATE_CONNECTED:
                break

    def echo(self):
        data = os.urandom(64)
        self._program.sendall(data)
        got = b""
        while len(got) < len(data):
            part = self._program.recv(len(data) - len(got))
            assert part, "the connection has ended"
            got += part
        assert got == data, (got, data)

    def ask(self):
        number, program = self._client.relay()
        name = self._client.linux_call(number,
                                       name=self._client.linux.LinuxName())
        assert name.linux_errno == 0, name
        program.close()


def main():
    client = linux_client.LinuxClient(
        linux_client.wire_client.load_protos(sys.argv[1]), sys.argv[2])
    client.attach()
    client.connect_descriptors()
    honest = Honest(client, int(sys.argv[3]))
    echoes = 0
    worst = 0.0
    while not select.select([sys.stdin], [], [], 0)[0]:
        echo_times, call_times = [], []
        for i in range(ECHOES):
            take_time(echo_times, honest.echo)
            if i % 10 == 0:
                take_time(call_times, honest.ask)
        echoes += ECHOES
        worst = max(worst, max(echo_times), max(call_times))
        print(f"echoed {statistics.median(echo_times):.0f} "
              f"{statistics.median(call_times):.0f}", flush=True)
    print(f"{echoes} relayed echoes, the worst took {worst / 1e3:.1f} ms")
    client.close()


if __name__ == "__main__":
    main()
