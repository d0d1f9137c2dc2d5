"""Rules by container: what wspd on the host, and wspd in a container that sees
the host's processes, lets the clients of real containers do."""

import http.server
import json
import os
import subprocess
import sys
import threading
import unittest

import engine
import testbed

sys.path.insert(0, os.path.join(engine.ROOT, "tests", "python"))
import daemon_process  # noqa: E402

WSPD = os.path.join(testbed.BINARIES, "daemon/wspd")
WSPCTL = os.path.join(testbed.BINARIES, "daemon/wspctl/wspctl")
# curl: what was asked for couldn't be connected to.
REFUSED = 7


class Server(http.server.ThreadingHTTPServer):
    """Answers on the host's loopback interface."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802
            self.send_response(200)
            self.end_headers()
            self.wfile.write(testbed.ANSWER.encode())

        def log_message(self, *arguments):
            pass

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.url = "http://127.0.0.1:%d/" % self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()


class ContainerRulesTest(unittest.TestCase):
    """With wspd on the host."""

    # Of the configuration, before the rules.
    settings = ""

    @classmethod
    def setUpClass(cls):
        cls.engine, cls.image = testbed.shared_with_programs()

    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.close)
        self.start_daemon()
        # They have their ids before they run.
        self.one, self.other = self.create("one"), self.create("other")
        self.require_groups(self.one)

    def start_daemon(self):
        self.write_rules("")
        daemon = daemon_process.DaemonProcess(WSPD, "--config", self.config)
        daemon.__enter__()
        self.addCleanup(daemon.__exit__, None, None, None)
        self.folder = daemon.folder
        self.wspctl = [WSPCTL, "--socket", daemon.admin_socket]

    def write_rules(self, text):
        self.config = os.path.join(self.engine.folder, "wspd.textproto")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(f"{self.settings} policy {{ {text} }}")
        os.chmod(self.config, 0o644)

    def create(self, name):
        """A container whose program fetches from the server; its id."""
        container = self.engine.podman(
            "create", "--name", name, "--network", "none", "--read-only",
            "--cap-drop", "all", "-v", f"{self.folder}:/run/wspd:ro",
            testbed.APP, "wsprun", *self.plane(), "curl", "-sS", "--max-time",
            "20", self.server.url)
        self.addCleanup(self.engine.try_podman, "rm", "-f", "-v", "-t", "0",
                        name)
        return container

    @staticmethod
    def plane():
        return []

    def require_groups(self, container):
        """Skips where containers get no groups in the unified hierarchy."""
        self.assertEqual(self.fetch(container), testbed.ANSWER)
        holder = self.engine.podman(
            "run", "-d", "--network", "none", testbed.SERVER, "nginx", "-c",
            "/etc/nginx.conf")
        self.addCleanup(self.engine.try_podman, "rm", "-f", "-t", "0", holder)
        pid = self.engine.inspect(holder)["State"]["Pid"]
        with open(f"/proc/{pid}/cgroup", encoding="ascii") as file:
            unified = [line for line in file if line.startswith("0::")]
        if not any(holder in line for line in unified):
            self.skipTest("no unified control groups for containers here")

    def fetch(self, container):
        """What its program gets; None if it may not."""
        result = self.engine.try_podman("start", "-a", container)
        if result.returncode == REFUSED:
            return None
        self.assertEqual(result.returncode, 0, result)
        return result.stdout

    def rule(self, text):
        """The rules are this from now on."""
        self.write_rules(text)
        self.engine.run(*self.wspctl, "reload")

    def refusal(self, name):
        """The first event of a refusal by the rule of that name."""
        with subprocess.Popen(
                [*self.wspctl, "--json", "watch", "--from", "1", "--kind",
                 "socket_refused"], stdout=subprocess.PIPE, text=True,
                env=self.engine.environment) as watch:
            try:
                while True:
                    event = json.loads(watch.stdout.readline())
                    if event["detail"] == name:
                        return event
            finally:
                watch.terminate()

    def test_a_container_is_denied_and_no_other(self):
        # By the whole id, and by what `podman ps` shows of it.
        for denied, allowed, digits in ((self.one, self.other, 64),
                                        (self.other, self.one, 12)):
            name = f"not {denied[:12]}"
            self.rule(f'rules {{ name: "{name}" verdict: DENY actions: CONNECT '
                      f'containers: "{denied[:digits]}" }}')
            self.assertIsNone(self.fetch(denied))
            self.assertEqual(self.fetch(allowed), testbed.ANSWER)
            event = self.refusal(name)
            self.assertEqual(
                (event["action"], event["plane"], event["uid"]),
                ("POLICY_ACTION_CONNECT", "PLANE_RELAYED", 0))
            self.assertNotEqual(event["client_id"], "0")

    def test_a_container_alone_is_allowed(self):
        self.rule("otherwise: DENY rules { verdict: ALLOW "
                  f'containers: "{self.one}" }}')
        self.assertEqual(self.fetch(self.one), testbed.ANSWER)
        self.assertIsNone(self.fetch(self.other))

    def test_who_is_in_no_container_is_none_of_them(self):
        fetch = [os.path.join(testbed.BINARIES, "client_stub/wsprun"),
                 *self.plane(), "curl", "-sS", "--max-time", "20",
                 self.server.url]
        environment = {**os.environ,
                       "WSPD_SOCKET": f"{self.folder}/wspd.sock"}
        for rules, status in (
                (f'rules {{ verdict: DENY containers: "{self.one}" }}', 0),
                ("otherwise: DENY rules { verdict: ALLOW "
                 f'containers: "{self.one}" }}', REFUSED)):
            self.rule(rules)
            result = self.engine.attempt(*fetch, env=environment)
            self.assertEqual(result.returncode, status, result)


class RelayedContainerRulesTest(ContainerRulesTest):
    """Also of clients that nothing is lent to."""

    @staticmethod
    def plane():
        return ["--plane", "relayed"]


class DaemonInContainerTest(ContainerRulesTest):
    """wspd in a container of its own, which sees the host's processes, and
    control groups from where it is."""

    settings = 'admin_socket: "/run/wspd-admin/admin.sock"'
    # It would be the host's.
    test_who_is_in_no_container_is_none_of_them = None

    def start_daemon(self):
        self.write_rules("")
        self.folder = os.path.join(self.engine.folder, "sockets")
        os.makedirs(self.folder, exist_ok=True)
        os.chmod(self.folder, 0o777)
        self.engine.podman(
            "run", "-d", "--name", "wspd", "--network", "host", "--pid",
            "host", "--cgroupns", "private", "--user", "0:0", "--read-only",
            "-v", f"{self.config}:/etc/wspd/wspd.textproto:ro", "-v",
            f"{self.folder}:/run/wspd", self.image)
        self.addCleanup(self.engine.try_podman, "rm", "-f", "-v", "-t", "0",
                        "wspd")
        self.engine.await_health("wspd")
        self.wspctl = ["podman", "exec", "wspd", "wspctl"]


if __name__ == "__main__":
    unittest.main()
