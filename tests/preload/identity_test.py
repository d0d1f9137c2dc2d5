#!/usr/bin/python3
"""Programs that change who and where they are: set*uid, chroot."""

import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import preload_case  # noqa: E402

OTHER = 70001


def may_become_others():
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(OTHER)
            os.setuid(OTHER)
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


@unittest.skipUnless(may_become_others(), "there is one user only")
class IdentityTest(preload_case.PreloadCase):

    def setUp(self):
        super().setUp()
        os.chmod(self.daemon.folder, 0o755)
        os.chmod(self.daemon.provider_socket, 0o666)

    def test_after_setuid_the_daemon_sees_the_new_user(self):
        # Each of the calls has the attachment made anew.
        program = self.start(f"""
            check()
            changes = [lambda: os.setgroups([]),
                       lambda: os.initgroups("daemon", {OTHER}),
                       lambda: os.setregid(-1, -1),
                       lambda: os.setresgid({OTHER}, {OTHER}, {OTHER}),
                       lambda: os.setegid({OTHER}),
                       lambda: os.setgid({OTHER}),
                       lambda: os.setreuid(-1, -1),
                       lambda: os.seteuid({OTHER}),
                       lambda: os.seteuid(0),
                       lambda: os.setresuid({OTHER}, {OTHER}, 0),
                       lambda: os.setuid({OTHER})]
            before = set(own_descriptors().values())
            for number, change in enumerate(changes):
                change()
                check()
                after = set(own_descriptors().values())
                assert len(after) == 2, after
                assert not after & before, number
                before = after
            print("changed", flush=True)
            sys.stdin.readline()
        """)
        self.expect_line(program, "changed")
        clients = self.wspctl("clients")
        self.assertEqual([client["uid"] for client in clients], [OTHER],
                         clients)
        self.go_on(program)
        self.finish(program)

    def test_what_gains_privileges_is_refused(self):
        # The loader would leave the library out, and nobody would be told.
        folder = self.daemon.folder
        wsprun = shutil.copy(preload_case.WSPRUN, folder)
        shutil.copy(os.path.join(os.path.dirname(preload_case.WSPRUN),
                                 "libwsp_preload.so"), folder)
        program = shutil.copy("/bin/true", os.path.join(folder, "program"))
        for mode, status, words in (
                (0o4755, 125, "is set-user-ID"),
                (0o2755, 125, "is set-group-ID"), (0o755, 0, "")):
            os.chmod(program, mode)
            result = subprocess.run(
                [wsprun, "--socket", self.daemon.provider_socket, program],
                check=False, capture_output=True, text=True, user=OTHER,
                group=OTHER, extra_groups=[])
            self.assertEqual(result.returncode, status, result)
            self.assertIn(words, result.stderr)
            self.assertEqual("bypass wspd" in result.stderr, status != 0)

    def test_a_failed_change_is_none(self):
        self.run_body(f"""
            os.setgid({OTHER})
            os.setuid({OTHER})
            check()
            before = own_descriptors()
            assert error_of(os.setuid, 0) == errno.EPERM
            check()
            assert own_descriptors() == before
        """)

    def test_after_chroot_the_daemon_is_still_reached(self):
        self.run_body(f"""
            import encodings.idna
            lost = []
            root = {self.daemon.folder!r} + "/root"
            os.mkdir(root)
            check()
            os.chroot(root)
            os.chdir("/")
            assert os.listdir("/") == [], os.listdir("/")
            check()
            # Nothing is left but the folder.
            for fd in range(700, 4096):
                copy = raw_dup(fd)
                if copy >= 0:
                    if libc.shutdown(copy, socket.SHUT_RDWR) == 0:
                        lost.append(fd)
                    libc.close(copy)
            assert len(lost) == 2, lost
            check()
            # Its working folder is still its own.
            assert os.getcwd() == "/"
            in_child(check)
            in_child(lambda: in_child(check))
            os.setgid({OTHER})
            os.setuid({OTHER})
            check()
            assert len(os.listdir("/")) == 0
        """)

    def test_chroot_comes_first(self):
        self.run_body(f"""
            root = {self.daemon.folder!r} + "/root"
            os.mkdir(root)
            os.chroot(root)
            os.chdir("/")
            check()
            # A second one, from where the socket's path leads nowhere.
            os.mkdir("/inner")
            os.chroot("/inner")
            check()
            in_child(check)
        """)

    def settle(self, folder, then):
        """As servers do: gives root and the root folder up, goes to `folder`
        there, and forbids itself processes and threads."""
        return f"""
            import encodings.idna, queue, resource
            root = {self.daemon.folder!r} + "/root"
            os.mkdir(root)
            os.mkdir(root + "/closed", 0o700)
            os.mkdir(root + "/open")
            check()
            descriptors = os.open("/proc/self/fd", os.O_RDONLY)
            before = os.listdir(descriptors)
            os.chroot(root)
            os.chdir({folder!r})
            # What the program itself needs is there already.
            jobs = queue.SimpleQueue()
            done = queue.SimpleQueue()
            def work():
                while job := jobs.get():
                    done.put(error_of(job))
            threading.Thread(target=work, daemon=True).start()
            os.setgid({OTHER})
            os.setuid({OTHER})
            resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
            assert error_of(os.fork) == errno.EAGAIN
        """ + then

    def test_who_can_have_no_thread_goes_to_the_daemon_and_returns(self):
        self.run_body(self.settle("/open", f"""
            for _ in range(3):
                os.setuid({OTHER})
                check()
                assert os.getcwd() == "/open"
            assert error_of(os.stat, "../wspd.sock") == errno.ENOENT
            # Open are those of before, and the daemon's folder.
            os.lseek(descriptors, 0, os.SEEK_SET)
            after = os.listdir(descriptors)
            assert len(after) == len(before) + 1, after
        """))

    def test_who_goes_to_the_daemon_takes_no_other_thread_along(self):
        self.run_body(self.settle("/open", f"""
            # More than once: the others could see it for a moment only.
            for _ in range(100):
                os.setuid({OTHER})
                jobs.put(check)
                while done.empty():
                    assert os.getcwd() == "/open"
                assert done.get() == 0
            # What that thread can't have back.
            os.chdir("/")
            jobs.put(lambda: os.stat("open"))
            assert done.get() == errno.ENOENT
            os.chdir("/open")
        """))

    def test_who_would_not_come_back_does_not_go(self):
        self.run_body(self.settle("/closed", f"""
            assert error_of(connection) == errno.ENETDOWN
            assert error_of(os.listdir, ".") == errno.EACCES
            os.chdir("/open")
            check()
            assert os.getcwd() == "/open"
        """))

    def test_a_failed_chroot_is_none(self):
        self.run_body("""
            assert error_of(os.chroot, "/nowhere") == errno.ENOENT
            check()
        """)


if __name__ == "__main__":
    preload_case.main()
