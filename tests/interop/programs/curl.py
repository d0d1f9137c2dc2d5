"""curl as client; what it asks for is also asked of servers (requests)."""

import socket

import world
from cases import case
from programs.web_server import MANY, WebServer


def big_body(place, client, site):
    client.run("curl", "-sS", "--fail", "-o", "got", site.url("big"),
               deadline=world.DEADLINE + place.mib)
    return world.file_checksum(place.path("got")) == site.big


def keep_alive(client, url):
    """Status, connections and bytes of five requests in a row."""
    return client.run(
        "curl", "-sS", "-o", "/dev/null", "-w",
        "%{http_code} %{num_connects} %{size_download}\n",
        url + "?[1-5]").decode()


def parallel(place, client, site):
    """How many of a hundred bodies, fetched at a time, are right."""
    place.make_folder("parallel")
    client.run("curl", "-sS", "--fail", "-Z", "--parallel-max", "20", "-o",
               "parallel/#1", site.url(f"many/[1-{MANY}]"))
    return sum(world.file_checksum(place.path("parallel", str(number))) == right
               for number, right in enumerate(site.many, 1))


def tls(client, site):
    got = client.run("curl", "-sS", "--fail", "--cacert", site.certificate,
                     site.url("big", "https", "localhost"),
                     deadline=world.DEADLINE + site.place.mib)
    return world.checksum(got) == site.big


def upload(place, client, site):
    right = place.make_body("upload", place.mib << 20)
    status = client.run("curl", "-sS", "-T", "upload", "-w", "%{http_code}",
                        site.url("put/upload"),
                        deadline=world.DEADLINE + place.mib)
    return status.decode(), site.uploaded("upload") == right


def requests(place, client, site):
    """What a client sees of the site."""
    return {
        "big body is right": big_body(place, client, site),
        "keep-alive": keep_alive(client, site.url("small")),
        "right of 100 parallel": parallel(place, client, site),
        "TLS is right": tls(client, site),
        "upload": upload(place, client, site),
        "range": world.checksum(client.run(
            "curl", "-sS", "-r", "100-199", site.url("small"))) ==
                 world.checksum(client.run(
                     "curl", "-sS", site.url("small"))[100:200]),
        "redirect": client.run("curl", "-sSL", "-o", "/dev/null", "-w",
                               "%{http_code} %{num_redirects}",
                               site.url("moved")),
        "missing": client.run("curl", "-sS", "-o", "/dev/null", "-w",
                              "%{http_code}", site.url("missing")),
        "by IPv6": client.run("curl", "-sS", "-o", "/dev/null", "-w",
                              "%{http_code} %{remote_ip} %{local_ip}",
                              site.url("small", host="[::1]")),
        "by name": client.run("curl", "-sS", "-4", "-o", "/dev/null", "-w",
                              "%{http_code} %{remote_ip} %{local_ip}",
                              site.url("small", host="localhost")),
    }


@case("curl")
def fetches_and_uploads(place):
    site = WebServer(place, place.peer)
    observed = requests(place, place.subject, site)
    site.stop()
    return observed


@case("curl")
def says_what_went_wrong(place):
    with socket.create_server(("127.0.0.1", 0), backlog=8) as silent:
        port = silent.getsockname()[1]
        return {
            "refused": place.subject.status(
                "curl", "-sS", "http://127.0.0.1:1/"),
            "unknown name": place.subject.status(
                "curl", "-sS", "http://nowhere.invalid/"),
            "silent server": place.subject.status(
                "curl", "-sS", "--max-time", "1", f"http://127.0.0.1:{port}/"),
            "unreachable": place.subject.status(
                "curl", "-sS", "--max-time", "20", "http://192.0.2.1/"),
        }


@case("curl")
def binds_its_end(place):
    site = WebServer(place, place.peer)
    observed = {
        "address": place.subject.run(
            "curl", "-sS", "-o", "/dev/null", "--interface", "127.0.0.2", "-w",
            "%{http_code} %{local_ip}", site.url("small")),
        "port": place.subject.run(
            "curl", "-sS", "-o", "/dev/null", "--local-port", "40123", "-w",
            "%{http_code} %{local_port}", site.url("small")),
    }
    site.stop()
    return observed
