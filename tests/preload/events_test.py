#!/usr/bin/python3
"""What `wspctl watch` says of programs' sockets while they are used.

Usage: events_test.py WSPRUN WSPD WSPCTL --plane=PLANE
"""

import json
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import preload_case  # noqa: E402

RELAYED = preload_case.PLANE == "relayed"


class EventsTest(preload_case.WatchingCase):

    def all_of_it(self, accepted=0):
        """The events of the program's sockets, when it has ended with all of
        them, also those of so many that it has accepted."""
        events, open_sockets, gone = [], set(), False
        while not gone or open_sockets or accepted > 0:
            event = json.loads(self.watch.stdout.readline())
            self.assertNotIn("lost", event)
            gone |= event["kind"] in ("KIND_CLIENT_GONE", "KIND_CLIENT_DIED")
            if not event["kind"].startswith("KIND_SOCKET_"):
                continue
            events.append(event)
            if event["kind"] in ("KIND_SOCKET_OPENED", "KIND_SOCKET_ACCEPTED"):
                open_sockets.add(event["cookie"])
            if event["kind"] == "KIND_SOCKET_CLOSED":
                open_sockets.remove(event["cookie"])
                accepted -= event["socket_id"] == "0"
        return events

    def lives(self, events):
        """What has happened to each socket, in the order of their first. Of
        those that the program was given and hasn't used, nothing; of lent ones
        these have never had an address."""
        lives = {}
        for event in events:
            words = event["kind"][len("KIND_SOCKET_"):].lower()
            if event["detail"]:
                words += " " + event["detail"]
            lives.setdefault(event["cookie"], []).append(words)
            self.assertEqual(event["plane"], "PLANE_RELAYED" if RELAYED
                             else "PLANE_LENT")
            self.assertNotEqual(event["cookie"], "0")
        used = {event["cookie"] for event in events
                if event["local"] != "-"}
        return [life for socket, life in lives.items() if socket in used]

    def test_a_connection(self):
        program = self.start("""
            with connection() as one:
                print(one.getsockname()[1], flush=True)
                exchange(one)
        """)
        port = int(program.stdout.readline())
        self.finish(program)
        events = self.all_of_it()
        self.assertEqual(
            self.lives(events),
            [["opened", "connected", "closed"] if RELAYED
             else ["opened", "closed"]])
        (closed,) = [event for event in events if event["local"] != "-" and
                     event["kind"] == "KIND_SOCKET_CLOSED"]
        self.assertEqual((closed["local"].rpartition(":")[2], closed["peer"]),
                         (str(port), f"127.0.0.1:{self.server.port}"))

    def test_a_listener(self):
        program = self.start("""
            listener = socket.create_server(("127.0.0.1", 0))
            print(listener.getsockname()[1], flush=True)
            peer = socket.create_connection(listener.getsockname())
            accepted, _ = listener.accept()
            exchanged = [accepted.sendall(b"x"), peer.recv(1)]
            peer.close()
            assert accepted.recv(1) == b""
            accepted.close()
            listener.close()
        """)
        port = int(program.stdout.readline())
        self.finish(program)
        # What a relayed listener accepts has a number, as its other sockets.
        events = self.all_of_it(accepted=0 if RELAYED else 1)
        lives = self.lives(events)
        if not RELAYED:
            self.assertEqual(sorted(lives), [
                ["accepted told at its end", "closed"], ["opened", "closed"],
                ["opened", "closed"]])
            (accepted,) = [event for event in events
                           if event["kind"] == "KIND_SOCKET_ACCEPTED"]
            self.assertEqual(accepted["local"], f"127.0.0.1:{port}")
            self.assertIn(accepted["listener_socket_id"],
                          {event["socket_id"] for event in events})
            return
        self.assertEqual(sorted(lives), sorted([
            ["opened", "bound", "listening", "closed"],
            ["opened", "connected", "closed"], ["accepted", "closed"]]))
        (accepted,) = [event for event in events
                       if event["kind"] == "KIND_SOCKET_ACCEPTED"]
        (listening,) = [event for event in events
                        if event["kind"] == "KIND_SOCKET_LISTENING"]
        self.assertEqual(accepted["listener_socket_id"],
                         listening["socket_id"])
        self.assertEqual(listening["local"], f"127.0.0.1:{port}")

    def test_a_killed_program_and_datagrams(self):
        program = self.start("""
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            one.bind(("127.0.0.1", 0))
            one.connect(("127.0.0.1", PORT))
            one.sendall(b"x")
            assert one.recv(1) == b"x"
            kept = connection()
            exchange(kept)
            # Unread at its end, for which the kernel resets, too.
            kept.sendall(b"unread")
            while len(kept.recv(100, socket.MSG_PEEK)) < 6:
                pass
            print("ready", flush=True)
            sys.stdin.readline()
        """)
        self.expect_line(program, "ready")
        program.send_signal(signal.SIGKILL)
        self.finish(program, -signal.SIGKILL)
        lives = self.lives(self.all_of_it())
        if RELAYED:
            self.assertEqual(lives, [
                ["opened", "bound", "connected", "closed"],
                ["opened", "connected", "reset by its client", "closed"]])
        else:
            self.assertEqual(lives, [["opened", "closed"]] * 2)


if __name__ == "__main__":
    preload_case.main()
