#!/usr/bin/env -S /usr/bin/python3 -B
"""Does every mutation still apply to the tree that this test is part of, and
does README.md's table say of each what noticed it?

The tree itself is looked at, not copies among this test's data: it is found
through the link to mutations.toml. Usage: applies_test.py MUTATIONS_TOML
"""

import os
import sys

import mutations


def faults_of_table(everything, rows):
    faults = [f"README.md has a row for {name}, which there is not"
              for name in rows.keys() - {one.name for one in everything}]
    for mutation in everything:
        behaviour, result = rows.get(mutation.name, ("", "no row"))
        if behaviour != mutation.behaviour or "`" not in result:
            faults.append(f"{mutation.name}: README.md has {behaviour!r}, "
                          f"{result!r}: run tests/mutation/run.sh "
                          f"{mutation.name}")
    return faults


def main():
    path = os.path.realpath(sys.argv[1])
    tree = os.path.dirname(os.path.dirname(os.path.dirname(path)))
    everything = mutations.read_mutations(path)
    faults = 0
    for mutation in everything:
        fault = mutation.fault(tree)
        if fault is not None:
            faults += 1
            print(f"{mutation.name}: {fault}")
    table_faults = faults_of_table(
        everything, mutations.read_rows(
            os.path.join(os.path.dirname(path), "README.md")))
    print("".join(f"{fault}\n" for fault in table_faults)
          + f"{len(everything)} mutations, {faults} don't apply")
    return 1 if faults or table_faults or len(everything) < 20 else 0


if __name__ == "__main__":
    sys.exit(main())
