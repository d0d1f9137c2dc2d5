"""postgres, psql and pgbench."""

import glob
import re
import signal

import world
from cases import case

PORT = 5432


def _program(name):
    """That of the newest version that is installed."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"),
                   key=lambda path: int(path.split("/")[4]))
    world.check(found, f"no {name} is installed")
    return found[-1]


class Postgres:
    """Run by another user: it refuses root."""

    def __init__(self, place, side):
        place.make_folder("data", world.USER)
        place.peer.run(_program("initdb"), "-D", "data", "-A", "trust", "-U",
                       "tester", "--no-sync", "-E", "UTF8", "--locale=C",
                       user=world.USER)
        self.program = side.start(
            _program("postgres"), "-D", "data", "-p", PORT, "-c",
            "listen_addresses=127.0.0.1,::1", "-c", "unix_socket_directories=",
            "-c", "fsync=off", "-c", "shared_buffers=16MB", user=world.USER)
        place.await_listener(self.program, PORT)
        world.await_true(
            lambda: place.peer.status(_program("pg_isready"), "-h", "127.0.0.1",
                                      "-p", PORT, "-q") == 0,
            "postgres to be ready", world.DEADLINE)

    def stop(self):
        """Ends open sessions."""
        self.program.stop(signal.SIGINT)


def _at(host="127.0.0.1"):
    return ("-h", host, "-p", PORT, "-U", "tester")


def _psql(side, text, host="127.0.0.1"):
    return side.run(_program("psql"), *_at(host), "-X", "-At", "-v",
                    "ON_ERROR_STOP=1", "-c", text, "postgres").decode().strip()


def _pgbench(side, *arguments):
    return side.run(_program("pgbench"), *_at(), *arguments,
                    "postgres").decode()


def _use(place, server_side, client_side):
    server = Postgres(place, server_side)
    _pgbench(client_side, "-i", "-q", "-s", "1")
    observed = {
        "one": _psql(client_side, "select 6 * 7"),
        "by IPv6": _psql(client_side, "select inet_client_addr()", "::1"),
        "by name": _psql(client_side, "select 1", "localhost"),
    }
    for name, more in (("", ()), (", a connection each", ("-C",)),
                       (", prepared", ("-M", "prepared"))):
        text = _pgbench(client_side, "-c", "8", "-j", "2", "-T", "2", *more)
        observed["failed" + name] = re.findall(r"failed transactions: (\S+)",
                                               text)
    observed["books balance"] = _psql(
        client_side,
        "select (select sum(abalance) from pgbench_accounts) = "
        "(select sum(bbalance) from pgbench_branches)")
    # Both ways, and among backends that share the work.
    client_side.run(
        _program("psql"), *_at(), "-X", "-q", "-c",
        "create table copied (n int, t text)", "-c",
        "copy copied from stdin", "postgres",
        data=b"".join(b"%d\tline %d\n" % (number, number)
                      for number in range(100_000)))
    observed["copied"] = world.checksum(client_side.run(
        _program("psql"), *_at(), "-X", "-q", "-c",
        "copy (select * from copied order by n) to stdout", "postgres"))
    observed["in parallel"] = _psql(
        client_side, "set force_parallel_mode = on; "
        "select count(*), sum(n) from copied").split("\n")[-1]
    observed["refused"] = client_side.status(
        _program("psql"), "-h", "127.0.0.1", "-p", 1, "-U", "tester", "-c",
        "select 1", "postgres")
    server.stop()
    return observed


@case("postgres")
def server(place):
    return _use(place, place.subject, place.peer)


@case("postgres")
def clients(place):
    return _use(place, place.peer, place.subject)
