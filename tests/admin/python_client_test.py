#!/usr/bin/python3
"""A stock Python client on the admin socket, with and without .proto files."""

import os
import unittest

import admin_case
import grpc
from admin_case import ADMIN, PROTOS
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


class PythonClientTest(admin_case.AdminCase):
    def setUp(self):
        super().setUp()
        self.start()

    def reflect(self, **request):
        types = PROTOS.reflection
        ask = self.admin.channel.stream_stream(
            REFLECTION,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=types.ServerReflectionResponse.FromString)
        return next(ask(iter([types.ServerReflectionRequest(**request)])))

    def fails(self, code, name, **fields):
        """The details of the error with which a call ends."""
        with self.assertRaises(grpc.RpcError) as raised:
            self.admin.call(name, **fields)
        self.assertEqual(raised.exception.code(), code)
        details = self.admin.details(raised.exception)
        self.assertEqual(details["ErrorInfo"].domain, "wspd")
        return details

    def test_reflection_is_all_that_a_client_needs(self):
        services = [service.name for service in
                    self.reflect(list_services="*")
                    .list_services_response.service]
        self.assertEqual(sorted(services), [
            "grpc.health.v1.Health",
            "grpc.reflection.v1alpha.ServerReflection", "wsp.v1.Admin"])
        files = (self.reflect(file_containing_symbol="wsp.v1.Admin")
                 .file_descriptor_response.file_descriptor_proto)
        pool = descriptor_pool.DescriptorPool()
        # Each comes before what it imports.
        for file in reversed(files):
            pool.Add(descriptor_pb2.FileDescriptorProto.FromString(file))
        method = pool.FindServiceByName("wsp.v1.Admin").FindMethodByName(
            "ListClients")
        make = message_factory.MessageFactory(pool).GetPrototype
        request, response = make(method.input_type), make(method.output_type)
        call = self.admin.channel.unary_unary(
            f"/{method.containing_service.full_name}/{method.name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=response.FromString)
        self.started()
        listed = call(request(), timeout=admin_case.DEADLINE).clients
        self.assertEqual([client.pid for client in listed], [os.getpid()])

    def test_health(self):
        for service in "", "wsp.v1.Provider", "wsp.v1.Admin":
            self.assertEqual(self.admin.check_health(service), "SERVING")
        with self.assertRaises(grpc.RpcError) as raised:
            self.admin.check_health("wsp.v1.Nothing")
        self.assertEqual(raised.exception.code(), grpc.StatusCode.NOT_FOUND)
        call, states = self.admin.watch_health()
        self.assertEqual(next(states), "SERVING")
        call.cancel()

    def test_lists(self):
        client = self.started()
        listed = self.admin.call("ListClients", page_size=1, fields=["pid"])
        self.assertEqual([client.pid for client in listed.clients],
                         [os.getpid()])
        self.assertEqual(listed.clients[0].client_id, 0)
        self.assertEqual(listed.next_page_token, "")
        for _ in range(5):
            self.assertEqual(self.make_socket(client)[0], 0)
        pages, token = [], ""
        while True:
            page = self.admin.call("ListSockets", page_size=2,
                                   page_token=token,
                                   fields=["pid", "socket_id"])
            pages.append(page.sockets)
            token = page.next_page_token
            if not token:
                break
        self.assertEqual([len(page) for page in pages], [2, 2, 1])
        self.assertEqual(len({socket.socket_id for page in pages
                              for socket in page}), 5)
        self.assertEqual({socket.state for page in pages for socket in page},
                         {ADMIN.SOCKET_STATE_UNSPECIFIED})

    def test_watches(self):
        call = self.admin.stream("WatchEvents", kinds=[
            ADMIN.JournalEvent.KIND_CLIENT_STARTED,
            ADMIN.JournalEvent.KIND_CLIENT_CLEANED_UP])
        self.assertEqual(next(call).next_sequence, 1)
        client = self.started()
        self.assertEqual(self.error(client, "cleanup"), 0)
        kinds = []
        while len(kinds) < 2:
            for event in next(call).events:
                self.assertEqual(event.pid, os.getpid())
                kinds.append(event.kind)
        self.assertEqual(kinds, [ADMIN.JournalEvent.KIND_CLIENT_STARTED,
                                 ADMIN.JournalEvent.KIND_CLIENT_CLEANED_UP])
        call.cancel()

    def test_errors_say_what_is_wrong(self):
        code = grpc.StatusCode
        details = self.fails(code.NOT_FOUND, "GetClient", pid=1)
        self.assertEqual(details["ResourceInfo"].resource_type,
                         "wsp.v1.Client")
        self.assertEqual(details["ResourceInfo"].resource_name, "pid 1")
        details = self.fails(code.NOT_FOUND, "ResetSocket", client_id=3,
                             socket_id=7)
        self.assertEqual(details["ResourceInfo"].resource_type,
                         "wsp.v1.Socket")
        self.assertEqual(details["ResourceInfo"].resource_name,
                         "3/0000000000000007")
        for name, fields, field in (
                ("ResetSocket", {}, "socket_id"),
                ("EndSocket", {}, "socket_id"),
                ("DisconnectClient", {}, "pid"),
                ("ListSockets", {"local_port": 70000}, "local_port"),
                ("ListSockets", {"peer_network": "ten"}, "peer_network"),
                ("ListSockets", {"fields": ["pod"]}, "fields"),
                ("ListClients", {"pids": [-1]}, "pids"),
                ("ListClients", {"cgroup": "a"}, "cgroup"),
                ("ListClients", {"container_id": "x"}, "container_id"),
                ("ListClients", {"executable": "curl"}, "executable"),
                ("ListClients", {"personality": 9}, "personality"),
                ("ListClients", {"page_token": "x"}, "page_token"),
                ("ListSockets", {"page_token": "x"}, "page_token"),
                ("SetLogLevel", {"level": 9}, "level"),
                ("TestPolicy", {"action": 99}, "action"),
                ("TestPolicy", {"action": ADMIN.POLICY_ACTION_BIND},
                 "address")):
            details = self.fails(code.INVALID_ARGUMENT, name, **fields)
            violation = details["BadRequest"].field_violations[0]
            self.assertEqual(violation.field, field)
            self.assertNotEqual(violation.description, "")
        with self.assertRaises(grpc.RpcError) as raised:
            next(self.admin.stream("WatchEvents", from_sequence=99))
        violation = self.admin.details(
            raised.exception)["BadRequest"].field_violations[0]
        self.assertEqual(violation.field, "from_sequence")
        # One that can't be reset in this state.
        client = self.started()
        number = self.make_socket(client)[1]
        for name, what in ("ResetSocket", "reset"), ("EndSocket", "close"):
            details = self.fails(code.FAILED_PRECONDITION, name,
                                 socket_id=number)
            violation = details["PreconditionFailure"].violations[0]
            self.assertEqual(violation.type, "STATE")
            self.assertIn("neither connected nor listening",
                          violation.description)
            self.assertIn(f"nothing to {what}", violation.description)


if __name__ == "__main__":
    admin_case.main()
