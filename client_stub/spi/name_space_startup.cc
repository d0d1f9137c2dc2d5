// NSPStartup and NSPCleanup, and the functions of a name-space provider that
// DNS has no use for.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <vector>

#include "client_stub/spi/fork_guard.h"
#include "client_stub/spi/leaving_thread.h"
#include "client_stub/spi/loader.h"
#include "client_stub/spi/name_space.h"
#include "client_stub/spi/name_space_call.h"
#include "client_stub/spi/provider.h"
#include "client_stub/spi/startup_cleanup.h"

#define WSP_EXPORT __attribute__((visibility("default")))

namespace wsp {

NameSpace::~NameSpace() {
  for (NameSpaceLookup* lookup : lookups.All()) delete lookup;
}

SetLastErrorFunction FindSetLastError() {
  return reinterpret_cast<SetLastErrorFunction>(FindExport("WSASetLastError"));
}

namespace {

// Of the interface, as WSPStartup negotiates it.
constexpr DWORD kMajorVersion = 2;
constexpr DWORD kMinorVersion = 2;
// Before NSPIoctl there was a table without it, which callers may still have.
constexpr DWORD kLeastTableBytes = offsetof(NSP_ROUTINE, NSPIoctl);

// DNS is read here, not written, and classes of services are the numbers in
// their ids: Windows' own provider of this name space refuses the same.
uint32_t Refuse(LPGUID provider) {
  return IsNameSpaceProvider(provider) ? WSAEOPNOTSUPP : WSAEINVAL;
}

INT ReturnRefusal(LPGUID provider) {
  NameSpaceCall call;
  return call.Return(call.error() != 0 ? call.error() : Refuse(provider));
}

INT WSAAPI NspSetService(LPGUID provider, LPWSASERVICECLASSINFOW,
                         LPWSAQUERYSETW, WSAESETSERVICEOP, DWORD) {
  return ReturnRefusal(provider);
}

INT WSAAPI NspInstallServiceClass(LPGUID provider, LPWSASERVICECLASSINFOW) {
  return ReturnRefusal(provider);
}

INT WSAAPI NspRemoveServiceClass(LPGUID provider, LPGUID) {
  return ReturnRefusal(provider);
}

INT WSAAPI NspGetServiceClassInfo(LPGUID provider, LPDWORD,
                                  LPWSASERVICECLASSINFOW) {
  return ReturnRefusal(provider);
}

// SIO_NSP_NOTIFY_CHANGE is the only code that there is: DNS tells nobody of
// changes.
INT WSAAPI NspIoctl(HANDLE lookup, DWORD, LPVOID, DWORD, LPVOID, DWORD, LPDWORD,
                    LPWSACOMPLETION, LPWSATHREADID) {
  NameSpaceCall call;
  uint32_t error = call.error();
  if (error == 0) {
    MutexLock lock(&g_library.mutex);
    const bool known = g_library.name_space != nullptr &&
                       g_library.name_space->Find(lookup) != nullptr;
    error = known ? WSAEOPNOTSUPP : WSA_INVALID_HANDLE;
  }
  return call.Return(error);
}

constexpr NSP_ROUTINE kRoutines = {
    sizeof(NSP_ROUTINE),     kMajorVersion,
    kMinorVersion,           &NspCleanup,
    &NspLookupServiceBegin,  &NspLookupServiceNext,
    &NspLookupServiceEnd,    &NspSetService,
    &NspInstallServiceClass, &NspRemoveServiceClass,
    &NspGetServiceClassInfo, &NspIoctl,
};

uint32_t StartUpNameSpace(SpiCall* call, LPGUID provider,
                          SetLastErrorFunction set_last_error,
                          LPNSP_ROUTINE routines) {
  if (!IsNameSpaceProvider(provider) || routines == nullptr ||
      routines->cbSize < kLeastTableBytes) {
    return WSAEINVAL;
  }
  if (call->shield().process() == ProcessKind::kVforked) return WSASYSNOTREADY;
  if (t_thread.upcalls > 0) return WSAEINPROGRESS;
  MutexLock lock(&g_library.mutex);
  if (!call->TakeLifecycle()) return WSAEINPROGRESS;
  if (g_library.name_space == nullptr) {
    if (g_library.provider == nullptr && !RaiseForkGuard()) {
      return WSA_NOT_ENOUGH_MEMORY;
    }
    g_library.name_space = new NameSpace;
  }
  ++g_library.name_space->startups;
  g_library.name_space->set_last_error = set_last_error;
  const DWORD size = std::min<DWORD>(routines->cbSize, sizeof kRoutines);
  std::memcpy(routines, &kRoutines, size);
  routines->cbSize = size;
  return 0;
}

// Ends everything of the name space. Lookups that wait return.
void EndNameSpace(std::vector<LeavingThread>* leavers)
    WSP_REQUIRES(g_library.mutex) {
  const std::unique_ptr<NameSpace> name_space(g_library.name_space);
  g_library.name_space = nullptr;
  g_library.changed.SignalAll();
  Provider* provider = g_library.provider;
  if (provider == nullptr) {
    LowerForkGuard();
  } else {
    provider->EndLookups(0);
    provider->Flush();
    // Else the final WSPCleanup does it.
    if (provider->startups == 0) TakeDown();
  }
  // What is inside now waits for nothing but the lock.
  g_library.name_space_leavers = leavers;
  while (g_library.name_space_inside > 0) {
    g_library.changed.Wait(&g_library.mutex);
  }
  g_library.name_space_leavers = nullptr;
}

uint32_t CleanUpNameSpace(SpiCall* call, LPGUID provider) {
  if (!IsNameSpaceProvider(provider)) return WSAEINVAL;
  if (call->shield().process() == ProcessKind::kVforked) return WSAENETDOWN;
  if (t_thread.upcalls > 0) return WSAEINPROGRESS;
  std::vector<LeavingThread> leavers;
  {
    MutexLock lock(&g_library.mutex);
    if (!call->TakeLifecycle()) {
      return g_library.name_space == nullptr ? WSANOTINITIALISED
                                             : WSAEINPROGRESS;
    }
    if (g_library.name_space == nullptr) return WSANOTINITIALISED;
    if (--g_library.name_space->startups > 0) return 0;
    EndNameSpace(&leavers);
  }
  for (const LeavingThread& leaver : leavers) leaver.AwaitOutside();
  return 0;
}

SetLastErrorFunction PresentSetLastError(const SpiCall& call) {
  if (call.shield().process() != ProcessKind::kVforked) {
    MutexLock lock(&g_library.mutex);
    if (g_library.name_space != nullptr) {
      return g_library.name_space->set_last_error;
    }
  }
  return FindSetLastError();
}

INT ReturnWith(SetLastErrorFunction set_last_error, uint32_t error) {
  if (error == 0) return 0;
  if (set_last_error != nullptr) set_last_error(static_cast<int>(error));
  return SOCKET_ERROR;
}

}  // namespace

INT WSAAPI NspCleanup(LPGUID provider) {
  SpiCall call(nullptr);
  const SetLastErrorFunction set_last_error = PresentSetLastError(call);
  return ReturnWith(set_last_error, CleanUpNameSpace(&call, provider));
}

}  // namespace wsp

extern "C" WSP_EXPORT INT WSAAPI NSPStartup(LPGUID lpProviderId,
                                            LPNSP_ROUTINE lpnspRoutines) {
  wsp::SpiCall call(nullptr);
  const wsp::SetLastErrorFunction set_last_error = wsp::FindSetLastError();
  return wsp::ReturnWith(
      set_last_error, wsp::StartUpNameSpace(&call, lpProviderId, set_last_error,
                                            lpnspRoutines));
}
