#!/usr/bin/python3
"""Every command in the documents is run by a test: commands.txt says by which,
and what it gives to this one to run, it runs, against a daemon with the package's
configuration.

Usage: commands_test.py PAGE...
Of what isn't a page among them nothing is looked at.
"""

import os
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import commands  # noqa: E402
import guide_test  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
TABLE = os.path.join(HERE, "commands.txt")
INSIDE = "--inside"
KINDS = ("run by", "here", "not run", "no command")
RUN_SH = "tests/run.sh"
# Tests of their own run their blocks as a whole.
GUIDES_BUILD = "tests/guides/BUILD.bazel"
SECONDS = 60

# A client of the daemon and a server, for the commands to be about.
WORLD = """
cp deploy/wspd.textproto /etc/wspd/wspd.textproto
echo "127.0.0.1 example.com example.test" >>/etc/hosts
/usr/bin/python3 -m http.server --bind 127.0.0.1 80 >/dev/null 2>&1 &
wspd --config /etc/wspd/wspd.textproto 2>/run/wspd.log &
await curl -s http://127.0.0.1/
await wspctl health || { cat /run/wspd.log; false; }
cat >/run/hold.py <<'PYTHON'
import socket, time
held = socket.create_connection(("127.0.0.1", 80))
open("/run/holding", "w").close()
time.sleep(600)
PYTHON
wsprun --plane relayed /usr/bin/python3 /run/hold.py >/dev/null 2>&1 &
echo $! >/run/client
await test -e /run/holding
mkdir -p /run/man/man1 /run/man/man5 /run/man/man8 /run/pages
/usr/bin/python3 -B deploy/man/make_pages.py --version 0 --wspctl "$(which wspctl)" \\
  --wsprun "$(which wsprun)" --config_proto proto/wspd/config.proto /run/pages
for page in /run/pages/*; do mv "$page" "/run/man/man${page##*.}"; done
"""


def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def table():
    """{command: (kind, what)}"""
    entries, command = {}, None
    for number, line in enumerate(text_of(TABLE).splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        if not line.startswith(" "):
            if command is not None or line in entries:
                raise ValueError(f"{TABLE}:{number}: {line}")
            command = line
            continue
        kind = next((kind for kind in KINDS
                     if line.startswith(f"  {kind} ") or
                     line.startswith(f"  {kind}: ")), None)
        if command is None or kind is None:
            raise ValueError(f"{TABLE}:{number}: {line}")
        what = line[2 + len(kind):].lstrip(": ")
        if not what:
            raise ValueError(f"{TABLE}:{number}: why, or by what?")
        entries[command] = (kind, what)
        command = None
    return entries


def of_pages(pages):
    """{command: the page that has it}"""
    found = {}
    for page in pages:
        text = text_of(page)
        if page.endswith(".yaml"):
            of_page = commands.commands_in_comments(text)
        else:
            of_page = commands.commands(text, is_guide(page))
        for command in of_page:
            found.setdefault(command, page)
    return found


def is_guide(page):
    return f'"{page}"' in text_of(GUIDES_BUILD)


def is_run(path):
    """Whether a file is one that a run of the tests runs."""
    name = os.path.basename(path)
    stem = name.partition(".")[0]
    if path == RUN_SH or path in text_of(RUN_SH) or is_guide(path):
        return True
    beside = os.path.join(os.path.dirname(path), "run.sh")
    if os.path.exists(beside) and re.search(rf"\b{stem}\b", text_of(beside)):
        return is_run(beside)
    build = os.path.join(os.path.dirname(path), "BUILD.bazel")
    return os.path.exists(build) and f'"{stem}"' in text_of(build)


class TableTest(unittest.TestCase):
    def test_every_command_of_the_pages_is_in_the_table(self):
        entries = table()
        missing = [f"{page}: {command}"
                   for command, page in of_pages(PAGES).items()
                   if command not in entries]
        self.assertEqual(missing, [], "which test runs it? "
                         "tests/guides/commands.txt has to say")

    def test_every_command_of_the_table_is_in_a_page(self):
        found = of_pages(PAGES)
        self.assertEqual([command for command in table()
                          if command not in found], [])

    def test_the_tests_that_are_named_run_it(self):
        for command, (kind, what) in table().items():
            if kind != "run by":
                continue
            path, _, words = what.partition(": ")
            with self.subTest(command=command, by=path):
                self.assertIn(words or command,
                              " ".join(text_of(path).split()))
                used = [other for other in USED_BY.get(path, [path])
                        if is_run(other)]
                self.assertTrue(used, f"nothing runs {path}")


# What tests use: who does.
USED_BY = {
    "deploy/debian/build_package.sh": ["tests/service/boot.sh"],
    "deploy/quickstart.sh": ["tests/quickstart.sh"],
    "tests/containers/engine.py": ["tests/containers/compose_test.py"],
}


class RunTest(unittest.TestCase):
    """What the table gives to this test."""

    @classmethod
    def setUpClass(cls):
        cls.tree = guide_test.make_tree()
        cls.environment = {**os.environ, "PATH": guide_test.make_path(),
                           "MANPATH": "/run/man", "MANPAGER": "cat"}
        cls.run_command(WORLD)
        cls.environment["client"] = text_of("/run/client").strip()

    @classmethod
    def run_command(cls, command):
        """Fails with all that it printed."""
        with open("/run/output", "w+", encoding="utf-8") as output:
            done = subprocess.run(
                ["bash", "-c", f"{guide_test.PRELUDE}\nset -o pipefail\n"
                 f"{command}"], cwd=cls.tree, env=cls.environment,
                stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, timeout=SECONDS, check=False)
            output.seek(0)
            if done.returncode != 0:
                raise AssertionError(f"{command}\nended with "
                                     f"{done.returncode}: {output.read()}")

    def test_the_commands_work(self):
        for command, (kind, what) in table().items():
            if kind != "here":
                continue
            if shutil.which(what.split()[0],
                            path=self.environment["PATH"]) is None:
                print(f"skipped: {what.split()[0]} isn't installed",
                      flush=True)
                continue
            with self.subTest(command=command):
                self.run_command(what)


if __name__ == "__main__":
    if sys.argv[1] != INSIDE:
        trial = subprocess.run(guide_test.inside("true"), capture_output=True,
                               text=True, check=False)
        if trial.returncode == 0:
            # The daemon and the others end with their namespace of pids.
            command = guide_test.inside(
                "unshare", "--pid", "--fork", "--kill-child", "--mount-proc",
                sys.executable, "-B", sys.argv[0], INSIDE, *sys.argv[1:])
            os.execvp(command[0], command)
        print("skipped: no namespaces here:", trial.stderr.strip(), flush=True)
        del RunTest
    PAGES = [page for page in sys.argv[1:] if page.endswith((".md", ".yaml"))]
    unittest.main(argv=[sys.argv[0]], verbosity=2)
