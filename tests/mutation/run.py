#!/usr/bin/env -S /usr/bin/python3 -B
"""Breaks behaviours one by one and sees whether their tests fail; see README.md.

Each mutation is applied alone to a scratch copy of HEAD, a git worktree in a
temporary folder. The program to build with is $BAZEL, by default bazel.
"""

import argparse
import contextlib
import os
import re
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
TESTS_FAILED = 3  # Bazel's exit status


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


def run_tests(copy, tests):
    """Bazel's exit status, what it wrote, and the cases that failed."""
    events = os.path.join(os.path.dirname(copy), "events.json")
    command = [*bazel(), "test", "--keep_going", "--test_output=errors",
               "--noshow_progress", "--test_timeout=600",
               f"--build_event_json_file={events}", *tests]
    done = subprocess.run(command, cwd=copy, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    counted = subprocess.run(
        [sys.executable, "-B", os.path.join(TREE, "tests", "count_results.py"),
         "mutation", events],
        stdout=subprocess.PIPE, text=True, check=False).stdout
    os.remove(events)
    failed = re.findall(r"^FAILED: (\S+) (.+)$", counted, re.MULTILINE)
    return done.returncode, done.stdout, failed


def describe(failed):
    """What goes into the table: the cases that failed, or the first of them."""
    cases = sorted({case.split("/")[0] for _, case in failed})
    named = ", ".join(f"`{case}`" for case in cases[:MOST_CASES_NAMED])
    more = len(cases) - MOST_CASES_NAMED
    rest = f" and {more} more" if more > 0 else ""
    groups = sorted({label.split(":")[-1] for label, _ in failed})
    return f"{', '.join(groups)}: {named}{rest}"


def read_rows():
    """The table's rows as they are, by mutation."""
    rows = {}
    with open(README) as file:
        for line in file:
            found = re.match(r"\| `(\w+)` \| .* \| (.*) \|$", line.rstrip())
            if found:
                rows[found.group(1)] = found.group(2)
    return rows


def write_table(everything, noticed):
    with open(README) as file:
        lines = file.read().splitlines()
    begin = lines.index(TABLE_HEAD[0])
    rows = [f"| `{mutation.name}` | {mutation.behaviour} | "
            f"{noticed.get(mutation.name, 'not run yet')} |"
            for mutation in everything]
    with open(README, "w") as file:
        file.write("\n".join(lines[:begin] + TABLE_HEAD + rows) + "\n")


def check_one(copy, mutation):
    """Whether it was noticed, and by what; None if it can't be told."""
    fault = mutation.fault(copy)
    if fault is not None:
        print(f"{mutation.name}: {fault}")
        return None
    mutation.apply(copy)
    try:
        status, output, failed = run_tests(copy, mutation.tests)
    finally:
        subprocess.run(["git", "checkout", "--quiet", mutation.file], cwd=copy,
                       check=True)
    if status == TESTS_FAILED and failed:
        print(f"{mutation.name}: noticed by {describe(failed)}", flush=True)
        return describe(failed)
    if status == 0:
        print(f"{mutation.name}: NOT NOTICED", flush=True)
        return None
    print(f"{mutation.name}: Bazel ended with {status}\n{output[-3000:]}",
          flush=True)
    return None


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
    noticed = read_rows()
    missed = []
    with scratch_copy() as copy:
        tests = sorted({test for mutation in chosen for test in mutation.tests})
        status, output, failed = run_tests(copy, tests)
        if status != 0:
            print(f"{output[-3000:]}\nFails unbroken, so that nothing can be "
                  f"told: {failed}")
            return 1
        for mutation in chosen:
            by = check_one(copy, mutation)
            if by is None:
                missed.append(mutation.name)
                noticed[mutation.name] = "**not noticed**"
            else:
                noticed[mutation.name] = by
            write_table(everything, noticed)
    print(f"{len(chosen)} mutations, {len(missed)} not noticed: {missed}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
