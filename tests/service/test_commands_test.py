#!/usr/bin/python3 -B
"""test_commands.py on what Bazel says of tests.

Usage: test_commands_test.py FOLDER_OF_TEST_COMMANDS
"""

import os
import subprocess
import sys
import unittest

TEST_COMMANDS = os.path.join(sys.argv[1], "test_commands.py")


def rule(name, *arguments, kind="sh_test"):
    listed = "".join(f'<string value="{argument}"/>' for argument in arguments)
    return (f'<rule class="{kind}" name="{name}"><list name="tags">'
            f'<string value="long_run"/></list><list name="args">{listed}'
            f"</list></rule>")


def commands_of(*rules):
    xml = ('<?xml version="1.1" encoding="UTF-8" standalone="no"?>'
           f'<query version="2">{"".join(rules)}</query>')
    output = subprocess.run(["/usr/bin/python3", "-B", TEST_COMMANDS],
                            input=xml, stdout=subprocess.PIPE, text=True,
                            check=True).stdout
    return [tuple(line.split("\t")) for line in output.splitlines()]


class TestCommandsTest(unittest.TestCase):
    def test_a_program_without_arguments(self):
        self.assertEqual(commands_of(rule("//a/b:c_test", kind="cc_test")),
                         [("//a/b:c_test", "./a/b/c_test")])

    def test_labels_are_paths(self):
        self.assertEqual(
            commands_of(rule("//a/b:c_test", "$(rootpath //d/e:f)",
                             "$(location //d/e)", "$(rootpath :g)",
                             "$(location h.py)", "--name=$(rootpath :g)")),
            [("//a/b:c_test",
              "./a/b/c_test d/e/f d/e/e a/b/g a/b/h.py --name=a/b/g")])

    def test_arguments_are_whole(self):
        self.assertEqual(commands_of(rule("//a:b_test", "two words", "-", "$x")),
                         [("//a:b_test", "./a/b_test 'two words' - '$x'")])

    def test_only_tests_by_their_names(self):
        self.assertEqual(
            commands_of(rule("//b:a_test"), rule("//a:library",
                                                 kind="cc_library"),
                        rule("//a:b_test")),
            [("//a:b_test", "./a/b_test"), ("//b:a_test", "./b/a_test")])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
