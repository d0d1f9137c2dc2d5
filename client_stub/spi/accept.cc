// WSPAccept, with and without a condition function.
#include <cstring>

#include "client_stub/spi/functions.h"
#include "client_stub/spi/handles.h"
#include "client_stub/spi/socket_addresses.h"
#include "client_stub/spi/spi_call.h"
#include "proto/wire_fields.h"

namespace wsp {
namespace {

// As SpiCall::Invoke, for the two calls that may make the socket: what it
// inherits is noted before the daemon hears of it.
template <typename Append>
uint32_t InvokeAccept(SpiCall* call, CallHeader header, Append append,
                      Reply* reply) {
  MutexLock lock(&g_library.mutex);
  if (const uint32_t error = call->Reach()) return error;
  Provider* provider = call->provider();
  Operation* operation =
      provider->NewOperation(Operation::Kind::kControl, call->socket());
  if (const uint32_t error = call->PrepareToWait(operation)) return error;
  operation->listener_targets = call->socket()->targets;
  Call* request = provider->NewCall(operation, header);
  append(request);
  provider->attachment().Submit(request);
  return call->FinishControl(operation, INT64_MAX, reply);
}

// A condition function and what it is asked.
struct Question {
  LPCONDITIONPROC condition;
  DWORD_PTR callback_data;
  WSABUF caller;
  WSABUF callee;
  int answer;
};

void Ask(void* argument) {
  auto* question = static_cast<Question*>(argument);
  GROUP group = 0;
  question->answer = question->condition(&question->caller, nullptr, nullptr,
                                         nullptr, &question->callee, nullptr,
                                         &group, question->callback_data);
}

// Runs the condition function on an offer.
int AskCondition(SpiCall* call, LPCONDITIONPROC condition,
                 DWORD_PTR callback_data, const Reply& offer, uint64_t id) {
  sockaddr_storage caller;
  sockaddr_storage callee;
  int caller_length = sizeof caller;
  int callee_length = sizeof callee;
  WriteSocketAddress(offer.peer, reinterpret_cast<sockaddr*>(&caller),
                     &caller_length);
  WriteSocketAddress(offer.local, reinterpret_cast<sockaddr*>(&callee),
                     &callee_length);
  Question question = {};
  question.condition = condition;
  question.callback_data = callback_data;
  question.caller.buf = reinterpret_cast<char*>(&caller);
  question.caller.len = static_cast<u_long>(caller_length);
  question.callee.buf = reinterpret_cast<char*>(&callee);
  question.callee.len = static_cast<u_long>(callee_length);
  SpiCall::Callback callback = {};
  callback.run = Ask;
  callback.argument = &question;
  callback.offer_id = offer.offer_id;
  callback.offered_socket = id;
  call->RunCallback(callback);
  return question.answer;
}

// Tells the daemon what the condition function said. Returns the accept's code.
uint32_t Decide(SpiCall* call, int answer, uint64_t offer_id, uint64_t id) {
  {
    MutexLock lock(&g_library.mutex);
    if (!call->StillThere()) return WSAEINTR;
  }
  using Decision = wire::AcceptDecisionRequest;
  uint32_t decision = Decision::DECISION_DEFER;
  uint32_t result = WSAEINVAL;
  if (answer == CF_ACCEPT) {
    decision = Decision::DECISION_ACCEPT;
    result = 0;
  } else if (answer == CF_REJECT) {
    decision = Decision::DECISION_REJECT;
    result = WSAECONNREFUSED;
  } else if (answer == CF_DEFER) {
    result = WSATRY_AGAIN;
  }
  const uint32_t error = InvokeAccept(
      call, CallHeader(),
      [&](Call* request) {
        AppendAcceptDecision(&request->bytes, offer_id, decision, id);
        if (decision == Decision::DECISION_ACCEPT) request->makes_socket = id;
      },
      nullptr);
  return error != 0 ? error : result;
}

uint32_t CheckAddressRoom(const SpiCall& call, const sockaddr* address,
                          const int* length) {
  if (address == nullptr || length == nullptr) return 0;
  return *length < SocketAddressLength(call.socket()->family) ? WSAEFAULT : 0;
}

}  // namespace

SOCKET WSPAPI SpiAccept(SOCKET s, sockaddr* address, LPINT address_length,
                        LPCONDITIONPROC condition, DWORD_PTR callback_data,
                        LPINT error) {
  SpiCall call(SpiFunction::kAccept, s, error);
  if (!call.ok()) return INVALID_SOCKET;
  const auto fail = [&call](uint32_t code) {
    call.Result(code);
    return INVALID_SOCKET;
  };
  if (const uint32_t result = CheckAddressRoom(call, address, address_length)) {
    call.ReenableEvents(FD_ACCEPT);
    return fail(result);
  }
  uint64_t id;
  {
    MutexLock lock(&g_library.mutex);
    id = call.provider()->NewSocketId();
  }
  CallHeader header;
  if (call.may_block()) call.QueryHook();
  header.report_pending = call.has_hook();
  Reply reply;
  uint32_t result = InvokeAccept(
      &call, header,
      [&](Call* request) {
        AppendAccept(&request->bytes, id, condition != nullptr);
        request->makes_socket = id;
      },
      &reply);
  if (result != 0) return fail(result);
  // Whatever the condition function will say.
  if (address != nullptr && address_length != nullptr) {
    WriteSocketAddress(reply.peer, address, address_length);
  }
  if (reply.offer_id != 0) {
    // Nobody asked for an offer if there is nobody to ask.
    const int answer =
        condition != nullptr
            ? AskCondition(&call, condition, callback_data, reply, id)
            : CF_ACCEPT;
    result = Decide(&call, answer, reply.offer_id, id);
    if (result != 0) return fail(result);
  }
  SocketHandle handle;
  const StubSocket& listener = *call.socket();
  result = GiveHandle(&call, id, listener.catalog_entry_id, &handle);
  {
    MutexLock lock(&g_library.mutex);
    if (result != 0) {
      call.provider()->DropAccepted(id);
      call.provider()->Flush();
      return fail(result);
    }
    call.provider()->OpenAccepted(id, handle);
    call.provider()->Indicate();
  }
  LendSocket(&call, id);
  return handle.value;
}

}  // namespace wsp
