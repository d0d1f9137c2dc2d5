"""What the tests of the admin actions have in common: a daemon with a
configuration, clients of it, and wspctl.

Usage of each: NAME_test.py WSPD WSPCTL PROTO_ROOT [PROGRAM...]
"""

import os
import shutil
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "python")]
import admin_client  # noqa: E402
import daemon_process  # noqa: E402
import linux_client  # noqa: E402
import wire_client  # noqa: E402

WSPD, WSPCTL = (os.path.abspath(path) for path in sys.argv[1:3])
PROTOS = wire_client.load_protos(sys.argv[3])
TYPES, PROVIDER, ADMIN = PROTOS
PROGRAMS = [os.path.abspath(path) for path in sys.argv[4:]]
DEADLINE = 30


class AdminCase(unittest.TestCase):
    def setUp(self):
        self.daemon = daemon_process.DaemonProcess(WSPD)
        self.config = os.path.join(self.daemon.folder, "wspd.textproto")
        self.program = WSPCTL
        # For other users, too.
        os.chmod(self.daemon.folder, 0o755)
        self.write_config("")

    def start(self, *flags):
        self.daemon._command += ["--config", self.config, *flags]
        self.daemon.__enter__()
        self.addCleanup(self.stop)
        self.admin = admin_client.AdminClient(PROTOS, self.daemon.admin_socket)
        self.addCleanup(self.admin.__exit__)

    def stop(self):
        self.daemon.__exit__(None, None, None)
        self.assertEqual(self.daemon.status, 0, self.daemon.log)

    def write_config(self, text):
        with open(self.config, "w") as file:
            file.write(text)

    def attach(self, kind=wire_client.WireClient, **hello):
        client = kind(PROTOS, self.daemon.provider_socket)
        self.addCleanup(client.close)
        client.attach(**hello)
        return client

    def started(self):
        """A client with one startup."""
        client = self.attach()
        self.assertEqual(self.error(client, "startup",
                                    version_requested=0x0202), 0)
        return client

    def error(self, client, request, socket_id=0, **fields):
        return client.call(request, socket_id, **fields).wsa_error

    def make_socket(self, client):
        """The error, and the number of the socket."""
        number = client.new_socket_id()
        return self.error(client, "socket", number,
                          family=PROVIDER.SocketRequest.FAMILY_IPV4,
                          type=PROVIDER.SocketRequest.TYPE_STREAM), number

    def copy_wspctl(self):
        """One that other users may run, wherever Bazel has its own."""
        self.program = shutil.copy(WSPCTL, self.daemon.folder)
        os.chmod(self.program, 0o755)

    def _command(self, arguments):
        return [self.program, "--socket", self.daemon.admin_socket, *arguments]

    def wspctl(self, *arguments, code=0, **options):
        """What it prints; on standard error if `code` isn't 0 and nothing is
        on the other one."""
        done = subprocess.run(self._command(arguments), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=60, **options)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout or done.stderr

    def begin_wspctl(self, *arguments):
        process = subprocess.Popen(self._command(arguments), text=True,
                                   stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait, DEADLINE)
        self.addCleanup(process.kill)
        return process


def main():
    unittest.main(argv=sys.argv[:1], verbosity=2)
