#!/usr/bin/python3
"""Rules by the names of hosts: programs reach an address that the daemon found
for them by an allowed name, and none that they have from elsewhere.

Usage: host_rules_test.py WSPRUN WSPD WSPCTL WSPCAT --plane=auto
"""

import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import preload_case  # noqa: E402

GOOD, BAD, BELOW = "127.0.0.2", "127.0.0.3", "127.0.0.4"
RULES = """
policy {
  otherwise: DENY
  rules {
    name: "what may be reached"
    verdict: ALLOW
    hosts: "good.example"
    hosts: "*.inner.example"
  }
}
"""

# Does what it reads, a line at a time.
PROGRAM = """
def connect(host):
    with socket.socket() as one:
        one.settimeout(30)
        return errno.errorcode.get(error_of(one.connect, (host, PORT)), "fine")

def send(host):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(30)
        # On a relayed socket the next call says so.
        error = (error_of(one.sendto, b"x", (host, PORT)) or
                 error_of(one.recv, 1))
        return errno.errorcode.get(error, "fine")

def find(name):
    try:
        return socket.getaddrinfo(name, 0, socket.AF_INET,
                                  socket.SOCK_STREAM)[0][4][0]
    except socket.gaierror:
        return "not found"

def fork_and_connect(host):
    result = os.memfd_create("result")
    in_child(lambda: os.write(result, connect(host).encode()))
    return os.pread(result, 100, 0).decode()

print("ready", flush=True)
while line := sys.stdin.readline():
    call, argument = line.split()
    print(globals()[call](argument), flush=True)
"""


class HostRulesTest(preload_case.PreloadCase):

    def flags(self):
        return self.configure(
            f"{BELOW} www.inner.example\n",
            {"good.example": GOOD, "bad.example": BAD}, RULES)

    def start_program(self):
        program = self.start(PROGRAM)
        self.addCleanup(self.end, program)
        self.expect_line(program, "ready")
        return program

    def end(self, program):
        program.kill()
        program.communicate()

    def expect(self, program, line, wanted):
        self.go_on(program, line)
        got = program.stdout.readline().rstrip("\n")
        self.assertEqual(got, wanted, line)

    def test_an_address_is_reached_once_it_is_found_by_its_name(self):
        program = self.start_program()
        for call in "connect", "send":
            self.expect(program, f"{call} {GOOD}", "EACCES")
        self.expect(program, "find good.example", GOOD)
        for call in "connect", "send":
            self.expect(program, f"{call} {GOOD}", "fine")
            for host in BAD, BELOW, "127.0.0.1":
                self.expect(program, f"{call} {host}", "EACCES")

    def test_names_below_one_by_the_hosts_file(self):
        program = self.start_program()
        self.expect(program, f"connect {BELOW}", "EACCES")
        self.expect(program, "find www.inner.example", BELOW)
        self.expect(program, f"connect {BELOW}", "fine")

    def test_other_names_are_not_found(self):
        program = self.start_program()
        self.expect(program, "find bad.example", "not found")
        self.expect(program, f"connect {BAD}", "EACCES")

    def test_what_one_process_found_is_of_no_use_to_others(self):
        program, other = self.start_program(), self.start_program()
        self.expect(program, "find good.example", GOOD)
        self.expect(program, f"connect {GOOD}", "fine")
        self.expect(other, f"connect {GOOD}", "EACCES")
        self.assertIn("WSAEACCES", self.wspcat(GOOD))
        self.expect(other, "find good.example", GOOD)
        self.expect(other, f"connect {GOOD}", "fine")

    def test_a_forked_child_looks_up_for_itself(self):
        program = self.start_program()
        self.expect(program, "find good.example", GOOD)
        self.expect(program, f"fork_and_connect {GOOD}", "EACCES")

    def wspcat(self, host):
        """What a client by libwsp.so, which knows the address alone, says."""
        library = os.path.join(os.path.dirname(preload_case.WSPRUN),
                               "libwsp.so")
        done = subprocess.run(
            [*preload_case.bare_network(), preload_case.PROGRAM, "--provider",
             library, "connect", host, str(self.server.port)], input="ping",
            capture_output=True, text=True, check=False,
            timeout=preload_case.DEADLINE,
            env={**os.environ, "WSPD_SOCKET": self.daemon.provider_socket})
        return done.stdout if done.returncode == 0 else done.stderr


if __name__ == "__main__":
    preload_case.main()
