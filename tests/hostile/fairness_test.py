"""What a hostile client at its limits costs an honest one of its throughput.

Usage: fairness_test.py WSPD PROTO_ROOT FORM PROVIDER FAIR_CLIENT WSPRUN

The honest client is measured in pairs, with the hostile one stopped and with it
running, one right after the other, so that nothing depends on how fast the
machine is. Both share it with the daemon, so that the hostile one has the CPU
after all others: what is measured is how the daemon shares out its own time.
What counts is the median of all pairs. FORM "full" has many of them, and tells
whether what is left is what others are promised; "light", of each run, ends as
soon as a few tell, and only whether the daemon shares its time out at all: how
much is left on a small machine that is busy otherwise isn't the daemon's alone
to say. Both print a table.
"""

import os
import signal
import statistics
import subprocess
import sys
import unittest

import hostile_case
import daemon_process  # found by hostile_case

FORM = sys.argv[3]
PROVIDER_LIBRARY, FAIR_CLIENT, WSPRUN = map(os.path.abspath, sys.argv[4:7])
FULL = FORM == "full"
PAIRS = 25 if FULL else 31
LEAST_PAIRS = PAIRS if FULL else 3
SECONDS = 0.5 if FULL else 0.2
LEAST = 0.8 if FULL else 0.25
HOSTILE_USER = 54321
# How much of the machine's network the hostile user is to have is for whoever
# runs the daemon to say.
CONFIG = """
limits {
  bytes_per_second_per_uid: 10000000
  connections_per_second_per_uid: 100
  operations_per_second_per_uid: 1000
}
"""


class Program:
    """A fair_client that answers lines by lines."""

    def __init__(self, *command, **env):
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, **env})

    def line(self):
        return self._process.stdout.readline()

    def rate(self, what):
        self._process.stdin.write(f"{what} {SECONDS}\n")
        self._process.stdin.flush()
        return float(self.line())

    def close(self):
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()


class HostileClient:
    def __init__(self, path, kind, port):
        self._process = subprocess.Popen(
            [sys.executable,
             os.path.join(hostile_case.HERE, "flooding_client.py"),
             hostile_case.PROTO_ROOT, path, kind, str(port),
             str(HOSTILE_USER)],
            stdout=subprocess.PIPE, text=True)
        assert self._process.stdout.readline() == "floods\n", kind

    def pause(self):
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self._process.send_signal(signal.SIGCONT)

    def close(self):
        alive = self._process.poll() is None
        self._process.kill()
        self._process.wait(60)
        self._process.stdout.close()
        assert alive, "the hostile client has ended by itself"


def swallow(connection):
    while connection.recv(1 << 18):
        pass


class FairnessTest(unittest.TestCase):
    def setUp(self):
        self.sink = hostile_case.Server(swallow)
        self.addCleanup(self.sink.close)
        folder = os.environ.get("TEST_TMPDIR", "/tmp")
        config = os.path.join(folder, "fairness.textproto")
        with open(config, "w") as file:
            file.write(CONFIG)
        self.daemon = daemon_process.DaemonProcess(
            hostile_case.WSPD, "--config", config)
        self.daemon.__enter__()
        self.addCleanup(self.daemon.__exit__, None, None, None)
        os.chmod(self.daemon.folder, 0o755)
        os.chmod(self.daemon.provider_socket, 0o666)
        self.peer = Program(FAIR_CLIENT, "peer")
        self.addCleanup(self.peer.close)
        self.ports = self.peer.line().split()

    def honest_client(self, plane):
        path = self.daemon.provider_socket
        command = [FAIR_CLIENT, PROVIDER_LIBRARY, *self.ports]
        if plane == "relayed":
            command = [WSPRUN, f"--socket={path}", "--plane=relayed",
                       FAIR_CLIENT, "-", *self.ports]
        honest = Program(*command, WSPD_SOCKET=path)
        self.addCleanup(honest.close)
        return honest

    def measure(self, kind, what, plane):
        honest = self.honest_client(plane)
        hostile = HostileClient(self.daemon.provider_socket, kind,
                                self.sink.port)
        self.addCleanup(hostile.close)
        ratios = []
        rates = []
        for _ in range(PAIRS):
            hostile.pause()
            alone = honest.rate(what)
            hostile.go_on()
            beside = honest.rate(what)
            rates.append((alone, beside))
            ratios.append(beside / alone)
            if len(ratios) >= LEAST_PAIRS and statistics.median(
                    ratios) >= LEAST:
                break
        alone, beside = (statistics.median(one) for one in zip(*rates))
        median = statistics.median(ratios)
        print(f"| {plane} | {what} | {kind} | {alone:.0f} | {beside:.0f} | "
              f"{median:.2f} | {min(ratios):.2f} to {max(ratios):.2f} |",
              flush=True)
        self.assertGreaterEqual(median, LEAST,
                                f"{plane} {what} beside {kind}")


def add(kind, what, plane):
    setattr(FairnessTest, f"test_{plane}_{what}_beside_{kind}",
            lambda self: self.measure(kind, what, plane))


LOADS = {
    "forwarded": ("calls", "frames", "outstanding", "sockets", "connections",
                  "bulk"),
    "relayed": ("relayed_bytes", "relayed_bulk", "relayed_datagrams",
                "relayed_connections"),
}
for its_plane, loads in LOADS.items():
    for load in loads:
        add(load, "echo", its_plane)
        if FULL or load == loads[0]:
            add(load, "bulk", its_plane)


if __name__ == "__main__":
    if os.geteuid() != 0:
        # The daemon's own user has none of the limits of users.
        print("skipped: only root can have a hostile user beside the daemon's")
        sys.exit(0)
    # Before whatever else is at work; what is started here has it, too.
    os.setpriority(os.PRIO_PROCESS, 0, -10)
    unittest.main(argv=sys.argv[:1] + sys.argv[7:])
