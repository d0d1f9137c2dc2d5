"""sockperf, ping-pong and throughput."""

import re
import signal

import world
from cases import case

PORT = 11111


def _received(output):
    """Whether messages came back; else what it wrote."""
    text = output.decode()
    sent = re.search(r"Valid Duration\].*SentMessages=(\d+); "
                     r"ReceivedMessages=(\d+)", text)
    if not sent:
        return text[-500:]
    return int(sent.group(2)) > 100


def _all(place, server_side, client_side):
    observed = {}
    for kind, option in (("tcp", ["--tcp"]), ("udp", [])):
        server = server_side.start("sockperf", "server", "-i", "127.0.0.1",
                                   "-p", PORT, *option)
        place.await_listener(server, PORT, kind)
        address = ("-i", "127.0.0.1", "-p", PORT, "-t", 1, *option)
        observed[f"{kind} ping-pong"] = _received(client_side.run(
            "sockperf", "ping-pong", *address, "-m", 64))
        observed[f"{kind} under load"] = _received(client_side.run(
            "sockperf", "under-load", *address, "--mps", 1000, "--reply-every",
            1))
        observed[f"{kind} throughput ends with"] = client_side.status(
            "sockperf", "throughput", *address, "-m", 1000)
        server.process.send_signal(signal.SIGINT)
        server.wait(world.SHORT, status=None)
    return observed


@case("sockperf")
def server(place):
    return _all(place, place.subject, place.peer)


@case("sockperf")
def client(place):
    return _all(place, place.peer, place.subject)
