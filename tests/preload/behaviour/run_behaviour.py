#!/usr/bin/env -S /usr/bin/python3 -B
"""Runs the behaviour cases natively and on planes, and compares.

Each case is a process of its own, so that one that hangs or crashes is one
failed case and none finds what another left. Natively all have to pass: that
proves the case. On a plane the same program runs under wsprun in a network
namespace without anything; what it does otherwise than natively has to be on
the list of known differences, and what is on the list has to differ: a case
that is there by its name, and of a line with wildcards, when all cases of its
planes were run, at least one. What is a matter of time has "sometimes:" before
its reason, and may differ; but there has to be such a case.

With --sparing a case that passes on the plane is taken to pass natively: of
use where a native run of all is there anyway.
"""

import argparse
import concurrent.futures
import contextlib
import dataclasses
import fnmatch
import os
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree

import daemon_process
import known_failures

PLANES = ["native", "relayed", "lent"]
CASE_SECONDS = 120
# For a case that is known to differ: mostly it waits for what doesn't come.
KNOWN_CASE_SECONDS = 3
MOST_RUN_AGAIN = 5
# What GoogleTest prints of a case that skips itself.
SKIPPED = "[  SKIPPED ] 1 test"
PASS, SKIP, FAIL = "pass", "skip", "FAIL"
# Before the reason of a line that stands for what differs by chance.
SOMETIMES = "sometimes: "


@dataclasses.dataclass
class Result:
    outcome: str
    output: str
    seconds: float


