#include "client_stub/spi/extension_functions.h"

#include <mswsock.h>

#include <cstring>

#include "client_stub/spi/accept_ex_buffer.h"
#include "client_stub/spi/extensions.h"
#include "client_stub/spi/functions.h"

namespace wsp {
namespace {

// One row for each function: its id, and where it is.
struct Row {
  GUID id;
  ExtensionFunction function;
};

// Of the type that callers cast it to. No function, which would be called when
// the library is loaded. A type can't be put into parentheses.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define WSP_ROW(id, type, function) \
  { id, reinterpret_cast<ExtensionFunction>(static_cast<type>(&function)) }
// NOLINTEND(bugprone-macro-parentheses)

const Row kRows[] = {
    WSP_ROW(WSAID_ACCEPTEX, LPFN_ACCEPTEX, SpiAcceptEx),
    WSP_ROW(WSAID_GETACCEPTEXSOCKADDRS, LPFN_GETACCEPTEXSOCKADDRS,
            SpiGetAcceptExSockaddrs),
    WSP_ROW(WSAID_CONNECTEX, LPFN_CONNECTEX, SpiConnectEx),
    WSP_ROW(WSAID_DISCONNECTEX, LPFN_DISCONNECTEX, SpiDisconnectEx),
    WSP_ROW(WSAID_TRANSMITFILE, LPFN_TRANSMITFILE, SpiTransmitFile),
    WSP_ROW(WSAID_TRANSMITPACKETS, LPFN_TRANSMITPACKETS, SpiTransmitPackets),
    WSP_ROW(WSAID_WSARECVMSG, LPFN_WSARECVMSG, SpiRecvMsg),
    WSP_ROW(WSAID_WSASENDMSG, LPFN_WSASENDMSG, SpiSendMsg),
    WSP_ROW(WSAID_WSAPOLL, LPFN_WSAPOLL, SpiPoll),
};

#undef WSP_ROW

}  // namespace

ExtensionFunction FindExtensionFunction(const GUID& id) {
  for (const Row& row : kRows) {
    if (std::memcmp(&row.id, &id, sizeof id) == 0) return row.function;
  }
  return nullptr;
}

}  // namespace wsp
