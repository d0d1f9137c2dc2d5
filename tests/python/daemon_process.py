"""Runs wspd for a test, on sockets in a folder of its own."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time


class DaemonProcess:
    """A running daemon; use it with `with`. `log` is what it wrote. `launcher`
    is a command that runs it as its child, in other namespaces."""

    def __init__(self, binary, *flags, launcher=()):
        self.folder = tempfile.mkdtemp(prefix="wspd-test.", dir="/tmp")
        self.provider_socket = os.path.join(self.folder, "wspd.sock")
        self.admin_socket = os.path.join(self.folder, "admin.sock")
        self._launched = bool(launcher)
        self._command = [*launcher, binary,
                         "--provider_socket", self.provider_socket,
                         "--admin_socket", self.admin_socket, *flags]
        self.log = []

    def __enter__(self):
        notify_path = os.path.join(self.folder, "notify")
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(notify_path)
        notify.settimeout(60)
        self.process = subprocess.Popen(
            self._command, env={**os.environ, "NOTIFY_SOCKET": notify_path},
            stderr=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        while b"READY=1" not in notify.recv(4096):
            pass
        notify.close()
        return self

    def _read_log(self):
        for line in self.process.stderr:
            self.log.append(line.rstrip("\n"))

    def await_line(self, *words, seconds=30):
        """The first line of the log with all the words, None if none comes."""
        deadline = time.monotonic() + seconds
        while True:
            for line in self.log:
                if all(word in line for word in words):
                    return line
            if time.monotonic() > deadline:
                return None
            time.sleep(0.01)

    def alive(self):
        return self.process.poll() is None

    def memory_kib(self):
        """Proportional set size."""
        with open(f"/proc/{self.process.pid}/smaps_rollup") as file:
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1])
        raise ValueError("no Pss")

    def memory_tells(self):
        """False under AddressSanitizer, which keeps what is freed."""
        with open(f"/proc/{self.process.pid}/status") as file:
            for line in file:
                if line.startswith("VmSize:"):
                    return int(line.split()[1]) < 1 << 30
        raise ValueError("no VmSize")

    def pid(self):
        """In the test's pid namespace."""
        pid = self.process.pid
        if not self._launched:
            return pid
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return int(file.read())

    def __exit__(self, kind, value, trace):
        if self.alive():
            os.kill(self.pid(), signal.SIGTERM)
        self.status = self.process.wait(60)
        self._reader.join(60)
        self.process.stderr.close()
        if kind is not None:
            print("\n".join(self.log[-50:]))
        shutil.rmtree(self.folder, ignore_errors=True)
