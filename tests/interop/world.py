"""Where a case runs: a network, a daemon in it, and two sides.

The subject is what the case is about. On the native plane it runs in that
network like anything else; on the others it runs under wsprun, in a network
namespace of its own with nothing in it, not even a loopback interface that is
up: what it reaches, it reaches by the daemon. The peer always runs natively.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time

import network
import process_tree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "python"))
import daemon_process  # noqa: E402

# Seconds; generous, for machines that are busy.
DEADLINE = 60
# Of what shouldn't take any time.
SHORT = 30

# Programs that give their privileges up become this user; the daemon lets the
# group in.
USER, GROUP = "nobody", "nogroup"

_BINARIES = ("daemon/wspd", "daemon/wspctl/wspctl", "client_stub/wsprun",
             "client_stub/libwsp_preload.so")


class Failure(Exception):
    """What a program did that it shouldn't have."""


def check(condition, what):
    if not condition:
        raise Failure(what)


def await_true(condition, what, seconds=DEADLINE):
    """Asks until it is so: for what programs give no event for. What the
    condition gave."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise Failure(f"waited {seconds} s for {what}")
        time.sleep(0.02)
    return value


def checksum(data):
    return hashlib.sha256(data).hexdigest()


def file_checksum(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


class Program:
    """One that has been started; what it writes goes to files."""

    def __init__(self, name, process, output, errors):
        self.name = name
        self.process = process
        self._output = output
        self._errors = errors

    @property
    def pid(self):
        return self.process.pid

    def ended(self):
        return self.process.poll() is not None

    def output(self):
        with open(self._output, "rb") as file:
            return file.read()

    def errors(self):
        with open(self._errors, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait(self, deadline=DEADLINE, status=0):
        """Its end, with this status (None: any). What it wrote."""
        try:
            got = self.process.wait(deadline)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} went on for {deadline} s") from None
        check(status is None or got == status,
              f"{self.name} ended with {got}, not {status}: "
              f"{self.errors()[-2000:]}")
        return self.output()

    def stop(self, by, status=0):
        """Ends it by a signal."""
        check(not self.ended(),
              f"{self.name} has ended by itself: {self.errors()[-2000:]}")
        self.process.send_signal(by)
        return self.wait(SHORT, status)


class Side:
    """Where programs start: `prefix` is put before each command."""

    def __init__(self, folder, prefix, title, user_prefix):
        self._folder = folder
        self._prefix = prefix
        self._title = title
        self._user_prefix = user_prefix
        self._started = 0

    def start(self, *command, data=b"", user=None, env=None, cwd=None):
        """Starts it with `data` as its input, as that user if one is named."""
        self._started += 1
        name = os.path.basename(str(command[0]))
        path = os.path.join(self._folder, "logs",
                            f"{self._title}-{self._started:02}-{name}")
        with open(path + ".in", "wb") as file:
            file.write(data)
        line = (self._prefix[0] + (self._user_prefix if user else []) +
                self._prefix[1] + [str(word) for word in command])
        with open(path + ".in", "rb") as standard_input, \
                open(path + ".out", "wb") as output, \
                open(path + ".err", "wb") as errors:
            process = subprocess.Popen(
                line, stdin=standard_input, stdout=output, stderr=errors,
                env={**os.environ, **(env or {})}, cwd=cwd or self._folder)
        return Program(name, process, path + ".out", path + ".err")

    def run(self, *command, deadline=DEADLINE, status=0, **settings):
        """Runs it to its end, with this status (None: any). What it wrote."""
        return self.start(*command, **settings).wait(deadline, status)

    def status(self, *command, deadline=DEADLINE, **settings):
        """How it ends."""
        program = self.start(*command, **settings)
        program.wait(deadline, None)
        return program.process.returncode


class World:
    """Use it with `with`.

    `folder` is the case's own, which other users can enter; `mib` is the size
    of a large body, `seconds` how long a load lasts.
    """

    def __init__(self, plane, binaries, mib, seconds):
        self.plane = plane
        self.mib = mib
        self.seconds = seconds
        self._binaries = binaries
        self._daemon = None

    def __enter__(self):
        with contextlib.ExitStack() as ends:
            self.folder = tempfile.mkdtemp(prefix="wspd-interop.", dir="/tmp")
            ends.callback(shutil.rmtree, self.folder, ignore_errors=True)
            os.chmod(self.folder, 0o755)
            os.mkdir(self.path("logs"))
            ends.enter_context(network.Network())
            # All that has been started by then, also if it was for nothing.
            ends.callback(process_tree.end_descendants, ())
            self._make_sides(ends)
            ends.callback(
                lambda: process_tree.end_descendants(self._daemon_pids()))
            self._ends = ends.pop_all()
        return self

    def __exit__(self, *_):
        self._ends.close()

    def _make_sides(self, ends):
        become = ["setpriv", f"--reuid={USER}", f"--regid={GROUP}",
                  "--clear-groups"]
        self.peer = Side(self.folder, ([], []), "peer", become)
        if self.plane == "native":
            self.subject = Side(self.folder, ([], []), "subject", become)
            return
        for name in _BINARIES:
            # Where other users can read them.
            shutil.copy(os.path.join(self._binaries, name), self.folder)
        config = self.write("wspd.textproto", f'group: "{GROUP}"\n')
        self._daemon = daemon_process.DaemonProcess(
            self.path("wspd"), "--config", config)
        ends.callback(shutil.rmtree, self._daemon.folder, ignore_errors=True)
        os.chmod(self._daemon.folder, 0o755)
        ends.enter_context(self._daemon)
        self.subject = Side(
            self.folder,
            (["unshare", "--net"],
             [self.path("wsprun"), "--plane", self.plane, "--socket",
              self._daemon.provider_socket, "--"]), "subject", become)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, text, mode=0o644):
        """A file of the case's. Its path."""
        path = self.path(name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def make_folder(self, name, user=None):
        path = self.path(name)
        os.makedirs(path)
        os.chmod(path, 0o755)
        if user:
            shutil.chown(path, user, GROUP)
        return path

    def make_body(self, name, size):
        """A file of so many random bytes. Its checksum."""
        digest = hashlib.sha256()
        with open(self.path(name), "wb") as file:
            while size > 0:
                block = os.urandom(min(size, 1 << 20))
                file.write(block)
                digest.update(block)
                size -= len(block)
        os.chmod(self.path(name), 0o644)
        return digest.hexdigest()

    def make_certificate(self):
        """Of localhost, signed by itself. Paths of certificate and key."""
        paths = self.path("certificate.pem"), self.path("key.pem")
        self.peer.run(
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days",
            "2", "-subj", "/CN=localhost", "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", paths[0],
            "-keyout", paths[1])
        os.chmod(paths[1], 0o644)
        return paths

    def await_listener(self, program, port, kind="tcp"):
        """Until somebody listens on the port of this network."""
        def listens():
            check(not program.ended(), f"{program.name} has ended by itself: "
                  f"{program.errors()[-2000:]}")
            return network.has_listener(port, kind)
        await_true(listens, f"{program.name} to listen on {kind} port {port}",
                   SHORT)

    def finish(self):
        """Ends the case's processes. The daemon has to live, to know of no
        socket any more, and to end in order."""
        process_tree.end_descendants(self._daemon_pids())
        if self._daemon is None:
            return
        check(self._daemon.alive(), "wspd has ended")
        await_true(lambda: not self._sockets(), "wspd to forget the sockets of "
                   "programs that have ended", SHORT)
        # Once more at the world's end, which changes nothing.
        self._daemon.__exit__(None, None, None)
        check(self._daemon.status == 0,
              f"wspd ended with {self._daemon.status}")

    def _sockets(self):
        return subprocess.run(
            [self.path("wspctl"), "--socket", self._daemon.admin_socket,
             "--json", "sockets"], check=True, stdout=subprocess.PIPE,
            timeout=SHORT).stdout.strip()

    def _daemon_pids(self):
        return ([self._daemon.process.pid]
                if self._daemon and self._daemon.alive() else [])

    def logs(self):
        """The end of what each wrote, for who looks for a fault."""
        parts = []
        if self._daemon:
            parts.append(("wspd", self._daemon.log[-40:]))
        folder = self.path("logs")
        for name in sorted(os.listdir(folder)):
            # openssl draws its progress.
            if name.endswith((".in", "openssl.err")):
                continue
            with open(os.path.join(folder, name), "rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - 4096))
                data = file.read()
            try:
                lines = data.decode().splitlines()[-30:]
            except UnicodeDecodeError:
                lines = [f"{size} bytes that are no text"]
            if lines:
                parts.append((name, lines))
        return "\n".join(f"--- {name}\n" + "\n".join(lines)
                         for name, lines in parts)
