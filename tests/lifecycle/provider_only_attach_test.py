#!/usr/bin/python3
"""The provider socket offers Attach, and nothing else.

Usage: provider_only_attach_test.py WSPD PROTO_ROOT
"""

import os
import sys
import unittest

import grpc

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "python"))
import daemon_process  # noqa: E402
import wire_client  # noqa: E402

WSPD = os.path.abspath(sys.argv[1])
PROTOS = wire_client.load_protos(sys.argv[2])

ADMIN_METHODS = [
    "ListClients", "GetClient", "ListSockets", "GetSocket", "GetServerInfo",
    "DisconnectClient", "ResetSocket", "EndSocket"
]
OTHER_METHODS = [f"/wsp.v1.Admin/{name}" for name in ADMIN_METHODS] + [
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/wsp.v1.Provider/Detach",
    "/wsp.v1.Provider/attach",
    "/wsp.v2.Provider/Attach",
    "/nothing/AtAll",
]


def plain(message):
    return message


class ProviderSocketTest(unittest.TestCase):

    def setUp(self):
        self.daemon = daemon_process.DaemonProcess(WSPD)
        self.daemon.__enter__()
        self.addCleanup(self.stop)
        self.channel = grpc.insecure_channel(
            f"unix:{self.daemon.provider_socket}")
        self.addCleanup(self.channel.close)

    def stop(self):
        self.daemon.__exit__(None, None, None)
        self.assertEqual(self.daemon.status, 0, self.daemon.log)

    def status_of(self, call):
        with self.assertRaises(grpc.RpcError) as raised:
            call()
        return raised.exception.code()

    def assert_unimplemented(self, method):
        unary = self.channel.unary_unary(method, plain, plain)
        stream = self.channel.stream_stream(method, plain, plain)
        self.assertEqual(self.status_of(lambda: unary(b"", timeout=30)),
                         grpc.StatusCode.UNIMPLEMENTED, method)
        self.assertEqual(
            self.status_of(lambda: next(stream(iter([b""]), timeout=30))),
            grpc.StatusCode.UNIMPLEMENTED, method)

    def test_everything_but_attach_is_unimplemented(self):
        for method in OTHER_METHODS:
            with self.subTest(method=method):
                self.assert_unimplemented(method)

    def test_attach_works_beside_refused_calls(self):
        client = wire_client.WireClient(PROTOS, self.daemon.provider_socket)
        self.addCleanup(client.close)
        self.assertEqual(len(client.attach().attachment_token), 16)
        self.assert_unimplemented("/wsp.v1.Admin/ListClients")
        self.assertEqual(
            client.call("startup", version_requested=0x0202).wsa_error, 0)
        self.assertEqual(client.call("cleanup").wsa_error, 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
