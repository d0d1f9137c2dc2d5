"""What the attacks on the relayed plane share: one daemon for all of a class,
and an honest client that echoes over a relayed connection beside each.
"""

import os
import re
import resource
import socket
import statistics
import tempfile
import threading
import time
import unittest

import hostile_case
import daemon_process
import linux_client

PROTOS = hostile_case.PROTOS
LINUX = PROTOS.linux
LOOPBACK = hostile_case.LOOPBACK
# What the honest client's median may be under attack, of what it is without, or
# in microseconds: the attackers have the same cores, and many threads on them.
MOST_TIMES = 100
MOST_US = 200000
MOST_GROWTH_KIB = 96 << 10
# Descriptors of its own that the daemon may have opened meanwhile.
OWN_FILES = 8
# Of calls in a frame, and of descriptors that may be on their way.
BATCH = 32


def raise_open_files_limit():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


class Medians:
    """Of what the honest client has said: echoes and calls."""

    def __init__(self, lines):
        times = [re.fullmatch(r"echoed (\d+) (\d+)", line.strip())
                 for line in lines]
        times = [match for match in times if match]
        self.echo = statistics.median(int(match[1]) for match in times)
        self.call = statistics.median(int(match[2]) for match in times)


class Threads:
    """Runs functions again and again in threads, until it is left. They wait
    for nothing for long."""

    def __init__(self, *functions):
        self._functions = functions
        self._stop = threading.Event()

    def _run(self, function):
        while not self._stop.is_set():
            try:
                function()
            except OSError:
                # The socket has had its end: others may go on.
                self._stop.wait(0.01)

    def __enter__(self):
        self._threads = [
            threading.Thread(target=self._run, args=(function,), daemon=True)
            for function in self._functions]
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()


class Relayed:
    """A relayed socket of an attacker's: the program's end and the number."""

    def __init__(self, client, number, program):
        self.client, self.number, self.program = client, number, program
        program.setblocking(False)

    def call(self, **request):
        return self.client.linux_call(self.number, **request)

    def state(self, filler_change=0):
        return self.call(
            state=LINUX.LinuxState(filler_change=filler_change))

    def connect(self, port, filler=0):
        return self.call(connect=LINUX.LinuxConnect(
            address=self.client.ipv4(LOOPBACK, port),
            filler=filler)).linux_errno

    def await_connected(self):
        while True:
            state = self.state().linux_call.state
            if state.state != state.STATE_CONNECTING:
                return state

    def listen(self, backlog=128):
        """Returns the port."""
        bound = self.call(bind=LINUX.LinuxBind(
            address=self.client.ipv4(LOOPBACK, 0)))
        assert bound.linux_errno == 0, bound
        listening = self.call(listen=LINUX.LinuxListen(backlog=backlog))
        assert listening.linux_errno == 0, listening
        return self.name()

    def name(self):
        name = self.call(name=LINUX.LinuxName())
        return name.linux_call.name.address.ipv4.port

    def close(self):
        self.program.close()


class Attacker(linux_client.LinuxClient):
    """Attached, with a descriptor connection."""

    def __init__(self, path):
        super().__init__(PROTOS, path)
        self.attach()
        assert self.connect_descriptors() == (0, 0, [])

    def stream(self, **fields):
        number, program = self.relay(**fields)
        return Relayed(self, number, program)

    def datagram(self):
        return self.stream(type=LINUX.LinuxSocketRequest.TYPE_DATAGRAM)

    def many(self, count, **fields):
        """Sockets of one kind; what is refused is left out."""
        request = LINUX.LinuxSocketRequest
        fields = {"plane": self.types.PLANE_RELAYED,
                  "family": request.FAMILY_IPV4,
                  "type": request.TYPE_STREAM, **fields}
        sockets = []
        while count > 0:
            batch = min(count, BATCH)
            count -= batch
            completions = self.calls(
                [("linux_socket", self.new_socket_id(), fields)
                 for _ in range(batch)])
            for completion in completions:
                if completion.linux_errno != 0:
                    continue
                _, _, fds = self.descriptors.receive()
                sockets.append(Relayed(self, completion.linux_socket.number,
                                       fds[0]))
        return sockets

    def of_all(self, sockets, **request):
        """One call of each socket; their errors."""
        errors = []
        for first in range(0, len(sockets), 2 * BATCH):
            errors += [completion.linux_errno for completion in self.calls(
                [("linux_call", relayed.number, request)
                 for relayed in sockets[first:first + 2 * BATCH]])]
        return errors


