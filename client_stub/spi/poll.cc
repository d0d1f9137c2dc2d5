// WSAPoll, as ws2_32 asks for it (reference, section 4.9, extension functions):
// POLLRDNORM, POLLRDBAND and POLLWRNORM can be asked for, POLLHUP, POLLERR and
// POLLNVAL are told without.
#include <utility>

#include "client_stub/spi/extension_call.h"
#include "client_stub/spi/functions.h"
#include "client_stub/spi/readiness.h"
#include "client_stub/spi/spi_call.h"

namespace wsp {
namespace {

constexpr int kAskable = POLLRDNORM | POLLRDBAND | POLLWRNORM;

// What the answer says of a socket.
SHORT EventsOf(const SelectReply& reply, uint64_t id, SHORT asked) {
  int events = 0;
  if (Contains(reply.read, id)) events |= POLLRDNORM;
  if (Contains(reply.except, id)) events |= POLLRDBAND;
  if (Contains(reply.write, id)) events |= POLLWRNORM;
  events &= asked;
  if (Contains(reply.hung_up, id)) events |= POLLHUP;
  if (Contains(reply.failed, id)) events |= POLLERR;
  if (Contains(reply.invalid, id)) events |= POLLNVAL;
  return static_cast<SHORT>(events);
}

void Ask(SelectParams* params, uint64_t id, SHORT events) {
  if ((events & POLLRDNORM) != 0) params->read.push_back(id);
  if ((events & POLLRDBAND) != 0) params->except.push_back(id);
  if ((events & POLLWRNORM) != 0) params->write.push_back(id);
  if ((events & kAskable) == 0) params->others.push_back(id);
}

// How many sockets there is something to tell of, or the error.
uint32_t Poll(SpiCall* call, LPWSAPOLLFD sockets, ULONG count, INT timeout_ms,
              int* told) {
  if (count == 0) return WSAEINVAL;
  if (sockets == nullptr) return WSAEFAULT;
  SelectParams params;
  params.poll = true;
  std::vector<uint64_t> ids(count);
  bool some_known = false;
  bool some_unknown = false;
  for (ULONG i = 0; i < count; ++i) {
    if ((sockets[i].events & ~kAskable) != 0) return WSAEINVAL;
    if (const uint32_t error = FindSocketId(call, sockets[i].fd, &ids[i])) {
      return error;
    }
    some_known |= ids[i] != 0;
    some_unknown |= ids[i] == 0;
    if (ids[i] != 0) Ask(&params, ids[i], sockets[i].events);
  }
  if (!some_known) {
    for (ULONG i = 0; i < count; ++i) sockets[i].revents = POLLNVAL;
    return WSAENOTSOCK;
  }
  SelectReply reply;
  // What is none is told of at once.
  const int64_t limit = some_unknown ? 0 : timeout_ms < 0 ? -1 : timeout_ms;
  if (const uint32_t error =
          AwaitReadiness(call, std::move(params), limit, &reply)) {
    return error;
  }
  for (ULONG i = 0; i < count; ++i) {
    sockets[i].revents = ids[i] == 0
                             ? SHORT{POLLNVAL}
                             : EventsOf(reply, ids[i], sockets[i].events);
    if (sockets[i].revents != 0) ++*told;
  }
  return 0;
}

}  // namespace

int WSAAPI SpiPoll(LPWSAPOLLFD sockets, ULONG count, INT timeout_ms) {
  int error = 0;
  int told = 0;
  SpiCall call(SpiFunction::kSelect, INVALID_SOCKET, &error);
  if (call.ok()) call.Result(Poll(&call, sockets, count, timeout_ms, &told));
  if (error == 0) return told;
  ReportLastError(error);
  return SOCKET_ERROR;
}

}  // namespace wsp
