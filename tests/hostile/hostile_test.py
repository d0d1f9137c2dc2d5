"""Sends the daemon nonsense while an honest client goes on.

Usage: hostile_test.py WSPD PROTO_ROOT FRAMES
FRAMES mutated frames are decoded by the daemon before the test ends.
"""

import collections
import json
import os
import random
import socket
import subprocess
import sys
import time

import hostile_case
import raw_attach

FRAMES = int(sys.argv[3])
CLIENTS = 4
# What may come back for a mutated frame: all of it counts as decoded.
DECODED = {"answered", "CANCELLED", "FAILED_PRECONDITION", "INVALID_ARGUMENT",
           "RESOURCE_EXHAUSTED"}
ABOUT_STREAMS = {"streams", "gone in the middle"}


class HostileTest(hostile_case.HostileCase):
    CONFIG = "times { grace_ms: 1 }"

    @classmethod
    def setUpClass(cls):
        cls.seed = int(os.environ.get("SEED", time.time()))
        print("SEED", cls.seed)
        random.seed(cls.seed)

    def test_mutated_frames_end_nobody_else(self):
        begin = time.monotonic()
        script = os.path.join(hostile_case.HERE, "mutating_client.py")
        clients = [
            subprocess.Popen(
                [sys.executable, script, hostile_case.PROTO_ROOT, self.path,
                 str(self.echo.port), f"{self.seed}.{number}",
                 str(-(-FRAMES // CLIENTS))],
                stdout=subprocess.PIPE, text=True)
            for number in range(CLIENTS)]
        counts = collections.Counter()
        for client in clients:
            output, _ = client.communicate()
            self.assertEqual(client.returncode, 0)
            counts.update(json.loads(output))
        decoded = sum(counts[what] for what in DECODED)
        print(f"{decoded} mutated frames decoded in "
              f"{time.monotonic() - begin:.1f} s: {dict(counts)}")
        print("\n".join(line for line in self.daemon.log
                        if " INFO " not in line))
        self.assertTrue(self.daemon.alive())
        self.assertLessEqual(set(counts), DECODED | ABOUT_STREAMS)
        self.assertGreaterEqual(decoded, FRAMES)

    def test_bytes_that_are_no_http2(self):
        for _ in range(100):
            raw = socket.socket(socket.AF_UNIX)
            raw.connect(self.path)
            try:
                raw.sendall(random.choice([
                    b"", b"GET / HTTP/1.1\r\n\r\n", os.urandom(4000),
                    raw_attach.PREFACE,
                    raw_attach.PREFACE + os.urandom(500)]))
            except OSError:
                pass
            raw.close()
        self.assertTrue(self.daemon.alive())


if __name__ == "__main__":
    hostile_case.main()
