"""memcached by its text protocol, on TCP and UDP."""

import signal
import socket
import struct
import threading

import world
from cases import case

PORT = 11211
_CLIENTS, _KEYS = 20, 200


class Client:
    def __init__(self):
        self._socket = socket.create_connection(("127.0.0.1", PORT), 60)
        self._file = self._socket.makefile("rb")

    def set(self, key, value):
        self._socket.sendall(b"set %s 0 0 %d\r\n%s\r\n"
                             % (key, len(value), value))
        return self._file.readline().strip()

    def get(self, key):
        self._socket.sendall(b"get %s\r\n" % key)
        head = self._file.readline().split()
        if head[0] != b"VALUE":
            return None
        value = self._file.read(int(head[3]))
        self._file.readline()
        self._file.readline()
        return value

    def statistics(self):
        self._socket.sendall(b"stats\r\n")
        found = {}
        while (line := self._file.readline().split())[0] == b"STAT":
            found[line[1].decode()] = line[2].decode()
        return found

    def close(self):
        self._file.close()
        self._socket.close()


def _by_datagram(key):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(60)
        one.connect(("127.0.0.1", PORT))
        one.send(struct.pack("!HHHH", 7, 0, 1, 0) + b"get %s\r\n" % key)
        return one.recv(2000)[8:]


@case("memcached")
def serves(place):
    server = place.subject.start(
        "memcached", "-u", world.USER, "-l", "127.0.0.1", "-p", PORT, "-U",
        PORT, "-t", 4, "-m", 64)
    place.await_listener(server, PORT)
    place.await_listener(server, PORT, "udp")
    one = Client()
    before = one.statistics()["curr_connections"]
    right = []

    def use(number):
        client = Client()
        keys = {b"k%d.%d" % (number, key): b"v%d" % key * (key + 1)
                for key in range(_KEYS)}
        stored = [client.set(key, value) for key, value in keys.items()]
        right.append(stored == [b"STORED"] * _KEYS and all(
            client.get(key) == value for key, value in keys.items()))
        client.close()

    threads = [threading.Thread(target=use, args=(number,))
               for number in range(_CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(world.DEADLINE)
    large = bytes(1000) * 900
    observed = {
        "clients": right,
        "stored a large value": one.set(b"large", large),
        "large value is right": one.get(b"large") == large,
        "missing": one.get(b"missing"),
        "by datagram": _by_datagram(b"k1.1"),
        "connections": world.await_true(
            lambda: one.statistics()["curr_connections"] == before,
            "closed connections to be gone", world.SHORT),
    }
    one.close()
    server.stop(signal.SIGTERM)
    return observed
