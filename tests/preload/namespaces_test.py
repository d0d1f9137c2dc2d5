#!/usr/bin/python3
"""Clients in other pid and user namespaces than the daemon, as containers are:
who they are to it, and how it hears of their death.

PROGRAM: wspcat, a client by libwsp.so.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import preload_case  # noqa: E402

OTHER = 70001
# To a user namespace, everybody whom it doesn't have.
OVERFLOW = 65534
PID_NAMESPACE = ["unshare", "--pid", "--fork", "--kill-child"]
OWN_PIDS = [*PID_NAMESPACE, "--mount-proc"]
# Where root is the only user there is.
OWN_USERS = ["unshare", "--user", "--map-root-user", "--fork", "--kill-child"]
STAYS = """
    one = connection()
    exchange(one)
    print("there", flush=True)
    sys.stdin.readline()
    exchange(one)
"""


# At the start of a program: another user of root's group, which may attach.
BECOMES_OTHER = f"""
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid({OTHER}, {OTHER}, {OTHER})
"""
PIDFD_GETFD = 438
SO_PEERPIDFD = 77
libc = ctypes.CDLL(None, use_errno=True)


def can(*command):
    return os.geteuid() == 0 and subprocess.run(
        [*command, "true"], check=False,
        stderr=subprocess.DEVNULL).returncode == 0


def gives_pidfds():
    """Whether the kernel has SO_PEERPIDFD, which is Linux 6.5."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        try:
            os.close(ours.getsockopt(socket.SOL_SOCKET, SO_PEERPIDFD))
        except OSError:
            return False
        return True


def hold_sockets_of(pid):
    """Descriptors of one's own for all its sockets."""
    pidfd = os.pidfd_open(pid)
    held = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        if os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:"):
            fd = libc.syscall(PIDFD_GETFD, pidfd, int(name), 0)
            assert fd >= 0, os.strerror(ctypes.get_errno())
            held.append(fd)
    os.close(pidfd)
    return held


def close_all(fds):
    for fd in fds:
        os.close(fd)


def wait_until(condition):
    """Whether it comes true within the deadline."""
    end = time.monotonic() + preload_case.DEADLINE
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


class NamespacesCase(preload_case.PreloadCase):

    def setUp(self):
        super().setUp()
        os.chmod(self.daemon.folder, 0o755)
        self.processes = []

    def tearDown(self):
        for process in self.processes:
            process.kill()
            process.communicate()

    def start_staying(self, launcher=(), body=STAYS):
        """A program with a connection, until it is told to go on."""
        self.bare_network = preload_case.bare_network() + list(launcher)
        process = self.start(body)
        self.processes.append(process)
        self.expect_line(process, "there")
        return process

    def client(self):
        clients = self.wspctl("clients")
        self.assertEqual(len(clients), 1, clients)
        return clients[0]

    def die(self, process):
        process.kill()
        process.communicate()

    def expect_none_left(self):
        self.assertTrue(wait_until(lambda: not self.wspctl("clients")),
                        self.daemon.log)

    def end(self, process):
        self.go_on(process)
        self.finish(process)


