#!/usr/bin/python3 -B
"""How the list of known failures is read, judged and written.

Usage: known_failures_module_test.py FOLDER_OF_KNOWN_FAILURES_PY
"""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, sys.argv[1])

import known_failures  # noqa: E402


class KnownFailuresTest(unittest.TestCase):
    def make(self, *lines):
        file = tempfile.NamedTemporaryFile("w", prefix="known failures ",
                                           delete=False)
        self.addCleanup(os.unlink, file.name)
        with file:
            file.write("".join(line + "\n" for line in lines))
        return known_failures.KnownFailures(file.name)

    def written(self, known):
        known.write()
        with open(known.path) as file:
            return file.read().splitlines()

    def test_a_line_needs_a_reason(self):
        with self.assertRaisesRegex(ValueError, "A.B without a reason"):
            self.make("A.B")

    def test_patterns_match_cases(self):
        known = self.make("A.B/* why", "C.D why")
        self.assertEqual(known.pattern_of("A.B/Ipv4"), "A.B/*")
        self.assertEqual(known.pattern_of("C.D"), "C.D")
        self.assertIsNone(known.pattern_of("C.E"))

    def test_unused_lines_are_found(self):
        known = self.make("A.B/* why", "C.D why")
        self.assertEqual(known.unused(["A.B/1"]), ["C.D"])

    def test_a_passing_case_goes(self):
        known = self.make("# top", "A.B why", "A.C why")
        known.remove_passing(["A.B"], ["A.C"])
        self.assertEqual(self.written(known), ["# top", "A.C why"])

    def test_of_a_pattern_the_failing_cases_stay(self):
        known = self.make("A.B/* why")
        known.remove_passing(["A.B/1"], ["A.B/2", "A.B/3"])
        self.assertEqual(self.written(known), ["A.B/2 why", "A.B/3 why"])

    def test_a_pattern_of_failing_cases_stays(self):
        known = self.make("A.B/* why")
        known.remove_passing(["A.C/1"], ["A.B/1", "A.B/2"])
        self.assertEqual(self.written(known), ["A.B/* why"])

    def test_what_did_not_run_stays(self):
        known = self.make("A.B why", "Z.* why")
        known.remove_passing(["A.B"], [])
        self.assertEqual(self.written(known), ["Z.* why"])

    def test_failing_cases_are_added(self):
        known = self.make("A.B old")
        self.assertEqual(known.add_failing([], ["A.B", "A.C"], "new"), 1)
        self.assertEqual(self.written(known), ["A.B old", "A.C new"])

    def test_a_case_that_fails_with_all_parameters_is_one_line(self):
        known = self.make()
        known.add_failing(["A.D/1"], ["A.B/1", "A.B/2", "A.C/1", "A.D/2"],
                          "why")
        self.assertEqual(self.written(known),
                         ["A.B/* why", "A.C/1 why", "A.D/2 why"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
