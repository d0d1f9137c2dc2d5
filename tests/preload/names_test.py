#!/usr/bin/python3
"""Names of preloaded programs, which the daemon looks up."""

import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import preload_case  # noqa: E402

HOSTS = """
127.0.0.1 localhost
::1 localhost
127.0.0.1 here.test here.alias
10.1.2.3 both.test
fd00::7 both.test
10.1.2.4 old.test
fd00::8 new.test
"""

# Answers of getaddrinfo, as (family, address).
HELPERS = """
def addresses(*arguments, **named):
    try:
        found = socket.getaddrinfo(*arguments, **named)
    except socket.gaierror as error:
        return error.errno
    return [(family.name, address[0])
            for family, kind, _, _, address in found
            if kind == socket.SOCK_STREAM]
V4, V6 = "AF_INET", "AF_INET6"

class HostEntry(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p),
                ("aliases", ctypes.POINTER(ctypes.c_char_p)),
                ("family", ctypes.c_int), ("length", ctypes.c_int),
                ("addresses", ctypes.POINTER(ctypes.c_void_p))]

    def all_aliases(self):
        names, at = [], 0
        while self.aliases[at]:
            names.append(self.aliases[at])
            at += 1
        return names

    def all_addresses(self):
        all, at = [], 0
        while self.addresses[at]:
            all.append(socket.inet_ntop(
                self.family, ctypes.string_at(self.addresses[at],
                                              self.length)))
            at += 1
        return all
"""


