"""Echoes through the daemon until its input ends; says so every 100 echoes.

Usage: honest_client.py PROTO_ROOT PROVIDER_SOCKET ECHO_PORT
"""

import os
import select
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "python"))
import wire_client  # noqa: E402


def check(completion):
    assert completion.wsa_error == 0, completion
    return completion


def main():
    protos = wire_client.load_protos(sys.argv[1])
    client = wire_client.WireClient(protos, sys.argv[2])
    client.attach()
    check(client.call("startup", version_requested=0x202))
    socket_id = client.new_socket_id()
    check(client.call("socket", socket_id, family=1, type=1))
    check(client.call("connect", socket_id,
                      address=client.ipv4(0x7f000001, int(sys.argv[3]))))
    echoes, worst = 0, 0.0
    while not select.select([sys.stdin], [], [], 0)[0]:
        data = os.urandom(64)
        begin = time.monotonic()
        check(client.call("send", socket_id, data=data))
        got = b""
        while len(got) < len(data):
            result = check(client.call("recv", socket_id,
                                       max_bytes=len(data) - len(got)))
            got += result.recv.data
        assert got == data
        worst = max(worst, time.monotonic() - begin)
        echoes += 1
        if echoes % 100 == 0:
            print("echoed", echoes, flush=True)
    check(client.call("cleanup"))
    print(f"{echoes} honest echoes, the worst took {worst * 1e3:.1f} ms")
    client.close()


if __name__ == "__main__":
    main()
