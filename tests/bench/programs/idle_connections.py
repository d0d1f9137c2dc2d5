"""Connections on which nothing happens: a program that holds so many, what each
costs wspd or Dante in memory, and others in time."""

import contextlib
import os

import ways
from loads import Echo
from rig import await_true

_PORT = 8001
_FOLDER = os.path.dirname(os.path.abspath(__file__))
_PYTHON = ["/usr/bin/python3", "-B"]
# Dante's take 290 KiB each.
_COUNT, _DANTE_COUNT, _SMOKE_COUNT = 5000, 500, 50


def _count(arguments, way):
    if arguments.smoke:
        return _SMOKE_COUNT
    return _DANTE_COUNT if way == ways.DANTE else _COUNT


def start_keeper(rig):
    """The server: accepts and keeps."""
    rig.start_server(_PORT, *_PYTHON,
                     os.path.join(_FOLDER, "keep_connections.py"), _PORT)


def hold(client, count):
    """A program that has connected so often. It goes on until it is killed."""
    program = client.start(*_PYTHON,
                           os.path.join(_FOLDER, "hold_connections.py"), _PORT,
                           count)
    await_true(lambda: program.ended() or program.output(),
               f"{count} connections")
    if program.ended():
        program.wait()
    return program


def release(holder):
    holder.process.kill()
    holder.wait(status=None)


class Memory:
    """What wspd, or all processes of Dante's, take for each, in KiB."""

    needs = {}

    def __init__(self, rig):
        self._rig = rig
        start_keeper(rig)

    @staticmethod
    def contestants(names):
        return [name for name in names if name != ways.NATIVE]

    @staticmethod
    def base(_):
        return None

    @contextlib.contextmanager
    def entered(self, contestant):
        yield lambda: self._measure(contestant)

    def _measure(self, name):
        """Of a daemon that has held nothing before."""
        count = _count(self._rig.arguments, name)
        with ways.make(name, self._rig) as way:
            before = way.memory_kib()
            holder = hold(way.client, count)
            each = (way.memory_kib() - before) / count
            release(holder)
        return each


class EchoBeside:
    """The echo, by each plane: beside many of them, and beside none."""

    needs = Echo.needs
    _ALONE = " beside none"

    def __init__(self, rig):
        self._rig = rig
        self._echo = Echo(rig)
        start_keeper(rig)

    @classmethod
    def contestants(cls, names):
        planes = [name for name in names if name in ways.PLANES]
        return planes + [name + cls._ALONE for name in planes]

    @classmethod
    def base(cls, name):
        return None if name.endswith(cls._ALONE) else name + cls._ALONE

    @contextlib.contextmanager
    def entered(self, contestant):
        name = contestant.removesuffix(self._ALONE)
        with ways.make(name, self._rig) as way:
            holder = None
            if name == contestant:
                holder = hold(way.client, _count(self._rig.arguments, name))
            yield lambda: self._echo.measure(way.client)
            if holder:
                release(holder)
