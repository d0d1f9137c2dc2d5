"""The image as docker's client builds and runs it, with podman's service for its
daemon."""

import shutil
import unittest

import engine
import testbed

NAME = "wspd-by-docker"


class DockerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if shutil.which("docker") is None:
            raise unittest.SkipTest("docker isn't installed")
        # Of its own: the images have the names of those that podman makes.
        cls.engine = cls.enterClassContext(engine.Engine())
        cls.engine.serve()
        cls.image = cls.engine.build_images(testbed.BINARIES, "docker")

    def docker(self, *arguments):
        return self.engine.run("docker", *arguments)

    def start(self):
        self.docker("run", "-d", "--name", NAME, "--network", "none",
                    "--read-only", "--cap-drop", "all", "--security-opt",
                    "no-new-privileges", self.image)
        self.addCleanup(self.engine.attempt, "docker", "rm", "-f", "-v", NAME)
        engine.wait_until("wspd to serve", lambda: self.engine.attempt(
            "docker", "exec", NAME, "wspctl", "health").returncode == 0)

    def test_says_what_podmans_says(self):
        def config(an_engine, image):
            said = an_engine.inspect(image)["Config"]
            return {key: said.get(key)
                    for key in ("User", "Entrypoint", "Cmd", "Env", "Volumes",
                                "Healthcheck")}

        by_podman, image = testbed.shared()
        self.assertEqual(config(self.engine, self.image),
                         config(by_podman, image))

    def test_runs(self):
        self.start()
        log = self.engine.attempt("docker", "logs", NAME).stderr
        self.assertIn("uid=65532 gid=65532 capabilities=none", log)
        self.assertNotIn("WARNING", log)
        self.docker("stop", "-t", str(engine.DEADLINE), NAME)
        self.assertEqual(self.docker("inspect", "--format",
                                     "{{.State.ExitCode}}", NAME), "0")

    def test_has_what_clients_need(self):
        self.start()
        client = testbed.CLIENT
        # Nothing runs in it by itself.
        self.docker("build", "-q", "-t", "localhost/wspd-try", "-f",
                    self.engine.write("try.containerfile",
                                      f"FROM {self.image}\n"
                                      f"COPY --from={client} / /\n"
                                      'ENTRYPOINT ["wsprun"]\n'),
                    self.engine.folder + "/networks")
        # wspctl, to which wsprun makes no difference.
        self.assertEqual("SERVING", self.docker(
            "run", "--rm", "--network", "none", "--volumes-from", NAME,
            "localhost/wspd-try", "wspctl", "health"))


if __name__ == "__main__":
    unittest.main()
