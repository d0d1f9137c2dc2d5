"""How Bazel would run tests, for where there is no Bazel.

Usage: test_commands.py <XML
XML is what `bazel query --output=xml` says of them. Prints a line for each, its
label and, after a tab, the command for a shell in the tests' runfiles.
"""

import re
import shlex
import sys
import xml.etree.ElementTree as ElementTree


def path_of(label, package):
    """Where a file or a program is in the runfiles."""
    if not label.startswith("//"):
        label = package + ":" + label.lstrip(":")
    package, _, name = label[2:].partition(":")
    return f"{package}/{name or package.rpartition('/')[2]}"


def command_of(rule):
    package, _, name = rule.get("name").partition(":")
    arguments = [
        re.sub(r"\$\((?:rootpath|location) ([^)]*)\)",
               lambda match: path_of(match[1], package), argument.get("value"))
        for argument in rule.findall("list[@name='args']/string")]
    return shlex.join([f"./{package[2:]}/{name}", *arguments])


def main():
    rules = [rule for rule in ElementTree.parse(sys.stdin.buffer).iter("rule")
             if rule.get("class").endswith("_test")]
    for rule in sorted(rules, key=lambda rule: rule.get("name")):
        print(rule.get("name"), command_of(rule), sep="\t")


if __name__ == "__main__":
    main()
