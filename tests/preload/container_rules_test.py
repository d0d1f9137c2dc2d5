#!/usr/bin/python3
"""Rules by container and control group: programs and a client of the SPI in
groups that are named as container engines name them.

Usage: container_rules_test.py WSPRUN WSPD WSPCTL WSPCAT --plane=auto
"""

import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import preload_case  # noqa: E402
import rules_case  # noqa: E402
import control_group  # noqa: E402

FAR, NEAR = rules_case.FAR, rules_case.NEAR


class ContainerRulesTest(rules_case.RulesCase):

    def setUp(self):
        try:
            self.group = control_group.ControlGroup()
        except OSError as error:
            print(f"skipped: no control groups can be made here: {error}",
                  flush=True)
            self.skipTest("no control groups")
        self.addCleanup(self.group.close)
        self.one = self.group.add("libpod")
        self.other = self.group.add("docker")
        super().setUp()
        self.launchers = {None: [], self.one: self.group.launcher(self.one),
                          self.other: self.group.launcher(self.other)}

    def command(self, container):
        """What runs a program in a container, without a network."""
        return [*self.launchers[container], *preload_case.bare_network()]

    def start_in(self, container):
        return self.start_by(self.command(container))

    def wspcat_in(self, container, host):
        """What a client by libwsp.so says of a connect."""
        library = os.path.join(os.path.dirname(preload_case.WSPRUN),
                               "libwsp.so")
        done = subprocess.run(
            [*self.command(container), preload_case.PROGRAM, "--provider",
             library, "connect", host, str(self.server.port)], input="ping",
            capture_output=True, text=True, check=False,
            timeout=preload_case.DEADLINE,
            env={**os.environ, "WSPD_SOCKET": self.daemon.provider_socket})
        return done.stdout if done.returncode == 0 else done.stderr

    def test_a_container_is_denied_and_no_other(self):
        programs = {container: self.start_in(container)
                    for container in self.launchers}
        for program in programs.values():
            self.assertEqual(self.ask(program, FAR), "fine")
        # Of those that run already, too, and of any later one.
        for denied in self.one, self.other:
            self.rule('rules { name: "not from there" verdict: DENY '
                      f'containers: "{denied[:12]}" actions: CONNECT '
                      f'addresses: "{FAR}" }}')
            for container, program in programs.items():
                self.assertEqual(self.ask(program, FAR),
                                 "EACCES" if container == denied else "fine")
                self.assertEqual(self.ask(program, NEAR), "fine")
            self.assertIn("WSAEACCES", self.wspcat_in(denied, FAR))
            self.assertEqual(self.wspcat_in(denied, NEAR), "ping")
        self.assertEqual(self.wspcat_in(self.one, FAR), "ping")
        self.assertEqual(self.first_refusal(),
                         ("not from there", programs[self.one].pid))

    def first_refusal(self):
        """By which rule, and of which process."""
        with subprocess.Popen(
                [preload_case.WSPCTL, "--socket", self.daemon.admin_socket,
                 "--json", "watch", "--from", "1", "--kind", "socket_refused"],
                stdout=subprocess.PIPE, text=True) as watch:
            event = json.loads(watch.stdout.readline())
            watch.terminate()
        return event["detail"], event["pid"]

    def test_a_container_alone_is_allowed(self):
        self.rule(f'otherwise: DENY rules {{ verdict: ALLOW '
                  f'containers: "{self.one}" }}')
        for container in self.launchers:
            wanted = "fine" if container == self.one else "EACCES"
            self.assertEqual(self.ask(self.start_in(container), NEAR), wanted)

    def test_a_control_group_is_with_all_below_it(self):
        self.rule(f'rules {{ verdict: DENY cgroups: "{self.group.path}" }}')
        for container in self.launchers:
            wanted = "fine" if container is None else "EACCES"
            self.assertEqual(self.ask(self.start_in(container), NEAR), wanted)


if __name__ == "__main__":
    preload_case.main()
