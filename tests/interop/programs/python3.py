"""Python's own servers and clients; what they run is in scripts/."""

import os

import world
from cases import case
from programs import curl
from programs.web_server import WebServer

PYTHON = "/usr/bin/python3"
PORT = 9000
_SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..",
                        "scripts")


def _script(name):
    return (PYTHON, "-B", os.path.join(_SCRIPTS, name))


# By server: kind of client, connections, kind of port.
_PAIRS = {
    "threading": ("threads", 100, "tcp"),
    "forking": ("children", 50, "tcp"),
    "asyncio": ("asyncio", 200, "tcp"),
    "tls": ("tls", 50, "tcp"),
    "asyncio_tls": ("asyncio_tls", 50, "tcp"),
    "udp_threading": ("udp", 20, "udp"),
    "udp_forking": ("udp", 20, "udp"),
}


def _talk(place, server_side, client_side):
    """Each server with its client: how many connections went well."""
    certificate, key = place.make_certificate()
    observed = {}
    for number, (server, (client, count, kind)) in enumerate(_PAIRS.items()):
        files = [certificate, key] if "tls" in server else []
        program = server_side.start(*_script("socket_server.py"), server,
                                    PORT + number, *files)
        place.await_listener(program, PORT + number, kind)
        observed[server] = client_side.run(
            *_script("socket_client.py"), client, PORT + number, count,
            *files[:1])
        program.process.terminate()
        program.wait(world.SHORT, status=None)
    return observed


@case("python3")
def servers(place):
    """socketserver (threading, forking), asyncio, ssl."""
    return _talk(place, place.subject, place.peer)


@case("python3")
def clients(place):
    return _talk(place, place.peer, place.subject)


@case("python3")
def both_ends(place):
    return _talk(place, place.subject, place.subject)


@case("python3")
def http_server(place):
    place.make_folder("www")
    right = place.make_body("www/big", place.mib << 20)
    server = place.subject.start(PYTHON, "-B", "-m", "http.server", PORT,
                                 "--bind", "127.0.0.1", "-d", "www")
    place.await_listener(server, PORT)
    url = f"http://127.0.0.1:{PORT}"
    place.peer.run("curl", "-sS", "--fail", "-o", "got", f"{url}/big",
                   deadline=world.DEADLINE + place.mib)
    return {
        "body is right": world.file_checksum(place.path("got")) == right,
        "parallel": place.peer.run(
            "curl", "-sS", "-Z", "-o", "/dev/null", "-w", "%{http_code}",
            f"{url}/?[1-50]"),
        "missing": place.peer.run("curl", "-sS", "-o", "/dev/null", "-w",
                                  "%{http_code}", f"{url}/missing"),
    }


@case("python3")
def http_client(place):
    site = WebServer(place, place.peer)
    fetch = ("import sys, urllib.request, hashlib, ssl; "
             "print(hashlib.sha256(urllib.request.urlopen(sys.argv[1], "
             "context=ssl.create_default_context(cafile=sys.argv[2]))"
             ".read()).hexdigest())")

    def fetched(url):
        return place.subject.run(PYTHON, "-c", fetch, url, site.certificate,
                                 deadline=world.DEADLINE + place.mib
                                 ).decode().strip()

    observed = {
        "body is right": fetched(site.url("big")) == site.big,
        "TLS is right": fetched(
            site.url("big", "https", "localhost")) == site.big,
        "refused": place.subject.status(PYTHON, "-c", fetch,
                                        "http://127.0.0.1:1/",
                                        site.certificate),
        "keep-alive by curl": curl.keep_alive(
            place.subject, site.url("small")),
    }
    site.stop()
    return observed


@case("python3")
def passes_sockets(place):
    """To a worker by SCM_RIGHTS, to a child by posix_spawn."""
    return {"right": place.subject.run(*_script("pass_sockets.py"))}
