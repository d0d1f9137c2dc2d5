"""socket_client.py KIND PORT COUNT [CERTIFICATE]: asks a socket_server on COUNT
connections at a time; prints how many got only right answers."""

import asyncio
import concurrent.futures
import os
import socket
import ssl
import sys

from echo_protocol import LENGTH, ROUNDS, answer, payload, read_exactly

DIGEST = 32


def ask_stream(port, number, context=None):
    with socket.create_connection(("127.0.0.1", port), 100) as one:
        if context:
            one = context.wrap_socket(one, server_hostname="localhost")
        data = payload(number)
        for _ in range(ROUNDS):
            one.sendall(LENGTH.pack(len(data)) + data)
            if read_exactly(one.recv, DIGEST) != answer(data):
                return False
        one.close()
    return True


def ask_datagram(port, number):
    data = payload(number)[:1_000]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(100)
        one.connect(("127.0.0.1", port))
        one.send(data)
        return one.recv(100) == answer(data)


def in_threads(ask, port, count, *more):
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        return sum(pool.map(lambda number: ask(port, number, *more),
                            range(count)))


def in_children(port, count):
    """A child for each, forked."""
    children = []
    for number in range(count):
        child = os.fork()
        if child == 0:
            os._exit(0 if ask_stream(port, number) else 1)
        children.append(child)
    return sum(os.waitpid(child, 0)[1] == 0 for child in children)


async def ask_asyncio(port, number, context):
    reader, writer = await asyncio.open_connection(
        "localhost" if context else "127.0.0.1", port, ssl=context,
        family=socket.AF_INET)
    data = payload(number)
    right = True
    for _ in range(ROUNDS):
        writer.write(LENGTH.pack(len(data)) + data)
        await writer.drain()
        right &= await reader.readexactly(DIGEST) == answer(data)
    writer.close()
    await writer.wait_closed()
    return right


async def all_asyncio(port, count, context=None):
    return sum(await asyncio.gather(*(ask_asyncio(port, number, context)
                                      for number in range(count))))


def main():
    kind, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    context = (ssl.create_default_context(cafile=sys.argv[4])
               if len(sys.argv) > 4 else None)
    print({
        "threads": lambda: in_threads(ask_stream, port, count),
        "children": lambda: in_children(port, count),
        "tls": lambda: in_threads(ask_stream, port, count, context),
        "udp": lambda: in_threads(ask_datagram, port, count),
        "asyncio": lambda: asyncio.run(all_asyncio(port, count)),
        "asyncio_tls": lambda: asyncio.run(all_asyncio(port, count, context)),
    }[kind]())


main()
