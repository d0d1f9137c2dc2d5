// WSAPoll, as ws2_32 asks for it (reference, section 4.9, extension functions).
//
// By its page in Windows' documentation, and WSAPOLLFD's: POLLRDNORM,
// POLLRDBAND and POLLWRNORM may be asked for, and nothing else; POLLHUP,
// POLLERR and POLLNVAL are told without; `revents` needs no clearing before; a
// negative socket is passed over. What the pages leave open, and where tested
// Windows (Wine's test_WSAPoll, which is run there) does something else than
// they say, it is as that does:
// - WSAEFAULT without an array, where the page had WSAEINVAL, unless it is to
//   have no entries.
// - WSAENOTSOCK, not WSAEINVAL, if no entry has a socket, whatever it asks for.
// - Of a negative socket nothing is looked at, but POLLNVAL tells of it (as
//   MicrosoftDocs/sdk-api's pull request 32 says, too), and of a number that is
//   no socket. Neither is counted, nor ends the wait, unlike a socket that is
//   closed meanwhile.
// - Where the flags are wrong nothing is told of any entry.
// - The end of a connection is POLLHUP; POLLRDNORM only if there is data.
#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

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

bool IsNegative(SOCKET s) { return static_cast<intptr_t>(s) < 0; }

// Looks up what the entries name; an id of 0 for what is no socket.
uint32_t FindIds(SpiCall* call, LPWSAPOLLFD sockets,
                 std::vector<uint64_t>* ids) {
  for (size_t i = 0; i < ids->size(); ++i) {
    if (IsNegative(sockets[i].fd)) continue;
    if (const uint32_t error = FindSocketId(call, sockets[i].fd, &(*ids)[i])) {
      return error;
    }
  }
  const bool none = std::all_of(ids->begin(), ids->end(),
                                [](uint64_t id) { return id == 0; });
  if (!none) return 0;
  for (size_t i = 0; i < ids->size(); ++i) sockets[i].revents = POLLNVAL;
  return WSAENOTSOCK;
}

uint32_t CheckFlags(LPWSAPOLLFD sockets, ULONG count) {
  const bool good =
      std::all_of(sockets, sockets + count, [](const WSAPOLLFD& entry) {
        return IsNegative(entry.fd) || (entry.events & ~kAskable) == 0;
      });
  if (good) return 0;
  for (ULONG i = 0; i < count; ++i) sockets[i].revents = 0;
  return WSAEINVAL;
}

// How many sockets there is something to tell of, or the error.
uint32_t Poll(SpiCall* call, LPWSAPOLLFD sockets, ULONG count, INT timeout_ms,
              int* told) {
  if (count == 0) return WSAEINVAL;
  if (sockets == nullptr) return WSAEFAULT;
  std::vector<uint64_t> ids(count);
  if (const uint32_t error = FindIds(call, sockets, &ids)) return error;
  if (const uint32_t error = CheckFlags(sockets, count)) return error;
  SelectParams params;
  params.poll = true;
  for (ULONG i = 0; i < count; ++i) {
    if (ids[i] != 0) Ask(&params, ids[i], sockets[i].events);
  }
  SelectReply reply;
  if (const uint32_t error = AwaitReadiness(
          call, std::move(params), timeout_ms < 0 ? -1 : timeout_ms, &reply)) {
    return error;
  }
  for (ULONG i = 0; i < count; ++i) {
    sockets[i].revents = ids[i] == 0
                             ? SHORT{POLLNVAL}
                             : EventsOf(reply, ids[i], sockets[i].events);
    if (ids[i] != 0 && sockets[i].revents != 0) ++*told;
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
