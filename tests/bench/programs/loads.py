"""What programs measure: a server of each, and one figure of a client's.

Each is a row's subject: made in the row's network, where its server then runs,
it gives for a contestant, which here is a way, a context in which there is a
function that measures once.
"""

import contextlib
import json
import os
import re

import ways
from rig import Failure, check

# Below those that the kernel gives to clients; the network is the row's own.
PORT = 8000
NGINX = "/usr/sbin/nginx"
_PAGE_BYTES = 1024
_MEDIAN_MICROSECONDS = re.compile(r"percentile 50\.000 =\s*([\d.]+)")
_SMOKE_REQUESTS, _REQUESTS_PER_SECOND = 1000, 40_000
_SMOKE_BYTES = 16 << 20
_COPIED_SECONDS = re.compile(r"copied, ([\d.e-]+) s")
_BYTES_PER_SECOND = 1_000_000
# wrk's own is 2 s, on a machine that may be busy.
_PATIENCE = "30s"
_DEADLINE = 60

_NGINX_CONFIG = """
daemon off;
master_process off;
user root;
pid nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  sendfile on;
  keepalive_requests 1000000000;
  client_body_temp_path temporary;
  proxy_temp_path temporary;
  fastcgi_temp_path temporary;
  uwsgi_temp_path temporary;
  scgi_temp_path temporary;
  server {{
    listen 127.0.0.1:{port} backlog=511;
    root www;
  }}
}}
"""


def _run(client, *command):
    """What it wrote, once it has ended well."""
    program = client.start(*command)
    text = program.wait(_DEADLINE, status=None).decode(errors="replace")
    status = program.process.returncode
    check(status == 0, f"{program.name} ended with {status}: "
          f"{(text + program.errors()).strip()[-500:]}")
    return text


def _found(pattern, text, program):
    found = re.search(pattern, text)
    if not found or float(found.group(1)) <= 0:
        raise Failure(f"{program} tells no figure: {text[-500:]}")
    return float(found.group(1))


class _Load:
    """Measured natively and by all other ways."""

    def __init__(self, rig):
        self._rig = rig

    @staticmethod
    def contestants(names):
        """Who is measured in turn, given the names of the ways that there
        are."""
        return names

    @staticmethod
    def base(name):
        """The contestant that this one is compared with, None if none."""
        return None if name == ways.NATIVE else ways.NATIVE

    @contextlib.contextmanager
    def entered(self, contestant):
        with ways.make(contestant, self._rig) as way:
            yield lambda: self.measure(way.client)


class Echo(_Load):
    """64 bytes there and back, the median of the round trips."""

    needs = {"sockperf": "sockperf"}

    def __init__(self, rig):
        super().__init__(rig)
        self._seconds = rig.arguments.seconds
        rig.start_server(PORT, "sockperf", "server", "--tcp", "-i",
                         "127.0.0.1", "-p", PORT)

    def measure(self, client):
        text = _run(client, "sockperf", "ping-pong", "--tcp", "-i", "127.0.0.1",
                    "-p", PORT, "-m", 64, "-t", self._seconds, "--full-rtt")
        return _found(_MEDIAN_MICROSECONDS, text, "sockperf")


class Stream(_Load):
    """What iperf3's server receives of one connection."""

    needs = {"iperf3": "iperf3"}

    def __init__(self, rig):
        super().__init__(rig)
        arguments = rig.arguments
        self._length = (("-n", _SMOKE_BYTES) if arguments.smoke
                        else ("-t", arguments.seconds))
        rig.start_server(PORT, "iperf3", "-s", "-B", "127.0.0.1", "-p", PORT)

    def measure(self, client):
        text = _run(client, "iperf3", "-c", "127.0.0.1", "-p", PORT, "-J",
                    *self._length)
        result = json.loads(text)
        check("error" not in result, f"iperf3 says: {result.get('error')}")
        return result["end"]["sum_received"]["bits_per_second"] / 1e9


class Get(_Load):
    """redis-benchmark's GETs over 50 connections, one under way on each."""

    needs = {"redis-server": "redis-server", "redis-benchmark": "redis-tools"}

    def __init__(self, rig):
        super().__init__(rig)
        arguments = rig.arguments
        self._requests = (_SMOKE_REQUESTS if arguments.smoke
                          else arguments.seconds * _REQUESTS_PER_SECOND)
        rig.start_server(PORT, "redis-server", "--port", PORT, "--bind",
                         "127.0.0.1", "--save", "", "--logfile", "")

    def measure(self, client):
        text = _run(client, "redis-benchmark", "-p", PORT, "-t", "get", "-c",
                    50, "-n", self._requests, "--csv")
        return _found(r'"GET","([\d.]+)"', text, "redis-benchmark") / 1000


class Requests(_Load):
    """wrk's of a page of 1 KiB, over 32 connections."""

    needs = {"wrk": "wrk", NGINX: "nginx-light"}
    _options = ()

    def __init__(self, rig):
        super().__init__(rig)
        self._seconds = rig.arguments.seconds
        folder = rig.path("nginx")
        os.makedirs(os.path.join(folder, "www"))
        with open(os.path.join(folder, "www", "page"), "wb") as page:
            page.write(os.urandom(_PAGE_BYTES))
        config = rig.write("nginx/nginx.conf",
                           _NGINX_CONFIG.format(port=PORT))
        rig.start_server(PORT, NGINX, "-p", folder, "-e", "error.log", "-c",
                         config)

    def measure(self, client):
        text = _run(client, "wrk", "-t1", "-c32", f"-d{self._seconds}s",
                    "--timeout", _PATIENCE, *self._options,
                    f"http://127.0.0.1:{PORT}/page")
        trouble = re.search(r"(Socket errors:.*|Non-2xx.*)", text)
        check(not trouble, f"wrk says: {trouble and trouble.group(1)}")
        return _found(r"Requests/sec:\s*([\d.]+)", text, "wrk") / 1000


class RequestsByConnection(Requests):
    """The same, a connection a request."""

    _options = ("-H", "Connection: close")


class OtherDescriptors(_Load):
    """dd's reads and writes, a byte each, of what are no sockets: the library is
    in the way of these calls, too."""

    needs = {"dd": "coreutils"}

    def __init__(self, rig):
        super().__init__(rig)
        arguments = rig.arguments
        self._count = (_SMOKE_REQUESTS if arguments.smoke
                       else arguments.seconds * _BYTES_PER_SECOND)

    @staticmethod
    def contestants(names):
        return [name for name in names
                if name == ways.NATIVE or name in ways.PLANES]

    def measure(self, client):
        program = client.start("dd", "if=/dev/zero", "of=/dev/null", "bs=1",
                               f"count={self._count}")
        program.wait(_DEADLINE)
        seconds = _found(_COPIED_SECONDS, program.errors(), "dd")
        return self._count / seconds / 1e3
