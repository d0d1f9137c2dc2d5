#!/usr/bin/python3 -B
"""count_results.py on what Bazel writes.

Usage: count_results_test.py FOLDER_OF_COUNT_RESULTS
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

COUNT_RESULTS = os.path.join(sys.argv[1], "count_results.py")


def testcase(name, inside="", **attributes):
    attributes = {"status": "run", "result": "completed", **attributes}
    text = " ".join(f'{key}="{value}"' for key, value in attributes.items())
    return f'<testcase name="{name}" classname="Suite" {text}>{inside}</testcase>'


class CountResultsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="count results ")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.events = []

    def write(self, name, text):
        """An output of a test, as events have it."""
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        return {"name": "test" + os.path.splitext(name)[1],
                "uri": "file://" + path.replace(" ", "%20")}

    def add_result(self, label, *cases, status="PASSED", xml=True, run=1,
                   log=""):
        outputs = []
        if xml:
            name = f"{label.strip('/').replace('/', '.')}.{run}"
            outputs = [self.write(name + ".log", log),
                       self.write(name + ".xml",
                                  "<testsuites><testsuite>" + "".join(cases) +
                                  "</testsuite></testsuites>")]
        self.events.append({
            "id": {"testResult": {"label": label, "run": run}},
            "testResult": {"testActionOutput": outputs, "status": status}})

    def count(self):
        """All lines that it prints."""
        path = os.path.join(self.folder, "events.json")
        with open(path, "w") as file:
            for event in self.events:
                file.write(json.dumps(event) + "\n")
        return subprocess.run(
            [sys.executable, "-B", COUNT_RESULTS, "name", path], check=True,
            capture_output=True, text=True).stdout.splitlines()

    def test_counts_cases_by_their_outcome(self):
        self.events.append({"id": {"progress": {}}, "progress": {}})
        self.add_result("//a:a", testcase("One"), testcase("Two"))
        self.add_result(
            "//b:b", testcase("Good"), testcase("Bad", "<failure/>"),
            testcase("Broken", "<error/>"), status="FAILED")
        self.assertEqual(self.count(), [
            "FAILED: //b:b Suite.Bad", "FAILED: //b:b Suite.Broken",
            "name: 3 passed, 2 failed", "3 2"])

    def test_skipped_is_not_passed(self):
        self.add_result("//a:a", testcase("One"),
                        testcase("Root", "<skipped/>", result="skipped"),
                        testcase("Net", result="skipped"),
                        testcase("DISABLED_X", status="notrun",
                                 result="suppressed"))
        self.assertEqual(self.count(),
                         ["name: 1 passed, 0 failed, 2 skipped", "1 0"])

    def test_what_the_machine_has_no_means_for_is_named(self):
        self.add_result("//a:a", testcase("a"), log="exec\n----\n"
                        "it begins\nskipped: no namespaces: no right\n\n")
        self.assertEqual(self.count(), [
            "SKIPPED: //a:a: no namespaces: no right",
            "name: 0 passed, 0 failed, 1 skipped", "0 0"])

    def test_what_was_skipped_in_part_has_passed(self):
        self.add_result("//a:a", testcase("a"), log="skipped: no systemd\n"
                        "not skipped: this\nskipped: no systemd\nOK\n")
        self.add_result("//b:b", testcase("b"), log="Ran 1 test\n")
        self.assertEqual(self.count(), [
            "SKIPPED: //a:a, in part: no systemd",
            "name: 2 passed, 0 failed", "2 0"])

    def test_other_files_in_the_folder_are_of_other_runs(self):
        self.add_result("//stale:stale", testcase("Old", "<failure/>"))
        self.events.clear()
        self.add_result("//a:a", testcase("One"))
        self.assertEqual(self.count(), ["name: 1 passed, 0 failed", "1 0"])

    def test_every_run_of_a_test_counts(self):
        self.add_result("//a:a", testcase("One"), run=1)
        self.add_result("//a:a", testcase("One"), run=2)
        self.assertEqual(self.count()[-1], "2 0")

    def test_who_died_without_saying_where_failed_once(self):
        self.add_result("//a:a", testcase("One"), status="TIMEOUT")
        self.add_result("//b:b", status="FAILED", xml=False)
        self.assertEqual(self.count(), [
            "FAILED: //a:a: TIMEOUT", "FAILED: //b:b: FAILED",
            "name: 1 passed, 2 failed", "1 2"])

    def test_what_was_not_built_failed_once(self):
        self.events.append({"id": {"targetCompleted": {"label": "//a:a"}},
                            "completed": {"success": True}})
        self.events.append({"id": {"targetCompleted": {"label": "//b:b"}},
                            "completed": {"failureDetail": {}}})
        self.assertEqual(self.count(), [
            "FAILED: //b:b was not built", "name: 0 passed, 1 failed", "0 1"])

    def test_a_file_that_is_gone_is_a_failure(self):
        self.add_result("//a:a", testcase("One"))
        for name in os.listdir(self.folder):
            os.remove(os.path.join(self.folder, name))
        self.assertEqual(self.count()[-1], "0 1")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
