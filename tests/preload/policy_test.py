#!/usr/bin/python3
"""Rules: what programs may not do, and what becomes of it when the rules change.

Usage: policy_test.py WSPRUN WSPD WSPCTL --plane=auto
"""

import json
import os
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
        self.assert_refusals(program)
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

    def test_what_a_rule_logs_the_rules_behind_it_decide(self):
        program = self.start(PROGRAM)
        self.assertIn("rules=2", self.reload(
            'policy { rules { name: "seen" verdict: LOG actions: CONNECT '
            'addresses: "127.0.0.2/31" } '
            'rules { name: "no three" verdict: DENY addresses: "127.0.0.3" } '
            '}'))
        # By other rules; of what is lent there is no line.
        self.ask(program, "forget", "all")
        self.assertEqual(self.ask(program, "connect", "127.0.0.1"), "fine")
        self.assertEqual(self.ask(program, "bind", "127.0.0.2"), "fine")
        self.assertEqual(self.ask(program, "connect", "127.0.0.2"), "fine")
        self.assertEqual(self.ask(program, "connect", "127.0.0.3"), "EACCES")
        whose = f"pid={program.pid} uid={os.getuid()}"
        self.assertIsNotNone(self.daemon.await_line(
            "denied by policy", 'rule="no three"', "action=connect", whose,
            "address=127.0.0.3"))
        # Lines come in the order of what they tell of: these are all.
        logged = [line for line in self.daemon.log if "policy logs" in line]
        self.assertEqual(len(logged), 2, logged)
        for line, address in zip(logged, ("127.0.0.2", "127.0.0.3")):
            for words in ('rule=seen', "action=connect", whose,
                          f"address={address} port={self.server.port}"):
                self.assertIn(words, line)
        (denied,) = self.refusals(1)
        self.assertEqual((denied["detail"], denied["peer"]),
                         ("no three", f"127.0.0.3:{self.server.port}"))
        # What was only logged is no event.
        self.reload("")
        self.assertEqual(self.ask(program, "connect", "127.0.0.3"), "fine")
        program.stdin.close()
        self.finish_closed(program)

    def assert_refusals(self, program):
        """They are events of the client that the program is now, of the plane
        that it has now: it was lent sockets by other rules."""
        (client,) = [
            json.loads(line) for line in self.wspctl("clients").splitlines()]
        self.assertEqual(client["pid"], program.pid)
        refused = self.refusals(3, "--plane", "relayed", str(program.pid))
        self.assertEqual(
            [(event["action"], event["client_id"], event["plane"],
              event["detail"], event["uid"], event["host"])
             for event in refused],
            [("POLICY_ACTION_" + action, client["client_id"], "PLANE_RELAYED",
              "no two", client["uid"], "")
             for action in ("CONNECT", "SEND", "BIND")])
        for event in refused:
            bound = event["action"] == "POLICY_ACTION_BIND"
            self.assertEqual(
                (event["local"], event["peer"]),
                ("127.0.0.2:0", "-") if bound
                else ("-", f"127.0.0.2:{self.server.port}"))
            self.assertNotEqual(event["socket_id"], "0")
        # Each is the life of a socket that is told of, too.
        first = f"{client['client_id']}/{int(refused[0]['socket_id']):016x}"
        opened, again = self.watched(
            2, "--kind", "socket_opened,socket_refused", "--id", first)
        self.assertEqual(
            (opened["kind"], opened["client_id"], opened["cookie"]),
            ("KIND_SOCKET_OPENED", client["client_id"], again["cookie"]))
        self.assertEqual(again, refused[0])

    def wspctl(self, *arguments):
        return subprocess.run(
            [preload_case.WSPCTL, "--socket", self.daemon.admin_socket,
             "--json", *arguments], stdout=subprocess.PIPE, text=True,
            check=True, timeout=preload_case.DEADLINE).stdout

    def refusals(self, count, *filters):
        return self.watched(count, "--kind", "socket_refused", *filters)

    def watched(self, count, *filters):
        """The first events of those since the daemon's start that these let
        through, as `wspctl watch` says them."""
        with subprocess.Popen(
                [preload_case.WSPCTL, "--socket", self.daemon.admin_socket,
                 "--json", "watch", "--from", "1", *filters],
                stdout=subprocess.PIPE, text=True) as watch:
            events = [json.loads(watch.stdout.readline())
                      for _ in range(count)]
            watch.terminate()
        return events

    def finish_closed(self, program):
        self.assertEqual(program.wait(preload_case.DEADLINE), 0,
                         program.stderr.read())
        program.stdout.close()
        program.stderr.close()


if __name__ == "__main__":
    preload_case.main()
