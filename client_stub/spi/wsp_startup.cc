// WSPStartup, the only thing that libwsp.so exports, and the procedure table.
#include <winsock2.h>
#include <ws2spi.h>

#include "client_stub/spi/functions.h"
#include "client_stub/spi/spi_call.h"
#include "client_stub/spi/startup_cleanup.h"

#define WSP_EXPORT __attribute__((visibility("default")))

namespace wsp {
namespace {

// The SOCKET that a function is called with, if its first argument is one.
template <typename First, typename... Rest>
SOCKET SocketOf(const First& first, const Rest&...) {
  if constexpr (std::is_same_v<First, SOCKET>) return first;
  return INVALID_SOCKET;
}

template <typename First, typename... Rest>
LPINT ErrorOf(First first, Rest... rest) {
  if constexpr (sizeof...(rest) == 0) {
    return first;
  } else {
    return ErrorOf(rest...);
  }
}

// A function that isn't there yet: the checks that all calls have, then
// WSAEOPNOTSUPP.
template <SpiFunction kFunction, typename Type>
struct Unsupported;
template <SpiFunction kFunction, typename Return, typename... Arguments>
struct Unsupported<kFunction, Return(WSPAPI*)(Arguments...)> {
  static Return WSPAPI Refuse(Arguments... arguments) {
    static_assert(std::is_same_v<Return, SOCKET> || sizeof(Return) == 4,
                  "what failure looks like is known");
    SpiCall call(kFunction, SocketOf(arguments...), ErrorOf(arguments...));
    return static_cast<Return>(-1);
  }
};

#define WSP_UNSUPPORTED(function, type) \
  &Unsupported<SpiFunction::function, type>::Refuse

constexpr WSPPROC_TABLE kProcTable = {
    &SpiAccept,
    &SpiAddressToString,
    &SpiAsyncSelect,
    &SpiBind,
    &SpiCancelBlockingCall,
    &SpiCleanup,
    &SpiCloseSocket,
    &SpiConnect,
    WSP_UNSUPPORTED(kDuplicateSocket, LPWSPDUPLICATESOCKET),
    &SpiEnumNetworkEvents,
    &SpiEventSelect,
    &SpiGetOverlappedResult,
    &SpiGetPeerName,
    &SpiGetSockName,
    &SpiGetSockOpt,
    &SpiGetQosByName,
    &SpiIoctl,
    &SpiJoinLeaf,
    &SpiListen,
    &SpiRecv,
    &SpiRecvDisconnect,
    &SpiRecvFrom,
    &SpiSelect,
    &SpiSend,
    &SpiSendDisconnect,
    &SpiSendTo,
    &SpiSetSockOpt,
    &SpiShutdown,
    &SpiSocket,
    &SpiStringToAddress,
};

#undef WSP_UNSUPPORTED

}  // namespace
}  // namespace wsp

extern "C" WSP_EXPORT int WSPAPI WSPStartup(WORD wVersionRequested,
                                            LPWSPDATA lpWSPData,
                                            LPWSAPROTOCOL_INFOW lpProtocolInfo,
                                            WSPUPCALLTABLE UpcallTable,
                                            LPWSPPROC_TABLE lpProcTable) {
  if (lpWSPData == nullptr || lpProcTable == nullptr) return WSAEFAULT;
  const DWORD entry =
      lpProtocolInfo != nullptr ? lpProtocolInfo->dwCatalogEntryId : 0;
  const uint32_t error =
      wsp::StartUp(wVersionRequested, entry, UpcallTable, lpWSPData);
  if (error == 0) *lpProcTable = wsp::kProcTable;
  return static_cast<int>(error);
}
