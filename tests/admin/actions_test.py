#!/usr/bin/python3
"""What administrators do to a daemon and its clients, and who they are."""

import json
import os
import pwd
import signal
import socket
import time
import unittest

import admin_case
import grpc
from admin_case import ADMIN

ALLOWED_GROUP = 60123
OTHER_GROUP = 60124
AS_ROOT = unittest.skipUnless(os.geteuid() == 0,
                              "only root can be somebody else")


class DisconnectTest(admin_case.AdminCase):
    def setUp(self):
        super().setUp()
        self.start()

    def listed(self):
        return [json.loads(line) for line in
                self.wspctl("--json", "clients").splitlines()]

    def assert_ended(self, client):
        with self.assertRaises(grpc.RpcError) as raised:
            while True:
                next(client._stream)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.ABORTED)
        self.assertIn("administrator", raised.exception.details())
        self.assertEqual(self.listed(), [])

    def test_by_its_pid(self):
        client = self.started()
        self.assertEqual(self.make_socket(client)[0], 0)
        out = self.wspctl("disconnect", str(os.getpid()))
        self.assertIn(f" {os.getpid()} ", out)
        self.assert_ended(client)
        self.assertIsNotNone(self.daemon.await_line(
            "administrator disconnects a client", f"pid={os.getpid()}",
            "result=OK"))

    def test_by_its_number(self):
        client = self.started()
        number = self.listed()[0]["client_id"]
        out = json.loads(self.wspctl("--json", "disconnect", "--client",
                                     number))
        self.assertEqual((out["client_id"], out["pid"]),
                         (number, os.getpid()))
        self.assert_ended(client)

    def test_who_is_not_there_is_not_found(self):
        self.started()
        self.assertEqual(
            self.wspctl("disconnect", "1", code=1),
            "wspctl: no pid 1 is attached; ListClients (wspctl clients) has "
            "those that are\n")
        # Both have to fit.
        self.wspctl("disconnect", str(os.getpid()), "--client", "77", code=1)
        self.assertIn("which process?", self.wspctl("disconnect", code=64))
        self.assertEqual(len(self.listed()), 1)
        with self.assertRaises(grpc.RpcError) as raised:
            self.admin.call("DisconnectClient", pid=1)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.NOT_FOUND)
        details = self.admin.details(raised.exception)
        self.assertEqual(details["ResourceInfo"].resource_type,
                         "wsp.v1.Client")
        self.assertEqual(details["ResourceInfo"].resource_name, "pid 1")
        self.assertEqual(details["ErrorInfo"].reason, "NOT_FOUND")


class LogLevelTest(admin_case.AdminCase):
    def test_holds_until_the_configuration_is_read(self):
        self.start()
        self.assertEqual(self.wspctl("log-level"), "INFO\n")
        self.assertEqual(self.wspctl("log-level", "debug"), "DEBUG\n")
        self.assertEqual(self.wspctl("--json", "log-level"),
                         '{"log_level":"DEBUG"}\n')
        self.assertEqual(self.make_socket(self.started())[0], 0)
        self.assertIsNotNone(self.daemon.await_line(" DEBUG "))
        self.assertIn("log_level: \"DEBUG\" -> \"INFO\"",
                      self.wspctl("reload"))
        self.assertEqual(self.wspctl("log-level"), "INFO\n")
        self.assertEqual(self.wspctl("log-level", "ERROR"), "ERROR\n")
        self.daemon.process.send_signal(signal.SIGHUP)
        self.assertIsNotNone(self.daemon.await_line(
            "configuration read anew", "changed=log_level"))
        self.assertEqual(self.wspctl("log-level"), "INFO\n")
        self.assertIn("there is no level \"loud\"",
                      self.wspctl("log-level", "loud", code=64))


