"""socket_server.py KIND PORT [CERTIFICATE KEY]: answers on 127.0.0.1 until it
is ended."""

import asyncio
import socketserver
import ssl
import sys

from echo_protocol import LENGTH, answer, read_exactly


class StreamHandler(socketserver.StreamRequestHandler):
    def handle(self):
        while head := read_exactly(self.rfile.read, LENGTH.size):
            data = read_exactly(self.rfile.read, LENGTH.unpack(head)[0])
            self.wfile.write(answer(data))


class DatagramHandler(socketserver.BaseRequestHandler):
    def handle(self):
        data, one = self.request
        one.sendto(answer(data), self.client_address)


class Threading(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


class Forking(socketserver.ForkingTCPServer):
    allow_reuse_address = True
    max_children = 100
    request_queue_size = 128


class Tls(Threading):
    def __init__(self, address, handler, certificate, key):
        super().__init__(address, handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True,
                                          do_handshake_on_connect=False)


async def handle_stream(reader, writer):
    try:
        while True:
            head = await reader.readexactly(LENGTH.size)
            data = await reader.readexactly(LENGTH.unpack(head)[0])
            writer.write(answer(data))
            await writer.drain()
    except asyncio.IncompleteReadError:
        pass
    writer.close()


class AnsweringDatagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(answer(data), addr)


async def serve_asyncio(port, context=None):
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(AnsweringDatagrams,
                                        local_addr=("127.0.0.1", port))
    server = await asyncio.start_server(handle_stream, "127.0.0.1", port,
                                        backlog=128, ssl=context)
    await server.serve_forever()


def main():
    kind, port, files = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    address = ("127.0.0.1", port)
    if kind == "asyncio":
        asyncio.run(serve_asyncio(port))
    elif kind == "asyncio_tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
        asyncio.run(serve_asyncio(port, context))
    else:
        {
            "threading": lambda: Threading(address, StreamHandler),
            "forking": lambda: Forking(address, StreamHandler),
            "tls": lambda: Tls(address, StreamHandler, *files),
            "udp_threading": lambda: socketserver.ThreadingUDPServer(
                address, DatagramHandler),
            "udp_forking": lambda: socketserver.ForkingUDPServer(
                address, DatagramHandler),
        }[kind]().serve_forever()


main()
