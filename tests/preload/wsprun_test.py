#!/usr/bin/python3
"""wsprun: what it passes on, what it refuses, and how it says so."""

import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import preload_case  # noqa: E402


class WsprunTest(preload_case.PreloadCase):

    def run_it(self, *arguments, **settings):
        return subprocess.run([preload_case.WSPRUN, *arguments],
                              check=False, capture_output=True, text=True,
                              **settings)

    def socket_option(self):
        return "--socket", self.daemon.provider_socket

    def expect_failure(self, status, words, *arguments, **settings):
        result = self.run_it(*arguments, **settings)
        self.assertEqual(result.returncode, status, result)
        self.assertTrue(result.stderr.startswith("wsprun: "), result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertIn(words, result.stderr)
        self.assertEqual(result.stdout, "")

    def test_status_arguments_and_streams_are_the_programs(self):
        result = self.run_it(*self.socket_option(), "sh", "-c",
                             "cat; echo \"$@\" >&2; exit 7", "x", "a b", "--c",
                             input="through")
        self.assertEqual((result.returncode, result.stdout, result.stderr),
                         (7, "through", "a b --c\n"))

    def test_scripts_run_also_those_that_name_no_interpreter(self):
        path = os.path.join(self.daemon.folder, "script")
        for first in "#!/bin/sh\n", "":
            with open(path, "w", encoding="utf-8") as file:
                file.write(first + "echo $1\n")
            os.chmod(path, 0o755)
            result = self.run_it(*self.socket_option(), path, "argument")
            self.assertEqual((result.returncode, result.stdout),
                             (0, "argument\n"), result)

    def test_no_daemon_is_125_unless_the_kernel_will_do(self):
        nowhere = os.path.join(self.daemon.folder, "nowhere")
        self.expect_failure(125, f"no wspd at {nowhere}: No such file",
                            "--socket", nowhere, "true")
        self.expect_failure(125, f"no wspd at {nowhere}", "true",
                            env={**os.environ, "WSPD_SOCKET": nowhere})
        self.expect_failure(125, "File name too long", "--socket",
                            "/" + "x" * 120, "true")
        result = self.run_it("--socket", nowhere, "--fallback", "true")
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_a_relative_socket_is_of_the_folder_at_the_start(self):
        result = self.run_it("--socket", "wspd.sock", "sh", "-c",
                             "echo $WSPD_SOCKET", cwd=self.daemon.folder)
        self.assertEqual(result.stdout.strip(), self.daemon.provider_socket)

    def test_missing_programs_are_127_and_others_126(self):
        self.expect_failure(127, "no-such-program: no such program",
                            *self.socket_option(), "no-such-program")
        self.expect_failure(127, "/no/such: no such program",
                            *self.socket_option(), "/no/such")
        path = os.path.join(self.daemon.folder, "data")
        with open(path, "w", encoding="utf-8") as file:
            file.write("x")
        self.expect_failure(126, "Permission denied", *self.socket_option(),
                            path)
        self.expect_failure(126, "Permission denied", *self.socket_option(),
                            "/tmp")

    def test_what_cannot_be_preloaded_is_refused(self):
        # wsprun itself is static.
        self.expect_failure(125, "is statically linked", *self.socket_option(),
                            preload_case.WSPRUN, "true")

    def test_a_lost_library_is_said(self):
        alone = os.path.join(self.daemon.folder, "wsprun")
        shutil.copy(preload_case.WSPRUN, alone)
        result = subprocess.run([alone, *self.socket_option(), "true"],
                                check=False, capture_output=True, text=True)
        self.assertEqual(result.returncode, 125)
        self.assertIn("libwsp_preload.so is neither in " + self.daemon.folder,
                      result.stderr)

    def test_what_was_preloaded_stays_behind_the_library(self):
        result = self.run_it(*self.socket_option(), "sh", "-c",
                             "echo $LD_PRELOAD",
                             env={**os.environ, "LD_PRELOAD": "libm.so.6"})
        first, second = result.stdout.strip().split(":")
        self.assertTrue(first.endswith("/libwsp_preload.so"), first)
        self.assertEqual(second, "libm.so.6")
        # Under itself it comes once.
        result = self.run_it(*self.socket_option(), "sh", "-c",
                             f"{preload_case.WSPRUN} sh -c 'echo $LD_PRELOAD'")
        self.assertNotIn(":", result.stdout, result)

    def test_the_command_line_explains_itself(self):
        result = self.run_it("--help")
        self.assertEqual(result.returncode, 0)
        self.assertIn("usage: wsprun", result.stdout)
        self.assertIn("no enforcement", result.stdout)
        result = self.run_it("--version")
        self.assertRegex(result.stdout, r"^wsprun \d+\.\d+\.\d+\n$")
        self.expect_failure(125, "no program to run")
        self.expect_failure(125, "unknown option", "--unknown", "true")
        self.expect_failure(125, "--plane is lent, relayed or auto",
                            *self.socket_option(), "--plane", "slow", "true")

    def test_it_adds_little_to_a_program_without_sockets(self):
        # At most 1 ms. A busy machine may add more by itself, but not each
        # time; the quickest of many tries on either side are compared.
        def seconds(*command):
            begin = time.monotonic()
            subprocess.run(command, check=True)
            return time.monotonic() - begin
        wsprun = preload_case.WSPRUN, *self.socket_option()
        alone, under = [], []
        for _ in range(300):
            alone.append(seconds("/bin/true"))
            under.append(seconds(*wsprun, "/bin/true"))
            if len(under) >= 20 and min(under) - min(alone) <= 0.001:
                break
        self.assertLessEqual(min(under) - min(alone), 0.001)
        # It has asked for nothing.
        self.assertEqual([line for line in self.daemon.log
                          if "attached" in line], [])

    def test_the_plane_is_the_librarys_affair(self):
        for options, plane in ((("--plane", "relayed"), "relayed"),
                               (("--plane=lent",), "lent"), ((), "auto")):
            result = self.run_it(*self.socket_option(), *options, "sh", "-c",
                                 "echo $WSPD_PLANE")
            self.assertEqual(result.stdout.strip(), plane, result)


if __name__ == "__main__":
    preload_case.main()
