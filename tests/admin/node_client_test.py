#!/usr/bin/python3
"""A stock Node client, @grpc/grpc-js from npm, on the admin socket.

Where node isn't installed or npm can't be reached it says so, and counts as
skipped.
"""

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import unittest
from xml.etree import ElementTree

import admin_case
from admin_case import PROTOS, WSPD  # noqa: F401

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(sys.argv[3])
# npm's own words for what is no fault of the pinned packages.
UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET",
               "ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH", "ENETDOWN",
               "ENOTCACHED", "ERR_SOCKET_TIMEOUT", "E403", "E407", "E502",
               "E503", "E504")


def install(folder):
    """The pinned packages, by npm; the reason why not, or None."""
    for program in "node", "npm":
        if shutil.which(program) is None:
            return f"{program} isn't installed"
    for name in "package.json", "package-lock.json", "client.mjs":
        shutil.copy(os.path.join(HERE, "node", name), folder)
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund",
         "--prefer-offline", "--fetch-retries=1", "--fetch-timeout=20000"],
        cwd=folder, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        # Bazel's tests have no home; npm's settings are in the user's.
        env={**os.environ, "HOME": pwd.getpwuid(os.getuid()).pw_dir})
    if done.returncode == 0:
        return None
    if any(reason in done.stdout for reason in UNREACHABLE):
        return f"npm can't be reached: {done.stdout.splitlines()[0]}"
    raise AssertionError(done.stdout)


class NodeClientTest(admin_case.AdminCase):
    folder = None

    def setUp(self):
        super().setUp()
        self.start()

    def begin(self, command, **fields):
        node = subprocess.Popen(
            ["node", os.path.join(self.folder, "client.mjs"), ROOT,
             self.daemon.admin_socket, command, json.dumps(fields)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(node.wait, admin_case.DEADLINE)
        self.addCleanup(node.stdout.close)
        self.addCleanup(node.stdin.close)
        return node

    def run_node(self, command, **fields):
        node = self.begin(command, **fields)
        out = node.stdout.read()
        self.assertEqual(node.wait(admin_case.DEADLINE), 0, out)
        return json.loads(out)

    def test_lists_and_disconnects(self):
        self.started()
        listed = self.run_node("list")
        self.assertEqual([(client["pid"], client["personality"])
                          for client in listed],
                         [(os.getpid(), "PERSONALITY_WINSOCK")])
        answer = self.run_node("disconnect", pid=os.getpid())
        self.assertEqual(answer["client"]["client_id"],
                         listed[0]["client_id"])
        self.assertEqual(self.run_node("list"), [])

    def test_watches(self):
        node = self.begin("watch", from_sequence=1)
        self.started()
        kinds = []
        while "KIND_CLIENT_STARTED" not in kinds:
            event = json.loads(node.stdout.readline())
            self.assertEqual(event["pid"], os.getpid())
            kinds.append(event["kind"])
        self.assertEqual(kinds[0], "KIND_CLIENT_ATTACHED")
        node.stdin.close()
        node.stdout.read()
        self.assertEqual(node.wait(admin_case.DEADLINE), 0)

    def test_decodes_the_details_of_errors(self):
        answer = self.run_node("disconnect", pid=1)
        self.assertEqual(answer["code"], "NOT_FOUND")
        self.assertIn("no pid 1 is attached", answer["message"])
        self.assertEqual(answer["details"]["ErrorInfo"],
                         {"reason": "NOT_FOUND", "domain": "wspd"})
        self.assertEqual(
            answer["details"]["ResourceInfo"]["resourceType"],
            "wsp.v1.Client")
        answer = self.run_node("disconnect")
        self.assertEqual(answer["code"], "INVALID_ARGUMENT")
        self.assertEqual(
            answer["details"]["BadRequest"]["fieldViolations"][0]["field"],
            "pid")

    def test_asks_for_health_and_services(self):
        self.assertEqual(self.run_node("health", service="wsp.v1.Provider"),
                         "SERVING")
        self.assertIn("wsp.v1.Admin", self.run_node("services"))


def skip(reason):
    """For who counts: the cases haven't run."""
    print(f"skipped: {reason}")
    if "XML_OUTPUT_FILE" not in os.environ:
        return
    suite = ElementTree.Element("testsuite", name="node_client_test")
    for name in unittest.TestLoader().getTestCaseNames(NodeClientTest):
        case = ElementTree.SubElement(suite, "testcase", name=name,
                                      classname="NodeClientTest")
        ElementTree.SubElement(case, "skipped", message=reason)
    ElementTree.ElementTree(suite).write(os.environ["XML_OUTPUT_FILE"])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="wspd-node.") as made:
        why = install(made)
        if why is None:
            NodeClientTest.folder = made
            admin_case.main()
        else:
            skip(why)
