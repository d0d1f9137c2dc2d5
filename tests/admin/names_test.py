#!/usr/bin/python3
"""The names that clients have looked up: what the daemon remembers of them,
and who is shown it."""

import json
import os
import pwd
import socket
import threading
import unittest

import admin_case
from admin_case import ADMIN, PROVIDER

AS_ROOT = unittest.skipUnless(os.geteuid() == 0,
                              "only root can be somebody else")
HOST = PROVIDER.LookupRequest.KIND_HOST
NOT_FOUND, REFUSED = 11001, 10013


class DnsServer:
    """One that knows no name at all."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            question, sender = self.socket.recvfrom(4096)
            # Of what follows the questions nothing is answered.
            self.socket.sendto(question[:2] + b"\x81\x83" + question[4:6] +
                               bytes(6) + question[12:], sender)


class NamesTest(admin_case.AdminCase):
    def setUp(self):
        super().setUp()
        hosts = os.path.join(self.daemon.folder, "hosts")
        with open(hosts, "w") as file:
            file.write("192.0.2.1 files.example f\n"
                       "2001:db8::1 files.example\n")
        self.write_config(f"""
            resolver {{ hosts_file: "{hosts}" servers: "{DnsServer().address}" }}
            policy {{ rules {{ name: "no tracker" verdict: DENY
                               hosts: "*.tracker.example" }} }}""")
        self.start()

    def look(self, client, name):
        return self.error(client, "lookup", kind=HOST, name=name)

    def listed(self, *arguments):
        return [json.loads(line) for line in
                self.wspctl("--json", "names", *arguments).splitlines()]

    def names(self, *arguments):
        return [entry["name"] for entry in self.listed(*arguments)]

    def test_what_was_found_and_what_not(self):
        client = self.attach()
        self.assertEqual(self.look(client, "Files.Example."), 0)
        self.assertEqual(self.look(client, "f"), 0)
        self.assertEqual(self.look(client, "files.example"), 0)
        self.assertEqual(self.look(client, "none.example"), NOT_FOUND)
        self.assertEqual(self.look(client, "a.tracker.example"), REFUSED)

        found, alias, none, refused = self.listed(str(os.getpid()))
        self.assertEqual(found["name"], "files.example")
        self.assertEqual(sorted(found["addresses"]),
                         ["192.0.2.1", "2001:db8::1"])
        self.assertEqual(found["address_count"], 2)
        self.assertEqual((found["lookups"], found["failures"]), ("2", "0"))
        self.assertEqual((found["pid"], found["uid"]),
                         (os.getpid(), os.geteuid()))
        self.assertGreaterEqual(int(found["last_at_ns"]),
                                int(found["first_at_ns"]))
        self.assertEqual((alias["name"], alias["canonical_name"]),
                         ("f", "files.example"))
        self.assertEqual((none["wsa_error"], none["failures"]),
                         (NOT_FOUND, "1"))
        self.assertEqual((none["addresses"], none["found_at_ns"]), ([], "0"))
        self.assertEqual(refused["wsa_error"], REFUSED)

        self.assertEqual(self.names("--host", "*.tracker.example"),
                         ["a.tracker.example"])
        self.assertEqual(self.names("--address", "192.0.2.0/24"),
                         ["files.example", "f"])
        self.assertEqual(self.names("1"), [])
        self.assertIn("WSAHOST_NOT_FOUND", self.wspctl("names"))
        self.assertIn("none.example", self.wspctl("client", str(os.getpid())))

    def test_pages_and_fields_for_stock_clients(self):
        client = self.attach()
        for name in "f", "none.example", "files.example":
            self.look(client, name)
        names, token = [], ""
        while True:
            page = self.admin.call("ListNames", page_size=2, page_token=token,
                                   fields=["name"])
            names += page.names
            token = page.next_page_token
            if not token:
                break
        self.assertEqual(names, [ADMIN.LookedUpName(name=name) for name in
                                 ("f", "none.example", "files.example")])

    def test_what_a_client_says_does_not_reach_the_terminal(self):
        self.look(self.attach(), "\x1b[2Jx\n.example")
        out = self.wspctl("names")
        self.assertIn("\\x1b[2jx\\n.example", out)
        self.assertNotIn("\x1b", out)
        self.assertEqual(self.names(), ["\x1b[2jx\n.example"])

    def test_they_end_with_their_client(self):
        client = self.attach()
        self.look(client, "f")
        self.assertEqual(self.names(), ["f"])
        self.wspctl("disconnect", str(os.getpid()))
        self.assertEqual(self.names(), [])
        again = self.attach()
        self.assertEqual(self.names(), [])
        self.look(again, "files.example")
        self.assertEqual(self.names(), ["files.example"])

    @AS_ROOT
    def test_others_see_their_own(self):
        self.copy_wspctl()
        nobody = pwd.getpwnam("nobody")
        self.look(self.attach(), "f")
        as_nobody = {"user": nobody.pw_uid, "group": nobody.pw_gid,
                     "extra_groups": []}
        self.assertEqual(
            self.wspctl("--json", "names", **as_nobody), "")
        self.assertEqual(self.wspctl("--json", "names", str(os.getpid()),
                                     **as_nobody), "")
        self.assertEqual(self.names(), ["f"])


if __name__ == "__main__":
    admin_case.main()
