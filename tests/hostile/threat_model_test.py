#!/usr/bin/env -S /usr/bin/python3 -B
"""Is each test that SECURITY.md names there, and has each line of its threat
model one?

The tree itself is looked at, not copies among this test's data: it is found
through the link to SECURITY.md. A line's last column has `PATH` and behind it
the cases of that file: `Suite.Case`, each a case that runs by itself. Cases that
a file in Python makes, by setattr(Suite, f"test_...{of}...{words}", ...), have
words there that are strings of it. Elsewhere `//FOLDER:TARGET` is a test, and
`NAME_test` one of tests/hostile.

Usage: threat_model_test.py SECURITY_MD
"""

import os
import re
import sys

CODE = re.compile(r"`([^`]+)`")


def read(*parts):
    with open(os.path.join(*parts), encoding="utf-8") as file:
        return file.read()


def is_made(source, suite, name):
    words = "|".join(set(re.findall(r'"(\w+)"', source)))
    forms = re.findall(rf'^ *setattr\({suite},\s+f"(test_[\w{{}}]+)"', source,
                       re.MULTILINE)
    return any(re.fullmatch(re.sub(r"\{\w+\}", f"(?:{words})", form), name)
               for form in forms)


def has_case(source, path, case):
    suite, _, name = case.partition(".")
    if path.endswith(".py"):
        body = re.search(rf"^class {suite}\b.*?(?=^\S|\Z)", source,
                         re.MULTILINE | re.DOTALL)
        return body is not None and name.startswith("test_") and (
            f"    def {name}(self" in body[0] or is_made(source, suite, name))
    return re.search(rf"^TEST(_F|_P)?\(\s*{suite},\s*{name}\s*\)", source,
                     re.MULTILINE) is not None


def faults_of_file(tree, path, cases):
    if not os.path.isfile(os.path.join(tree, path)):
        return [f"there is no {path}"]
    folder, name = os.path.split(path)
    build = read(tree, folder, "BUILD.bazel")
    if f'"{name}"' not in build and \
            f'"{os.path.splitext(name)[0]}"' not in build:
        return [f"{folder}/BUILD.bazel doesn't run {name}"]
    source = read(tree, path)
    faults = [f"{path} has no {case}" for case in cases
              if not has_case(source, path, case)]
    return faults if cases else [f"no case of {path} is named"]


def faults_of_tests(tree, tests):
    """`tests`: what a line has in its last column."""
    files = []
    for word in CODE.findall(tests):
        if "/" in word:
            files.append((word, []))
        elif not files:
            return [f"{word} is of no file"]
        else:
            files[-1][1].append(word)
    if not files:
        return ["no test"]
    named = [(path, case) for path, cases in files for case in cases]
    twice = [f"{case} of {path} is named twice" for path, case in
             sorted({one for one in named if named.count(one) > 1})]
    return twice + [fault for path, cases in files
                    for fault in faults_of_file(tree, path, cases)]


def faults_of_table(tree, text):
    faults = []
    rows = [line.strip().strip("|").split(" | ") for line in text.splitlines()
            if line.startswith("| ") and not line.startswith("| attempt ")]
    for row in rows:
        what = row[0].strip()
        if len(row) != 3:
            faults.append(f"{what}: {len(row)} columns")
            continue
        faults += [f"{what}: {fault}"
                   for fault in faults_of_tests(tree, row[2])]
    return faults, len(rows)


def faults_elsewhere(tree, text):
    faults = []
    for word in CODE.findall(text):
        label = re.fullmatch(r"//([\w/]+):(\w+)", word)
        if label and f'"{label[2]}"' not in read(tree, label[1],
                                                 "BUILD.bazel"):
            faults.append(f"there is no {word}")
        if re.fullmatch(r"\w+_test", word) and \
                f'"{word}"' not in read(tree, "tests/hostile/BUILD.bazel"):
            faults.append(f"tests/hostile has no {word}")
    return faults


def faults_of_itself():
    """Whether it takes for a case what is none."""
    source = ('class OneTest(Case):\n    def helper(self):\n'
              '    def test_it(self):\n\nclass OtherTest(Case):\n'
              '    def test_that(self):\n\n'
              'setattr(OneTest, f"test_{what}_beside_{kind}", None)\n'
              'WHAT = ("echo", "bulk")\n')
    wrong = [case for case, wanted in (
        ("OneTest.test_it", True), ("OneTest.helper", False),
        ("OneTest.test_that", False), ("OneTest.test_i", False),
        ("OneTest.test_echo_beside_bulk", True),
        ("OneTest.test_echo_beside_nobody", False),
        ("OneTest.test_{what}_beside_{kind}", False),
        ("OtherTest.test_echo_beside_bulk", False))
             if has_case(source, "one_test.py", case) != wanted]
    return [f"threat_model_test.py mistakes {case}" for case in wrong]


def main():
    path = os.path.realpath(sys.argv[1])
    tree = os.path.dirname(path)
    text = read(path)
    table = "\n".join(re.findall(r"^\|.*$", text, re.MULTILINE))
    rest = re.sub(r"^\|.*$", "", text, flags=re.MULTILINE)
    faults, rows = faults_of_table(tree, table)
    faults += faults_elsewhere(tree, rest)
    faults = [f"SECURITY.md: {fault}" for fault in faults] + faults_of_itself()
    print("".join(f"{fault}\n" for fault in faults)
          + f"{rows} lines, {len(faults)} faults")
    return 1 if faults or rows < 20 else 0


if __name__ == "__main__":
    sys.exit(main())
