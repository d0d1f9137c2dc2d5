"""redis-server, redis-benchmark and redis-cli."""

import os
import signal

import world
from cases import case

PORT, REPLICA_PORT = 6379, 6380


class Redis:
    def __init__(self, place, side, port=PORT, more=()):
        self._port = port
        self._place = place
        folder = f"redis-{port}"
        if not os.path.exists(place.path(folder)):
            place.make_folder(folder)
        self.program = side.start(
            "redis-server", "--port", port, "--bind", "127.0.0.1", "::1",
            "--dir", folder, "--save", "", "--logfile", "", *more)
        place.await_listener(self.program, port)
        world.await_true(lambda: self.ask("PING") == "PONG",
                         "redis to have loaded", world.SHORT)

    def ask(self, *words, side=None):
        return (side or self._place.peer).run(
            "redis-cli", "-p", self._port, *words).decode().strip()

    def info(self, name):
        for line in self.ask("INFO").splitlines():
            if line.startswith(name + ":"):
                return line.split(":", 1)[1].strip()
        raise world.Failure(f"redis tells no {name}")

    def stop(self):
        self.program.stop(signal.SIGTERM)


def _benchmark(port, requests, tests="set,get,incr,lpush,mset"):
    return ("redis-benchmark", "-p", port, "-c", "50", "-n", requests, "-r",
            "20000", "-d", "200", "-t", tests, "--csv")


def _rows(text):
    """The names of what was measured."""
    return [line.split(",")[0] for line in text.decode().splitlines()]


@case("redis")
def saves_in_the_background_under_load(place):
    server = Redis(place, place.subject)
    load = place.peer.start(
        *_benchmark(PORT, 10_000 * place.seconds, "set,get"))
    saves = 0
    while not load.ended():
        server.ask("BGSAVE")
        world.await_true(
            lambda: server.info("rdb_bgsave_in_progress") == "0",
            "the background save's end")
        world.check(server.info("rdb_last_bgsave_status") == "ok",
                    "a background save failed")
        saves += 1
    rows = _rows(load.wait())
    server.ask("SAVE")
    keys, digest = server.ask("DBSIZE"), server.ask("DEBUG", "DIGEST")
    server.stop()
    again = Redis(place, place.subject)
    observed = {
        "measured": rows,
        "some saves": saves >= 2,
        "keys are there again": again.ask("DBSIZE") == keys and
                                again.ask("DEBUG", "DIGEST") == digest,
    }
    again.stop()
    return observed


@case("redis")
def serves(place):
    server = Redis(place, place.subject)
    rows = _rows(place.peer.run(*_benchmark(PORT, 20_000)))
    by_name = place.peer.run("redis-cli", "-h", "::1", "-p", PORT, "PING")
    threads = Redis(place, place.subject, REPLICA_PORT,
                    ("--io-threads", "2", "--io-threads-do-reads", "yes"))
    observed = {
        "measured": rows,
        "by IPv6": by_name,
        "with I/O threads": _rows(place.peer.run(
            *_benchmark(REPLICA_PORT, 20_000))),
    }
    threads.stop()
    server.stop()
    return observed


@case("redis")
def benchmark_and_cli(place):
    server = Redis(place, place.peer)
    rows = _rows(place.subject.run(*_benchmark(PORT, 20_000)))
    threads = _rows(place.subject.run(*_benchmark(PORT, 20_000), "--threads",
                                      "2"))
    server.ask("FLUSHALL")
    place.subject.run(
        "redis-cli", "-p", PORT, "--pipe",
        data=b"".join(b"SET key%d value%d\r\n" % (number, number)
                      for number in range(20_000)))
    observed = {
        "measured": rows,
        "with threads": threads,
        "keys by --pipe": server.ask("DBSIZE"),
        "a value": server.ask("GET", "key12345", side=place.subject),
        "refused": place.subject.status("redis-cli", "-p", 1, "PING"),
    }
    server.stop()
    return observed


@case("redis")
def replicates(place):
    """The replica connects to its master by itself."""
    master = Redis(place, place.peer)
    place.peer.run(*_benchmark(PORT, 20_000, "set"))
    replica = Redis(place, place.subject, REPLICA_PORT,
                    ("--replicaof", "127.0.0.1", PORT))
    world.await_true(lambda: replica.info("master_link_status") == "up",
                     "the replica's link")
    place.peer.run(*_benchmark(PORT, 20_000, "set"))
    world.await_true(
        lambda: replica.info("slave_repl_offset") ==
        master.info("master_repl_offset"), "the replica to have all")
    observed = {"same keys": replica.ask("DEBUG", "DIGEST") ==
                             master.ask("DEBUG", "DIGEST")}
    replica.stop()
    master.stop()
    return observed
