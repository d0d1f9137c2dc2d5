#!/usr/bin/python3
"""Runs the commands of a guide, in order, against a real daemon.

Usage: guide_test.py GUIDE

In namespaces of its own: /etc/wspd and /run/wspd are the test's, the network is
a loopback interface alone, and a daemon with the package's configuration serves
already, as it would after the package was installed. The current folder is as
the top of the sources after a build.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import guide  # noqa: E402

INSIDE = "--inside"
PROGRAMS = {"wspd": "daemon/wspd", "wspctl": "daemon/wspctl/wspctl",
            "wsprun": "client_stub/wsprun"}
SOURCES = ("client_stub", "deploy", "proto", "tests")
DEADLINE = 240
# All that is written is here, in memory that goes with the namespace.
FOLDER = "/run/guide"

# In namespaces of its own, an empty /run, and an /etc that may be written to
# without harm: the machine's own is only read.
ENTER = f"""
set -e
mount -t tmpfs tmpfs /run
mkdir -p {FOLDER}/upper {FOLDER}/work
mount -t overlay overlay -o \
  lowerdir=/etc,upperdir={FOLDER}/upper,workdir={FOLDER}/work /etc
mkdir -p /etc/wspd
ip link set lo up
exec "$@"
"""

# Before the blocks, in the same shell.
PRELUDE = """
set -eu
# Waits until a command succeeds, half a minute at most.
await() {
  local end=$((SECONDS + 30))
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || { echo "waited for: $*" >&2; return 1; }
    sleep 0.05
  done
}
"""


def inside(*command):
    """The command in namespaces of its own."""
    rights = [] if os.getuid() == 0 else ["--map-root-user"]
    return ["unshare", *rights, "--net", "--mount", "bash", "-c", ENTER, "bash",
            *command]


def make_tree():
    """The sources' top, with what Bazel has built beside them."""
    tree = os.path.join(FOLDER, "wspd")
    os.makedirs(tree)
    for name in SOURCES:
        os.symlink(os.path.abspath(name), os.path.join(tree, name))
    os.symlink(os.getcwd(), os.path.join(tree, "bazel-bin"))
    return tree


def make_path():
    """A folder with the package's programs."""
    programs = os.path.join(FOLDER, "bin")
    os.makedirs(programs)
    for name, path in PROGRAMS.items():
        os.symlink(os.path.abspath(path), os.path.join(programs, name))
    return f"{programs}:{os.environ['PATH']}"


def script(blocks):
    """Each block's output goes to a file of its own."""
    text = PRELUDE
    for i, block in enumerate(blocks):
        text += f"exec >{FOLDER}/{i}.out 2>&1\n{block.text}\n"
    return text


class GuideTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        with open(GUIDE) as file:
            self.blocks = guide.blocks(file.read())

    def output(self, index):
        try:
            with open(os.path.join(FOLDER, f"{index}.out")) as file:
                return file.read()
        except FileNotFoundError:
            return None

    def test_what_is_to_be_built_is_there(self):
        for block in self.blocks:
            if block.kind != guide.SOURCES:
                continue
            for line in block.text.splitlines():
                if not line.startswith("bazel build "):
                    continue
                for target in line.split("#")[0].split()[2:]:
                    package, _, name = target[2:].partition(":")
                    name = name or os.path.basename(package)
                    self.assertTrue(os.path.exists(f"{package}/{name}"),
                                    f"line {block.line}: {target}")

    def test_the_commands_do_what_the_guide_says(self):
        run = [block for block in self.blocks
               if block.kind in (guide.RUN, guide.HIDDEN)]
        self.assertGreater(len(run), 2)
        shutil.copy("deploy/wspd.textproto", "/etc/wspd/wspd.textproto")
        environment = {**os.environ, "PATH": make_path()}
        with open(os.path.join(FOLDER, "script"), "w") as file:
            file.write(script(run))
        # In a group of processes of its own, to be ended with what it leaves.
        shell = subprocess.Popen(["bash", file.name], cwd=make_tree(),
                                 env=environment, start_new_session=True,
                                 stdin=subprocess.DEVNULL)
        try:
            status = shell.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            status = "none: it takes too long"
        finally:
            with contextlib.suppress(ProcessLookupError):  # none is left
                os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()
        for i, block in enumerate(run):
            printed = self.output(i)
            if status != 0 and self.output(i + 1) is None:
                self.fail(f"{GUIDE}:{block.line}: status {status}\n"
                          f"{block.text}printed:\n{printed}")
            with self.subTest(line=block.line):
                if (block.expected is not None and
                        not guide.matches(block.expected, printed)):
                    self.fail(f"the guide says\n{block.expected}"
                              f"it is\n{printed}")


if __name__ == "__main__":
    if sys.argv[1] != INSIDE:
        trial = subprocess.run(inside("true"), capture_output=True, text=True)
        if trial.returncode != 0:
            print("skipped: no namespaces here:", trial.stderr.strip())
            sys.exit(0)
        command = inside(sys.executable, "-B", sys.argv[0], INSIDE,
                         *sys.argv[1:])
        os.execvp(command[0], command)
    GUIDE = sys.argv[2]
    unittest.main(argv=[sys.argv[0]])
