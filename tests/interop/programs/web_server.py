"""nginx, as server for what the cases fetch and as the program that some are
about."""

import os
import signal

import world

PORT, TLS_PORT = 8080, 8443
NGINX = "/usr/sbin/nginx"
MANY = 100

_CONFIG = """
daemon {daemon};
user {user} {group};
worker_processes {workers};
pid nginx.pid;
# What a new binary, and new workers, have of this program's environment.
env LD_PRELOAD;
env WSPD_SOCKET;
env WSPD_PLANE;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  log_not_found off;
  sendfile on;
  keepalive_requests 100000;
  default_type application/octet-stream;
  client_body_temp_path temporary;
  proxy_temp_path temporary;
  client_max_body_size 0;
  server {{
    listen 127.0.0.1:{port};
    listen [::1]:{port};
    listen 127.0.0.1:{tls_port} ssl;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    root www;
    location = /moved {{ return 302 /small; }}
    location = /page {{
      default_type text/html;
      return 200 '<a href="/small">s</a><a href="/many/1">1</a>';
    }}
    location /put/ {{ dav_methods PUT; }}
    {more}
  }}
}}
"""


class WebServer:
    """A site on a side: /big (mib MiB), /small (1 KiB), /many/1 to 100, /moved,
    /page, and /put/, which takes PUT."""

    def __init__(self, place, side, workers=2, daemon="off", port=PORT,
                 more=""):
        self.place = place
        self.side = side
        self.port = port
        self.folder = f"nginx-{port}"
        place.make_folder(self.folder)
        www = os.path.join(self.folder, "www")
        for folder in (www, os.path.join(www, "many")):
            place.make_folder(folder)
        for folder in (os.path.join(www, "put"),
                       os.path.join(self.folder, "temporary")):
            place.make_folder(folder, world.USER)
        self.big = place.make_body(os.path.join(www, "big"), place.mib << 20)
        self.small = place.make_body(os.path.join(www, "small"), 1024)
        self.many = [place.make_body(os.path.join(www, "many", str(number)),
                                     number * 300)
                     for number in range(1, MANY + 1)]
        certificate, key = place.make_certificate()
        for path in (certificate, key):
            os.rename(path, self.path(os.path.basename(path)))
        self.certificate = self.path("certificate.pem")
        place.write(os.path.join(self.folder, "nginx.conf"), _CONFIG.format(
            daemon=daemon, user=world.USER, group=world.GROUP, workers=workers,
            port=port, tls_port=port + TLS_PORT - PORT, more=more))
        self.program = side.start(NGINX, "-p", self.path(), "-e", "error.log",
                                  "-c", "nginx.conf")
        if daemon == "on":
            self.program.wait()
            world.await_true(lambda: os.path.exists(self.path("nginx.pid")),
                             "nginx's pid file")
        else:
            place.await_listener(self.program, port)

    def path(self, *names):
        return self.place.path(self.folder, *names)

    def url(self, name, scheme="http", host="127.0.0.1"):
        port = self.port + (TLS_PORT - PORT if scheme == "https" else 0)
        return f"{scheme}://{host}:{port}/{name}"

    def uploaded(self, name):
        return world.file_checksum(self.path("www", "put", name))

    def errors(self):
        """What nginx found wrong, without what it merely tells."""
        with open(self.path("error.log"), encoding="utf-8") as file:
            return [line for line in file
                    if "[notice]" not in line and "[info]" not in line]

    def stop(self):
        """In order: what is under way is finished."""
        self.program.stop(signal.SIGQUIT)
