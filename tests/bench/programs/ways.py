"""How a client's bytes get to its server: natively, by one of wspd's planes, by
Dante. Each is used with `with`, and `client` is then where its clients start.
"""

import contextlib
import os
import signal

import packages
from rig import Rig, check, daemon_process, process_tree, world

NATIVE, DANTE = "native", "dante"
PLANES = ("lent", "relayed")
ALL = (NATIVE, *PLANES, DANTE)

_DANTED = "/usr/sbin/danted"
_DANTE_PORT = 1080
_DANTE_CONFIG = """
logoutput: stderr
errorlog: stderr
internal: 127.0.0.1 port = {port}
external: lo
socksmethod: none
clientmethod: none
client pass {{
  from: 0.0.0.0/0 to: 0.0.0.0/0
}}
socks pass {{
  from: 0.0.0.0/0 to: 0.0.0.0/0
}}
"""
# Without a line about local networks, which would go there directly.
_PROXYCHAINS_CONFIG = """
strict_chain
quiet_mode
tcp_read_time_out 15000
tcp_connect_time_out 8000
[ProxyList]
socks5 127.0.0.1 {port}
"""

_PYTHON = "/usr/bin/python3"
# What a descriptor of socket()'s is without the library.
_OPEN_AND_SHOW = f"""
import os, socket
fd = socket.socket().detach()
os.set_inheritable(fd, True)
show = f"import socket; print(socket.socket(fileno={{fd}}).family.name)"
os.execve("{_PYTHON}", ["{_PYTHON}", "-c", show], {{}})
"""
_WSPRUN_FAILED = 125
_FAMILIES = {"lent": "AF_INET", "relayed": "AF_UNIX"}


def memory_kib(pid):
    """Proportional set size."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        for line in file:
            if line.startswith("Pss:"):
                return int(line.split()[1])
    raise ValueError("no Pss")


class Native:
    """As the program runs without wspd."""

    def __init__(self, rig):
        self._rig = rig

    def __enter__(self):
        self.client = self._rig.client([])
        return self

    def __exit__(self, *_):
        pass


class Plane:
    """By a wspd of its own. Clients have a network namespace with nothing in
    it: what they reach, they reach by wspd."""

    def __init__(self, rig, plane):
        self._rig = rig
        self._plane = plane

    def __enter__(self):
        config = self._rig.write(f"wspd-{self._plane}.textproto",
                                 self._rig.arguments.config)
        self._daemon = daemon_process.DaemonProcess(
            self._binary("daemon/wspd"), "--config", config, "--log_level",
            "WARNING")
        self._daemon.__enter__()
        # Runs the program whose command follows.
        self.launcher = [self._binary("client_stub/wsprun"), "--plane",
                         self._plane, "--socket", self._daemon.provider_socket,
                         "--"]
        self.client = self._rig.client(["unshare", "--net", *self.launcher])
        return self

    def _binary(self, name):
        return os.path.join(self._rig.arguments.bin, name)

    def absence(self):
        """Why wspd has no such plane; "" if it has. Raises Failure if sockets
        turn out to be on another."""
        program = self.client.start(_PYTHON, "-c", _OPEN_AND_SHOW)
        program.wait(status=None)
        said = program.errors().strip().split("\n")[-1]
        if program.process.returncode == _WSPRUN_FAILED:
            return said
        if said.startswith(PermissionError.__name__):
            return f"wspd offers no such plane: {said}"
        check(program.process.returncode == 0,
              f"no socket on the {self._plane} plane: {program.errors()}")
        family = program.output().decode().strip()
        check(family == _FAMILIES[self._plane],
              f"sockets of the {self._plane} plane are of {family}")
        return ""

    def memory_kib(self):
        return self._daemon.memory_kib()

    def __exit__(self, kind, *_):
        alive = self._daemon.alive()
        self._daemon.__exit__(None, None, None)
        if kind is not None:
            return
        log = "\n".join(self._daemon.log[-5:])
        check(alive, f"wspd has ended by itself: {log}")
        check(self._daemon.status == 0,
              f"wspd ended with {self._daemon.status}: {log}")


class Dante:
    """By proxychains4 and a danted of its own."""

    needs = {_DANTED: "dante-server", "proxychains4": "proxychains4"}

    def __init__(self, rig):
        self._rig = rig

    def __enter__(self):
        config = self._rig.write("danted.conf",
                                 _DANTE_CONFIG.format(port=_DANTE_PORT))
        self._program = self._rig.start_daemon(
            _DANTE_PORT, _DANTED, "-f", config, "-p",
            self._rig.path("danted.pid"))
        self.client = self._rig.client(
            ["proxychains4", "-q", "-f",
             self._rig.write("proxychains.conf",
                             _PROXYCHAINS_CONFIG.format(port=_DANTE_PORT))])
        return self

    def memory_kib(self):
        """Of all its processes, which come and go."""
        total = 0
        for pid in {self._program.pid,
                    *process_tree.descendants(self._program.pid)}:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                total += memory_kib(pid)
        return total

    def __exit__(self, *_):
        family = process_tree.descendants(self._program.pid)
        self._program.process.terminate()
        self._program.wait(world.SHORT, status=None)
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in family:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def make(name, rig):
    if name == NATIVE:
        return Native(rig)
    return Dante(rig) if name == DANTE else Plane(rig, name)


def absence(name, arguments):
    """Why the way isn't there; "" if it is."""
    if name == DANTE:
        return packages.missing(Dante.needs)
    if name == NATIVE:
        return ""
    with Rig(arguments) as rig, Plane(rig, name) as plane:
        return plane.absence()
