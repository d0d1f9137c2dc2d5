#!/usr/bin/env -S /usr/bin/python3 -B
"""Breaks behaviours one by one and sees whether their tests fail; see README.md.

Each mutation is applied alone to a scratch copy of HEAD, a git worktree in a
temporary folder. The program to build with is $BAZEL, by default bazel.
"""

import argparse
import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile

import mutations

HERE = os.path.dirname(os.path.realpath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
README = os.path.join(HERE, "README.md")
TABLE_HEAD = ["| mutation | behaviour that it breaks | noticed by |",
              "|---|---|---|"]
MOST_CASES_NAMED = 4
# Bazel's exit statuses.
BUILD_FAILED = 1
TESTS_FAILED = 3


def git(*arguments):
    subprocess.run(["git", *arguments], cwd=TREE, check=True)


@contextlib.contextmanager
def scratch_copy():
    folder = tempfile.mkdtemp(prefix="wspd-mutation.")
    copy = os.path.join(folder, "wspd")
    git("worktree", "add", "--detach", "--quiet", copy, "HEAD")
    try:
        yield copy
    finally:
        subprocess.run([*bazel(), "clean", "--expunge"], cwd=copy, check=False)
        git("worktree", "remove", "--force", copy)
        os.rmdir(folder)


def bazel():
    return os.environ.get("BAZEL", "bazel").split()


def run_tests(copy, tests, cases=""):
    """Bazel's exit status, what it wrote, and the cases that failed."""
    events = os.path.join(os.path.dirname(copy), "events.json")
    command = [*bazel(), "test", "--keep_going", "--test_output=errors",
               "--noshow_progress", "--test_timeout=600",
               f"--build_event_json_file={events}", *tests]
    if cases:
        command.append(f"--test_arg=--filter={cases}")
    done = subprocess.run(command, cwd=copy, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    counted = subprocess.run(
        [sys.executable, "-B", os.path.join(TREE, "tests", "count_results.py"),
         "mutation", events],
        stdout=subprocess.PIPE, text=True, check=False).stdout
    os.remove(events)
    failed = re.findall(r"^FAILED: (\S+) (.+)$", counted, re.MULTILINE)
    return done.returncode, done.stdout, failed


def name_of(case):
    """Suite and case, without what an instantiation adds to both."""
    suite, dot, name = case.partition(".")
    return suite.split("/")[-1] + dot + name.split("/")[0]


def describe(failed):
    """What goes into the table: the cases that failed, or the first of them."""
    cases = sorted({name_of(case) for _, case in failed})
    named = ", ".join(f"`{case}`" for case in cases[:MOST_CASES_NAMED])
    more = len(cases) - MOST_CASES_NAMED
    rest = f" and {more} more" if more > 0 else ""
    groups = sorted({label.split(":")[-1] for label, _ in failed})
    return f"{', '.join(groups)}: {named}{rest}"


def write_row(everything, name, result):
    """Writes the table anew; the other rows stay as they are by now."""
    results = {row: old
               for row, (_, old) in mutations.read_rows(README).items()}
    results[name] = result
    with open(README) as file:
        lines = file.read().splitlines()
    begin = lines.index(TABLE_HEAD[0])
    table = [f"| `{mutation.name}` | {mutation.behaviour} | "
             f"{results.get(mutation.name, 'not run yet')} |"
             for mutation in everything]
    with open(README, "w") as file:
        file.write("\n".join(lines[:begin] + TABLE_HEAD + table) + "\n")


def check_one(copy, mutation):
    """What the table says of the mutation, and whether it was noticed."""
    fault = mutation.fault(copy)
    if fault is not None:
        return f"**doesn't apply**: {fault}", False
    mutation.apply(copy)
    try:
        status, output, failed = run_tests(copy, mutation.tests,
                                           mutation.cases)
    finally:
        subprocess.run(["git", "checkout", "--quiet", mutation.file], cwd=copy,
                       check=True)
    if status == TESTS_FAILED and failed:
        return describe(failed), True
    if status == 0:
        return "**not noticed**", False
    print(output[-3000:])
    if status == BUILD_FAILED:
        return "**doesn't build**", False
    return f"**can't be told**: Bazel ended with {status}", False


def find_broken(copy, chosen):
    """The chosen whose tests fail unbroken, so that they notice nothing."""
    broken = set()
    for cases in sorted({mutation.cases for mutation in chosen}):
        alike = [mutation for mutation in chosen if mutation.cases == cases]
        tests = {test for mutation in alike for test in mutation.tests}
        status, output, failed = run_tests(copy, sorted(tests), cases)
        if status == 0:
            continue
        print(f"{output[-3000:]}\nFail unbroken: {failed}", flush=True)
        # Without a name it is Bazel itself that failed.
        failing = {label for label, _ in failed} & tests or tests
        broken |= {mutation.name for mutation in alike
                   if failing & set(mutation.tests)}
    return broken


def check_all(copy, chosen, everything):
    """Checks the chosen, each with its row; the names of the unnoticed."""
    missed = []
    broken = find_broken(copy, chosen)
    for mutation in chosen:
        if mutation.name in broken:
            result, noticed = "**can't be told**: fails unbroken", False
        else:
            result, noticed = check_one(copy, mutation)
        print(f"{mutation.name}: {result}", flush=True)
        write_row(everything, mutation.name, result)
        if not noticed:
            missed.append(mutation.name)
    return missed


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="by default all")
    return parser.parse_args()


def main():
    everything = mutations.read_mutations(
        os.path.join(HERE, "mutations.toml"))
    names = parse_arguments().names
    unknown = set(names) - {mutation.name for mutation in everything}
    if unknown:
        print(f"no such mutation: {', '.join(sorted(unknown))}")
        return 64
    chosen = [mutation for mutation in everything
              if not names or mutation.name in names]
    # So that the scratch copy goes too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with scratch_copy() as copy:
        missed = check_all(copy, chosen, everything)
    print(f"{len(chosen)} mutations, {len(chosen) - len(missed)} noticed")
    for name in missed:
        print(f"NOT NOTICED: {name}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
