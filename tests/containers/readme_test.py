"""The commands of README.md's "In containers", as they are there."""

import os
import re
import shlex
import unittest

import engine
import testbed


def commands():
    with open(os.path.join(engine.ROOT, "README.md")) as file:
        section = re.search(r"^## In containers\n(.*?)^## ", file.read(),
                            re.MULTILINE | re.DOTALL)[1]
    return [shlex.split(line, comments=True)
            for line in re.findall(r"^    (.*)$", section, re.MULTILINE)]


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


if __name__ == "__main__":
    unittest.main()