class RelayedCase(unittest.TestCase):
    CONFIG = "times { grace_ms: 1 linger_ms: 2000 }"

    @classmethod
    def setUpClass(cls):
        raise_open_files_limit()
        cls.echo = hostile_case.Server(hostile_case.echo)
        with tempfile.NamedTemporaryFile("w", suffix=".textproto") as config:
            config.write(cls.CONFIG)
            config.flush()
            cls.daemon = daemon_process.DaemonProcess(
                hostile_case.WSPD, "--config", config.name)
            cls.daemon.__enter__()
        cls.path = cls.daemon.provider_socket
        # Attackers of other users get there, too.
        os.chmod(cls.daemon.folder, 0o755)
        os.chmod(cls.path, 0o666)
        cls.honest = hostile_case.HonestClient(
            cls.path, cls.echo.port, "honest_relayed_client.py")
        cls.alone = Medians(cls.honest.lines_of(lambda: None))

    @classmethod
    def tearDownClass(cls):
        words = cls.honest.stop()
        cls.daemon.__exit__(None, None, None)
        cls.echo.close()
        print(words)
        assert "worst" in words, words
        assert cls.daemon.status == 0, cls.daemon.log[-30:]

    def setUp(self):
        self.files = self.open_files()
        self.memory = self.daemon.memory_kib()

    def tearDown(self):
        # Cleanups come after this: by then it is too late to look.
        self.doCleanups()
        self.assertTrue(self.daemon.alive(), self.daemon.log[-30:])
        self.assertTrue(self.honest.await_echoes())
        self.await_open_files(self.files + OWN_FILES)
        grown = self.daemon.memory_kib() - self.memory
        print(f"{self.id()}: grown by {grown} KiB")
        if self.daemon.memory_tells():
            self.assertLess(grown, MOST_GROWTH_KIB)

    def attacker(self):
        attacker = Attacker(self.path)
        self.addCleanup(attacker.close)
        return attacker

    def keep(self, *sockets):
        for one in sockets:
            self.addCleanup(one.close)
        return sockets[0]

    def open_files(self):
        return len(os.listdir(f"/proc/{self.daemon.process.pid}/fd"))

    def await_open_files(self, most):
        deadline = time.monotonic() + 30
        while self.open_files() > most and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertLessEqual(self.open_files(), most)

    def assert_served_during(self, attack):
        """The honest client is, while the attack runs: it ends when `attack`
        returns."""
        medians = Medians(self.honest.lines_of(attack))
        print(f"{self.id()}: an echo took {medians.echo:.0f} us, alone "
              f"{self.alone.echo:.0f}; a call {medians.call:.0f}, alone "
              f"{self.alone.call:.0f}")
        self.assertLess(medians.echo,
                        max(MOST_TIMES * self.alone.echo, MOST_US))
        self.assertLess(medians.call,
                        max(MOST_TIMES * self.alone.call, MOST_US))

    def assert_served_beside(self, *functions):
        """While each of the functions is called again and again."""
        with Threads(*functions):
            self.assert_served_during(self.honest.await_echoes)

    def silent_listener(self, backlog=4096):
        """Connections to it are made, and never read or accepted."""
        listener = self.keep(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen(backlog)
        return listener.getsockname()[1]

    def server(self, serve):
        return self.keep(hostile_case.Server(serve)).port
