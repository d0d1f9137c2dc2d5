"""Counts test cases in Bazel's test.xml files and names those that failed.

Usage: count_results.py NAME=FOLDER...; prints "PASSED FAILED" on the last line.
"""

import glob
import sys
import xml.etree.ElementTree as ElementTree


def count(name, folder):
    passed = failed = 0
    for path in sorted(glob.glob(f"{folder}/**/test.xml", recursive=True)):
        for case in ElementTree.parse(path).getroot().iter("testcase"):
            if case.get("status") == "notrun":
                continue
            if case.find("failure") is None and case.find("error") is None:
                passed += 1
            else:
                failed += 1
                print(f"FAILED ({name}): {case.get('classname', '')}."
                      f"{case.get('name')}")
    return passed, failed


def main():
    passed = failed = 0
    for argument in sys.argv[1:]:
        name, folder = argument.split("=", 1)
        more_passed, more_failed = count(name, folder)
        print(f"{name}: {more_passed} passed, {more_failed} failed")
        passed += more_passed
        failed += more_failed
    print(passed, failed)


if __name__ == "__main__":
    main()
