"""What a row's programs run in: a network, a folder, and a CPU for servers and
one for clients, if there are two."""

import os
import shutil
import sys
import tempfile

_TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(_TESTS, "interop"))
sys.path.insert(0, os.path.join(_TESTS, "python"))
import daemon_process  # noqa: E402 F401
import network  # noqa: E402
import process_tree  # noqa: E402
import world  # noqa: E402

Failure = world.Failure
check = world.check
await_true = world.await_true


def _pinned(index):
    """The command that runs another on that one of the CPUs we have."""
    cpus = sorted(os.sched_getaffinity(0))
    return ["taskset", "--cpu-list", str(cpus[min(index, len(cpus) - 1)])]


class Rig:
    """Use it with `with`, from the main thread. `server` is where servers
    start, `anywhere` what is pinned to no CPU."""

    def __init__(self, arguments):
        self.arguments = arguments
        self._network = network.Network()
        self._clients = 0

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="row.")
        os.mkdir(self.path("logs"))
        self._network.__enter__()
        self.server = self._side([*_pinned(0)], "server")
        self.anywhere = self._side([], "anywhere")
        return self

    def _side(self, prefix, title):
        return world.Side(self.folder, (prefix, []), title, [])

    def client(self, prefix):
        """Where clients start, with `prefix` before each command."""
        self._clients += 1
        return self._side([*_pinned(1), *prefix], f"client{self._clients}")

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, text):
        """A file of the row's. Its path."""
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def start_server(self, port, *command):
        """One that listens on the TCP port, once it does."""
        return self._await_listener(self.server.start(*command), port)

    def start_daemon(self, port, *command):
        """The same on no particular CPU."""
        return self._await_listener(self.anywhere.start(*command), port)

    def _await_listener(self, program, port):
        def listens():
            check(not program.ended(), f"{program.name} has ended by itself: "
                  f"{program.errors()[-500:]}")
            return network.has_listener(port, "tcp")
        await_true(listens, f"{program.name} to listen", world.SHORT)
        return program

    def __exit__(self, *_):
        try:
            process_tree.end_descendants([])
        finally:
            self._network.__exit__()
            shutil.rmtree(self.folder, ignore_errors=True)
