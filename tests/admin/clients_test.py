#!/usr/bin/python3
"""Which clients wspctl shows, of processes of several users, programs and
control groups.

With --attach it is such a process:

  clients_test.py WSPD WSPCTL PROTO_ROOT --attach USER KIND PROVIDER_SOCKET
"""

import json
import os
import pwd
import shutil
import subprocess
import sys
import unittest

import admin_case
import control_group
import linux_client
import wire_client
from admin_case import PROTOS

AS_ROOT = unittest.skipUnless(os.geteuid() == 0,
                              "only root can be somebody else")
KINDS = {"winsock": wire_client.WireClient, "linux": linux_client.LinuxClient}


def attach(user, kind, provider_socket):
    """Attaches as that user, says so, and stays until nobody wants it."""
    if user:
        os.setgroups([])
        os.setgid(pwd.getpwnam(user).pw_gid)
        os.setuid(pwd.getpwnam(user).pw_uid)
    client = KINDS[kind](PROTOS, provider_socket)
    client.attach()
    print("attached", flush=True)
    sys.stdin.read()
    client.close()


class ClientsTest(admin_case.AdminCase):
    def setUp(self):
        super().setUp()
        self.start()

    def begin(self, user="", kind="winsock", program=sys.executable,
              launcher=()):
        """The pid of another process that is attached."""
        process = subprocess.Popen(
            [*launcher, program, os.path.abspath(__file__), *sys.argv[1:4],
             "--attach", user, kind, self.daemon.provider_socket],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            # Of a copy, too.
            env={**os.environ, "PYTHONHOME": sys.prefix})
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait, admin_case.DEADLINE)
        self.addCleanup(process.stdin.close)
        self.assertEqual(process.stdout.readline(), "attached\n")
        return process.pid

    def listed(self, *arguments):
        return [json.loads(line) for line in
                self.wspctl("--json", "clients", *arguments).splitlines()]

    def pids(self, *arguments):
        return [client["pid"]
                for client in self.listed("--fields", "pid", *arguments)]

    def test_processes_kinds_and_programs(self):
        copy = shutil.copy(os.path.realpath(sys.executable),
                           os.path.join(self.daemon.folder, "program"))
        one = self.begin()
        other = self.begin(kind="linux")
        third = self.begin(program=copy)
        self.assertEqual(self.pids(), [one, other, third])
        self.assertEqual(self.pids(str(third), str(one)), [one, third])
        self.assertEqual(self.pids("1"), [])
        self.assertEqual(self.pids("--kind", "linux"), [other])
        self.assertEqual(self.pids("--kind", "winsock"), [one, third])
        self.assertEqual(self.pids("--executable", os.path.realpath(copy)),
                         [third])
        number = self.listed(str(other))[0]["client_id"]
        self.assertEqual(self.pids("--client", number), [other])
        self.assertEqual(self.pids("--client", number, str(one)), [])

    def test_pages_and_fields(self):
        pids = [self.begin() for _ in range(3)]
        whole = self.wspctl("clients", "--fields", "pid,client_id,client_name")
        self.assertEqual([line.split() for line in whole.splitlines()], [
            ["PID", "CLIENT", "CALLS", "ITSELF"],
            *([str(pid), str(i), "python"]
              for i, pid in enumerate(pids, start=1))])
        self.assertEqual(self.wspctl(
            "clients", "--fields", "pid,client_id,client_name",
            "--page-size", "1"), whole)
        self.assertEqual(self.listed("--fields", "uid,pid", str(pids[1])),
                         [{"uid": os.getuid(), "pid": pids[1]}])

    def test_what_is_wrong_is_said(self):
        for option, message in (("--cgroup", 'cgroup is "x"'),
                                ("--container", 'container_id is "x"'),
                                ("--executable", 'executable is "x"')):
            self.assertIn(message + "; right would be ",
                          self.wspctl("clients", option, "x", code=1))
        self.assertIn("there are client_id, pid",
                      self.wspctl("clients", "--fields", "x", code=64))

    def test_what_happens_to_one_of_them(self):
        self.begin()
        other = self.begin()
        number = self.listed(str(other))[0]["client_id"]
        watch = self.begin_wspctl("--json", "watch", "--from", "1",
                                  "--client", number)
        event = json.loads(watch.stdout.readline())
        self.assertEqual((event["kind"], event["client_id"], event["pid"]),
                         ("KIND_CLIENT_ATTACHED", number, other))

    @AS_ROOT
    def test_users_with_root_among_them(self):
        self.copy_wspctl()
        os.chmod(self.daemon.provider_socket, 0o666)
        roots, nobodys = self.begin(), self.begin(user="nobody")
        self.assertEqual(self.pids("--uid", "root"), [roots])
        self.assertEqual(self.pids("--uid", "0"), [roots])
        self.assertEqual(self.pids("--uid", "nobody"), [nobodys])
        self.assertEqual(self.pids("--uid", "nobody,root"), [roots, nobodys])
        # Others may ask for root's and get none.
        nobody = pwd.getpwnam("nobody")
        for arguments, wanted in (([], [nobodys]), (["--uid", "0"], [])):
            out = self.wspctl("--json", "clients", *arguments,
                              user=nobody.pw_uid, group=nobody.pw_gid,
                              extra_groups=[])
            self.assertEqual([json.loads(line)["pid"]
                              for line in out.splitlines()], wanted)

    def test_control_groups_and_containers(self):
        try:
            group = control_group.ControlGroup()
        except OSError as error:
            print(f"skipped: no control groups can be made here: {error}",
                  flush=True)
            self.skipTest("no control groups")
        self.addCleanup(group.close)
        containers = [group.add("libpod"), group.add("docker")]
        outside = self.begin()
        inside = [self.begin(launcher=group.launcher(container))
                  for container in containers]
        self.assertEqual(self.pids("--cgroup", group.path), inside)
        self.assertEqual(self.pids("--cgroup", group.path + "/"), inside)
        self.assertEqual(self.pids("--cgroup", group.path[:-1]), [])
        self.assertEqual(self.pids("--cgroup", "/"), [outside, *inside])
        for container, pid in zip(containers, inside):
            shown = self.wspctl("clients", "--fields", "container_id",
                                str(pid)).splitlines()[1]
            self.assertTrue(container.startswith(shown))
            self.assertEqual(self.pids("--container", shown), [pid])
            self.assertEqual(self.pids("--container", container), [pid])


if __name__ == "__main__":
    if sys.argv[4:5] == ["--attach"]:
        attach(*sys.argv[5:])
    else:
        admin_case.main()
