// WSPStartup, the only thing that libwsp.so exports, and the procedure table.
#include <winsock2.h>
#include <ws2spi.h>

#include "client_stub/spi/completion_request.h"
#include "client_stub/spi/functions.h"
#include "client_stub/spi/spi_call.h"
#include "client_stub/spi/startup_cleanup.h"

#define WSP_EXPORT __attribute__((visibility("default")))

namespace wsp {
namespace {

constexpr WSPPROC_TABLE kProcTable = {
    &SpiAccept,
    &SpiAddressToString,
    &SpiAsyncSelect,
    &SpiBind,
    &SpiCancelBlockingCall,
    &SpiCleanup,
    &SpiCloseSocket,
    &SpiConnect,
    &SpiDuplicateSocket,
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
  if (error == 0) {
    wsp::FindCompletionRequest();
    *lpProcTable = wsp::kProcTable;
  }
  return static_cast<int>(error);
}
