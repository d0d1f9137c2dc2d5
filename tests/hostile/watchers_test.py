"""A user who watches events by all streams that he gets, reads none of them and
makes events himself, while an honest client echoes and others watch.

Usage: watchers_test.py WSPD PROTO_ROOT -
"""

import json
import os
import subprocess
import sys
import threading

import hostile_case
import admin_client
import other_user
import wire_client

CONNECTIONS, STREAMS = 4, 16
MOST = 16  # streams of a user; of wsp.v1.Admin.WatchEvents
ADMIN = hostile_case.PROTOS[2]


class Watcher:
    """A watcher.py."""

    def __init__(self, daemon, uid, connections=CONNECTIONS, streams=STREAMS):
        self._process = subprocess.Popen(
            [sys.executable, os.path.join(hostile_case.HERE, "watcher.py"),
             hostile_case.PROTO_ROOT, daemon.provider_socket,
             daemon.admin_socket, str(uid), str(connections), str(streams)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.answer = self._read()

    def _read(self):
        line = self._process.stdout.readline()
        assert line, "the watcher has failed"
        return json.loads(line)

    def give_back_and_ask_again(self):
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._read()

    def close(self):
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()


class WatchersTest(hostile_case.HostileCase):
    def setUp(self):
        if not other_user.is_root():
            self.skipTest("being another user takes root")
        super().setUp()
        os.chmod(self.daemon.folder, 0o755)
        os.chmod(self.path, 0o666)

    def watcher(self, uid, **how_many):
        watcher = Watcher(self.daemon, uid, **how_many)
        self.addCleanup(watcher.close)
        return watcher

    def assert_administrators_watch(self):
        """An administrator's stream tells of a client that attaches now."""
        with admin_client.AdminClient(hostile_case.PROTOS,
                                      self.daemon.admin_socket) as admin:
            stream = admin.stream(
                "WatchEvents", pid=os.getpid(),
                kinds=[ADMIN.JournalEvent.KIND_CLIENT_ATTACHED])
            # Instead of waiting for ever.
            timer = threading.Timer(60, stream.cancel)
            timer.start()
            self.addCleanup(timer.cancel)
            next(stream)
            client = wire_client.WireClient(hostile_case.PROTOS, self.path)
            client.attach()
            while True:
                events = next(stream).events
                if events:
                    break
            self.assertEqual(events[0].pid, os.getpid())
            self.assertEqual(admin.check_health(), "SERVING")
            client.close()
            stream.cancel()

    def test_a_user_has_so_many_streams_and_nobody_else_has_fewer(self):
        attacker = self.watcher(other_user.NOBODY)
        self.assertEqual(attacker.answer["begun"], MOST)
        refused = attacker.answer["refused"]
        self.assertEqual(len(refused), CONNECTIONS * STREAMS - MOST)
        for code, message in refused:
            self.assertEqual(code, "RESOURCE_EXHAUSTED")
            self.assertIn(f"uid {other_user.NOBODY} watches events by {MOST} "
                          "streams", message)
        self.assert_administrators_watch()
        other = self.watcher(other_user.OTHER_USER, connections=1)
        self.assertEqual(other.answer, {"begun": MOST, "refused": []})
        self.assert_honest_is_served()
        self.assert_administrators_watch()
        # What is given back may be had again.
        self.assertEqual(attacker.give_back_and_ask_again(),
                         {"begun": 1, "refused": []})


if __name__ == "__main__":
    hostile_case.main()
