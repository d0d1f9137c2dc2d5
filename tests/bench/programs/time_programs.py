"""time_programs.py PAIRS PROGRAM LAUNCHER...: runs PROGRAM and LAUNCHER...
PROGRAM so often in turn, and prints by how many ms the second takes longer: the
median of the differences."""

import os
import statistics
import sys
import time


def _seconds(command):
    begin = time.perf_counter()
    pid = os.posix_spawn(command[0], command, os.environ)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    end = time.perf_counter()
    if status != 0:
        sys.exit(f"{command[0]} ended with {status}")
    return end - begin


def main():
    pairs, program, launcher = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    differences = [-_seconds([program]) + _seconds([*launcher, program])
                   for _ in range(pairs)]
    print(f"{statistics.median(differences) * 1000:.4f}")


if __name__ == "__main__":
    main()