class NamesTest(preload_case.PreloadCase):

    def flags(self):
        return self.configure(HOSTS, {"by-dns.test": "10.1.2.5"})

    def look_up(self, body, **settings):
        self.run_body(HELPERS + preload_case.textwrap.dedent(body), **settings)

    def test_hosts_are_the_daemons(self):
        self.look_up("""
            assert addresses("both.test", 80) == [
                (V4, "10.1.2.3"), (V6, "fd00::7")]
            assert addresses("both.test", 80, socket.AF_INET) == [
                (V4, "10.1.2.3")]
            assert addresses("both.test", 80, socket.AF_INET6) == [
                (V6, "fd00::7")]
            assert addresses("here.alias", 80, socket.AF_INET) == [
                (V4, "127.0.0.1")]
            assert addresses("by-dns.test", 80) == [(V4, "10.1.2.5")]
            with socket.create_connection(("here.test", PORT)) as one:
                exchange(one)
            # One attachment for sockets, with its descriptors', one for names.
            assert len(own_descriptors()) == 3, own_descriptors()
        """)

    def test_errors_are_the_c_librarys(self):
        self.look_up("""
            assert addresses("empty.test", 80) == socket.EAI_NODATA
            assert addresses("by-dns.test", 80, socket.AF_INET6) == \\
                socket.EAI_NODATA
            assert addresses("unknown.test", 80) == socket.EAI_NONAME
            assert addresses("silent.test", 80) == socket.EAI_AGAIN
            assert addresses("not a name", 80) == socket.EAI_NONAME
            assert addresses(b"x" * 300 + b".test", 80) == socket.EAI_NONAME
            assert addresses(b"\\xc3\\xa4.test", 80) == socket.EAI_NONAME
            assert addresses("both.test", "no-such-service") == \\
                socket.EAI_SERVICE
            assert addresses("both.test", 80, 99) == socket.EAI_FAMILY
            assert addresses("both.test", 80, 0, 99) == socket.EAI_SOCKTYPE
            assert addresses("both.test", 80, flags=1 << 20) == \\
                socket.EAI_BADFLAGS
            assert addresses("both.test", 80,
                             flags=socket.AI_NUMERICHOST) == socket.EAI_NONAME
            assert addresses(None, None) == socket.EAI_NONAME
        """)

    def test_what_needs_no_lookup_is_the_c_librarys(self):
        self.look_up("""
            assert addresses("127.0.0.1", 80) == [(V4, "127.0.0.1")]
            assert addresses("127.1", 80) == [(V4, "127.0.0.1")]
            assert addresses("::1", 80) == [(V6, "::1")]
            assert addresses("::1", 80, socket.AF_INET) == \\
                socket.EAI_ADDRFAMILY
            assert sorted(addresses(None, 80)) == [
                (V4, "127.0.0.1"), (V6, "::1")]
            assert sorted(addresses(None, 80, flags=socket.AI_PASSIVE)) == [
                (V4, "0.0.0.0"), (V6, "::")]
            # Of the daemon's network there is nothing to ask.
            assert not own_descriptors(), own_descriptors()
        """)

    def test_types_protocols_and_ports_are_the_c_librarys(self):
        self.look_up("""
            found = socket.getaddrinfo("old.test", "http")
            assert found == [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.1.2.4", 80)),
                (socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("10.1.2.4", 80)),
            ] or len(found) >= 1 and all(
                address == ("10.1.2.4", 80)
                for _, _, _, _, address in found), found
            assert [(kind, protocol) for _, kind, protocol, _, _ in
                    socket.getaddrinfo("old.test", 80)] == [
                (kind, protocol) for _, kind, protocol, _, _ in
                    socket.getaddrinfo("1.2.3.4", 80)]
            found = socket.getaddrinfo("old.test", 53, 0, socket.SOCK_DGRAM,
                                       socket.IPPROTO_UDP)
            assert found == [(socket.AF_INET, socket.SOCK_DGRAM, 17, "",
                              ("10.1.2.4", 53))], found
            assert addresses("old.test", "80",
                             flags=socket.AI_NUMERICSERV) == [
                (V4, "10.1.2.4")]
            assert addresses("old.test", "http",
                             flags=socket.AI_NUMERICSERV) == socket.EAI_NONAME
        """)

    def test_canonical_names_and_mapped_addresses(self):
        self.look_up("""
            found = socket.getaddrinfo("here.alias", 80, socket.AF_INET, 0, 0,
                                       socket.AI_CANONNAME)
            assert [name for _, _, _, name, _ in found][0] == "here.test"
            assert not any(name for _, _, _, name, _ in found[1:])
            mapped = socket.AI_V4MAPPED
            v6 = socket.AF_INET6
            assert addresses("old.test", 80, v6, flags=mapped) == [
                (V6, "::ffff:10.1.2.4")]
            assert addresses("both.test", 80, v6, flags=mapped) == [
                (V6, "fd00::7")]
            assert sorted(addresses("both.test", 80, v6,
                                    flags=mapped | socket.AI_ALL)) == [
                (V6, "::ffff:10.1.2.3"), (V6, "fd00::7")]
        """)

    def test_addresses_have_names(self):
        self.look_up("""
            def name_of(address, flags=0):
                return socket.getnameinfo(address, flags)
            assert name_of(("10.1.2.3", 80)) == ("both.test", "http")
            assert name_of(("fd00::8", 80, 0, 0)) == ("new.test", "http")
            assert name_of(("10.1.2.3", 80), socket.NI_NUMERICHOST) == \\
                ("10.1.2.3", "http")
            assert name_of(("10.1.2.3", 53),
                           socket.NI_NUMERICSERV | socket.NI_DGRAM) == \\
                ("both.test", "53")
            assert name_of(("10.9.9.9", 80)) == ("10.9.9.9", "http")
            try:
                name_of(("10.9.9.9", 80), socket.NI_NAMEREQD)
            except socket.gaierror as error:
                assert error.errno == socket.EAI_NONAME, error
            else:
                raise AssertionError("it has no name")
            assert socket.gethostbyaddr("10.1.2.4")[0] == "old.test"
            assert socket.gethostbyaddr("fd00::8")[2] == ["fd00::8"]
            host = ctypes.create_string_buffer(5)
            packed = struct.pack("=HH4s8x", socket.AF_INET, 0,
                                 socket.inet_aton("10.1.2.3"))
            assert libc.getnameinfo(packed, len(packed), host, 5, None, 0,
                                    0) == socket.EAI_OVERFLOW
        """)

    def test_the_old_functions(self):
        self.look_up("""
            assert socket.gethostbyname("old.test") == "10.1.2.4"
            assert socket.gethostbyname("127.0.0.1") == "127.0.0.1"
            name, aliases, found = socket.gethostbyname_ex("here.alias")
            assert (name, found) == ("here.test", ["127.0.0.1"]), name
            assert "here.alias" in aliases, aliases
            for call in libc.gethostbyname, libc.gethostbyname2:
                call.restype = ctypes.POINTER(HostEntry)
            entry = libc.gethostbyname(b"both.test").contents
            assert entry.all_addresses() == ["10.1.2.3"]
            entry = libc.gethostbyname2(b"both.test", socket.AF_INET6).contents
            assert entry.name == b"both.test"
            assert entry.all_addresses() == ["fd00::7"]
            assert not libc.gethostbyname(b"new.test")
            assert not libc.gethostbyname2(b"old.test", socket.AF_INET6)
        """)

    def test_the_old_functions_with_buffers(self):
        self.look_up("""
            entry, error = HostEntry(), ctypes.c_int()
            result = ctypes.POINTER(HostEntry)()
            def ask(size, *question):
                buffer = ctypes.create_string_buffer(size)
                keep.append(buffer)
                call = {1: libc.gethostbyname_r, 2: libc.gethostbyname2_r,
                        3: libc.gethostbyaddr_r}[len(question)]
                return call(*question, ctypes.byref(entry), buffer,
                            ctypes.c_size_t(size), ctypes.byref(result),
                            ctypes.byref(error))
            keep = []
            assert ask(1000, b"here.test") == 0
            assert result.contents.name == b"here.test"
            assert result.contents.all_addresses() == ["127.0.0.1"]
            assert ask(1000, b"both.test", socket.AF_INET6) == 0
            assert result.contents.all_addresses() == ["fd00::7"]
            packed = socket.inet_aton("10.1.2.4")
            assert ask(1000, packed, 4, socket.AF_INET) == 0
            assert result.contents.name == b"old.test"
            assert result.contents.all_addresses() == ["10.1.2.4"]
            # Too small, by any number of bytes.
            NETDB_INTERNAL, HOST_NOT_FOUND, TRY_AGAIN, NO_DATA = -1, 1, 2, 4
            fits = [size for size in range(0, 300)
                    if ask(size, b"here.test") == 0]
            assert fits and fits == list(range(fits[0], 300)), fits
            assert ask(fits[0] - 1, b"here.test") == errno.ERANGE
            assert error.value == NETDB_INTERNAL and not result
            assert ask(1000, b"empty.test") == 0
            assert error.value == NO_DATA and not result
            assert ask(1000, b"unknown.test") == 0
            assert error.value == HOST_NOT_FOUND and not result
            assert ask(1000, b"silent.test") == errno.EAGAIN
            assert error.value == TRY_AGAIN and not result
        """)

    def test_names_work_in_children_and_after_their_daemon_was_lost(self):
        program = self.start(HELPERS + preload_case.textwrap.dedent("""
            def check_name():
                assert addresses("both.test", 80)[0] == (V4, "10.1.2.3")
            check_name()
            in_child(check_name)
            check_name()
            print("up", flush=True)
            sys.stdin.readline()
            assert addresses("both.test", 80) == socket.EAI_AGAIN
            print("down", flush=True)
            sys.stdin.readline()
            check_name()
            assert len(own_descriptors()) == 1
        """))
        self.expect_line(program, "up")
        self.kill_daemon()
        self.go_on(program)
        self.expect_line(program, "down")
        self.restart_daemon()
        self.go_on(program)
        self.finish(program)

    def test_many_threads_look_up_at_once(self):
        self.look_up("""
            failures = []
            def work():
                try:
                    for _ in range(10):
                        assert addresses("both.test", 80)[0] == (
                            V4, "10.1.2.3")
                except BaseException as error:
                    failures.append(error)
            threads = [threading.Thread(target=work) for _ in range(40)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            assert not failures, failures
            assert 1 <= len(own_descriptors()) <= 4, own_descriptors()
        """)

    def test_a_signal_ends_a_lookup_that_waits(self):
        # The attachment is there; then the daemon says nothing.
        program = self.start(HELPERS + preload_case.textwrap.dedent("""
            addresses("both.test", 80)
            print("attached", flush=True)
            sys.stdin.readline()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            print("waiting", flush=True)
            addresses("both.test", 80)
        """))
        self.expect_line(program, "attached")
        self.pause_daemon()
        self.go_on(program)
        self.expect_line(program, "waiting")
        program.send_signal(signal.SIGTERM)
        program.wait(preload_case.DEADLINE / 6)
        self.continue_daemon()
        program.communicate()
        self.assertEqual(program.returncode, -signal.SIGTERM)


if __name__ == "__main__":
    preload_case.main()
