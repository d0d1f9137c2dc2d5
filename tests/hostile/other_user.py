"""Clients of other users than the test's, which has to be root for that."""

import json
import os
import subprocess
import sys

import hostile_case

NOBODY = 65534
OTHER_USER = 54321


def is_root():
    return os.geteuid() == 0


class OtherUser:
    """A stranger.py, whose answer is in `answer`; it lives until it is left."""

    def __init__(self, path, uid, *what):
        self._process = subprocess.Popen(
            [sys.executable, os.path.join(hostile_case.HERE, "stranger.py"),
             hostile_case.PROTO_ROOT, path, str(uid),
             *[str(word) for word in what]],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self._process.stdout.readline()
        assert line, "the other user's client has failed"
        self.answer = json.loads(line)

    def close(self):
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()
