"""deploy/compose, as it is: a daemon with a network, and programs without one in
containers of their own."""

import json
import os
import shutil
import unittest
import urllib.error
import urllib.request

import engine
import testbed

COMPOSE = os.path.join(engine.ROOT, "deploy/compose")
OWN = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                   "compose_test.yaml")


class ComposeCase(unittest.TestCase):
    """A project that is up: wspd, server, and guest."""
    FILES = ["compose.yaml"]

    @classmethod
    def setUpClass(cls):
        if shutil.which("docker-compose") is None:
            raise unittest.SkipTest("docker-compose isn't installed")
        cls.engine, _ = testbed.shared_with_programs()
        testbed.require_network(cls.engine)
        cls.engine.serve()
        cls.project = cls.__name__.lower()
        cls.addClassCleanup(cls.compose, "down", "-v", "-t", "5")
        cls.compose("up", "-d", "--no-build", "wspd", "server")
        # Nobody else asks where there is no systemd; what depends on it waits
        # for that.
        cls.engine.await_health(cls.container("wspd"))
        cls.compose("up", "-d", "--no-build", "guest")

    @classmethod
    def compose(cls, *arguments, check=True, **environment):
        files = [os.path.join(COMPOSE, name) for name in cls.FILES] + [OWN]
        command = ["docker-compose", "--no-ansi", "-p", cls.project]
        for file in files:
            command += ["-f", file]
        method = cls.engine.run if check else cls.engine.attempt
        return method(*command, *arguments,
                      env={**cls.engine.environment, **environment})

    @classmethod
    def container(cls, service):
        return f"{cls.project}_{service}_1"

    def wspctl(self, *arguments):
        return self.engine.podman("exec", self.container("wspd"), "wspctl",
                                  *arguments)

    def clients(self):
        return [json.loads(line)
                for line in self.wspctl("--json", "clients").splitlines()]

    def url(self, service):
        address = self.engine.address(self.container(service))
        return f"http://{address}:{testbed.PORT}/"

    def answer_of_guest(self):
        """What whoever asks wspd's address gets; None while nobody listens."""
        try:
            with urllib.request.urlopen(self.url("wspd"), timeout=20) as answer:
                return answer.read().decode()
        except (urllib.error.URLError, ConnectionError):
            return None

    def await_guest(self):
        engine.wait_until("the guest to serve",
                          lambda: self.answer_of_guest() == testbed.ANSWER)

    def fetch_in_guest(self, *launcher):
        return self.engine.try_podman(
            "exec", self.container("guest"), *launcher, "curl", "-sS",
            "--max-time", "20", self.url("server"))


class ComposeTest(ComposeCase):
    def test_a_program_without_a_network_fetches(self):
        output = self.compose("up", "--no-build", "--exit-code-from", "app",
                              "app", URL=self.url("server"))
        self.assertIn(testbed.ANSWER, output)

    def test_what_the_program_fails_with_is_what_compose_does(self):
        result = self.compose("up", "--no-build", "--exit-code-from", "app",
                              "app", check=False, URL="http://127.0.0.1:1/")
        self.assertEqual(result.returncode, 7, result)

    def test_a_program_without_a_network_serves(self):
        self.await_guest()

    def test_it_has_none_but_by_wspd(self):
        result = self.fetch_in_guest()
        self.assertEqual(result.returncode, 7, result)
        self.assertEqual(self.fetch_in_guest("wsprun").stdout, testbed.ANSWER)
        self.assertEqual(
            self.fetch_in_guest("wsprun", "--plane", "relayed").stdout,
            testbed.ANSWER)

    def test_who_is_not_in_the_group_may_not_attach(self):
        result = self.engine.try_podman(
            "run", "--rm", "--network", "none", "--user", "1001:1001",
            "--volumes-from", self.container("guest"), testbed.APP, "wsprun",
            "curl", "-sS", self.url("server"))
        self.assertEqual(result.returncode, 125, result)
        self.assertIn("Permission denied", result.stderr)

    def test_clients_do_not_reach_where_wspctl_asks(self):
        listing = self.engine.podman(
            "run", "--rm", "--network", "none", "--volumes-from",
            self.container("guest"), "-v", "/usr:/usr:ro", testbed.APP,
            "ls", "/run/wspd")
        self.assertEqual(sorted(listing.split()), ["wspd.sock",
                                                   "wspd.sock.lock"])

    def test_clients_are_known_by_user_and_group(self):
        self.await_guest()
        for client in self.clients():
            self.assertEqual((client["pid"], client["uid"], client["gid"]),
                             (0, 1000, 65532), client)
            self.assertFalse(client.get("command_line"), client)
        rows = self.wspctl("clients").splitlines()
        column = rows[0].split().index("PID")
        self.assertEqual({row.split()[column] for row in rows[1:]}, {"-"})

    def test_their_death_is_noticed(self):
        self.await_guest()
        self.engine.podman("kill", "-s", "KILL", self.container("guest"))
        engine.wait_until("the guest's end", lambda: not self.clients())
        self.assertIsNone(self.answer_of_guest())
        self.engine.podman("start", self.container("guest"))
        self.await_guest()

    def test_a_daemon_that_is_started_again_is_found(self):
        self.engine.podman("restart", "-t", "10", self.container("wspd"))
        self.engine.await_health(self.container("wspd"))
        result = self.fetch_in_guest("wsprun")
        self.assertEqual(result.stdout, testbed.ANSWER, result)
        # Its listener was relayed or lent by the daemon before.
        self.engine.podman("restart", "-t", "0", self.container("guest"))
        self.await_guest()


class SharedPidTest(ComposeCase):
    FILES = ["compose.yaml", "shared_pid.yaml"]

    def test_clients_are_identified_in_full(self):
        self.await_guest()
        pid = self.engine.inspect(self.container("guest"))["State"]["Pid"]
        clients = {client["pid"]: client for client in self.clients()}
        self.assertIn(pid, clients)
        for client in clients.values():
            self.assertEqual((client["uid"], client["gid"]), (1000, 65532))
            self.assertIn("nginx", client["command_line"][0])
            # Where the machine has no control groups to give there is none.
            if client["container_id"]:
                self.assertEqual(
                    client["container_id"],
                    self.engine.inspect(self.container("guest"))["Id"])

    def test_their_death_is_noticed(self):
        self.await_guest()
        self.engine.podman("kill", "-s", "KILL", self.container("guest"))
        engine.wait_until("the guest's end", lambda: not self.clients())
        self.engine.podman("start", self.container("guest"))
        self.await_guest()


if __name__ == "__main__":
    unittest.main()
