#!/usr/bin/env -S /usr/bin/python3 -B
"""Does every mutation still apply to the tree that this test is part of?

The tree itself is looked at, not copies among this test's data: it is found
through the link to mutations.toml. Usage: applies_test.py MUTATIONS_TOML
"""

import os
import sys

import mutations


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
    print(f"{len(everything)} mutations, {faults} don't apply")
    return 1 if faults or len(everything) < 20 else 0


if __name__ == "__main__":
    sys.exit(main())
