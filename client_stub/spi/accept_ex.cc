// AcceptEx (reference, section 4.9).
#include <mswsock.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "client_stub/spi/accept_ex_buffer.h"
#include "client_stub/spi/extension_call.h"
#include "client_stub/spi/extensions.h"
#include "client_stub/spi/nt_status.h"
#include "client_stub/spi/stepwise.h"

namespace wsp {
namespace {

class AcceptSteps final : public OperationSteps {
 public:
  AcceptSteps(const AcceptExBuffer& buffer, uint64_t accepting_id)
      : buffer_(buffer), accepting_id_(accepting_id) {}

  void OnReply(Operation* operation, const Completion& completion) override {
    g_library.mutex.AssertHeld();
    Provider* provider = operation->provider;
    if (completion.wsa_error != 0) {
      if (completion.wsa_error == WSAEFAULT) {
        operation->status = kStatusBufferTooSmall;
      }
      return provider->Complete(operation, completion.wsa_error);
    }
    if (StubSocket* accepting = provider->FindSocket(accepting_id_)) {
      accepting->connected = true;
      provider->Release(accepting);
    }
    const size_t size =
        std::min<size_t>(completion.data.size, buffer_.data_bytes);
    operation->bytes = size;
    if (operation->overlapped != nullptr) {
      const uint32_t error = Write(completion, {completion.data.data, size});
      return provider->Complete(operation, error);
    }
    // Its thread may be elsewhere.
    operation->reply = completion;
    operation->reply_data.assign(completion.data.data,
                                 completion.data.data + size);
    provider->Complete(operation, 0);
  }

  void OnReturn(Operation* operation) override {
    const ByteBuffer& data = operation->reply_data;
    Write(operation->reply, {data.data(), data.size()});
  }

 private:
  uint32_t Write(const Completion& completion, ByteView data) const {
    if (data.size > 0) std::memcpy(buffer_.memory, data.data, data.size);
    return WriteAcceptExAddresses(buffer_, completion.local, completion.peer);
  }

  const AcceptExBuffer buffer_;
  const uint64_t accepting_id_;
};

// The daemon's name for the socket that is to accept.
uint32_t FindAccepting(SpiCall* call, SOCKET s, uint64_t* id) {
  uint64_t context;
  if (!call->QueryHandle(s, &context)) return WSAENOTSOCK;
  MutexLock lock(&g_library.mutex);
  if (!call->StillThere() || call->provider()->ended) return WSAEINTR;
  StubSocket* socket = call->provider()->FindSocket(context);
  const bool is_open =
      socket != nullptr && socket->handle == s && !socket->closing;
  call->provider()->Release(socket);
  *id = context;
  return is_open ? 0 : WSAENOTSOCK;
}

uint32_t Accept(SpiCall* call, const Indication& indication,
                uint64_t accepting_id, const AcceptExBuffer& buffer,
                LPDWORD bytes_received) {
  const bool has_room = HasRoomForAddresses(buffer, call->socket()->family);
  MutexLock lock(&g_library.mutex);
  Provider* provider = call->provider();
  // It may wait for long, as receives do.
  if (!provider->attachment().MayReceive()) return WSAENOBUFS;
  Operation* operation;
  if (const uint32_t error = BeginSteps(
          call, indication, std::make_unique<AcceptSteps>(buffer, accepting_id),
          &operation)) {
    return error;
  }
  Call* request = provider->NewCall(operation, StepHeader(*operation));
  AppendAcceptEx(&request->bytes, accepting_id, buffer.data_bytes, !has_room);
  provider->attachment().Submit(request);
  return EndSteps(call, operation, bytes_received);
}

}  // namespace

BOOL WSPAPI SpiAcceptEx(SOCKET listener, SOCKET accepting, PVOID output_buffer,
                        DWORD receive_data_length, DWORD local_address_length,
                        DWORD remote_address_length, LPDWORD bytes_received,
                        LPOVERLAPPED overlapped) {
  ExtensionCall extension(listener);
  if (!extension.ok()) return extension.ReturnBool(SOCKET_ERROR);
  SpiCall& call = extension.call();
  if (overlapped == nullptr) return extension.Finish(ERROR_INVALID_PARAMETER);
  const Indication indication = IndicationFor(call, overlapped);
  MarkPending(indication);
  if (output_buffer == nullptr || remote_address_length == 0) {
    return extension.Finish(WSAEFAULT);
  }
  uint64_t accepting_id;
  if (const uint32_t error = FindAccepting(&call, accepting, &accepting_id)) {
    return extension.Finish(error);
  }
  PrepareSteps(&call, indication);
  const AcceptExBuffer buffer = {output_buffer, receive_data_length,
                                 local_address_length, remote_address_length};
  return extension.Finish(
      Accept(&call, indication, accepting_id, buffer, bytes_received));
}

}  // namespace wsp
