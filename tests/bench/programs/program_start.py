"""What wsprun adds to the time that a program takes that does nothing."""

import contextlib
import os
import sys

import ways

_PAIRS, _SMOKE_PAIRS = 200, 5
_TIME_PROGRAMS = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                              "time_programs.py")
_PROGRAM = "/bin/true"


class Added:
    """In ms: the median of the differences of pairs, one with wsprun and one
    without."""

    needs = {}

    def __init__(self, rig):
        self._rig = rig

    @staticmethod
    def contestants(names):
        return [name for name in names if name in ways.PLANES]

    @staticmethod
    def base(_):
        return None

    @contextlib.contextmanager
    def entered(self, contestant):
        with ways.make(contestant, self._rig) as way:
            client = self._rig.client([])
            yield lambda: self._measure(client, way.launcher)

    def _measure(self, client, launcher):
        pairs = _SMOKE_PAIRS if self._rig.arguments.smoke else _PAIRS
        program = client.start(sys.executable, "-B", _TIME_PROGRAMS, pairs,
                               _PROGRAM, *launcher)
        return float(program.wait())
