"""The ends that others set to this process: a signal, its parent's end, a time.
Whatever is under way is left by an exception; what has to be undone is undone.

The exception comes only where `open_to` says so: everywhere else it waits, so
that it can't come between something and the note that it is to be undone, nor
while it is. For the main thread.
"""

import contextlib
import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1
# To find out whether it was the parent, and no other of its threads.
_PARENTS = signal.SIGUSR2


class Ended(BaseException):
    """This process has to end, as `number`, a signal, does it."""

    def __init__(self, number):
        super().__init__(number)
        self.number = number


class TimeOver(Exception):
    """The time that `open_to` has given is over."""


_open = False
_ended_by = None


def _raise(error):
    global _open
    # Not again on the way out.
    _open = False
    raise error


def _on_signal(number, _):
    global _ended_by
    _ended_by = number
    if _open:
        _raise(Ended(number))


def _on_alarm(*_):
    if _open:
        _raise(TimeOver())


def raise_if_ended():
    if _ended_by is not None:
        raise Ended(_ended_by)


@contextlib.contextmanager
def open_to(seconds):
    """Here the exceptions may come: Ended, and TimeOver after that time."""
    global _open
    signal.alarm(seconds)
    _open = True
    try:
        raise_if_ended()
        yield
    finally:
        _open = False
        signal.alarm(0)


def listen_for(parent):
    """From now on SIGTERM, SIGINT and SIGHUP are Ended, and so is the end of
    the process `parent`, this one's; but those that are ignored (nohup) stay
    so."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _on_signal)
    signal.signal(signal.SIGALRM, _on_alarm)

    def on_parents(*_):
        if os.getppid() != parent:
            _on_signal(signal.SIGTERM, None)

    signal.signal(_PARENTS, on_parents)
    if ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _PARENTS, 0, 0, 0) != 0:
        raise OSError("prctl(PR_SET_PDEATHSIG)")
    on_parents()


def end_by(number):
    """Ends this process as if nothing had listened for the signal."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