class Peer:
    """The process that makes sockets in this network for the cases."""

    def __init__(self, program, folder):
        self.path = os.path.join(folder, "peer")
        self.process = subprocess.Popen(
            [program, self.path], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError("the peer process doesn't start")
        # For the cases that drop their privileges.
        os.chmod(folder, 0o755)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate()


class Runner:
    def __init__(self, body, wrapper, environment):
        self.body = os.path.abspath(body)
        self.wrapper = wrapper
        self.environment = environment

    def list_cases(self):
        """All, as "Suite.Case/Parameter"."""
        listing = subprocess.run([self.body, "--gtest_list_tests"], check=True,
                                 stdout=subprocess.PIPE, text=True).stdout
        suite, cases = "", []
        for line in listing.splitlines():
            text = line.split("#")[0].rstrip()
            if line.startswith(" "):
                cases.append(suite + text.strip())
            elif text.endswith("."):
                suite = text
        return cases

    def run(self, name, seconds):
        begin = time.monotonic()
        with tempfile.TemporaryFile() as log:
            # A file and no pipe: a child that a case left behind would hold it.
            process = subprocess.Popen(
                [*self.wrapper, self.body, f"--gtest_filter={name}",
                 "--gtest_brief=1", "--gtest_catch_exceptions=0"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.environment, start_new_session=True)
            try:
                status = process.wait(timeout=seconds)
                end = f"ended by signal {-status}" if status < 0 else ""
            except subprocess.TimeoutExpired:
                status, end = 1, f"still running after {seconds} s"
            # The case and what it left behind.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            log.seek(0)
            output = log.read().decode(errors="replace") + end
        outcome = FAIL
        if status == 0:
            outcome = SKIP if SKIPPED in output else PASS
        return Result(outcome, output, time.monotonic() - begin)


def run_all(runner, cases, jobs):
    """`cases` are names, each with the seconds that it may take."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        return dict(zip(cases, pool.map(runner.run, cases, cases.values())))


def run_again(plane, runner, results, known):
    """Cases that fail without being known to, one by one and once more: what
    differs does so alone and on a machine that is less busy. Not if they are
    many."""
    failed = [name for name, result in results.items()
              if result.outcome == FAIL
              and known.pattern_of(f"{plane}:{name}") is None]
    if len(failed) > MOST_RUN_AGAIN:
        return
    for name in failed:
        again = runner.run(name, CASE_SECONDS)
        print(f"---- {name}: FAIL on the plane {plane} at first, {again.outcome} "
              f"alone\n{results[name].output.strip()}")
        results[name] = again


def outcome_of(name, native):
    """Natively; what was spared passes."""
    return native[name].outcome if name in native else PASS


def has_to_differ(pattern, known):
    return not known.reasons[pattern].startswith(SOMETIMES)


def judge(plane, native, results, known):
    """What is wrong on a plane, by case."""
    wrong = {}
    for name, result in results.items():
        if plane == "native":
            if result.outcome == FAIL:
                wrong[name] = "fails natively"
            continue
        expected = outcome_of(name, native)
        differs = result.outcome != expected
        pattern = known.pattern_of(f"{plane}:{name}")
        if differs and pattern is None:
            wrong[name] = (f"{result.outcome} and not {expected} "
                           f"on the plane {plane}")
        elif (not differs and pattern == f"{plane}:{name}"
              and has_to_differ(pattern, known)):
            wrong[name] = f"is as natively, so take {pattern} off the list"
    return wrong


def find_stale(results, known):
    """The lines of the list that nothing needs, of the planes that were run as
    a whole: no case that such a line stands for differs, if there is any; or,
    of what differs sometimes, there is none. Of a case that is there by its name
    judge() tells."""
    planes = set(results) - {"native"}
    needed, matched = set(), set()
    for plane in planes:
        for name, result in results[plane].items():
            pattern = known.pattern_of(f"{plane}:{name}")
            matched.add(pattern)
            differs = result.outcome != outcome_of(name, results["native"])
            if differs or pattern == f"{plane}:{name}":
                needed.add(pattern)

    def was_run(pattern):
        about = pattern.partition(":")[0]
        return set(fnmatch.filter(PLANES[1:], about)) <= planes

    return [pattern for pattern in known.reasons
            if was_run(pattern) and pattern not in needed
            and (pattern not in matched or has_to_differ(pattern, known))]


def print_table(results, known):
    """The cases that aren't the same everywhere."""
    planes = list(results)
    outcomes = {}
    for name in dict.fromkeys(name for plane in planes
                              for name in results[plane]):
        row = [outcome_of(name, results[plane]) for plane in planes]
        if len(set(row)) > 1:
            outcomes[name] = row
    if not outcomes:
        return
    width = max(len(name) for name in outcomes)
    print(f"{'':{width}}  " + "  ".join(f"{plane:7}" for plane in planes))
    for name, row in outcomes.items():
        reasons = {known.reasons[pattern] for plane in planes
                   if (pattern := known.pattern_of(f"{plane}:{name}"))}
        print(f"{name:{width}}  " +
              "  ".join(f"{outcome:7}" for outcome in row) +
              f"  {'; '.join(sorted(reasons))}".rstrip())


def report(plane, results, wrong):
    for name, reason in wrong.items():
        print(f"---- {name}: {reason}\n{results[name].output.strip()}")
    counts = [sum(result.outcome == outcome for result in results.values())
              for outcome in (PASS, SKIP, FAIL)]
    seconds = sum(result.seconds for result in results.values())
    print(f"{plane}: {len(results)} cases: {counts[0]} pass, {counts[1]} are "
          f"skipped, {counts[2]} fail; {seconds:.0f} s of processes")


def write_xml(path, results, wrong, stale):
    root = ElementTree.Element("testsuites")
    for plane, by_name in results.items():
        suite = ElementTree.SubElement(root, "testsuite", name=plane,
                                       tests=str(len(by_name)))
        for name, result in by_name.items():
            group, _, case = name.partition(".")
            element = ElementTree.SubElement(
                suite, "testcase", classname=f"{plane}.{group}", name=case,
                time=f"{result.seconds:.3f}")
            if name in wrong[plane]:
                ElementTree.SubElement(element, "failure",
                                       message=wrong[plane][name])
            elif result.outcome == SKIP:
                ElementTree.SubElement(element, "skipped")
    listed = ElementTree.SubElement(root, "testsuite", name="list",
                                    tests=str(len(stale)))
    for pattern in stale:
        element = ElementTree.SubElement(listed, "testcase", classname="list",
                                         name=pattern)
        ElementTree.SubElement(element, "failure",
                               message="no case that it stands for differs")
    ElementTree.ElementTree(root).write(path)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--body", required=True, help="the cases' program")
    parser.add_argument("--peer", required=True, help="the peers' program")
    parser.add_argument("--known", required=True,
                        help="the list of known differences")
    parser.add_argument("--wsprun", help="the launcher of the planes")
    parser.add_argument("--daemon", help="wspd, to be run beside the cases")
    parser.add_argument("--plane", choices=[*PLANES, "all"], default="all")
    parser.add_argument("--filter", default="*", help="of cases, a pattern")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--signals", type=int, default=10000,
                        help="how many a storm of them has")
    parser.add_argument("--sparing", action="store_true",
                        help="natively only the cases that don't pass on the "
                        "plane")
    arguments = parser.parse_args()
    if arguments.plane not in ("native", "all") and not arguments.wsprun:
        parser.error(f"--plane={arguments.plane} needs --wsprun and --daemon")
    return arguments


def planes_of(arguments):
    """What to run; native is always there, to compare with."""
    if arguments.plane == "all":
        return PLANES if arguments.wsprun else ["native"]
    return ["native"] + [arguments.plane] * (arguments.plane != "native")


def wrapper_of(plane, wsprun):
    if plane == "native":
        return []
    # As a user who isn't root can, too.
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *user, "--net", os.path.abspath(wsprun),
            f"--plane={plane}"]


