"""The service manager's part: passes sockets, hears what the daemon says."""

import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
import time

DEADLINE = 30


class ServiceManager:
    """A folder with a notify socket; use it with `with`."""

    def __init__(self, wspd):
        self.wspd = wspd
        self.folder = tempfile.mkdtemp(prefix="wspd-service.", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.provider_socket = os.path.join(self.folder, "wspd.sock")
        self.admin_socket = os.path.join(self.folder, "admin.sock")
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(os.path.join(self.folder, "notify"))
        os.chmod(self.notify.getsockname(), 0o666)
        self.process = None
        # The uid that wspd is started with; None: ours.
        self.start_as = None
        # A command that runs it, in its own place.
        self.within = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
        if self.process is not None:
            self.process.communicate()
        self.notify.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, *flags, passed=(), environment=None):
        """Starts wspd. `passed`: pairs of a name and a socket."""
        kept = [fcntl.fcntl(each, fcntl.F_DUPFD, 20) for _, each in passed]
        redirections = " ".join(f"{3 + i}<&{fd} {fd}<&-"
                                for i, fd in enumerate(kept))
        variables = {"NOTIFY_SOCKET": self.notify.getsockname(),
                     **(environment or {})}
        own_pid = ""
        if passed:
            variables["LISTEN_FDS"] = str(len(kept))
            variables["LISTEN_FDNAMES"] = ":".join(name for name, _ in passed)
            own_pid = "export LISTEN_PID=$$;"
        command = [*self.within, self.wspd,
                   "--provider_socket", self.provider_socket,
                   "--admin_socket", self.admin_socket, *flags]
        self.process = subprocess.Popen(
            ["/bin/bash", "-c", f'{own_pid} exec "$@" {redirections}', "sh",
             *command],
            env={**os.environ, **variables}, pass_fds=kept,
            user=self.start_as, group=self.start_as,
            extra_groups=None if self.start_as is None else [],
            stderr=subprocess.PIPE, text=True)
        for fd in kept:
            os.close(fd)

    def receive(self):
        """The next message, as its lines."""
        self.notify.settimeout(DEADLINE)
        return self.notify.recv(4096).decode().split("\n")

    def await_message(self, wanted):
        """Reads until a message has a line for which `wanted` is true."""
        deadline = time.monotonic() + DEADLINE
        seen = []
        while time.monotonic() < deadline:
            seen.append(self.receive())
            for line in seen[-1]:
                if wanted(line):
                    return seen[-1]
        raise AssertionError(f"not said: {seen}")

    def await_ready(self):
        return self.await_message(lambda line: line == "READY=1")

    def stop(self):
        """SIGTERM. What it returned, and its log."""
        self.process.terminate()
        return self.wait()

    def wait(self):
        _, log = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, log

    def listen(self, path):
        """A listening socket as a socket unit makes it."""
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.bind(path)
        made.listen(16)
        return made
