"""wget as client."""

import os

import world
from cases import case
from programs.web_server import WebServer


@case("wget")
def fetches(place):
    site = WebServer(place, place.peer)
    wget = ("wget", "-q", "--tries=1", "--timeout=60")

    def fetched(*arguments):
        return world.checksum(place.subject.run(
            *wget, "-O", "-", *arguments, deadline=world.DEADLINE + place.mib))

    # Goes on where an earlier run stopped.
    with open(site.path("www", "big"), "rb") as file, \
            open(place.path("big"), "wb") as half:
        half.write(file.read(place.mib << 19))
    place.subject.run(*wget, "-c", site.url("big"))
    place.make_folder("mirror")
    place.subject.run(*wget, "-r", "-l", "1", "-nH", "-P", "mirror",
                      site.url("page"))
    observed = {
        "body is right": fetched(site.url("big")) == site.big,
        "TLS is right": fetched(
            f"--ca-certificate={site.certificate}",
            site.url("big", "https", "localhost")) == site.big,
        "continued body is right":
            world.file_checksum(place.path("big")) == site.big,
        "mirror": sorted(
            os.path.join(os.path.relpath(folder, place.path("mirror")), name)
            for folder, _, names in os.walk(place.path("mirror"))
            for name in names),
        "by IPv6": fetched(site.url("small", host="[::1]")) == site.small,
        "missing": place.subject.status(*wget, site.url("missing")),
        "refused": place.subject.status(*wget, "http://127.0.0.1:1/"),
        "unknown name": place.subject.status(*wget, "http://nowhere.invalid/"),
    }
    site.stop()
    return observed
