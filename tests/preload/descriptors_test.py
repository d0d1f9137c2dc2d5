#!/usr/bin/python3
"""The library's own descriptors, and programs that close everything."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import preload_case  # noqa: E402


class DescriptorsTest(preload_case.PreloadCase):

    def test_they_are_high_and_close_on_exec(self):
        self.run_body("""
            check()
            for fd in own_descriptors():
                assert fd >= 700, fd
                with open(f"/proc/self/fdinfo/{fd}") as info:
                    flags = [line for line in info if line.startswith("flags")]
                assert int(flags[0].split()[1], 8) & os.O_CLOEXEC, flags
        """)

    def test_closing_everything_spares_them(self):
        self.run_body("""
            check()
            before = own_descriptors()
            assert len(before) == 2
            os.closerange(3, 1 << 16)
            assert own_descriptors() == before
            assert libc.close_range(3, ctypes.c_uint(0xffffffff), 0) == 0
            assert own_descriptors() == before
            libc.closefrom(3)
            assert own_descriptors() == before
            one = socket.socket()
            for fd in range(3, 1 << 12):
                libc.close(fd)
            assert own_descriptors() == before
            one.detach()
            assert libc.close_range(3, ctypes.c_uint(0xffffffff), 1 << 2) == 0
            check()
            assert own_descriptors() == before
        """)

    def test_the_others_are_closed(self):
        self.run_body("""
            check()
            top = max(own_descriptors()) + 5
            numbers = [10, min(own_descriptors()) - 1, top]
            for number in numbers:
                os.dup2(2, number)
            assert libc.close_range(3, ctypes.c_uint(0xffffffff), 0) == 0
            for number in numbers:
                assert error_of(os.fstat, number) == errno.EBADF, number
            assert libc.close_range(5, 4, 0) == -1
            assert ctypes.get_errno() == errno.EINVAL
            assert libc.close_range(3, 4000, 1 << 10) == -1
            assert ctypes.get_errno() == errno.EINVAL
            check()
        """)

    def test_to_the_program_their_numbers_are_free(self):
        self.run_body("""
            check()
            own = min(own_descriptors())
            assert libc.close(own) == -1
            assert ctypes.get_errno() == errno.EBADF
            assert libc.dup2(own, 5) == -1
            assert ctypes.get_errno() == errno.EBADF
            assert libc.dup3(own, 5, 0) == -1
            assert ctypes.get_errno() == errno.EBADF
            for call in libc.fcntl, libc.fcntl64:
                assert call(own, fcntl.F_GETFD) == -1
                assert ctypes.get_errno() == errno.EBADF
            check()
        """)

    def test_they_make_way_for_the_programs(self):
        self.run_body("""
            check()
            before = own_descriptors()
            first, second = sorted(before)
            assert libc.dup2(2, first) == first
            assert libc.dup3(2, second, os.O_CLOEXEC) == second
            after = own_descriptors()
            assert after[first] == after[second] == os.readlink(
                "/proc/self/fd/2")
            moved = {fd: what for fd, what in after.items()
                     if what in before.values()}
            assert len(moved) == 2 and first not in moved, (before, after)
            check()
            assert own_descriptors() == after
            assert libc.close(first) == 0
            assert libc.close(second) == 0
            check()
        """)

    def test_a_number_taken_by_raw_calls_is_never_written_to(self):
        self.run_body("""
            import tempfile
            SYS_close, SYS_dup2 = 3, 33
            check()
            with tempfile.TemporaryFile() as file:
                a, b = socket.socketpair()
                own = sorted(own_descriptors())
                assert libc.syscall(SYS_dup2, file.fileno(), own[0]) == own[0]
                assert libc.syscall(SYS_dup2, a.fileno(), own[1]) == own[1]
                check()
                assert os.fstat(file.fileno()).st_size == 0
                b.setblocking(False)
                assert error_of(b.recv, 1) == errno.EAGAIN
                # They are the program's now, also to close.
                assert libc.close(own[0]) == 0
                assert libc.close(own[1]) == 0
            for fd in own_descriptors():
                libc.syscall(SYS_close, fd)
            assert not own_descriptors()
            check()
            assert len(own_descriptors()) == 2
        """)

    def test_a_program_that_has_few_descriptors_goes_on(self):
        self.run_body("""
            import resource
            resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
            check()
            held = []
            try:
                while True:
                    held.append(os.open("/dev/null", os.O_RDONLY))
            except OSError as error:
                assert error.errno == errno.EMFILE
            assert error_of(socket.socket) == errno.EMFILE
            os.close(held.pop())
            socket.socket().close()
        """)


if __name__ == "__main__":
    preload_case.main()