@unittest.skipUnless(can(*OWN_PIDS), "no pid namespaces")
class UnseenTest(NamespacesCase):
    """The daemon's pid namespace hasn't the clients."""
    daemon_launcher = OWN_PIDS
    has_pidfds = gives_pidfds()

    def start_wspcat(self, listener, *options):
        """A client by libwsp.so, with two connections that it holds."""
        library = os.path.join(os.path.dirname(preload_case.WSPRUN),
                               "libwsp.so")
        process = subprocess.Popen(
            preload_case.bare_network() +
            [preload_case.PROGRAM, "--provider", library, *options, "--hold",
             "2", "connect", "127.0.0.1", str(listener.getsockname()[1])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
            env={**os.environ, "WSPD_SOCKET": self.daemon.provider_socket})
        self.processes.append(process)
        peers = []
        for _ in range(2):
            peer, _ = listener.accept()
            peer.settimeout(preload_case.DEADLINE)
            self.addCleanup(peer.close)
            peers.append(peer)
        return process, peers

    def expect_resets(self, peers):
        for peer in peers:
            with self.assertRaises(ConnectionResetError):
                peer.recv(1)

    def listener(self):
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(preload_case.DEADLINE)
        self.addCleanup(listener.close)
        return listener

    def test_a_program_is_known_by_user_and_group(self):
        program = self.start_staying(body=BECOMES_OTHER + STAYS)
        client = self.client()
        self.assertEqual((client["pid"], client["uid"], client["gid"]),
                         (0, OTHER, 0))
        # Of what /proc says there is nothing, and nothing is guessed.
        for field in ("executable", "command_line", "cgroup"):
            self.assertFalse(client.get(field), client)
        sockets = self.wspctl("sockets")
        self.assertEqual([(one["pid"], one["uid"]) for one in sockets],
                         [(0, OTHER)])
        self.end(program)

    def test_a_client_by_the_spi_is_known_by_user_and_group(self):
        process, _ = self.start_wspcat(self.listener())
        client = self.client()
        self.assertEqual((client["pid"], client["uid"], client["gid"]),
                         (0, 0, 0))
        self.assertEqual(len(self.wspctl("sockets")), 2)
        self.die(process)

    def test_wspctl_shows_no_pid(self):
        program = self.start_staying()
        for table in ("clients", "sockets"):
            head, row = subprocess.run(
                [preload_case.WSPCTL, "--socket", self.daemon.admin_socket,
                 table], check=True, capture_output=True,
                text=True).stdout.splitlines()
            # What comes before it has a value in every row.
            self.assertEqual(row.split()[head.split().index("PID")], "-", row)
        self.end(program)

    def test_processes_are_told_apart(self):
        programs = [self.start_staying() for _ in range(3)]
        clients = self.wspctl("clients")
        self.assertEqual(len({one["client_id"] for one in clients}), 3)
        self.die(programs[1])
        self.assertTrue(wait_until(
            lambda: len(self.wspctl("clients")) == 2))
        self.end(programs[0])
        self.end(programs[2])
        self.expect_none_left()

    def test_death_resets_what_a_client_by_the_spi_had(self):
        process, peers = self.start_wspcat(self.listener())
        self.die(process)
        self.expect_resets(peers)
        self.expect_none_left()

    def test_death_of_a_program_is_noticed(self):
        self.die(self.start_staying())
        self.expect_none_left()

    def test_death_is_noticed_while_others_hold_the_connection(self):
        process, peers = self.start_wspcat(self.listener())
        held = hold_sockets_of(process.pid)
        self.assertTrue(held)
        self.die(process)
        if not self.has_pidfds:
            # By the hang-up, which there isn't yet.
            self.assertEqual(len(self.wspctl("clients")), 1)
            close_all(held)
        self.expect_resets(peers)
        self.expect_none_left()
        if self.has_pidfds:
            close_all(held)


@unittest.skipUnless(can(*OWN_PIDS), "no pid namespaces")
class UnseenByOldKernelTest(UnseenTest):
    """Before Linux 6.5: such a client has no pidfd, and a token for its key."""
    daemon_flags = ("--test_old_pidfd",)
    has_pidfds = False


@unittest.skipUnless(can(*PID_NAMESPACE), "no pid namespaces")
class SeenTest(NamespacesCase):
    """The clients are in a pid namespace below the daemon's."""

    def test_a_program_is_identified_in_full(self):
        program = self.start_staying(PID_NAMESPACE, BECOMES_OTHER + STAYS)
        with open(f"/proc/{program.pid}/task/{program.pid}/children") as file:
            pid = int(file.read())
        client = self.client()
        self.assertEqual((client["pid"], client["uid"], client["gid"]),
                         (pid, OTHER, 0))
        with open(f"/proc/{pid}/cmdline") as file:
            self.assertEqual(client["command_line"],
                             file.read().split("\0")[:-1])
        self.assertEqual(client["executable"],
                         os.path.realpath(preload_case.PYTHON))
        os.kill(pid, signal.SIGKILL)
        self.expect_none_left()


@unittest.skipUnless(can(*PID_NAMESPACE), "no pid namespaces")
class SeenByOldKernelTest(SeenTest):
    daemon_flags = ("--test_old_pidfd",)


@unittest.skipUnless(can("unshare", "--user"),
                     "no user namespaces")
class UserNamespacesTest(NamespacesCase):

    def test_root_of_a_namespace_is_who_made_it(self):
        program = self.start_staying(body=BECOMES_OTHER + f"""
    assert libc.unshare(0x10000000) == 0  # CLONE_NEWUSER
    # Else the files are root's.
    assert libc.prctl(4, 1, 0, 0, 0) == 0  # PR_SET_DUMPABLE
    for name, text in (("setgroups", "deny"), ("uid_map", "0 {OTHER} 1"),
                       ("gid_map", "0 0 1")):
        with open("/proc/self/" + name, "w") as file:
            file.write(text)
    assert os.geteuid() == 0
    with socket.socket() as one:
        # The port is root's.
        assert error_of(one.bind, ("127.0.0.1", 80)) == errno.EACCES
""" + STAYS)
        client = self.client()
        self.assertEqual((client["uid"], client["gid"]), (OTHER, 0))
        self.end(program)


@unittest.skipUnless(can(*OWN_USERS), "no user namespaces")
class DaemonInUserNamespaceTest(NamespacesCase):
    daemon_launcher = OWN_USERS

    def test_whom_it_has_not_is_the_overflow_user(self):
        program = self.start_staying(body=BECOMES_OTHER + STAYS)
        client = self.client()
        self.assertEqual((client["uid"], client["gid"]), (OVERFLOW, 0))
        self.end(program)

    def test_whom_it_has_is_known(self):
        program = self.start_staying()
        client = self.client()
        self.assertEqual((client["uid"], client["gid"]), (0, 0))
        self.assertEqual(client["command_line"][0], preload_case.PYTHON)
        self.end(program)


if __name__ == "__main__":
    preload_case.main()
