"""What the tests of preloaded programs are made of.

Usage of each: NAME_test.py WSPRUN WSPD WSPCTL [PROGRAM] [--plane=PLANE]

A program runs under wsprun in a network namespace of its own with nothing in
it, not even a loopback interface that is up: what it reaches, it reaches by the
daemon, which is in the test's network.
"""

import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "python"))
import daemon_process  # noqa: E402

PLANE = (sys.argv.pop().partition("=")[2]
         if sys.argv[-1].startswith("--plane=") else "auto")
WSPRUN = os.path.abspath(sys.argv[1])
WSPD = os.path.abspath(sys.argv[2])
WSPCTL = os.path.abspath(sys.argv[3])
PROGRAM = os.path.abspath(sys.argv[4]) if len(sys.argv) > 4 else None

PYTHON = "/usr/bin/python3"
DEADLINE = 60

# What the bodies of programs find.
PRELUDE = """
import ctypes, errno, fcntl, os, signal, socket, struct, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
PORT = int(os.environ["TEST_PORT"])

def own_descriptors():
    '''The library's: sockets, and folders, that the program didn't open.'''
    own = {}
    for name in os.listdir("/proc/self/fd"):
        fd = int(name)
        if fd < 256:
            continue
        try:
            own[fd] = os.readlink(f"/proc/self/fd/{fd}")
        except FileNotFoundError:
            pass
    return own

def raw_dup(fd):
    '''As dup(), of the library's own descriptors too: past the library.'''
    return libc.syscall(32, fd)

def is_relayed(fd):
    '''Past the library: one end of a Unix socket pair.'''
    domain = ctypes.c_int()
    size = ctypes.c_uint(4)
    assert libc.syscall(55, fd, 1, socket.SO_DOMAIN, ctypes.byref(domain),
                        ctypes.byref(size)) == 0
    return domain.value == socket.AF_UNIX

def connection(family=socket.AF_INET):
    '''One to the test's echo server.'''
    host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
    one = socket.socket(family)
    one.settimeout(30)
    one.connect((host, PORT))
    return one

def exchange(one, data=b"ping"):
    one.sendall(data)
    got = b""
    while len(got) < len(data):
        got += one.recv(len(data) - len(got))
    assert got == data, got

def check():
    with connection() as one:
        exchange(one)

def error_of(call, *arguments):
    '''errno of a failing call.'''
    try:
        call(*arguments)
    except OSError as error:
        return error.errno
    return 0

def quickest(call, tries=10):
    '''Seconds of the quickest of some calls: a busy machine may be late by
    itself, but not each time.'''
    took = []
    for _ in range(tries):
        begin = time.monotonic()
        call()
        took.append(time.monotonic() - begin)
    return min(took)

def wait_for(child):
    '''Its exit status.'''
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def in_child(body):
    '''Runs it in a forked child, which has to succeed.'''
    child = os.fork()
    if child == 0:
        status = 1
        try:
            body()
            status = 0
        finally:
            os._exit(status)
    assert wait_for(child) == 0
"""


def bare_network():
    """The command that has a program run without a network."""
    for command in (["unshare", "--net"],
                    ["unshare", "--map-root-user", "--net"]):
        if subprocess.run(command + ["true"], check=False,
                          stderr=subprocess.DEVNULL).returncode == 0:
            return command
    raise unittest.SkipTest("no network namespaces")


