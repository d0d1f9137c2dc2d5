"""The image: what is in it, and that it runs with nothing it doesn't need."""

import os
import stat
import unittest

import engine
import testbed

MEBIBYTE = 1 << 20


class ImageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.engine, cls.image = testbed.shared()

    def run_daemon(self, name, *options):
        self.engine.podman("run", "-d", "--name", name, "--network", "none",
                           "--read-only", "--cap-drop", "all",
                           "--security-opt", "no-new-privileges", *options,
                           self.image)
        self.addCleanup(self.engine.try_podman, "rm", "-f", "-v", "-t", "0",
                        name)
        self.engine.await_health(name)

    def files(self):
        """All files of the image: paths and what lstat says."""
        mount = self.engine.podman("image", "mount", self.image)
        self.addCleanup(self.engine.try_podman, "image", "unmount", self.image)
        for folder, _, names in os.walk(mount):
            for name in names:
                path = os.path.join(folder, name)
                yield path[len(mount):], os.lstat(path)

    def test_is_small(self):
        self.assertLess(self.engine.inspect(self.image)["Size"], 40 * MEBIBYTE)

    def test_has_no_programs_but_wspd_and_wspctl(self):
        programs = []
        for path, status in self.files():
            self.assertFalse(status.st_mode & (stat.S_ISUID | stat.S_ISGID),
                             path)
            if (stat.S_ISREG(status.st_mode) and status.st_mode & 0o111
                    and "/lib" not in path):
                programs.append(path)
        self.assertEqual(sorted(programs), ["/usr/bin/wspctl",
                                            "/usr/sbin/wspd"])

    def test_nothing_in_it_can_be_changed_by_its_user(self):
        for path, status in self.files():
            self.assertEqual(status.st_uid, 0, path)
            if not stat.S_ISLNK(status.st_mode):
                self.assertFalse(status.st_mode & 0o022, path)

    def test_has_the_licences_of_what_it_has(self):
        licences = {path for path, _ in self.files()
                    if path.endswith("/copyright")}
        for package in ("libc6", "libgrpc29", "libprotobuf32", "wspd"):
            self.assertIn(f"/usr/share/doc/{package}/copyright", licences)

    def test_the_same_sources_make_the_same_image(self):
        before = self.engine.inspect(self.image)["Id"]
        self.engine.build_images(testbed.BINARIES)
        self.assertEqual(self.engine.inspect(self.image)["Id"], before)

    def test_says_that_it_is_not_root(self):
        self.assertEqual(self.engine.inspect(self.image)["Config"]["User"],
                         "65532:65532")

    def test_runs_with_a_root_that_is_read_only_and_no_capability(self):
        self.run_daemon("wspd-plain")
        log = self.engine.try_podman("logs", "wspd-plain").stderr
        self.assertIn("uid=65532 gid=65532 capabilities=none "
                      "system_call_filter=on", log)
        self.assertNotIn("WARNING", log)
        self.assertNotIn("ERROR", log)
        shell = self.engine.try_podman("exec", "wspd-plain", "sh", "-c", "true")
        self.assertIn("executable file not found", shell.stderr)

    def test_is_unhealthy_when_it_hangs(self):
        self.run_daemon("wspd-hanging")
        self.engine.podman("kill", "-s", "STOP", "wspd-hanging")
        check = self.engine.try_podman("healthcheck", "run", "wspd-hanging")
        self.assertEqual(check.returncode, 1, check)
        self.engine.podman("kill", "-s", "CONT", "wspd-hanging")
        self.engine.await_health("wspd-hanging")

    def test_stops_in_order(self):
        self.run_daemon("wspd-stopped")
        self.engine.podman("stop", "-t", str(engine.DEADLINE), "wspd-stopped")
        state = self.engine.inspect("wspd-stopped")["State"]
        self.assertEqual(state["ExitCode"], 0, state)

    def test_starts_again_on_the_folder_of_one_that_was_killed(self):
        self.run_daemon("wspd-killed")
        self.engine.podman("kill", "-s", "KILL", "wspd-killed")
        self.engine.podman("wait", "wspd-killed")
        self.engine.podman("start", "wspd-killed")
        self.engine.await_health("wspd-killed")


if __name__ == "__main__":
    unittest.main()
