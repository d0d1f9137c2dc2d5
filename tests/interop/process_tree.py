"""The processes that a case leaves behind are ours to end: this process adopts
those whose parents have ended."""

import ctypes
import os
import signal
import time

_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans():
    if ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError("prctl(PR_SET_CHILD_SUBREAPER)")


def _parents():
    """The parent of each process that there is."""
    parents = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8",
                      errors="replace") as file:
                parents[int(name)] = int(
                    file.read().rsplit(")", 1)[1].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            pass
    return parents


def descendants(pid):
    parents = _parents()
    found, last = set(), {pid}
    while last:
        last = {one for one, parent in parents.items() if parent in last}
        found |= last
    return found


def end_descendants(spared, seconds=30):
    """Kills and reaps all descendants of this process but the spared ones and
    their own. Raises if any outlives the deadline."""
    deadline = time.monotonic() + seconds
    kept = set(spared)
    for one in spared:
        kept |= descendants(one)
    while rest := descendants(os.getpid()) - kept:
        for pid in rest:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for pid in rest:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass  # a child's child: ours at the next round
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes that can't be killed: {rest}")
        time.sleep(0.01)
