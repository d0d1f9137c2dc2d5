#!/usr/bin/python3
"""Rules: what programs may not do, and what becomes of it when the rules change.

Usage: policy_test.py WSPRUN WSPD WSPCTL --plane=auto
"""

import signal
import subprocess
import time

import preload_case

# What is denied, and what isn't; a line at a time.
PROGRAM = """
def connect(host):
    with socket.socket() as one:
        one.settimeout(30)
        return error_of(one.connect, (host, PORT))

def send(host):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(30)
        # On a relayed socket the next call says so.
        return (error_of(one.sendto, b"x", (host, PORT)) or
                error_of(one.recv, 1))

def bind(host):
    with socket.socket() as one:
        return error_of(one.bind, (host, 0))

def forget(host):
    '''Sockets that were lent before they were wanted.'''
    for one in [socket.socket() for _ in range(8)]:
        one.close()
    return 0

kept = connection()
while line := sys.stdin.readline():
    call, host = line.split()
    exchange(kept)
    print(errno.errorcode.get(globals()[call](host), "fine"), flush=True)
"""


class PolicyTest(preload_case.PreloadCase):

    def flags(self):
        flags = self.configuration("")
        self.config = flags[1]
        return flags

    def write(self, text):
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)

    def reload(self, text):
        """What the daemon says to it."""
        seen = len(self.daemon.log)
        self.write(text)
        self.daemon.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + preload_case.DEADLINE
        while time.monotonic() < deadline:
            for line in self.daemon.log[seen:]:
                if " configuration " in line:
                    return line
            time.sleep(0.01)
        self.fail("nothing was read anew")

    def ask(self, program, call, host):
        self.go_on(program, f"{call} {host}")
        return program.stdout.readline().rstrip("\n")

    def test_rules_apply_from_the_moment_they_are_read(self):
        program = self.start(PROGRAM)
        for call in "connect", "send", "bind":
            self.assertEqual(self.ask(program, call, "127.0.0.2"), "fine")
        line = self.reload('policy { rules { name: "no two" verdict: DENY '
                           'uids: "root" uids: "0-4000000000" '
                           'addresses: "127.0.0.2" } }')
        self.assertIn("read anew", line)
        self.assertIn("rules=1", line)
        self.ask(program, "forget", "all")
        for call in "connect", "send", "bind":
            self.assertEqual(self.ask(program, call, "127.0.0.2"), "EACCES")
            self.assertEqual(self.ask(program, call, "127.0.0.1"), "fine")
        self.assertTrue(any('denied by policy' in line and 'rule="no two"' in
                            line for line in self.daemon.log))
        self.assertIn('"detail":"no two"', self.first_refusal())
        # What is wrong changes nothing, and says where.
        line = self.reload('policy {\n rules { verdict: DENY ports: "x" } }')
        self.assertIn("nothing has changed", line)
        self.assertIn("config:2:", line)
        self.assertEqual(self.ask(program, "connect", "127.0.0.2"), "EACCES")
        self.assertEqual(self.ask(program, "connect", "127.0.0.1"), "fine")
        self.reload("")
        self.assertEqual(self.ask(program, "connect", "127.0.0.2"), "fine")
        program.stdin.close()
        self.finish_closed(program)

    def first_refusal(self):
        """The first event of its kind, as `wspctl watch` says it."""
        with subprocess.Popen(
                [preload_case.WSPCTL, "--socket", self.daemon.admin_socket,
                 "--json", "watch", "--from", "1", "--kind", "socket_refused"],
                stdout=subprocess.PIPE, text=True) as watch:
            line = watch.stdout.readline()
            watch.terminate()
        return line.replace(": ", ":")

    def finish_closed(self, program):
        self.assertEqual(program.wait(preload_case.DEADLINE), 0,
                         program.stderr.read())
        program.stdout.close()
        program.stderr.close()


if __name__ == "__main__":
    preload_case.main()
