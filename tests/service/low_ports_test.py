#!/usr/bin/python3
"""Ports below ip_unprivileged_port_start, of a daemon that is its own user with
CAP_NET_BIND_SERVICE alone, as the package's is: it may not read in which user
namespaces others' processes are, and goes by their maps of user ids.

Usage: low_ports_test.py WSPD WSPRUN WSPCAT LIBWSP
"""

import os
import pwd
import shutil
import socket
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import service_manager  # noqa: E402

WSPD, WSPRUN, WSPCAT, LIBWSP = [os.path.abspath(path) for path in sys.argv[1:]]

DEADLINE = 60
USER = 54321
AS_USER = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
# As systemd starts a service of another user than root.
AMBIENT = ["--inh-caps=+net_bind_service", "--ambient-caps=+net_bind_service"]
# Who has the capability, and where.
WITHOUT = AS_USER
WITH = AS_USER + AMBIENT
# Both have it in a namespace of their own: all are root's there.
MAPPED = AS_USER + ["unshare", "--map-root-user", "setpriv"] + AMBIENT
UNMAPPED = AS_USER + ["unshare", "--user", "--keep-caps", "setpriv"] + AMBIENT

# Says what it has, and what becomes of a bind.
PROGRAM = """
import errno, socket, sys
with open("/proc/self/status") as file:
    for line in file:
        name, _, value = line.partition(":")
        if name in ("CapEff", "CapAmb"):
            print(name, int(value, 16) >> 10 & 1)
for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
    with socket.socket(socket.AF_INET, kind) as one:
        try:
            one.bind((sys.argv[1], int(sys.argv[2])))
            print("bound", one.getsockname()[1])
        except OSError as error:
            print(errno.errorcode[error.errno])
print("done", flush=True)
sys.stdin.read()
"""


def can_run(command):
    return subprocess.run([*command, "true"], check=False,
                          stderr=subprocess.DEVNULL).returncode == 0


def unprivileged_start():
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as file:
        return int(file.read())


def skip(reason):
    print(f"skipped: {reason}", flush=True)
    raise unittest.SkipTest(reason)


def own_host():
    """An address of loopback that no other test has."""
    pid = os.getpid()
    return f"127.{100 + (pid >> 16)}.{pid >> 8 & 255}.{pid & 255}"


HOST = own_host()


def free_low_ports():
    """Each once: what a program had may be the daemon's for a moment more."""
    for port in range(700, 600, -1):
        with socket.socket() as one, socket.socket(
                type=socket.SOCK_DGRAM) as other:
            try:
                one.bind((HOST, port))
                other.bind((HOST, port))
            except OSError:
                continue
        yield port
    skip("no port is free")


class LowPortsTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            skip("only root can be several users")
        if unprivileged_start() < 1024:
            skip("no port needs a privilege here")

    def setUp(self):
        self.manager = service_manager.ServiceManager(WSPD)
        self.manager.__enter__()
        self.addCleanup(self.manager.__exit__, None, None, None)
        folder = self.manager.folder
        # The build's folders are root's alone.
        for path in (WSPRUN, WSPCAT, LIBWSP, os.path.join(
                os.path.dirname(WSPRUN), "libwsp_preload.so")):
            shutil.copy(path, folder)
        run = os.path.join(folder, "run")
        self.manager.provider_socket = os.path.join(run, "wspd.sock")
        self.manager.admin_socket = os.path.join(run, "admin.sock")
        config = os.path.join(folder, "wspd.textproto")
        with open(config, "w") as file:
            file.write('privileges { user: "nobody" }\n')
        self.manager.start("--config", config)
        self.manager.await_ready()
        os.chmod(run, 0o755)
        os.chmod(self.manager.provider_socket, 0o666)
        self.ports = free_low_ports()

    def start(self, command, **streams):
        process = subprocess.Popen(
            command, text=True, cwd="/", stdin=subprocess.PIPE,
            env={**os.environ, "WSPD_SOCKET": self.manager.provider_socket},
            **streams)
        self.addCleanup(self.end, process)
        return process

    def end(self, process):
        process.kill()
        process.communicate()

    def assert_unreadable_for_the_daemon(self, process):
        """What it would decide by if it could."""
        nobody = pwd.getpwnam("nobody")
        done = subprocess.run(
            ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}",
             "--clear-groups", *AMBIENT, "stat", "--dereference",
             f"/proc/{process.pid}/ns/user"],
            check=False, capture_output=True, text=True)
        self.assertNotEqual(done.returncode, 0, done.stdout)

    def relayed(self, who, port):
        """The capability's bits, and what becomes of each kind of socket."""
        process = self.start(
            [*who, os.path.join(self.manager.folder, "wsprun"), "--socket",
             self.manager.provider_socket, "--plane", "relayed", "--",
             "/usr/bin/python3", "-c", PROGRAM, HOST, str(port)],
            stdout=subprocess.PIPE)
        lines = []
        while (line := process.stdout.readline().rstrip("\n")) != "done":
            self.assertNotEqual(line, "", lines)
            lines.append(line)
        self.assert_unreadable_for_the_daemon(process)
        return dict(line.split() for line in lines[:2]), lines[2:]

    def forwarded(self, who):
        """What a listener says."""
        folder = self.manager.folder
        process = self.start(
            [*who, os.path.join(folder, "wspcat"), "--provider",
             os.path.join(folder, "libwsp.so"), "listen", HOST,
             str(next(self.ports))], stderr=subprocess.PIPE)
        said = process.stderr.readline()
        if "listening" in said:
            self.assert_unreadable_for_the_daemon(process)
        return said

    def expect(self, who, capability, allowed):
        port = next(self.ports)
        bits, outcomes = self.relayed(who, port)
        self.assertEqual(set(bits), {"CapEff", "CapAmb"})
        self.assertEqual(set(bits.values()), {str(int(capability))})
        self.assertEqual(
            outcomes, [f"bound {port}" if allowed else "EACCES"] * 2)
        self.assertIn("listening" if allowed else "WSAEACCES",
                      self.forwarded(who))

    def test_with_the_capability(self):
        self.expect(WITH, True, True)

    def test_without_it(self):
        self.expect(WITHOUT, False, False)

    def test_with_that_of_ones_own_namespace(self):
        for who in MAPPED, UNMAPPED:
            with self.subTest(" ".join(who)):
                if not can_run(who):
                    skip("users can make no user namespaces here")
                self.expect(who, True, False)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