class RatesTest(admin_case.AdminCase):
    def test_follow_what_is_done(self):
        self.start()
        client = self.started()
        deadline = time.monotonic() + admin_case.DEADLINE
        info = self.admin.call("GetServerInfo")
        while not info.rates or info.rates[0].calls == 0:
            self.assertLess(time.monotonic(), deadline)
            self.assertEqual(self.make_socket(client)[0], 0)
            info = self.admin.call("GetServerInfo")
        for rates in info.rates:
            self.assertGreater(rates.calls, 0)
            self.assertGreater(rates.seconds, 0.5)
        self.assertEqual(len(info.rates), 3)
        self.assertEqual(info.connections_total, 0)
        error, number = self.make_socket(client)
        self.assertEqual(error, 0)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.assertEqual(self.error(
                client, "connect", number, address=client.ipv4(
                    0x7F000001, listener.getsockname()[1])), 0)
        while not info.rates or info.rates[0].connections == 0:
            self.assertLess(time.monotonic(), deadline)
            info = self.admin.call("GetServerInfo")
        self.assertEqual(info.connections_total, 1)
        self.assertIn("calls/s ", self.wspctl("info"))


class LimitsTest(admin_case.AdminCase):
    def test_are_those_of_the_configuration(self):
        self.write_config(
            "limits { clients: 7 bytes_per_second_per_uid: 3000000 }\n")
        self.start()
        limits = {limit.name: limit.value for limit in
                  self.admin.call("GetServerInfo").configured_limits}
        self.assertEqual(limits["clients"], 7)
        self.assertEqual(limits["bytes_per_second_per_uid"], 3000000)
        # By default.
        self.assertEqual(limits["sockets_per_client"], 4096)
        self.assertEqual(limits["bytes_per_second_per_client"], 0)
        info = self.wspctl("info")
        self.assertRegex(info, r"\nlimits.clients +7\n")
        self.assertRegex(info, r"\nlimits.bytes_per_second_per_client +none\n")


class ReloadTest(admin_case.AdminCase):
    def test_says_what_has_changed(self):
        self.start()
        self.assertEqual(self.wspctl("reload"), "nothing has changed\n")
        self.write_config('log_level: "WARNING" limits { clients: 7 }\n'
                          "times { grace_ms: 7 }\n"
                          'policy { rules { verdict: DENY ports: "7" } }\n')
        self.assertEqual(
            self.wspctl("reload"),
            'log_level: "INFO" -> "WARNING"\n'
            "limits.clients: 4096 -> 7\n"
            "times.grace_ms: 2000 -> 7 (waits for a restart)\n"
            "policy: 0 rules -> 1 rule\n")
        # The policy is in force; what waits goes on waiting.
        self.wspctl("policy", "test", "connect", "127.0.0.1:7", code=2)
        self.assertEqual(
            [json.loads(line) for line in
             self.wspctl("--json", "reload").splitlines()],
            [{"field": "times.grace_ms", "before": "2000", "after": "7",
              "needs_restart": True}])

    def test_raw_sockets_are_for_nobody_by_any_rule(self):
        self.start()
        lent = "sockets are lent, if planes and privileges say so\n"
        for rules, answer in (
                ("", "wspd makes no raw sockets"),
                ('rules { verdict: ALLOW actions: RAW }',
                 "wspd makes no raw sockets"),
                ('rules { name: "no" verdict: DENY actions: RAW }',
                 " by rule 1 (no)")):
            self.write_config(f"policy {{ {rules} }}\n")
            self.wspctl("reload")
            for where in ((), ("192.0.2.1:0",)):
                self.assertEqual(
                    self.wspctl("policy", "test", "raw", *where, code=2),
                    f"denied{'' if answer[0] == ' ' else ': '}{answer}\n"
                    f"{lent}")

    def test_low_ports_are_for_the_privileged_by_any_rule(self):
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as start:
            if int(start.read()) < 1024:
                self.skipTest("no port needs a privilege here")
        self.write_config('policy { rules { verdict: ALLOW } }\n')
        self.start()
        lent = "sockets are lent, if planes and privileges say so\n"
        other = str(os.getuid() + 4711)
        self.assertEqual(
            self.wspctl("policy", "test", "--uid", other, "bind",
                        "127.0.0.1:80", code=2),
            f"denied: low ports take CAP_NET_BIND_SERVICE\n{lent}")
        for uid, port in (other, 8080), ("0", 80):
            self.assertEqual(
                self.wspctl("policy", "test", "--uid", uid, "bind",
                            f"127.0.0.1:{port}"),
                f"allowed by rule 1 (rule 1)\n{lent}")
        self.assertIn('"privilege" is not an action', self.wspctl(
            "policy", "test", "privilege", "127.0.0.1:80", code=64))

    def test_a_bad_file_changes_nothing(self):
        self.write_config('policy { rules { verdict: DENY ports: "7" } }\n')
        self.start()
        self.write_config('log_level: "ERROR"\nlimits {\n  clients: 0\n'
                          '  lookups: 0\n}\n')
        out = self.wspctl("reload", code=1)
        self.assertIn(f"nothing has changed: {self.config}:3:3: "
                      "limits.clients is 0; it may be 1 to 100000 (and 1 more)"
                      "\n", out)
        # What the message leaves out is in the details.
        self.assertIn(f"\n  {self.config}:4:3: limits.lookups is 0", out)
        self.assertEqual(self.wspctl("log-level"), "INFO\n")
        self.wspctl("policy", "test", "connect", "127.0.0.1:7", code=2)
        with self.assertRaises(grpc.RpcError) as raised:
            self.admin.call("Reload")
        self.assertEqual(raised.exception.code(),
                         grpc.StatusCode.FAILED_PRECONDITION)
        details = self.admin.details(raised.exception)
        self.assertEqual(
            [(violation.type, violation.subject) for violation in
             details["PreconditionFailure"].violations],
            [("CONFIG", f"{self.config}:3:3"),
             ("CONFIG", f"{self.config}:4:3")])
        self.assertEqual(details["ErrorInfo"].reason, "CONFIG_INVALID")
        self.assertEqual(details["ErrorInfo"].metadata["mistakes"], "2")
        self.assertIsNotNone(self.daemon.await_line(
            "configuration not read anew; nothing has changed"))
        os.unlink(self.config)
        self.assertIn("No such file", self.wspctl("reload", code=1))

    def test_many_at_once_are_all_answered(self):
        self.start()
        calls = [self.admin.stream("Reload") for _ in range(40)]
        for call in calls:
            self.assertEqual([len(answer.changes) for answer in call], [0])


