#!/usr/bin/python3
"""Rules by who a process is, user, group, user namespace and program, with
processes that differ in it.

Usage: who_rules_test.py WSPRUN WSPD WSPCTL --plane=auto
"""

import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import preload_case  # noqa: E402
import rules_case  # noqa: E402
from rules_case import FAR, NEAR, as_user  # noqa: E402

ALICE, BOB, GROUP = 70001, 70002, 70010
OWN_NAMESPACE = ["unshare", "--user", "--map-root-user"]
WITHOUT_PTRACE = ["setpriv", "--bounding-set=-sys_ptrace"]


def user_namespace(program):
    return os.stat(f"/proc/{program.pid}/ns/user").st_ino


class WhoRulesCase(rules_case.RulesCase):

    @classmethod
    def setUpClass(cls):
        rules_case.need_users()

    def deny(self, condition):
        """To reach one of the two addresses."""
        self.rule(f'rules {{ name: "not they" verdict: DENY {condition} '
                  f'addresses: "{FAR}" }}')

    def allow(self, condition):
        """These, and nobody else."""
        self.rule(f'otherwise: DENY rules {{ name: "they" verdict: ALLOW '
                  f'{condition} }}')

    def expect(self, condition, ones, others):
        """The condition fits the ones and not the others, for DENY and for
        ALLOW."""
        for program in (*ones, *others):
            self.assertEqual(self.ask(program, FAR), "fine")
        self.deny(condition)
        for program in ones:
            self.assertEqual(self.ask(program, FAR), "EACCES")
            self.assertEqual(self.ask(program, NEAR), "fine")
        for program in others:
            self.assertEqual(self.ask(program, FAR), "fine")
        self.allow(condition)
        for program in ones:
            self.assertEqual(self.ask(program, FAR), "fine")
        for program in others:
            self.assertEqual(self.ask(program, FAR), "EACCES")
        self.assertEqual(
            self.refusals(len(ones) + len(others)),
            [("not they", program.pid) for program in ones] +
            [("otherwise", program.pid) for program in others])


class WhoRulesTest(WhoRulesCase):

    def test_one_user_and_another(self):
        alice = self.start_under(as_user(ALICE))
        bob = self.start_under(as_user(BOB))
        self.expect(f'uids: "{ALICE}"', [alice], [bob])

    def test_a_range_of_users(self):
        alice = self.start_under(as_user(ALICE))
        bob = self.start_under(as_user(BOB))
        self.expect(f'uids: "{BOB}-80000"', [bob], [alice])

    def test_the_effective_group_and_a_supplementary_one(self):
        effective = self.start_under(as_user(ALICE, gid=GROUP))
        supplementary = self.start_under(as_user(ALICE, groups=[5, GROUP]))
        neither = self.start_under(as_user(ALICE, groups=[5]))
        self.expect(f'gids: "{GROUP}"', [effective, supplementary], [neither])

    def in_own_namespace(self):
        if subprocess.run([*OWN_NAMESPACE, "true"], check=False,
                          stderr=subprocess.DEVNULL).returncode != 0:
            print("skipped: no user namespaces can be made here", flush=True)
            self.skipTest("no user namespaces")
        return self.start_under(OWN_NAMESPACE)

    def test_a_user_namespace_by_its_number(self):
        one, other = self.in_own_namespace(), self.in_own_namespace()
        usual = self.start_under([])
        numbers = {user_namespace(each) for each in (one, other, usual)}
        self.assertEqual(len(numbers), 3)
        self.expect(f'user_namespaces: "{user_namespace(one)}"', [one],
                    [other, usual])

    def test_the_daemons_user_namespace(self):
        elsewhere = self.in_own_namespace()
        usual = self.start_under(as_user(ALICE))
        self.expect('user_namespaces: "daemon"', [usual], [elsewhere])

    def start_copy(self, path):
        """A program of one user's in that file."""
        self.python = path
        return self.start_under(as_user(ALICE))

    def test_a_program_by_any_of_its_names(self):
        python = os.path.realpath(preload_case.PYTHON)
        copy = self.copy(python, "copy")
        name = os.path.join(self.daemon.folder, "name")
        os.link(copy, name)
        link = os.path.join(self.daemon.folder, "link")
        os.symlink(copy, link)
        self.expect(f'executables: "{link}"',
                    [self.start_copy(copy), self.start_copy(name)],
                    [self.start_copy(preload_case.PYTHON)])


class UnreadableTest(WhoRulesCase):
    """A daemon that may not look at others' processes, as the package's."""

    # It stays the daemon's parent, as what makes namespaces for it.
    daemon_launcher = [*WITHOUT_PTRACE, "unshare", "--fork"]

    def test_what_is_not_known_fits_deny_alone(self):
        program = self.start_under(as_user(ALICE))
        for name in "exe", "ns/user":
            path = f"/proc/{program.pid}/{name}"
            os.stat(path)
            self.assertNotEqual(subprocess.run(
                [*WITHOUT_PTRACE, "stat", "--dereference", path], check=False,
                capture_output=True).returncode, 0)
        own = f'executables: "{preload_case.PYTHON}"'
        another = 'executables: "/bin/sh"'
        self.assertEqual(self.ask(program, FAR), "fine")
        refused = []
        for condition in own, another, 'user_namespaces: "daemon"':
            self.allow(condition)
            self.assertEqual(self.ask(program, FAR), "EACCES", condition)
            self.deny(condition)
            self.assertEqual(self.ask(program, FAR), "EACCES", condition)
            self.assertEqual(self.ask(program, NEAR), "fine", condition)
            refused += ["otherwise", "not they"]
        # What else is known of it still counts.
        self.allow(f'uids: "{ALICE}"')
        self.assertEqual(self.ask(program, FAR), "fine")
        self.allow(f'uids: "{ALICE}" {own}')
        self.assertEqual(self.ask(program, FAR), "EACCES")
        self.deny(f'uids: "{BOB}" {own}')
        self.assertEqual(self.ask(program, FAR), "fine")
        self.assertEqual(self.refusals(len(refused) + 1),
                         [(rule, program.pid)
                          for rule in [*refused, "otherwise"]])


if __name__ == "__main__":
    preload_case.main()
