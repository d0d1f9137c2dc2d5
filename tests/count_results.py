"""Counts the test cases of one run of Bazel and names those that failed.

Usage: count_results.py NAME EVENTS
EVENTS is what --build_event_json_file wrote: the tests that this run ran or
took from the cache, and where their test.xml files are. Others may lie in
bazel-testlogs from earlier runs. Prints "PASSED FAILED" on the last line.
"""

import collections
import json
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree


def outcome_of(case):
    """What became of a <testcase>; None if it wasn't to run."""
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    if case.find("skipped") is not None or case.get("result") == "skipped":
        return "skipped"
    return None if case.get("status") == "notrun" else "passed"


def cases_of(result):
    for output in result.get("testActionOutput", []):
        if output["name"] == "test.xml":
            path = urllib.parse.urlparse(output["uri"]).path
            tree = ElementTree.parse(urllib.parse.unquote(path))
            return list(tree.getroot().iter("testcase"))
    return []


def count_result(label, result):
    """Counts the cases of one run of one test and names the failed ones."""
    counts = collections.Counter()
    status = result["status"]
    try:
        cases = cases_of(result)
    except (OSError, ElementTree.ParseError) as error:
        cases, status = [], error
    for case in cases:
        outcome = outcome_of(case)
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
