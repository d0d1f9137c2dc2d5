#!/usr/bin/python3
"""What the daemon has given up when it serves.

Usage: privileges_test.py WSPD PROTO_ROOT
"""

import os
import pwd
import shutil
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "python")]
import service_manager  # noqa: E402
import wire_client  # noqa: E402

WSPD = os.path.abspath(sys.argv[1])
PROTOS = wire_client.load_protos(sys.argv[2])
PROVIDER = PROTOS[1]

EX_NOPERM = 77
CHOWN, BIND_SERVICE, NET_ADMIN, NET_RAW, SYS_PTRACE = 0, 10, 12, 13, 19
LOOPBACK = 0x7F000001
AS_ROOT = unittest.skipUnless(os.geteuid() == 0, "only root can drop it")


def bits(*capabilities):
    return sum(1 << capability for capability in capabilities)


class PrivilegesTest(unittest.TestCase):
    def setUp(self):
        self.manager = service_manager.ServiceManager(WSPD)
        self.manager.__enter__()
        self.addCleanup(self.manager.__exit__, None, None, None)
        self.user = pwd.getpwnam("nobody")

    def start(self, privileges):
        """Starts wspd with the section and gives its /proc/PID/status."""
        # As root makes it: another user can't be given one in /tmp's folder.
        run = os.path.join(self.manager.folder, "run")
        self.manager.provider_socket = os.path.join(run, "wspd.sock")
        self.manager.admin_socket = os.path.join(run, "admin.sock")
        config = os.path.join(self.manager.folder, "wspd.textproto")
        with open(config, "w") as file:
            file.write(f"privileges {{ {privileges} }}\n")
        self.manager.start("--config", config)

    def status(self):
        self.manager.await_ready()
        statuses = []
        pid = self.manager.process.pid
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/status") as file:
                statuses.append(dict(line.rstrip("\n").split(":\t", 1)
                                     for line in file if ":\t" in line))
        return statuses

    def serve(self):
        """A client has a socket and a listener that it connects to."""
        client = wire_client.WireClient(PROTOS, self.manager.provider_socket)
        self.addCleanup(client.close)
        client.attach()
        self.assertEqual(client.call("startup", version_requested=0x0202)
                         .wsa_error, 0)
        return client

    def bind(self, client, port):
        socket_id = client.new_socket_id()
        made = client.call("socket", socket_id,
                           family=PROVIDER.SocketRequest.FAMILY_IPV4,
                           type=PROVIDER.SocketRequest.TYPE_STREAM)
        self.assertEqual(made.wsa_error, 0)
        return client.call("bind", socket_id,
                           address=client.ipv4(LOOPBACK, port)).wsa_error

    @AS_ROOT
    def test_becomes_the_user_and_keeps_one_capability(self):
        self.start('user: "nobody"')
        for status in self.status():
            with self.subTest(thread=status["Name"]):
                uid, gid = str(self.user.pw_uid), str(self.user.pw_gid)
                self.assertEqual(status["Uid"].split(), [uid] * 4)
                self.assertEqual(status["Gid"].split(), [gid] * 4)
                self.assertEqual(status["Groups"].split(), [gid])
                for name in "CapEff", "CapPrm", "CapBnd":
                    self.assertEqual(int(status[name], 16),
                                     bits(BIND_SERVICE), name)
                for name in "CapInh", "CapAmb":
                    self.assertEqual(int(status[name], 16), 0, name)
                self.assertEqual(status["NoNewPrivs"], "1")
                self.assertEqual(status["Seccomp"], "2")
        made = os.stat(self.manager.provider_socket)
        self.assertEqual((made.st_uid, made.st_gid),
                         (self.user.pw_uid, self.user.pw_gid))
        client = self.serve()
        self.assertEqual(self.bind(client, 0), 0)
        # For root, who asks; with the capability.
        self.assertEqual(self.bind(client, 879), 0)
        code, log = self.manager.stop()
        self.assertEqual(code, 0, log)
        self.assertIn("privileges dropped", log)
        self.assertIn("capabilities=cap_net_bind_service ", log)
        self.assertFalse(os.path.exists(self.manager.provider_socket))

    @AS_ROOT
    def test_keeps_what_is_configured(self):
        self.start('user: "65534" net_admin: true net_raw: true '
                   "sys_ptrace: true chown: true system_call_filter: false")
        for status in self.status():
            self.assertEqual(
                int(status["CapEff"], 16),
                bits(CHOWN, BIND_SERVICE, NET_ADMIN, NET_RAW, SYS_PTRACE))
            self.assertEqual(status["NoNewPrivs"], "1")
            self.assertEqual(status["Seccomp"], "0")
        self.assertEqual(self.bind(self.serve(), 0), 0)
        self.assertEqual(self.manager.stop()[0], 0)

    def test_without_a_user_it_stays_who_it_is(self):
        self.start("")
        for status in self.status():
            self.assertEqual(status["Uid"].split(), [str(os.geteuid())] * 4)
            self.assertEqual(status["NoNewPrivs"], "1")
            self.assertEqual(status["Seccomp"], "2")
        self.assertEqual(self.bind(self.serve(), 0), 0)
        code, log = self.manager.stop()
        self.assertEqual(code, 0)
        if os.geteuid() == 0:
            self.assertIn('runs as root cause="privileges.user isn\'t set"',
                          log)

    def refuses(self, privileges, message):
        self.start(privileges)
        code, log = self.manager.wait()
        self.assertEqual(code, EX_NOPERM, log)
        self.assertIn(message, log)

    def test_a_user_who_is_not_there_is_told(self):
        self.refuses('user: "no-such-user"',
                     'there is no user "no-such-user"')

    @AS_ROOT
    def test_only_root_can_become_somebody(self):
        # Outside of the build's folders, which are root's alone.
        program = os.path.join(self.manager.folder, "wspd")
        shutil.copy(WSPD, program)
        self.manager.wspd = program
        os.chmod(self.manager.folder, 0o777)
        self.manager.start_as = self.user.pw_uid
        self.refuses('user: "daemon"', "only root can become another user")
        # Who is that user already, goes on.
        self.start(f'user: "{self.user.pw_uid}"')
        for status in self.status():
            self.assertEqual(int(status["CapPrm"], 16), 0)
            self.assertEqual(status["Seccomp"], "2")
        self.assertEqual(self.manager.stop()[0], 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
