"""The admin service as stock gRPC for Python sees it."""

import grpc


def _serialize(message):
    return message.SerializeToString()


class AdminClient:
    """A connection to the admin socket; use it with `with`. `protos` are
    wire_client.load_protos()'s."""

    def __init__(self, protos, path):
        self._protos = protos
        self.admin = protos[2]
        self.channel = grpc.insecure_channel(f"unix:{path}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()

    def _method(self, make, service, name, response):
        return make(f"/{service}/{name}", request_serializer=_serialize,
                    response_deserializer=response.FromString)

    def call(self, name, **fields):
        """One of wsp.v1.Admin's unary methods."""
        method = self._method(self.channel.unary_unary, "wsp.v1.Admin", name,
                              getattr(self.admin, name + "Response"))
        return method(getattr(self.admin, name + "Request")(**fields),
                      timeout=30)

    def stream(self, name, **fields):
        """One that answers with a stream: the call, to be iterated."""
        method = self._method(self.channel.unary_stream, "wsp.v1.Admin", name,
                              getattr(self.admin, name + "Response"))
        return method(getattr(self.admin, name + "Request")(**fields))

    def check_health(self, service=""):
        """The name of the status."""
        health = self._protos.health
        check = self._method(self.channel.unary_unary,
                             "grpc.health.v1.Health", "Check",
                             health.HealthCheckResponse)
        status = check(health.HealthCheckRequest(service=service),
                       timeout=30).status
        return health.HealthCheckResponse.ServingStatus.Name(status)

    def watch_health(self, service=""):
        """The call, which yields the names of the statuses."""
        health = self._protos.health
        watch = self._method(self.channel.unary_stream,
                             "grpc.health.v1.Health", "Watch",
                             health.HealthCheckResponse)
        name = health.HealthCheckResponse.ServingStatus.Name
        call = watch(health.HealthCheckRequest(service=service))
        return call, (name(response.status) for response in call)

    def details(self, error):
        """The details of a grpc.RpcError as a dictionary of messages by their
        names, "ErrorInfo"."""
        rpc = self._protos.rpc_status
        for key, value in error.trailing_metadata():
            if key == "grpc-status-details-bin":
                status = rpc.Status.FromString(value)
                break
        else:
            return {}
        assert status.code == error.code().value[0]
        assert status.message == error.details()
        found = {}
        for detail in status.details:
            name = detail.TypeName()
            assert name.startswith("google.rpc."), name
            message = getattr(rpc, name[len("google.rpc."):])()
            assert detail.Unpack(message)
            found[message.DESCRIPTOR.name] = message
        return found
