"""socat, which forks and executes for each connection."""

import world
from cases import case
from programs.web_server import WebServer

PORT, UDP_PORT, TLS_PORT, RELAY_PORT = 7000, 7001, 7002, 7003


def _echoes(place, server_side, client_side):
    """What goes through each kind of address comes back."""
    certificate, key = place.make_certificate()
    with open(place.path("both.pem"), "wb") as both:
        for path in (certificate, key):
            with open(path, "rb") as file:
                both.write(file.read())
    right = place.make_body("body", 4 << 20)
    with open(place.path("body"), "rb") as file:
        body = file.read()
    at = "bind=127.0.0.1"
    servers = [
        (PORT, "tcp", f"TCP4-LISTEN:{PORT},{at},fork,reuseaddr", "EXEC:cat"),
        (UDP_PORT, "udp", f"UDP4-RECVFROM:{UDP_PORT},{at},fork", "EXEC:cat"),
        (TLS_PORT, "tcp", f"OPENSSL-LISTEN:{TLS_PORT},{at},fork,reuseaddr,"
         "cert=both.pem,verify=0", "PIPE"),
        (RELAY_PORT, "tcp", f"TCP4-LISTEN:{RELAY_PORT},{at},fork,reuseaddr",
         f"TCP4:127.0.0.1:{PORT}"),
    ]
    for port, kind, listen, then in servers:
        place.await_listener(server_side.start("socat", listen, then), port,
                             kind)

    def through(address, data, patience=60):
        """What comes back, until its end or for so many seconds."""
        return client_side.run("socat", "-t", patience, "-", address, data=data)

    return {
        "TCP": world.checksum(through(f"TCP4:127.0.0.1:{PORT}", body)) == right,
        "TCP by name": world.checksum(
            through(f"TCP:localhost:{PORT},pf=ip4", body)) == right,
        "TCP through a relay": world.checksum(
            through(f"TCP4:127.0.0.1:{RELAY_PORT}", body)) == right,
        # These have no half-closed connections: it doesn't see an end.
        "UDP": through(f"UDP4:127.0.0.1:{UDP_PORT}", b"a datagram", 2),
        "TLS": world.checksum(through(
            f"OPENSSL:localhost:{TLS_PORT},cafile={certificate},pf=ip4",
            body[:4096], 2)) == world.checksum(body[:4096]),
        "refused": client_side.status("socat", "-", "TCP4:127.0.0.1:1"),
    }


@case("socat")
def server(place):
    return _echoes(place, place.subject, place.peer)


@case("socat")
def client(place):
    return _echoes(place, place.peer, place.subject)


@case("socat")
def bridges_a_unix_socket(place):
    site = WebServer(place, place.peer)
    socket = place.path("bridge.sock")
    bridge = place.subject.start("socat", f"UNIX-LISTEN:{socket},fork",
                                 f"TCP4:127.0.0.1:{site.port}")
    world.await_true(lambda: place.peer.status(
        "curl", "-s", "--unix-socket", socket, "http://site/small") == 0,
        "the bridge", world.SHORT)
    place.peer.run("curl", "-sS", "--unix-socket", socket, "-o", "got",
                   "http://site/big")
    observed = {"body is right":
                world.file_checksum(place.path("got")) == site.big}
    bridge.process.terminate()
    bridge.wait(world.SHORT, status=None)
    site.stop()
    return observed
