#include "client_stub/spi/readiness.h"

#include <algorithm>

namespace wsp {
namespace {

// One call of the daemon's, of at most `timeout_ms`.
uint32_t AskOnce(SpiCall* call, const SelectParams& params, uint32_t timeout_ms,
                 SelectReply* reply) WSP_REQUIRES(g_library.mutex) {
  if (const uint32_t error = call->Reach()) return error;
  Provider* provider = call->provider();
  Operation* operation =
      provider->NewOperation(Operation::Kind::kControl, nullptr);
  if (const uint32_t error = call->PrepareToWait(operation)) return error;
  CallHeader header;
  header.report_pending = call->has_hook();
  header.timeout_ms = timeout_ms;
  Call* request = provider->NewCall(operation, header);
  AppendSelect(&request->bytes, params);
  provider->attachment().Submit(request);
  if (call->Await(operation, INT64_MAX) == SpiCall::WaitEnd::kGone) {
    return WSAEINTR;
  }
  uint32_t error = operation->error;
  if (error == 0 && !DecodeSelectReply(operation->reply.data, reply)) {
    error = WSAENETDOWN;
  }
  provider->LetGo(operation);
  return error;
}

bool IsEmpty(const SelectReply& reply) {
  return reply.read.empty() && reply.write.empty() && reply.except.empty() &&
         reply.hung_up.empty() && reply.failed.empty() && reply.invalid.empty();
}

}  // namespace

uint32_t FindSocketId(SpiCall* call, SOCKET s, uint64_t* id) {
  *id = 0;
  uint64_t context;
  if (!call->QueryHandle(s, &context)) return 0;
  MutexLock lock(&g_library.mutex);
  StubSocket* socket = call->provider()->FindSocket(context);
  if (socket == nullptr) return 0;
  const bool lost = socket->lost;
  if (socket->handle == s && !socket->closing) *id = socket->id;
  call->provider()->Release(socket);
  return lost ? WSAENETDOWN : 0;
}

void MakeSet(std::vector<uint64_t>* ids) {
  std::sort(ids->begin(), ids->end());
  ids->erase(std::unique(ids->begin(), ids->end()), ids->end());
}

bool Contains(const std::vector<uint64_t>& sorted, uint64_t id) {
  return std::binary_search(sorted.begin(), sorted.end(), id);
}

uint32_t AwaitReadiness(SpiCall* call, SelectParams params, int64_t timeout_ms,
                        SelectReply* reply) {
  params.no_wait = timeout_ms == 0;
  for (auto* ids :
       {&params.read, &params.write, &params.except, &params.others}) {
    MakeSet(ids);
  }
  if (!params.no_wait) call->QueryHook();
  MutexLock lock(&g_library.mutex);
  if (call->kernel_handles() && call->StillThere()) {
    for (const auto* ids :
         {&params.read, &params.write, &params.except, &params.others}) {
      for (const uint64_t id : *ids) {
        call->provider()->LeaveDatagramsToDaemon(id);
      }
    }
  }
  const bool limited = timeout_ms > 0;
  const int64_t deadline = limited ? NowMs() + timeout_ms : INT64_MAX;
  int64_t left = limited ? timeout_ms : 0;
  do {
    // A time of more than 49 days takes several calls.
    const auto part =
        static_cast<uint32_t>(std::min<int64_t>(left, UINT32_MAX));
    *reply = SelectReply();
    if (const uint32_t error = AskOnce(call, params, part, reply)) return error;
    if (limited) left = deadline - NowMs();
  } while (limited && IsEmpty(*reply) && left > 0);
  for (auto* ids : {&reply->read, &reply->write, &reply->except,
                    &reply->hung_up, &reply->failed, &reply->invalid}) {
    MakeSet(ids);
  }
  return 0;
}

}  // namespace wsp
