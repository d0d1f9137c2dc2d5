#!/usr/bin/python3
"""Connections to one address in quick succession, which nobody waits to hear
the beginning of."""

import os
import sys
import textwrap

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import preload_case  # noqa: E402

BODY = """
import select

def begin(source=None):
    one = socket.socket()
    one.setblocking(False)
    if source is not None:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(source)
    return one, one.connect_ex(("127.0.0.1", PORT))

def await_events(one, events):
    poll = select.poll()
    poll.register(one, events)
    found = poll.poll(60000)
    assert found, "nothing has happened"
    return found[0][1]

def succession(count):
    made = []
    for _ in range(count):
        one, error = begin()
        assert error == errno.EINPROGRESS, error
        made.append(one)
    return made

def talk(one):
    one.setblocking(True)
    exchange(one)

def pending(one):
    return one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
"""


class UnawaitedConnectsTest(preload_case.PreloadCase):

    def start(self, body, **settings):
        return super().start(BODY + textwrap.dedent(body), **settings)

    def test_they_are_as_any_others(self):
        self.run_body("""
            for turn in range(20):
                for i, one in enumerate(succession(100)):
                    if i % 4 == 0:
                        assert await_events(one, select.POLLOUT) == \\
                            select.POLLOUT
                        assert pending(one) == 0
                        assert pending(one) == 0
                    elif i % 4 == 1:
                        await_events(one, select.POLLOUT)
                        again = ("127.0.0.1", PORT)
                        assert one.connect_ex(again) == 0
                        assert one.connect_ex(again) == errno.EISCONN
                    elif i % 4 == 2:
                        await_events(one, select.POLLOUT)
                        assert one.getpeername() == ("127.0.0.1", PORT)
                    talk(one)
                    one.close()
        """)

    def test_who_looks_at_once_finds_one_under_way(self):
        self.run_body("""
            for turn in range(200):
                for one in succession(4):
                    error = error_of(one.send, b"x")
                    if error == 0:
                        assert one.recv(1, socket.MSG_WAITALL) == b"x" \\
                            if await_events(one, select.POLLIN) else None
                    else:
                        assert error == errno.EAGAIN, error
                        talk(one)
                    one.close()
        """)

    def test_why_one_cannot_begin_is_how_it_ends(self):
        self.run_body("""
            told = 0
            for turn in range(1000):
                first, _ = begin(("127.0.0.1", 0))
                await_events(first, select.POLLOUT)
                for one in succession(2):
                    one.close()
                # The same two ends again.
                other, error = begin(first.getsockname())
                if error == errno.EINPROGRESS:
                    told += 1
                    await_events(other, select.POLLOUT)
                    assert pending(other) == errno.EADDRNOTAVAIL
                    assert pending(other) == 0
                    assert error_of(other.send, b"x") == errno.EPIPE
                else:
                    # There was a pause.
                    assert error == errno.EADDRNOTAVAIL, error
                talk(first)
                first.close()
                other.close()
                if told == 10:
                    break
            assert told == 10, told
        """)

    def test_children_find_them_begun(self):
        self.run_body("""
            def child(one):
                error = error_of(one.send, b"x")
                assert error in (0, errno.EAGAIN), error
                if error:
                    talk(one)
            for turn in range(50):
                for one in succession(4):
                    in_child(lambda: child(one))
                    one.close()
        """)


if __name__ == "__main__":
    preload_case.main()
