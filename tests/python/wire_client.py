"""A provider client in another language: the wire as stock gRPC sees it."""

import importlib
import os
import queue
import subprocess
import sys
import tempfile

import grpc


class Protos(list):
    """The modules of types, provider and admin, `linux`, and, if their files
    are there (//proto:admin_sources), `rpc_status`, `health`, `reflection`."""


def load_protos(root):
    """Compiles the .proto files below `root` and returns their modules."""
    out = tempfile.mkdtemp(prefix="wspd-protos-")
    paths = [f"proto/wsp/v1/{name}"
             for name in ["types", "linux", "provider", "admin"]]
    others = {"rpc_status": "proto/google/rpc/status",
              "health": "proto/grpc/health/v1/health",
              "reflection": "proto/grpc/reflection/v1alpha/reflection"}
    others = {name: path for name, path in others.items()
              if os.path.exists(f"{root}/{path}.proto")}
    paths += others.values()
    subprocess.run(
        ["/usr/bin/protoc", f"-I{root}", f"--python_out={out}"]
        + [f"{root}/{path}.proto" for path in paths], check=True)
    for folder, _, _ in os.walk(os.path.join(out, "proto")):
        open(os.path.join(folder, "__init__.py"), "w").close()
    sys.path.insert(0, out)
    protos = Protos(importlib.import_module(f"proto.wsp.v1.{name}_pb2")
                    for name in ["types", "provider", "admin"])
    protos.linux = importlib.import_module("proto.wsp.v1.linux_pb2")
    for name, path in others.items():
        setattr(protos, name,
                importlib.import_module(path.replace("/", ".") + "_pb2"))
    return protos


class WireClient:
    """One Attach stream. Calls are made one at a time."""

    def __init__(self, protos, path):
        self.types, self.provider, _ = protos
        # A connection of its own: one that is shared with a client that the
        # daemon refuses may just be ending.
        self._channel = grpc.insecure_channel(
            f"unix:{path}", options=[("grpc.use_local_subchannel_pool", 1)])
        self._frames = queue.Queue()
        attach = self._channel.stream_stream(
            "/wsp.v1.Provider/Attach",
            request_serializer=lambda frame: frame.SerializeToString(),
            response_deserializer=self.provider.ServerFrame.FromString)
        self._stream = attach(iter(self._frames.get, None))
        self._next_call = 1000
        self._next_socket = 5000
        self._ack = 0
        # What has come of calls that were begun, by their ids.
        self._ended = {}
        self.welcome = None

    def attach(self, capabilities=None, **hello):
        frame = self.provider.ClientFrame()
        frame.hello.version.major = 1
        frame.hello.personality = self.types.PERSONALITY_WINSOCK
        frame.hello.capabilities.extend(
            [self.types.CAPABILITY_FORWARDED] if capabilities is None
            else capabilities)
        frame.hello.client_name = "python"
        for name, value in hello.items():
            setattr(frame.hello, name, value)
        self._frames.put(frame)
        self.welcome = next(self._stream).welcome
        return self.welcome

    def new_socket_id(self):
        self._next_socket += 1
        return self._next_socket

    def call(self, request, socket_id=0, **fields):
        """Makes one call and returns its completion."""
        return self.calls([(request, socket_id, fields)])[0]

    def calls(self, requests):
        """Makes calls in one frame, each (request, socket id, fields); returns
        their completions in this order."""
        return [self.finish(call_id) for call_id in self._begin(requests)]

    def begin(self, request, socket_id=0, **fields):
        """Makes one call, overlapped, without waiting for its end: its id, for
        finish()."""
        return self._begin([(request, socket_id, fields)], overlapped=True)[0]

    def finish(self, call_id):
        """Waits for a call's end; its completion."""
        while call_id not in self._ended:
            for completion in next(self._stream).completions:
                self._ack = max(self._ack, completion.sequence)
                self._ended[completion.call_id] = completion
        return self._ended.pop(call_id)

    def _begin(self, requests, overlapped=False):
        frame = self.provider.ClientFrame(ack_sequence=self._ack)
        for request, socket_id, fields in requests:
            self._next_call += 1
            call = frame.calls.add(call_id=self._next_call,
                                   socket_id=socket_id, overlapped=overlapped)
            body = getattr(call, request)
            body.SetInParent()
            for name, value in fields.items():
                if hasattr(getattr(body, name), "CopyFrom"):
                    getattr(body, name).CopyFrom(value)
                elif isinstance(value, list):
                    getattr(body, name).extend(value)
                else:
                    setattr(body, name, value)
        self._frames.put(frame)
        return [call.call_id for call in frame.calls]

    def ipv4(self, address, port):
        out = self.types.SocketAddress()
        out.ipv4.address = address
        out.ipv4.port = port
        return out

    def close(self):
        self._frames.put(None)
        self._channel.close()
