#!/usr/bin/env -S /usr/bin/python3 -B
"""Runs the cases of conformance groups, each in a process of its own.

A case that crashes or hangs is so only one failed case, and none finds the
provider as another left it. Cases that are known to fail have to fail: one that
passes must leave the list. What is skipped counts by itself; a list of skips
says which cases may be.
"""

import argparse
import concurrent.futures
import contextlib
import dataclasses
import fnmatch
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

import daemon_process
import known_failures

CASE_SECONDS = 60
# How bytes travel, as $WSPD_PLANE tells our provider.
PLANES = ("forwarded", "lent")
# What GoogleTest prints of a case that skips itself.
SKIPPED = "[  SKIPPED ] 1 test"


@dataclasses.dataclass
class Case:
    binary: str
    name: str
    passed: bool = False
    skipped: bool = False
    seconds: float = 0.0
    output: str = ""


def list_cases(binary):
    """The cases of a group, as "Suite.Case/Parameter"."""
    listing = subprocess.run([binary, "--gtest_list_tests"], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
    suite, cases = "", []
    for line in listing.splitlines():
        text = line.split("#")[0].rstrip()
        if line.startswith(" "):
            cases.append(Case(binary, suite + text.strip()))
        elif text.endswith("."):
            suite = text
    return cases


def run_case(case):
    command = [case.binary, f"--gtest_filter={case.name}",
               "--gtest_brief=1", "--gtest_catch_exceptions=0"]
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True,
                               errors="replace")
    try:
        case.output, _ = process.communicate(timeout=CASE_SECONDS)
        case.skipped = process.returncode == 0 and SKIPPED in case.output
        case.passed = process.returncode == 0 and not case.skipped
        if process.returncode < 0:
            case.output += f"\nended by signal {-process.returncode}"
    except subprocess.TimeoutExpired:
        process.kill()
        case.output = process.communicate()[0] or ""
        case.output += f"\nstill running after {CASE_SECONDS} s"
    case.seconds = time.monotonic() - begin
    return case


def write_xml(path, cases, failed):
    suite = ElementTree.Element("testsuite", name="conformance",
                                tests=str(len(cases)),
                                failures=str(len(failed)))
    for case in cases:
        group, _, name = case.name.partition(".")
        element = ElementTree.SubElement(
            suite, "testcase", classname=group, name=name,
            time=f"{case.seconds:.3f}")
        if case.name in failed:
            message = failed[case.name]
            ElementTree.SubElement(element, "failure", message=message)
        elif case.skipped:
            ElementTree.SubElement(element, "skipped")
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.ElementTree(root).write(path)


def judge(cases, known, skips):
    """What is wrong, by case: an unexpected failure or skip, or a listed
    pass. Without a list of skips any case may be skipped."""
    wrong = {}
    for case in cases:
        pattern = known.pattern_of(case.name)
        if case.skipped:
            if skips is not None and skips.pattern_of(case.name) is None:
                wrong[case.name] = "is skipped"
        elif case.passed and pattern is not None:
            wrong[case.name] = f"passes, so take {pattern} off the list"
        elif not case.passed and pattern is None:
            wrong[case.name] = "fails"
    return wrong


def report(cases, wrong, show_known):
    for case in cases:
        known = "is skipped" if case.skipped else "fails as known"
        if case.name in wrong or (show_known and not case.passed):
            print(f"---- {case.name}: {wrong.get(case.name, known)}")
            if not case.passed:
                print(case.output.strip())
    passing = sum(case.passed for case in cases)
    skipped = sum(case.skipped for case in cases)
    print(f"{len(cases)} cases: {passing} pass, "
          f"{len(cases) - passing - skipped} fail, {skipped} are skipped, "
          f"{len(wrong)} of them not as the lists say")
    for name in sorted(wrong):
        print(f"WRONG: {name} {wrong[name]}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", nargs="+", help="the groups' programs")
    parser.add_argument("--provider", help="the provider to judge")
    parser.add_argument("--daemon", help="wspd, to be run beside the cases")
    parser.add_argument("--daemon_flag", action="append", default=[],
                        help="a flag for it, to judge another data plane")
    parser.add_argument("--plane", choices=PLANES, default="forwarded",
                        help="how bytes travel, for our own provider")
    parser.add_argument("--known_failures", help="the list")
    parser.add_argument("--known_skips", help="the list of cases that may be "
                        "skipped; without it all may")
    parser.add_argument("--filter", default="*", help="of cases, a pattern")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--show_known", action="store_true",
                        help="also say how the listed cases fail")
    parser.add_argument("--check_list", action="store_true",
                        help="run nothing: is every line of the lists about a "
                        "case?")
    parser.add_argument("--update", action="store_true",
                        help="take the cases that pass off the list")
    parser.add_argument("--add", metavar="REASON",
                        help="put the cases that fail and aren't listed on the "
                        "list")
    arguments = parser.parse_args()
    if (arguments.update or arguments.add) and not arguments.known_failures:
        parser.error("--update and --add need --known_failures")
    return arguments


def change_list(known, cases, arguments):
    passed = [case.name for case in cases if case.passed]
    failed = [case.name for case in cases
              if not case.passed and not case.skipped]
    if arguments.update:
        known.remove_passing(passed, failed)
    if arguments.add:
        added = known.add_failing(passed, failed, arguments.add)
        print(f"{added} cases more on the list")
    known.write()


def check_lists(cases, *lists):
    names = [case.name for case in cases]
    unused = [pattern for one in lists if one for pattern in one.unused(names)]
    for pattern in unused:
        print(f"no case is called {pattern}")
    doubled = len(cases) - len({case.name for case in cases})
    if doubled:
        print(f"{doubled} names of cases are used twice")
    print(f"{len(cases)} cases")
    return 1 if unused or doubled else 0


def main():
    arguments = parse_arguments()
    known = known_failures.KnownFailures(arguments.known_failures)
    skips = (known_failures.KnownFailures(arguments.known_skips)
             if arguments.known_skips else None)
    cases = [case for binary in arguments.binary
             for case in list_cases(binary)]
    if arguments.check_list:
        return check_lists(cases, known, skips)
    cases = [case for case in cases
             if fnmatch.fnmatchcase(case.name, arguments.filter)]
    if not cases:
        print("no such case")
        return 1
    if arguments.provider:
        os.environ["WSP_PROVIDER"] = os.path.abspath(arguments.provider)
    os.environ["WSPD_PLANE"] = arguments.plane
    with contextlib.ExitStack() as stack:
        daemon = None
        if arguments.daemon:
            daemon = stack.enter_context(daemon_process.DaemonProcess(
                arguments.daemon, *arguments.daemon_flag))
            os.environ["WSPD_SOCKET"] = daemon.provider_socket
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            list(pool.map(run_case, cases))
        daemon_lives = daemon is None or daemon.alive()
    if arguments.update or arguments.add:
        change_list(known, cases, arguments)
    wrong = judge(cases, known, skips)
    if daemon is not None and (not daemon_lives or daemon.status != 0):
        print("\n".join(daemon.log[-50:]))
        wrong["daemon"] = "ended badly"
    if "XML_OUTPUT_FILE" in os.environ:
        write_xml(os.environ["XML_OUTPUT_FILE"], cases, wrong)
    report(cases, wrong, arguments.show_known)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
