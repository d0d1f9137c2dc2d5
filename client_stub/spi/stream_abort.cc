#include "client_stub/spi/stream_abort.h"

#include "proto/wire_fields.h"

namespace wsp {

void AbortStream(SpiCall* call) {
  StubSocket* socket = call->socket();
  if (socket->closing || socket->closed) return;
  // Else the connection is gone with its daemon.
  if (call->Reach() != 0) return;
  Provider* provider = call->provider();
  Operation* operation =
      provider->NewOperation(Operation::Kind::kControl, socket);
  Call* request = provider->NewCall(operation, CallHeader());
  AppendShutdown(&request->bytes, wire::ShutdownRequest::HOW_ABORT);
  provider->attachment().Submit(request);
  provider->LetGo(operation);
  provider->Flush();
}

}  // namespace wsp
