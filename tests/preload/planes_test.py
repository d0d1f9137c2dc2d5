#!/usr/bin/python3
"""Which plane a program's sockets are on, by its options, the daemon's
configuration, and the rules that it is under."""

import os
import signal
import sys
import textwrap

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import preload_case  # noqa: E402

LIBRARY = """
def planes():
    '''Of new sockets of all kinds.'''
    found = set()
    for family in socket.AF_INET, socket.AF_INET6:
        for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
            with socket.socket(family, kind) as one:
                found.add("relayed" if is_relayed(one.fileno()) else "lent")
    return found

def serve():
    '''One end of a connection is accepted.'''
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = socket.create_connection(listener.getsockname(), 30)
        other, _ = listener.accept()
    with one, other:
        other.sendall(b"served")
        assert one.recv(6, socket.MSG_WAITALL) == b"served"
        return is_relayed(other.fileno())
"""


class PlanesCase(preload_case.PreloadCase):

    config = ""

    def flags(self):
        return self.configuration(self.config)

    def expect(self, plane, wanted):
        """All works, on the plane."""
        self.finish(self.start(LIBRARY + textwrap.dedent(f"""
            assert planes() == {{{wanted!r}}}, planes()
            check()
            assert serve() == ({wanted!r} == "relayed")
            in_child(check)
        """), options=["--plane", plane]))

    def expect_refusal(self, plane):
        """A plane that isn't there isn't replaced by another one."""
        self.finish(self.start("""
            for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
                error = error_of(socket.socket, socket.AF_INET, kind)
                assert error == errno.EPERM, error
        """, options=["--plane", plane]))


class BothPlanesTest(PlanesCase):

    def test_auto_is_lent(self):
        self.expect("auto", "lent")
        self.expect("lent", "lent")
        self.expect("relayed", "relayed")


class NothingLentTest(PlanesCase):

    config = "planes { lent: false }"

    def test_auto_is_relayed(self):
        self.expect("auto", "relayed")
        self.expect("relayed", "relayed")
        self.expect_refusal("lent")


class NothingRelayedTest(PlanesCase):

    config = "planes { relayed: false }"

    def test_auto_is_lent(self):
        self.expect("auto", "lent")
        self.expect_refusal("relayed")


class LimitedTest(PlanesCase):
    """What is lent can't be limited."""

    config = "limits { bytes_per_second_per_client: 1000000000 }"

    def test_auto_is_relayed(self):
        self.expect("auto", "relayed")
        self.expect_refusal("lent")


DENY = 'policy { rules { verdict: DENY addresses: "127.0.0.2" } }'


class RestrictedTest(PlanesCase):
    """What is lent can't be looked at, so who is denied something has none."""

    config = DENY

    def test_auto_is_relayed(self):
        self.expect("auto", "relayed")
        self.expect_refusal("lent")

    def test_what_is_denied_is_denied(self):
        self.finish(self.start("""
            denied, allowed = ("127.0.0.2", PORT), ("127.0.0.1", PORT)
            for blocking in True, False:
                with socket.socket() as one:
                    one.setblocking(blocking)
                    for _ in range(2):
                        assert error_of(one.connect, denied) == errno.EACCES
                    # Nothing of that is left on it.
                    assert one.connect_ex(allowed) in (0, errno.EINPROGRESS)
                    one.settimeout(30)
                    exchange(one)
        """))


class RestrictedOthersTest(PlanesCase):

    config = ('policy { rules { verdict: DENY uids: "4000000001" '
              'addresses: "127.0.0.2" } }')

    def test_rules_for_others_leave_the_plane(self):
        self.expect("auto", "lent")


class LaterCase(PlanesCase):
    """Something that a reload brings, for a program that has a lent socket."""

    def flags(self):
        flags = super().flags()
        self.daemon_config = flags[1]
        return flags

    def check_from_the_next_socket_on(self, config):
        program = self.start(LIBRARY + textwrap.dedent("""
            assert planes() == {"lent"}, planes()
            held = connection()
            print("lent", flush=True)
            sys.stdin.readline()
            assert planes() == {"relayed"}, planes()
            check()
            assert serve()
            exchange(held, b"as it was")
        """), options=["--plane", "auto"])
        self.expect_line(program, "lent")
        with open(self.daemon_config, "w", encoding="utf-8") as file:
            file.write(config)
        self.daemon.process.send_signal(signal.SIGHUP)
        self.assertIsNotNone(self.daemon.await_line("configuration",
                                                    "read anew"))
        self.go_on(program)
        self.finish(program)


class RestrictedLaterTest(LaterCase):

    def test_from_the_next_socket_on(self):
        self.check_from_the_next_socket_on(DENY)


class LimitedLaterTest(LaterCase):

    def test_from_the_next_socket_on(self):
        self.check_from_the_next_socket_on(LimitedTest.config)


if __name__ == "__main__":
    preload_case.main()
