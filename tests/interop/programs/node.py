"""node: a cluster's workers share a listening socket, or get connections from
their master. What is run is in scripts/."""

import json
import os
import signal

from cases import case

PORT, UDP_PORT = 3000, 3100
_SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..",
                        "scripts")


def _talk(place, server_side, client_side):
    certificate, key = place.make_certificate()
    observed = {}
    # "rr": the master accepts; "none": the workers do.
    for number, policy in enumerate(("rr", "none")):
        port, udp_port = PORT + 2 * number, UDP_PORT + number
        program = server_side.start(
            "node", os.path.join(_SCRIPTS, "http_server.js"), port, udp_port,
            certificate, key, env={"NODE_CLUSTER_SCHED_POLICY": policy})
        # It is the last one.
        place.await_listener(program, udp_port, "udp")
        answer = json.loads(client_side.run(
            "node", os.path.join(_SCRIPTS, "http_client.js"), port, udp_port,
            certificate))
        if policy == "none":
            # The kernel gives a connection to whom it likes.
            del answer["connections"]["workers"]
        observed[policy] = answer
        program.stop(signal.SIGTERM)
    return observed


@case("node")
def server(place):
    return _talk(place, place.subject, place.peer)


@case("node")
def client(place):
    return _talk(place, place.peer, place.subject)
