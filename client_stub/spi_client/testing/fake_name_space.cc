// A name-space provider without names, for tests of the loader: it counts
// startups, and reports its errors as a provider on Windows does. The provider
// id's Data1 chooses: 1 fails, 2 gives a table with a hole.
#include <dlfcn.h>
#include <winsock2.h>
#include <ws2spi.h>

namespace {

int g_startups = 0;

INT Fail(int error) {
  const auto set_last_error = reinterpret_cast<decltype(&WSASetLastError)>(
      dlsym(RTLD_DEFAULT, "WSASetLastError"));
  set_last_error(error);
  return SOCKET_ERROR;
}

INT WSAAPI Cleanup(LPGUID) {
  if (g_startups == 0) return Fail(WSANOTINITIALISED);
  --g_startups;
  return 0;
}

INT WSAAPI Begin(LPGUID, LPWSAQUERYSETW, LPWSASERVICECLASSINFOW, DWORD,
                 LPHANDLE) {
  return Fail(WSASERVICE_NOT_FOUND);
}

INT WSAAPI Next(HANDLE, DWORD, LPDWORD, LPWSAQUERYSETW) {
  return Fail(WSA_INVALID_HANDLE);
}

INT WSAAPI End(HANDLE) { return Fail(WSA_INVALID_HANDLE); }

INT WSAAPI SetService(LPGUID, LPWSASERVICECLASSINFOW, LPWSAQUERYSETW,
                      WSAESETSERVICEOP, DWORD) {
  return Fail(WSAEOPNOTSUPP);
}

INT WSAAPI InstallClass(LPGUID, LPWSASERVICECLASSINFOW) {
  return Fail(WSAEOPNOTSUPP);
}

INT WSAAPI RemoveClass(LPGUID, LPGUID) { return Fail(WSAEOPNOTSUPP); }

INT WSAAPI GetClass(LPGUID, LPDWORD, LPWSASERVICECLASSINFOW) {
  return Fail(WSAEOPNOTSUPP);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) INT WSAAPI
NSPStartup(LPGUID lpProviderId, LPNSP_ROUTINE lpnspRoutines) {
  if (lpProviderId->Data1 == 1) return Fail(WSASYSNOTREADY);
  ++g_startups;
  lpnspRoutines->NSPCleanup = Cleanup;
  lpnspRoutines->NSPLookupServiceBegin = Begin;
  lpnspRoutines->NSPLookupServiceNext = Next;
  if (lpProviderId->Data1 != 2) lpnspRoutines->NSPLookupServiceEnd = End;
  lpnspRoutines->NSPSetService = SetService;
  lpnspRoutines->NSPInstallServiceClass = InstallClass;
  lpnspRoutines->NSPRemoveServiceClass = RemoveClass;
  lpnspRoutines->NSPGetServiceClassInfo = GetClass;
  return 0;
}