def run_planes(arguments, environment, known):
    """The results of the cases that were asked for, by plane, native first."""
    results = {"native": {}}

    def run(plane, is_wanted):
        runner = Runner(arguments.body, wrapper_of(plane, arguments.wsprun),
                        environment)
        cases = {name: (KNOWN_CASE_SECONDS
                        if known.pattern_of(f"{plane}:{name}")
                        else CASE_SECONDS)
                 for name in runner.list_cases()
                 if fnmatch.fnmatchcase(name, arguments.filter)
                 and is_wanted(name)}
        results[plane] = run_all(runner, cases, arguments.jobs)
        if plane != "native":
            run_again(plane, runner, results[plane], known)

    def fails_on_a_plane(name):
        return any(outcome_of(name, by_name) != PASS
                   for by_name in results.values())

    native, *planes = planes_of(arguments)
    if not arguments.sparing:
        run(native, lambda name: True)
    for plane in planes:
        run(plane, lambda name: True)
    if arguments.sparing:
        run(native, fails_on_a_plane)
    return results


def main():
    arguments = parse_arguments()
    known = known_failures.KnownFailures(arguments.known)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir="/tmp"))
        peer = stack.enter_context(Peer(os.path.abspath(arguments.peer),
                                        folder))
        environment = dict(os.environ, WSPD_PRELOAD_PEER=peer.path,
                           WSPD_PRELOAD_SIGNALS=str(arguments.signals))
        # Each case is a process that knows nothing of Bazel's test.
        for variable in ("XML_OUTPUT_FILE", "TESTBRIDGE_TEST_ONLY",
                         "TEST_PREMATURE_EXIT_FILE", "TEST_TOTAL_SHARDS",
                         "TEST_SHARD_INDEX", "TEST_SHARD_STATUS_FILE"):
            environment.pop(variable, None)
        if arguments.wsprun:
            daemon = stack.enter_context(
                daemon_process.DaemonProcess(arguments.daemon))
            os.chmod(daemon.folder, 0o755)  # as the peer's
            environment["WSPD_SOCKET"] = daemon.provider_socket
        results = run_planes(arguments, environment, known)
    if not any(results.values()):
        print("no such case")
        return 1
    wrong = {}
    for plane, by_name in results.items():
        wrong[plane] = judge(plane, results["native"], by_name, known)
        report(plane, by_name, wrong[plane])
    print_table(results, known)
    # What some cases do says nothing of a line that stands for others, too.
    stale = find_stale(results, known) if arguments.filter == "*" else []
    for pattern in stale:
        print(f"---- {arguments.known}: no case that {pattern} stands for "
              "differs, so take it off the list")
    if "XML_OUTPUT_FILE" in os.environ:
        write_xml(os.environ["XML_OUTPUT_FILE"], results, wrong, stale)
    ran = sum(len(by_name) for by_name in results.values())
    failed = sum(len(by_name) for by_name in wrong.values())
    print(f"{ran - failed} passed, {failed + len(stale)} failed")
    return 1 if failed or stale else 0


if __name__ == "__main__":
    sys.exit(main())