class EchoServer:
    """On TCP and UDP of one port, IPv4 and IPv6."""

    def __init__(self):
        while not self._bind():
            pass
        for serve in (self._accept, self._answer):
            threading.Thread(target=serve, daemon=True).start()

    def _bind(self):
        """False: somebody else has the port of the one for the other."""
        self.listener = socket.create_server(
            ("::", 0), family=socket.AF_INET6, dualstack_ipv6=True, backlog=512)
        self.port = self.listener.getsockname()[1]
        self.datagrams = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.datagrams.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        try:
            self.datagrams.bind(("::", self.port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            self.listener.close()
            self.datagrams.close()
            return False
        return True

    def _accept(self):
        while True:
            try:
                one, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=(one,),
                             daemon=True).start()

    @staticmethod
    def _echo(one):
        with one:
            try:
                while data := one.recv(65536):
                    one.sendall(data)
            except OSError:
                pass

    def _answer(self):
        while True:
            try:
                data, sender = self.datagrams.recvfrom(65536)
                if sender is None:  # shut down
                    return
                self.datagrams.sendto(data, sender)
            except OSError:
                return

    def close(self):
        # Wakes who waits in them.
        for one in (self.listener, self.datagrams):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()


class NameServer:
    """DNS over UDP: knows A records, and names that have none ("empty."); says
    nothing of "silent." names, and NXDOMAIN of all others."""

    def __init__(self, addresses):
        self.addresses = addresses
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = "%s:%d" % self.socket.getsockname()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                question, sender = self.socket.recvfrom(65536)
            except OSError:
                return
            if sender is None:  # shut down
                return
            if answer := self._answer(question):
                self.socket.sendto(answer, sender)

    def _answer(self, question):
        labels, at = [], 12
        while size := question[at]:
            labels.append(question[at + 1:at + 1 + size].decode())
            at += 1 + size
        name = ".".join(labels).lower()
        if labels[0] == "silent":
            return None
        kind = int.from_bytes(question[at + 1:at + 3], "big")
        known = name in self.addresses or labels[0] == "empty"
        answers = b""
        if kind == 1 and name in self.addresses:
            answers = (b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04" +
                       socket.inet_aton(self.addresses[name]))
        return (question[:2] + (b"\x81\x80" if known else b"\x81\x83") +
                b"\0\x01\0" + (b"\x01" if answers else b"\0") +
                b"\0\0\0\0" + question[12:at + 5] + answers)

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


class PreloadCase(unittest.TestCase):
    """A daemon, and an echo server that it reaches."""

    daemon_flags = ()
    # A command that runs the daemon in other namespaces.
    daemon_launcher = ()
    # What runs programs.
    wsprun_path = WSPRUN
    python = PYTHON

    def setUp(self):
        self.bare_network = bare_network()
        self.server = EchoServer()
        self.addCleanup(self.server.close)
        self.daemon = daemon_process.DaemonProcess(
            WSPD, *self.flags(), launcher=self.daemon_launcher)
        self.daemon.__enter__()
        self.addCleanup(self.stop)

    def flags(self):
        return self.daemon_flags

    def configure(self, hosts, addresses=(), more=""):
        """Flags for a daemon that has its names from there, and more in its
        configuration."""
        server = NameServer(dict(addresses))
        self.addCleanup(server.close)
        folder = self.temporary_folder()
        hosts_file = os.path.join(folder, "hosts")
        with open(hosts_file, "w", encoding="utf-8") as file:
            file.write(hosts)
        options = os.path.join(folder, "options")
        with open(options, "w", encoding="utf-8") as file:
            file.write("options timeout:1 attempts:1\n")
        return self.configuration(
            f'resolver {{ servers: "{server.address}" '
            f'resolv_conf: "{options}" hosts_file: "{hosts_file}" }} {more}')

    def configuration(self, text):
        """Flags for a daemon with this one."""
        config = os.path.join(self.temporary_folder(), "config")
        with open(config, "w", encoding="utf-8") as file:
            file.write(text)
        return "--config", config

    def temporary_folder(self):
        folder = tempfile.mkdtemp(prefix="wspd-preload.", dir="/tmp")
        self.addCleanup(shutil.rmtree, folder)
        return folder

    def stop(self):
        self.continue_daemon()
        self.daemon.__exit__(None, None, None)
        outcome = self._outcome.result
        if any(case is self for case, _ in outcome.failures + outcome.errors):
            print("\n".join(self.daemon.log[-50:]))

    def kill_daemon(self):
        self.daemon.process.kill()
        self.daemon.process.wait()

    def pause_daemon(self):
        """It says nothing from now on, until it is continued."""
        self.daemon.process.send_signal(signal.SIGSTOP)
        _, status = os.waitpid(self.daemon.process.pid, os.WUNTRACED)
        self.assertTrue(os.WIFSTOPPED(status), status)

    def continue_daemon(self):
        self.daemon.process.send_signal(signal.SIGCONT)

    def restart_daemon(self):
        """On the paths that it had."""
        os.remove(os.path.join(self.daemon.folder, "notify"))
        self.daemon.__enter__()

    def environment(self):
        return {**os.environ, "TEST_PORT": str(self.server.port)}

    def wsprun(self, *arguments, options=(), **settings):
        """Starts a program under wsprun, without a network."""
        return subprocess.Popen(
            self.bare_network +
            [self.wsprun_path, "--socket", self.daemon.provider_socket,
             "--plane", PLANE, *options, "--", *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
            env={**self.environment(), **settings.pop("env", {})}, **settings)

    def start(self, body, **settings):
        """Starts Python with PRELUDE and the body."""
        path = os.path.join(self.daemon.folder, "program.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write(PRELUDE + textwrap.dedent(body))
        return self.wsprun(self.python, "-B", path, **settings)

    def finish(self, process, expected=0, deadline=DEADLINE):
        """Waits for its end. What it wrote."""
        try:
            output, errors = process.communicate(timeout=deadline)
        except subprocess.TimeoutExpired:
            process.kill()
            output, errors = process.communicate()
            self.fail(f"went on and on: {output}{errors}")
        self.assertEqual(process.returncode, expected, output + errors)
        return output

    def run_body(self, body, expected=0, **settings):
        """Runs Python with PRELUDE and the body. What it wrote."""
        return self.finish(self.start(body, **settings), expected)

    def wspctl(self, *arguments):
        """What the daemon shows, an object a line."""
        output = subprocess.run(
            [WSPCTL, "--socket", self.daemon.admin_socket, "--json",
             *arguments],
            check=True, capture_output=True, text=True).stdout
        return [json.loads(line) for line in output.splitlines()]

    def expect_line(self, process, wanted):
        """The process writes this line next."""
        line = process.stdout.readline().rstrip("\n")
        if line != wanted:
            process.kill()
            output, errors = process.communicate()
            self.fail(f"expected {wanted!r}, got {line!r}: {output}{errors}")

    def go_on(self, process, word="go"):
        process.stdin.write(word + "\n")
        process.stdin.flush()


class WatchingCase(PreloadCase):
    """The same with `self.watch`: all events from the daemon's start on, each
    a line of JSON."""

    def setUp(self):
        super().setUp()
        self.watch = subprocess.Popen(
            [WSPCTL, "--socket", self.daemon.admin_socket,
             "--json", "watch", "--from", "1"],
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end_watch)

    def end_watch(self):
        self.watch.terminate()
        self.watch.wait()
        self.watch.stdout.close()


def main():
    unittest.main(argv=sys.argv[:1] +
                  os.environ.get("TESTS", "").split(), verbosity=2)
