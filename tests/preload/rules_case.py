"""What the tests of rules are made of: a daemon whose configuration is written
anew, and programs of several users."""

import json
import os
import shutil
import signal
import subprocess
import time
import unittest

import preload_case

FAR, NEAR = "127.0.0.2", "127.0.0.1"

# Says what becomes of a connect to each address that it reads.
CONNECTS = """
print("ready", flush=True)
while line := sys.stdin.readline():
    # Sockets that were lent before they were wanted, and are by no later rule.
    for early in [socket.socket() for _ in range(8)]:
        early.close()
    with socket.socket() as one:
        one.settimeout(30)
        error = error_of(one.connect, (line.strip(), PORT))
    print(errno.errorcode.get(error, "fine"), flush=True)
"""


def as_user(uid, gid=None, groups=()):
    """The command that runs a program as another user."""
    groups = (["--groups", ",".join(str(group) for group in groups)] if groups
              else ["--clear-groups"])
    return ["setpriv", f"--reuid={uid}", f"--regid={gid or uid}", *groups]


def need_users():
    """Skips the test where there is one user only."""
    if subprocess.run([*as_user(70001), "true"], check=False,
                      stderr=subprocess.DEVNULL).returncode != 0:
        print("skipped: only root can run programs as other users", flush=True)
        raise unittest.SkipTest("there is one user only")


class RulesCase(preload_case.PreloadCase):
    """Every user may attach, and run the programs in the daemon's folder."""

    # What the daemon is started with.
    config = ""

    def setUp(self):
        super().setUp()
        os.chmod(self.daemon.folder, 0o755)
        os.chmod(self.daemon.provider_socket, 0o666)
        # The build's folders are root's alone.
        self.wsprun_path = self.copy(preload_case.WSPRUN)
        self.copy(os.path.join(os.path.dirname(preload_case.WSPRUN),
                               "libwsp_preload.so"))

    def flags(self):
        flags = self.configuration(self.config)
        self.config_path = flags[1]
        return flags

    def copy(self, path, name=""):
        return shutil.copy(path, os.path.join(self.daemon.folder, name))

    def reload(self, text):
        """The configuration is this from now on."""
        seen = len(self.daemon.log)
        with open(self.config_path, "w", encoding="utf-8") as file:
            file.write(text)
        os.kill(self.daemon.pid(), signal.SIGHUP)
        deadline = time.monotonic() + preload_case.DEADLINE
        while not any("configuration read anew" in line
                      for line in self.daemon.log[seen:]):
            self.assertLess(time.monotonic(), deadline,
                            self.daemon.log[seen:])
            time.sleep(0.01)

    def rule(self, text):
        """The rules are these."""
        self.reload(f"policy {{ {text} }}")

    def start_under(self, launcher, body=CONNECTS, **settings):
        """A program without a network; a command ahead of it says whose."""
        return self.start_by([*preload_case.bare_network(), *launcher], body,
                             **settings)

    def start_by(self, command, body=CONNECTS, **settings):
        """A program that this command runs."""
        self.bare_network = command
        program = self.start(body, **settings)
        self.addCleanup(self.end, program)
        self.expect_line(program, "ready")
        return program

    def end(self, program):
        program.kill()
        program.communicate()

    def ask(self, program, line):
        """What it says to a line."""
        self.go_on(program, line)
        return program.stdout.readline().rstrip("\n")

    def refusals(self, count):
        """The first of them: by which rule, and of which process."""
        with subprocess.Popen(
                [preload_case.WSPCTL, "--socket", self.daemon.admin_socket,
                 "--json", "watch", "--from", "1", "--kind", "socket_refused"],
                stdout=subprocess.PIPE, text=True) as watch:
            events = [json.loads(watch.stdout.readline())
                      for _ in range(count)]
            watch.terminate()
        return [(event["detail"], event["pid"]) for event in events]
