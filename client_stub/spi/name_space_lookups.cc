// NSPLookupServiceBegin, Next and End.
#include <memory>
#include <utility>

#include "client_stub/spi/name_space.h"
#include "client_stub/spi/name_space_call.h"
#include "client_stub/spi/provider.h"

namespace wsp {
namespace {

// Codes that another attempt may well change; the others are the answer.
bool IsPassing(uint32_t error) {
  switch (error) {
    case WSAHOST_NOT_FOUND:
    case WSANO_DATA:
    case WSANO_RECOVERY:
    case WSASERVICE_NOT_FOUND:
    case WSAEINVAL:
      return false;
    default:
      return true;
  }
}

uint32_t ErrorOfNext(uint32_t error) {
  switch (error) {
    // By End, by a cleanup, or by WSPCancelBlockingCall.
    case WSAEINTR:
      return WSA_E_CANCELLED;
    // A daemon that has no name space.
    case WSANOTINITIALISED:
      return WSAEOPNOTSUPP;
    default:
      return error;
  }
}

// Has the daemon look it up; unlocks meanwhile. `handle` may have been ended
// when this returns, and the name space cleaned up.
uint32_t AskOnce(SpiCall* call, HANDLE handle) WSP_REQUIRES(g_library.mutex) {
  Provider* provider = call->provider();
  if (const uint32_t error = provider->EnsureConnected()) return error;
  Operation* operation =
      provider->NewOperation(Operation::Kind::kControl, nullptr);
  if (const uint32_t error = call->PrepareToWait(operation)) return error;
  NameSpaceLookup* lookup = g_library.name_space->Find(handle);
  operation->lookup_id = lookup->id;
  Call* request = provider->NewCall(operation, CallHeader());
  AppendLookup(&request->bytes, lookup->query.params);
  provider->attachment().Submit(request);
  if (call->Await(operation, INT64_MAX) == SpiCall::WaitEnd::kGone) {
    return WSAEINTR;
  }
  uint32_t error = operation->error;
  lookup = g_library.name_space != nullptr ? g_library.name_space->Find(handle)
                                           : nullptr;
  if (lookup == nullptr) {
    error = WSAEINTR;
  } else if (!lookup->answered && (error == 0 || !IsPassing(error))) {
    // Else another thread's Next was first.
    lookup->answered = true;
    lookup->error = error;
    const ByteBuffer& data = operation->reply_data;
    if (error == 0 &&
        !DecodeLookupReply({data.data(), data.size()}, &lookup->reply)) {
      lookup->error = WSANO_RECOVERY;
    }
    if (lookup->error == 0) {
      lookup->records = RecordsOf(lookup->query, lookup->reply);
    }
  }
  provider->LetGo(operation);
  return error;
}

uint32_t Ask(SpiCall* call, HANDLE handle) WSP_REQUIRES(g_library.mutex) {
  const uint32_t error = AskOnce(call, handle);
  if (error != WSAENETDOWN || !call->StillThere()) return error;
  // If it was answered by another daemon than the one that was connected
  // before, calls to that one have failed, but this one may well be asked.
  if (!call->provider()->attached() || g_library.name_space == nullptr ||
      g_library.name_space->Find(handle) == nullptr) {
    return error;
  }
  return AskOnce(call, handle);
}

uint32_t Deliver(NameSpaceLookup* lookup, DWORD flags, LPDWORD length,
                 LPWSAQUERYSETW results) {
  if (lookup->error != 0) return lookup->error;
  if (lookup->oversized && (flags & LUP_FLUSHPREVIOUS) != 0) {
    ++lookup->next;
    lookup->oversized = false;
  }
  if (lookup->next == lookup->records.size()) return WSA_E_NO_MORE;
  DWORD wanted = lookup->query.flags & LUP_RETURN_ALL;
  if ((flags & LUP_RETURN_ALL) != 0) wanted &= flags;
  const size_t size =
      WriteRecord(lookup->query, lookup->reply, lookup->records[lookup->next],
                  wanted, *length, results);
  if (results == nullptr || size > *length) {
    *length = static_cast<DWORD>(size);
    lookup->oversized = true;
    return WSAEFAULT;
  }
  ++lookup->next;
  lookup->oversized = false;
  return 0;
}

uint32_t Next(NameSpaceCall* call, HANDLE handle, DWORD flags, LPDWORD length,
              LPWSAQUERYSETW results) {
  MutexLock lock(&g_library.mutex);
  if (g_library.name_space == nullptr) return WSANOTINITIALISED;
  NameSpaceLookup* lookup = g_library.name_space->Find(handle);
  if (lookup == nullptr) return WSA_INVALID_HANDLE;
  if (length == nullptr) return WSAEFAULT;
  if (!lookup->answered) {
    if (t_thread.hooks > 0) return WSAEINPROGRESS;
    if (const uint32_t error = call->JoinProvider()) return error;
    // It may have unlocked.
    if (g_library.name_space == nullptr ||
        g_library.name_space->Find(handle) == nullptr) {
      return WSA_E_CANCELLED;
    }
    const uint32_t error = Ask(call->spi(), handle);
    if (g_library.name_space == nullptr) return WSA_E_CANCELLED;
    lookup = g_library.name_space->Find(handle);
    if (lookup == nullptr) return WSA_E_CANCELLED;
    if (!lookup->answered) return ErrorOfNext(error);
  }
  return Deliver(lookup, flags, length, results);
}

uint32_t Begin(LPGUID provider, LPWSAQUERYSETW restrictions, DWORD flags,
               LPHANDLE handle) {
  if (!IsNameSpaceProvider(provider) || handle == nullptr) return WSAEINVAL;
  auto lookup = std::make_unique<NameSpaceLookup>();
  if (const uint32_t error =
          ReadNameSpaceQuery(restrictions, flags, &lookup->query)) {
    return error;
  }
  MutexLock lock(&g_library.mutex);
  if (g_library.name_space == nullptr) return WSANOTINITIALISED;
  lookup->id = g_library.next_lookup_id++;
  *handle = reinterpret_cast<HANDLE>(lookup->id);
  g_library.name_space->lookups.Insert(lookup.release());
  return 0;
}

uint32_t End(NameSpaceCall* call, HANDLE handle) {
  MutexLock lock(&g_library.mutex);
  if (g_library.name_space == nullptr) return WSANOTINITIALISED;
  NameSpaceLookup* lookup = g_library.name_space->Find(handle);
  if (lookup == nullptr) return WSA_INVALID_HANDLE;
  const uint64_t id = lookup->id;
  g_library.name_space->lookups.Erase(lookup);
  delete lookup;
  // Without one nobody waits for it.
  if (!call->JoinPresentProvider()) return 0;
  Provider* provider = call->spi()->provider();
  provider->EndLookups(id);
  provider->Flush();
  provider->Indicate();
  return 0;
}

}  // namespace

INT WSAAPI NspLookupServiceBegin(LPGUID provider, LPWSAQUERYSETW restrictions,
                                 LPWSASERVICECLASSINFOW, DWORD flags,
                                 LPHANDLE lookup) {
  NameSpaceCall call;
  if (call.error() != 0) return call.Return(call.error());
  return call.Return(Begin(provider, restrictions, flags, lookup));
}

INT WSAAPI NspLookupServiceNext(HANDLE lookup, DWORD flags, LPDWORD length,
                                LPWSAQUERYSETW results) {
  NameSpaceCall call;
  if (call.error() != 0) return call.Return(call.error());
  return call.Return(Next(&call, lookup, flags, length, results));
}

INT WSAAPI NspLookupServiceEnd(HANDLE lookup) {
  NameSpaceCall call;
  if (call.error() != 0) return call.Return(call.error());
  return call.Return(End(&call, lookup));
}

}  // namespace wsp
