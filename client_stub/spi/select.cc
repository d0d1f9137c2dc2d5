// WSPSelect (reference, section 4.6).
#include <utility>

#include "client_stub/spi/functions.h"
#include "client_stub/spi/readiness.h"
#include "client_stub/spi/spi_call.h"

namespace wsp {
namespace {

constexpr int kSets = 3;

// One of the three sets. Its handles' ids are found before anything is changed,
// since one set may serve as two.
struct Set {
  fd_set* handles = nullptr;
  // One for each handle.
  std::vector<uint64_t> ids;
  // Sorted.
  std::vector<uint64_t> ready;

  bool empty() const { return handles == nullptr || handles->fd_count == 0; }
};

// An array of fd_count elements, however many the type says.
SOCKET* HandlesOf(fd_set* set) {
  return reinterpret_cast<SOCKET*>(reinterpret_cast<char*>(set) +
                                   offsetof(fd_set, fd_array));
}

uint32_t FindIds(SpiCall* call, Set* set) {
  if (set->empty()) return 0;
  const SOCKET* handles = HandlesOf(set->handles);
  set->ids.resize(set->handles->fd_count);
  for (size_t i = 0; i < set->ids.size(); ++i) {
    if (const uint32_t error = FindSocketId(call, handles[i], &set->ids[i])) {
      return error;
    }
    if (set->ids[i] == 0) return WSAENOTSOCK;
  }
  return 0;
}

// Milliseconds, rounded up so that nobody waits too short; -1 without a limit.
// False if the time is none.
bool ReadTime(const timeval* time, int64_t* ms) {
  *ms = -1;
  if (time == nullptr) return true;
  if (time->tv_sec < 0 || time->tv_usec < 0) return false;
  *ms = int64_t{time->tv_sec} * 1000 + (int64_t{time->tv_usec} + 999) / 1000;
  return true;
}

// Leaves in a set what is ready in it, or in another that is the same, each
// socket once and in the order in which it was. How many they are.
int Rewrite(Set (&sets)[kSets], int index) {
  fd_set* const handles = sets[index].handles;
  if (handles == nullptr) return 0;
  std::vector<uint64_t> ready;
  for (int i = 0; i < kSets; ++i) {
    if (sets[i].handles != handles) continue;
    // Done already, in the name of the first.
    if (i < index) return 0;
    ready.insert(ready.end(), sets[i].ready.begin(), sets[i].ready.end());
  }
  MakeSet(&ready);
  std::vector<bool> taken(ready.size());
  SOCKET* const array = HandlesOf(handles);
  const std::vector<uint64_t>& ids = sets[index].ids;
  u_int count = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    const auto at = std::lower_bound(ready.begin(), ready.end(), ids[i]);
    if (at == ready.end() || *at != ids[i]) continue;
    const auto number = static_cast<size_t>(at - ready.begin());
    if (taken[number]) continue;
    taken[number] = true;
    array[count++] = array[i];
  }
  handles->fd_count = count;
  return static_cast<int>(count);
}

}  // namespace

int WSPAPI SpiSelect(int, fd_set* read, fd_set* write, fd_set* except,
                     const PTIMEVAL timeout, LPINT error) {
  SpiCall call(SpiFunction::kSelect, INVALID_SOCKET, error);
  if (!call.ok()) return SOCKET_ERROR;
  Set sets[kSets];
  sets[0].handles = read;
  sets[1].handles = write;
  sets[2].handles = except;
  int64_t timeout_ms;
  if ((sets[0].empty() && sets[1].empty() && sets[2].empty()) ||
      !ReadTime(timeout, &timeout_ms)) {
    return call.Result(WSAEINVAL);
  }
  for (Set& set : sets) {
    if (const uint32_t result = FindIds(&call, &set)) {
      return call.Result(result);
    }
  }
  SelectParams params;
  params.read = sets[0].ids;
  params.write = sets[1].ids;
  params.except = sets[2].ids;
  SelectReply reply;
  if (const uint32_t result =
          AwaitReadiness(&call, std::move(params), timeout_ms, &reply)) {
    return call.Result(result);
  }
  sets[0].ready = std::move(reply.read);
  sets[1].ready = std::move(reply.write);
  sets[2].ready = std::move(reply.except);
  int count = 0;
  for (int i = 0; i < kSets; ++i) count += Rewrite(sets, i);
  return count;
}

}  // namespace wsp
