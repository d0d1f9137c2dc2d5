"""nginx as server and as proxy."""

import os
import re
import signal
import time

import process_tree
import world
from cases import case
from programs import curl
from programs.web_server import NGINX, WebServer

_RELOAD_SECONDS = 2


# wrk's own is 2 s, on a machine that may be busy.
_PATIENCE = "30s"


class Load:
    """wrk, a connection a request, for so many seconds."""

    def __init__(self, place, url, seconds):
        self._seconds = seconds
        self._program = place.peer.start(
            "wrk", "-t1", "-c32", f"-d{seconds}s", "--timeout", _PATIENCE, "-H",
            "Connection: close", url)

    def ended(self):
        return self._program.ended()

    def failures(self):
        """What wrk says of requests that failed, and whether there were any
        that didn't."""
        text = self._program.wait(self._seconds + world.DEADLINE).decode()
        failures = re.findall(r"(Socket errors:.*|Non-2xx.*)", text)
        requests = int(re.search(r"(\d+) requests in", text).group(1))
        return failures, requests > 100


def _workers(master):
    return process_tree.descendants(master)


@case("nginx")
def serves(place):
    site = WebServer(place, place.subject)
    observed = curl.requests(place, place.peer, site)
    site.stop()
    observed["errors"] = site.errors()
    return observed


@case("nginx")
def proxies(place):
    """Its workers, who have given root up, connect to the server behind."""
    behind = WebServer(place, place.peer, port=9080)
    front = WebServer(place, place.subject, more="""
      location /behind/ {
        proxy_pass http://127.0.0.1:9080/;
        proxy_request_buffering off;
      }
      location /named/ { proxy_pass http://localhost:9080/; }
      location /nobody/ { proxy_pass http://127.0.0.1:1/; }
    """)
    place.peer.run("curl", "-sS", "--fail", "-o", "got",
                   front.url("behind/big"))
    right = place.make_body("upload", 1 << 20)
    load = Load(place, front.url("behind/small"), 2)
    observed = {
        "body is right": world.file_checksum(place.path("got")) == behind.big,
        "upload": place.peer.run(
            "curl", "-sS", "-T", "upload", "-w", "%{http_code}",
            front.url("behind/put/upload")),
        "upload is right": behind.uploaded("upload") == right,
        "failures under load": load.failures(),
        "by name": place.peer.run(
            "curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}",
            front.url("named/small")),
        "nobody there": place.peer.run(
            "curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}",
            front.url("nobody/")),
    }
    front.stop()
    behind.stop()
    return observed


@case("nginx")
def reloads_under_load(place):
    """Every two seconds, without a request that fails."""
    site = WebServer(place, place.subject)
    load = Load(place, site.url("small"), place.seconds)
    reloads = 0
    next_time = time.monotonic() + _RELOAD_SECONDS
    while not load.ended():
        time.sleep(max(0, min(0.1, next_time - time.monotonic())))
        if time.monotonic() < next_time:
            continue
        next_time += _RELOAD_SECONDS
        before = _workers(site.program.pid)
        site.program.process.send_signal(signal.SIGHUP)
        world.await_true(lambda: _workers(site.program.pid) - before,
                         "new workers", world.SHORT)
        reloads += 1
    observed = {
        "failures": load.failures(),
        "reloads are as many as time lets":
            reloads >= place.seconds // _RELOAD_SECONDS - 2,
        "body is right": curl.big_body(place, place.peer, site),
    }
    site.stop()
    observed["errors"] = site.errors()
    return observed


@case("nginx")
def upgrades_its_binary(place):
    """A new master is executed, which inherits the listening sockets, while the
    old one's workers finish."""
    site = WebServer(place, place.subject, daemon="on")

    def master():
        with open(site.path("nginx.pid"), encoding="ascii") as file:
            return int(file.read())

    old = master()
    load = Load(place, site.url("small"), 4)
    os.kill(old, signal.SIGUSR2)
    world.await_true(
        lambda: os.path.exists(site.path("nginx.pid.oldbin")) and
        os.path.exists(site.path("nginx.pid")) and
        len(_workers(master())) == 2, "the new master's workers", world.SHORT)
    new = master()
    os.kill(old, signal.SIGQUIT)
    world.await_true(lambda: not _alive(old), "the old master's end",
                     world.SHORT)
    observed = {
        "failures": load.failures(),
        "another master": new != old,
        "body is right": curl.big_body(place, place.peer, site),
    }
    # Another nginx tells the new master to reload.
    site.side.run(NGINX, "-p", site.path(), "-e", "error.log", "-c",
                  "nginx.conf", "-s", "reload")
    observed["keep-alive"] = curl.keep_alive(
        place.peer, site.url("small"))
    os.kill(new, signal.SIGQUIT)
    world.await_true(lambda: not _alive(new), "the new master's end",
                     world.SHORT)
    observed["errors"] = site.errors()
    return observed


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
