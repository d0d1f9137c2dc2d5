"""Reads mutations.toml and README.md's table; applies mutations to a tree."""

import dataclasses
import os
import re
import tomllib


@dataclasses.dataclass
class Mutation:
    name: str
    behaviour: str
    file: str
    find: str
    replace: str
    tests: list
    cases: str = ""  # a pattern; empty: all

    def fault(self, tree):
        """Why it can't be applied to the tree, or None."""
        try:
            with open(os.path.join(tree, self.file)) as file:
                count = file.read().count(self.find)
        except FileNotFoundError:
            return f"there is no {self.file}"
        if count != 1:
            return f"{self.file} has what it replaces {count} times"
        return None

    def apply(self, tree):
        path = os.path.join(tree, self.file)
        with open(path) as file:
            text = file.read()
        with open(path, "w") as file:
            file.write(text.replace(self.find, self.replace, 1))


def read_mutations(path):
    with open(path, "rb") as file:
        tables = tomllib.load(file)["mutation"]
    mutations = [Mutation(**table) for table in tables]
    names = [mutation.name for mutation in mutations]
    doubled = {name for name in names if names.count(name) > 1}
    if doubled:
        raise ValueError(f"names used twice: {sorted(doubled)}")
    for mutation in mutations:
        if not mutation.tests or mutation.find == mutation.replace:
            raise ValueError(f"{mutation.name} breaks or runs nothing")
    return mutations


def read_rows(readme):
    """The table's rows as they are: behaviour and result, by mutation."""
    rows = {}
    with open(readme) as file:
        for line in file:
            found = re.match(r"\| `(\w+)` \| (.*) \| (.*) \|$", line.rstrip())
            if found:
                rows[found.group(1)] = found.groups()[1:]
    return rows
