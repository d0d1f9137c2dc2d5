"""Counts the test cases of one run of Bazel and names those that failed.

Usage: count_results.py NAME EVENTS
EVENTS is what --build_event_json_file wrote: the tests that this run ran or
took from the cache, and where their test.xml files are. Others may lie in
bazel-testlogs from earlier runs. Of tests that lacked something of the machine
(skips.py) there is a line "SKIPPED: LABEL: REASON" each, "LABEL, in part" if the
rest has run. Prints "PASSED FAILED" on the last line.
"""

import collections
import json
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree

import skips


def outcome_of(case):
    """What became of a <testcase>; None if it wasn't to run."""
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    if case.find("skipped") is not None or case.get("result") == "skipped":
        return "skipped"
    return None if case.get("status") == "notrun" else "passed"


def file_of(result, name):
    """Its path, None if there is no such output."""
    for output in result.get("testActionOutput", []):
        if output["name"] == name:
            path = urllib.parse.urlparse(output["uri"]).path
            return urllib.parse.unquote(path)
    return None


def cases_of(result):
    path = file_of(result, "test.xml")
    if path is None:
        return []
    return list(ElementTree.parse(path).getroot().iter("testcase"))


def skips_of(result):
    log = file_of(result, "test.log")
    return (False, []) if log is None else skips.skips_of(log)


def count_result(label, result):
    """Counts the cases of one run of one test and names the failed ones."""
    counts = collections.Counter()
    status = result["status"]
    try:
        cases = cases_of(result)
        all_skipped, reasons = skips_of(result)
    except (OSError, ElementTree.ParseError) as error:
        cases, status = [], error
        all_skipped, reasons = False, []
    for reason in reasons:
        part = "" if all_skipped else ", in part"
        print(f"SKIPPED: {label}{part}: {reason}")
    for case in cases:
        outcome = outcome_of(case)
        if outcome == "passed" and all_skipped:
            outcome = "skipped"
        counts[outcome] += 1
        if outcome == "failed":
            print(f"FAILED: {label} {case.get('classname', '')}."
                  f"{case.get('name')}")
    if status not in ("PASSED", "FLAKY") and counts["failed"] == 0:
        # It ended before it could say which case.
        counts["failed"] += 1
        print(f"FAILED: {label}: {status}")
    return counts


def count_event(event):
    identity = event["id"]
    if "testResult" in event:
        return count_result(identity["testResult"]["label"],
                            event["testResult"])
    if "completed" in event and not event["completed"].get("success"):
        print(f"FAILED: {identity['targetCompleted']['label']} was not built")
        return collections.Counter(failed=1)
    return collections.Counter()


def main():
    name, path = sys.argv[1:]
    counts = collections.Counter()
    with open(path) as events:
        for line in events:
            counts.update(count_event(json.loads(line)))
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    print(f"{name}: {counts['passed']} passed, {counts['failed']} failed"
          f"{skipped}")
    print(counts["passed"], counts["failed"])


if __name__ == "__main__":
    main()