@AS_ROOT
class AdministratorsTest(admin_case.AdminCase):
    def setUp(self):
        super().setUp()
        self.write_config(f'admin_group: "{ALLOWED_GROUP}"\n')
        self.start()
        self.copy_wspctl()
        self.client = self.started()
        self.nobody = pwd.getpwnam("nobody")

    def as_nobody(self, group, others, *arguments, code=0):
        return self.wspctl(*arguments, code=code, user=self.nobody.pw_uid,
                           group=group, extra_groups=others)

    def test_members_of_the_group_see_and_do_all(self):
        for group, others in ((ALLOWED_GROUP, []),
                              (self.nobody.pw_gid,
                               [OTHER_GROUP, ALLOWED_GROUP])):
            self.assertIn(str(os.getpid()),
                          self.as_nobody(group, others, "--json", "clients"))
            self.assertEqual(
                self.as_nobody(group, others, "policy", "test", "--uid", "0",
                               "connect", "192.0.2.1:443").splitlines()[0],
                "allowed: no rule fits")
            for end in ("reset", "close"):
                self.assertIn("there is no such socket", self.as_nobody(
                    group, others, end, "1/1", code=1))
            self.as_nobody(group, others, "log-level", "WARNING")
            self.as_nobody(group, others, "reload")
            self.as_nobody(group, others, "drain", "--timeout", "0", code=3)
            self.as_nobody(group, others, "drain", "--cancel")
        self.as_nobody(group, others, "disconnect", str(os.getpid()))

    def test_others_see_their_own_and_do_nothing(self):
        group, others = self.nobody.pw_gid, [OTHER_GROUP]
        self.assertEqual(self.as_nobody(group, others, "--json", "clients"),
                         "")
        for action in (["disconnect", str(os.getpid())], ["reload"],
                       ["log-level", "DEBUG"], ["drain"],
                       ["drain", "--cancel"],
                       ["reset", "1/1"], ["close", "1/1"],
                       ["policy", "test", "--uid", "0", "connect",
                        "192.0.2.1:443"]):
            out = self.as_nobody(group, others, *action, code=1)
            self.assertIn(f"and the members of group {ALLOWED_GROUP} may ",
                          out)
            self.assertIn(f"the caller has uid {self.nobody.pw_uid}", out)
        info = self.admin.call("GetServerInfo")
        self.assertEqual(info.log_level, ADMIN.LOG_LEVEL_INFO)
        self.assertEqual(info.draining_since_ns, 0)
        self.assertEqual(info.clients, 1)


if __name__ == "__main__":
    admin_case.main()
