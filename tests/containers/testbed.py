"""The images that the tests in containers share, made once for all of them."""

import atexit
import functools
import os
import unittest

import engine

BINARIES = os.environ["WSPD_BINARIES"]
CLIENT = "localhost/wspd-client:latest"
# The name in compose.yaml, which builds it from Debian's image: here of this
# machine's programs.
APP = "localhost/wspd-example-app:latest"
SERVER = "localhost/wspd-test-server:latest"
PORT = 8080
ANSWER = "it works"

NGINX_CONF = """
daemon off;
user root;
pid /tmp/pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  server { listen %d; location / { return 200 "%s"; } }
}
""" % (PORT, ANSWER)
FILES = {
    "/etc/nginx.conf": NGINX_CONF,
    "/etc/passwd": "root:x:0:0::/:\n",
    "/etc/group": "root:x:0:\n",
}

_engine = None
_image = None


def shared():
    """The engine, with wspd's images, and the name of the daemon's."""
    global _engine, _image
    if _engine is None:
        _engine = engine.Engine()
        _engine.__enter__()
        atexit.register(_engine.__exit__, None, None, None)
        _image = _engine.build_images(BINARIES)
    return _engine, _image


def shared_with_programs():
    """The same, with APP and SERVER."""
    the_engine, image = shared()
    if the_engine.try_podman("image", "exists", APP).returncode != 0:
        the_engine.build_program_image(
            APP, ["/usr/bin/curl", "/usr/sbin/nginx"], FILES, base=CLIENT)
        the_engine.build_program_image(SERVER, ["/usr/sbin/nginx"], FILES)
    return the_engine, image


@functools.lru_cache()
def _why_no_network(the_engine):
    result = the_engine.try_podman("run", "--rm", "--entrypoint", "wspctl",
                                   "localhost/wspd:latest", "version")
    return "" if result.returncode == 0 else result.stderr.strip()


def require_network(the_engine):
    """Skips where containers can't have a network of their own."""
    if why := _why_no_network(the_engine):
        raise unittest.SkipTest(f"no network for containers here: {why}")
