// ConnectEx and DisconnectEx (reference, section 4.9).
#include <mswsock.h>

#include <memory>

#include "client_stub/spi/extension_call.h"
#include "client_stub/spi/extensions.h"
#include "client_stub/spi/socket_addresses.h"
#include "client_stub/spi/stepwise.h"

namespace wsp {
namespace {

// ------------------------------------------------------------------ ConnectEx

// Connects, and then sends what the operation's buffers have.
class ConnectSteps final : public OperationSteps {
 public:
  void OnReply(Operation* operation, const Completion& completion) override {
    g_library.mutex.AssertHeld();
    Provider* provider = operation->provider;
    StubSocket* socket = operation->socket;
    socket->connecting = false;
    if (completion.wsa_error != 0) {
      return provider->Complete(operation, completion.wsa_error);
    }
    socket->connected = true;
    if (socket->closed) {
      return provider->Complete(operation, WSA_OPERATION_ABORTED);
    }
    if (operation->total == 0) return provider->Complete(operation, 0);
    operation->kind = Operation::Kind::kSend;
    // The peer may take its time.
    operation->pending = operation->report_pending;
    provider->StartSend(operation);
  }
};

uint32_t Connect(SpiCall* call, const Indication& indication,
                 const Address& address, ByteView data, LPDWORD bytes_sent) {
  MutexLock lock(&g_library.mutex);
  Operation* operation;
  if (const uint32_t error = BeginSteps(
          call, indication, std::make_unique<ConnectSteps>(), &operation)) {
    return error;
  }
  if (data.size > 0) {
    operation->buffers.push_back(data);
    operation->total = data.size;
  }
  Provider* provider = call->provider();
  Call* request = provider->NewCall(operation, StepHeader(*operation));
  AppendConnect(&request->bytes, address, true);
  provider->attachment().Submit(request);
  call->socket()->connecting = true;
  return EndSteps(call, operation, bytes_sent);
}

// -------------------------------------------------------------- DisconnectEx

class DisconnectSteps final : public OperationSteps {
 public:
  explicit DisconnectSteps(bool reuse) : reuse_(reuse) {}

  void OnReply(Operation* operation, const Completion& completion) override {
    g_library.mutex.AssertHeld();
    if (completion.wsa_error == 0) NoteDisconnect(operation, reuse_);
    operation->provider->Complete(operation, completion.wsa_error);
  }

 private:
  const bool reuse_;
};

uint32_t Disconnect(SpiCall* call, const Indication& indication, bool reuse) {
  MutexLock lock(&g_library.mutex);
  Operation* operation;
  if (const uint32_t error =
          BeginSteps(call, indication, std::make_unique<DisconnectSteps>(reuse),
                     &operation)) {
    return error;
  }
  Provider* provider = call->provider();
  SendLane* lane = &call->socket()->lane;
  provider->StopNativeTransfers(call->socket());
  Call* request = provider->NewCall(operation, StepHeader(*operation));
  AppendDisconnectEx(&request->bytes, reuse);
  // The daemon hears of it when it has the sends before.
  if (!lane->jobs.empty()) operation->pending = operation->report_pending;
  provider->attachment().SubmitBehindSends(lane, &operation->job, request);
  return EndSteps(call, operation, nullptr);
}

}  // namespace

BOOL WSPAPI SpiConnectEx(SOCKET s, const sockaddr* name, int name_length,
                         PVOID send_buffer, DWORD send_data_length,
                         LPDWORD bytes_sent, LPOVERLAPPED overlapped) {
  ExtensionCall extension(s);
  if (!extension.ok()) return extension.ReturnBool(SOCKET_ERROR);
  SpiCall& call = extension.call();
  if (overlapped == nullptr) return extension.Finish(ERROR_INVALID_PARAMETER);
  const Indication indication = IndicationFor(call, overlapped);
  MarkPending(indication);
  if (call.socket()->datagrams) return extension.Finish(WSAEOPNOTSUPP);
  Address address;
  if (const uint32_t error = ReadSocketAddress(
          name, name_length, call.socket()->family, &address)) {
    return extension.Finish(error);
  }
  ByteView data;
  if (send_buffer != nullptr) {
    data = {static_cast<const uint8_t*>(send_buffer), send_data_length};
  }
  PrepareSteps(&call, indication);
  return extension.Finish(
      Connect(&call, indication, address, data, bytes_sent));
}

BOOL WSPAPI SpiDisconnectEx(SOCKET s, LPOVERLAPPED overlapped, DWORD flags,
                            DWORD reserved) {
  ExtensionCall extension(s);
  if (!extension.ok()) return extension.ReturnBool(SOCKET_ERROR);
  SpiCall& call = extension.call();
  if ((flags & ~uint32_t{TF_REUSE_SOCKET}) != 0 || reserved != 0) {
    return extension.Finish(WSAEINVAL);
  }
  if (call.socket()->datagrams) return extension.Finish(WSAEOPNOTSUPP);
  const Indication indication = IndicationFor(call, overlapped);
  PrepareSteps(&call, indication);
  return extension.Finish(
      Disconnect(&call, indication, (flags & TF_REUSE_SOCKET) != 0));
}

}  // namespace wsp
