"""haproxy: it gives root up, and its root folder, before it connects."""

import signal
import socket

import process_tree
import world
from cases import case
from programs import curl
from programs.nginx import Load
from programs.web_server import WebServer

HTTP_PORT, TCP_PORT, BEHIND_PORT = 8081, 8082, 9080

_CONFIG = """
global
  chroot {folder}/empty
  user {user}
  group {group}
  nbthread 2
  {more}
  maxconn 500
  stats socket {folder}/haproxy.sock mode 600 level admin
defaults
  timeout connect 20s
  timeout client 60s
  timeout server 60s
  retries 3
  option redispatch 1
frontend http
  mode http
  bind 127.0.0.1:{http_port}
  default_backend site
frontend tcp
  mode tcp
  bind 127.0.0.1:{tcp_port}
  default_backend stream
backend site
  mode http
  option httpchk GET /small
  server up 127.0.0.1:{behind} check inter 200ms
  server down 127.0.0.1:1 check inter 200ms fall 1
backend stream
  mode tcp
  server up 127.0.0.1:{behind}
"""


def _states(place):
    """What haproxy's checks say of its servers."""
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(world.SHORT)
        one.connect(place.path("haproxy.sock"))
        one.sendall(b"show stat\n")
        text = b""
        while part := one.recv(65536):
            text += part
    rows = [line.split(",") for line in text.decode().splitlines() if line]
    at = rows[0].index("status")
    return {row[1]: row[at].split()[0] for row in rows[1:]
            if row[0] == "site" and row[1] != "BACKEND"}


def _proxy(place, more):
    behind = WebServer(place, place.peer, port=BEHIND_PORT)
    place.make_folder("empty")
    config = place.write("haproxy.cfg", _CONFIG.format(
        folder=place.folder, user=world.USER, group=world.GROUP,
        http_port=HTTP_PORT, tcp_port=TCP_PORT, behind=BEHIND_PORT,
        more=more))
    program = place.subject.start("/usr/sbin/haproxy", "-W", "-db", "-f",
                                  config)
    place.await_listener(program, HTTP_PORT)

    def settled():
        try:
            states = _states(place)
        except (FileNotFoundError, ConnectionRefusedError):
            return None  # Its master listens before it.
        return states if states == {"up": "UP", "down": "DOWN"} else None

    def fetched(port):
        return world.checksum(place.peer.run(
            "curl", "-sS", f"http://127.0.0.1:{port}/big",
            deadline=world.DEADLINE + place.mib)) == behind.big

    observed = {
        "checks": world.await_true(settled, "haproxy's checks", world.SHORT),
        "HTTP body is right": fetched(HTTP_PORT),
        "TCP body is right": fetched(TCP_PORT),
    }
    # A reload executes haproxy anew, which takes the listening sockets over.
    load = Load(place, f"http://127.0.0.1:{HTTP_PORT}/small", 4)
    before = process_tree.descendants(program.pid)
    program.process.send_signal(signal.SIGUSR2)
    world.await_true(lambda: process_tree.descendants(program.pid) - before,
                     "another worker", world.SHORT)
    observed["failures under load and reload"] = load.failures()
    observed["HTTP body is right after it"] = fetched(HTTP_PORT)
    observed["keep-alive"] = curl.keep_alive(
        place.peer, f"http://127.0.0.1:{HTTP_PORT}/small")
    program.process.send_signal(signal.SIGTERM)
    program.wait(world.SHORT, status=None)
    behind.stop()
    return observed


@case("haproxy")
def proxies_out_of_a_chroot(place):
    """Where it has forbidden itself new processes and threads, too."""
    return _proxy(place, "")


@case("haproxy")
def proxies_out_of_a_chroot_with_threads(place):
    """As above, but it may still make them."""
    return _proxy(place, "insecure-fork-wanted")
