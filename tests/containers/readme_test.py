"""The commands of README.md's "In containers", as they are there."""

import os
import re
import shlex
import subprocess
import unittest

import engine
import testbed


def commands():
    with open(os.path.join(engine.ROOT, "README.md")) as file:
        section = re.search(r"^## In containers\n(.*?)^## ", file.read(),
                            re.MULTILINE | re.DOTALL)[1]
    return [shlex.split(line, comments=True)
            for line in re.findall(r"^    (.*)$", section, re.MULTILINE)]


def why_no_image(the_engine, name):
    """Asks a registry for it; "" if it came."""
    try:
        result = the_engine.try_podman("pull", "-q", name)
    except subprocess.TimeoutExpired as error:
        return f"nothing within {error.timeout:.0f} s"
    return ("" if result.returncode == 0
            else result.stderr.strip().splitlines()[-1])


class ReadmeTest(unittest.TestCase):
    def test_the_commands_work(self):
        the_engine, _ = testbed.shared_with_programs()
        testbed.require_network(the_engine)
        # The one thing that isn't theirs.
        the_engine.podman("run", "-d", "--name", "server", testbed.SERVER,
                          "nginx", "-c", "/etc/nginx.conf")
        self.addCleanup(the_engine.try_podman, "rm", "-f", "-v", "-t", "0",
                        "wspd", "server")
        url = f"http://{the_engine.address('server')}:{testbed.PORT}/"
        outputs, built = [], False
        for command in commands():
            if command[:4] == ["podman", "build", "-t", "localhost/wspd-example-app"]:
                # Of an image that a registry has: testbed has made one.
                built = True
                continue
            if command[0] == "deploy/container/build_image.sh":
                command += ["--bin", testbed.BINARIES]
            command = [url if word == "http://example.com/" else word
                       for word in command]
            outputs.append(the_engine.run(*command, cwd=engine.ROOT))
        self.assertEqual((len(outputs), built), (4, True))
        self.assertEqual(outputs[2], testbed.ANSWER)
        self.assertIn("provider socket", outputs[3])

    def test_the_app_is_built_where_a_registry_answers(self):
        the_engine, _ = testbed.shared_with_programs()
        testbed.require_network(the_engine)
        command, = [command for command in commands()
                    if command[:2] == ["podman", "build"]]
        with open(os.path.join(engine.ROOT, command[-1],
                               "Containerfile")) as file:
            base = re.search(r"^FROM (\S+)$", file.read(), re.MULTILINE)[1]
        if why := why_no_image(the_engine, base):
            raise unittest.SkipTest(f"no registry of images answers: {why}")
        # The other tests' own has more programs.
        theirs = the_engine.inspect(testbed.APP)["Id"]
        self.addCleanup(the_engine.podman, "tag", theirs, testbed.APP)
        the_engine.run(*command, cwd=engine.ROOT)
        self.assertNotEqual(the_engine.inspect(testbed.APP)["Id"], theirs)
        for program in ("curl", "wsprun"):
            self.assertIn(program, the_engine.podman(
                "run", "--rm", testbed.APP, program, "--version"))


if __name__ == "__main__":
    unittest.main()
