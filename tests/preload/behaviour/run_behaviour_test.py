#!/usr/bin/env -S /usr/bin/python3 -B
"""What a run on a plane is taken for: what differs has to be on the list, and
what is on the list has to differ."""

import tempfile
import unittest

import known_failures
import run_behaviour
from run_behaviour import FAIL, PASS, SKIP

LIST = """# A comment.
relayed:A.One/ipv4 a reason
relayed:A.Two/* a reason
lent:B.* a reason
*:C.* a reason
relayed:E.One sometimes: a reason
relayed:E.Two/* sometimes: a reason
"""


def known():
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(LIST)
        file.flush()
        return known_failures.KnownFailures(file.name)


def results(**outcomes):
    """Of native what isn't a pass, as a sparing run has it."""
    return {plane: {name: run_behaviour.Result(outcome, "", 0)
                    for name, outcome in by_name.items()}
            for plane, by_name in {"native": {}, **outcomes}.items()}


def judged(plane, native=None, **outcomes):
    all_results = results(native=native or {}, **outcomes)
    return run_behaviour.judge(plane, all_results["native"],
                               all_results[plane], known())


# The cases that differ sometimes.
BY_CHANCE = {"E.One": PASS, "E.Two/ipv4": PASS}


def stale(**outcomes):
    if "relayed" in outcomes:
        outcomes["relayed"] = {**BY_CHANCE, **outcomes["relayed"]}
    return run_behaviour.find_stale(results(**outcomes), known())


class JudgeTest(unittest.TestCase):
    def test_what_differs_has_to_be_on_the_list(self):
        self.assertEqual(
            list(judged("relayed", relayed={
                "A.One/ipv4": FAIL, "A.Two/ipv6": FAIL, "C.One": SKIP,
                "B.One": FAIL, "D.One": SKIP, "D.Two": PASS})),
            ["B.One", "D.One"])

    def test_what_is_listed_by_its_name_has_to_differ(self):
        self.assertEqual(
            list(judged("relayed", relayed={"A.One/ipv4": PASS,
                                            "A.Two/ipv4": PASS})),
            ["A.One/ipv4"])

    def test_what_differs_sometimes_may(self):
        for outcome in PASS, FAIL:
            self.assertEqual(judged("relayed", relayed={
                "E.One": outcome, "E.Two/ipv4": outcome}), {})

    def test_what_is_as_natively_does_not_differ(self):
        self.assertEqual(judged("relayed", native={"D.One": SKIP},
                                relayed={"D.One": SKIP}), {})

    def test_natively_nothing_fails(self):
        self.assertEqual(
            list(judged("native", native={"A.One/ipv4": FAIL, "D.One": SKIP})),
            ["A.One/ipv4"])


class StaleTest(unittest.TestCase):
    def test_one_case_that_differs_is_enough(self):
        self.assertEqual(
            stale(relayed={"A.One/ipv4": FAIL, "A.Two/ipv4": PASS,
                           "A.Two/ipv6": FAIL}), [])

    def test_a_line_of_which_all_cases_are_as_natively_is_stale(self):
        self.assertEqual(
            stale(relayed={"A.One/ipv4": FAIL, "A.Two/ipv4": PASS,
                           "A.Two/ipv6": PASS}), ["relayed:A.Two/*"])

    def test_one_of_a_case_by_its_name_is_told_with_the_case(self):
        self.assertEqual(
            stale(relayed={"A.One/ipv4": PASS, "A.Two/ipv4": FAIL}), [])

    def test_a_line_that_stands_for_no_case_is_stale(self):
        self.assertEqual(stale(lent={"A.One/ipv4": FAIL}), ["lent:B.*"])

    def test_a_line_is_judged_when_all_its_planes_were_run(self):
        relayed = {"A.One/ipv4": FAIL, "A.Two/ipv6": FAIL, "C.One": PASS}
        lent = {"B.One": FAIL}
        self.assertEqual(stale(relayed=relayed), [])
        self.assertEqual(stale(relayed=relayed, lent={**lent, "C.One": PASS}),
                         ["*:C.*"])
        self.assertEqual(stale(relayed=relayed, lent={**lent, "C.One": FAIL}),
                         [])

    def test_what_differs_sometimes_is_not_stale(self):
        relayed = {"A.One/ipv4": FAIL, "A.Two/ipv4": FAIL}
        self.assertEqual(stale(relayed={**relayed, **BY_CHANCE}), [])

    def test_it_is_where_there_is_no_such_case(self):
        relayed = {"A.One/ipv4": FAIL, "A.Two/ipv4": FAIL}
        for name, line in ("E.One", "relayed:E.One"), ("E.Two/ipv4",
                                                       "relayed:E.Two/*"):
            self.assertEqual(
                run_behaviour.find_stale(
                    results(relayed={**relayed, name: PASS}), known()),
                [other for other in ("relayed:E.One", "relayed:E.Two/*")
                 if other != line])

    def test_what_a_line_above_stands_for_needs_no_other(self):
        self.assertEqual(
            stale(native={"A.Two/ipv4": SKIP},
                  relayed={"A.One/ipv4": FAIL, "A.Two/ipv4": SKIP}),
            ["relayed:A.Two/*"])


if __name__ == "__main__":
    unittest.main()
