#!/usr/bin/python3
"""The library in signal handlers, cancelled threads and vfork children."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import preload_case  # noqa: E402


class SignalsTest(preload_case.PreloadCase):

    def flags(self):
        return self.configure("10.1.2.3 both.test\n")

    def run_program(self, mode, *arguments):
        program = self.wsprun(preload_case.PROGRAM, mode,
                              str(self.server.port), *arguments)
        return self.finish(program, deadline=200)

    def test_handlers_make_sockets_in_the_midst_of_malloc(self):
        self.run_program("handlers", "10000")

    def test_cancelled_threads_hold_nothing(self):
        self.run_program("cancelled", "20")

    def test_handlers_leave_lookups(self):
        self.run_program("left", "silent.test", "both.test")

    def test_handlers_fork_in_lookups(self):
        self.run_program("forked", "silent.test", "both.test")

    def test_vfork_children_change_nothing(self):
        self.run_program("vforked")


if __name__ == "__main__":
    preload_case.main()
