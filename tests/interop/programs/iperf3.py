"""iperf3 both ways; the speed is for tests/bench."""

import json
import signal

import world
from cases import case

PORT = 5201
_SECONDS = 1
_MOST_LOST_PERCENT = 50

_WAYS = {
    "TCP": (),
    "TCP backwards": ("-R",),
    "TCP both ways": ("--bidir",),
    "four streams": ("-P", "4"),
    "sendfile": ("-Z",),
    "IPv6": ("-6",),
    "UDP": ("-u", "-b", "50M"),
    "UDP backwards": ("-u", "-b", "50M", "-R"),
    "UDP by IPv6": ("-u", "-b", "50M", "-6"),
}


def _run(place, client_side, arguments):
    """What came of one."""
    host = "::1" if "-6" in arguments else "127.0.0.1"
    output = client_side.run("iperf3", "-c", host, "-p", PORT, "-J", "-t",
                             _SECONDS, *arguments, deadline=world.SHORT,
                             status=None)
    result = json.loads(output)
    if "error" in result:
        return result["error"]
    end = result["end"]
    if "-u" in arguments:
        lost = end["sum"]["lost_percent"]
        return (end["sum"]["packets"] > 100,
                f"more than {_MOST_LOST_PERCENT} % lost"
                if lost > _MOST_LOST_PERCENT else "arrives")
    return end["sum_received"]["bytes"] > 1 << 20


def _all(place, server_side, client_side):
    server = server_side.start("iperf3", "-s", "-p", PORT)
    observed = {}
    for name, arguments in _WAYS.items():
        # After each it listens anew.
        place.await_listener(server, PORT)
        observed[name] = _run(place, client_side, arguments)
    # It says so and ends with 1 if it is interrupted.
    server.stop(signal.SIGTERM, status=1)
    return observed


@case("iperf3")
def server(place):
    return _all(place, place.subject, place.peer)


@case("iperf3")
def client(place):
    return _all(place, place.peer, place.subject)
