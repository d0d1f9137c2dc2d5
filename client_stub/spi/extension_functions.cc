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

// Of the type that callers cast it to.
template <typename Type>
Row MakeRow(const GUID& id, Type function) {
  return {id, reinterpret_cast<ExtensionFunction>(function)};
}

const Row kRows[] = {
    MakeRow<LPFN_ACCEPTEX>(WSAID_ACCEPTEX, &SpiAcceptEx),
    MakeRow<LPFN_GETACCEPTEXSOCKADDRS>(WSAID_GETACCEPTEXSOCKADDRS,
                                       &SpiGetAcceptExSockaddrs),
    MakeRow<LPFN_CONNECTEX>(WSAID_CONNECTEX, &SpiConnectEx),
    MakeRow<LPFN_DISCONNECTEX>(WSAID_DISCONNECTEX, &SpiDisconnectEx),
    MakeRow<LPFN_TRANSMITFILE>(WSAID_TRANSMITFILE, &SpiTransmitFile),
    MakeRow<LPFN_TRANSMITPACKETS>(WSAID_TRANSMITPACKETS, &SpiTransmitPackets),
    MakeRow<LPFN_WSARECVMSG>(WSAID_WSARECVMSG, &SpiRecvMsg),
    MakeRow<LPFN_WSASENDMSG>(WSAID_WSASENDMSG, &SpiSendMsg),
    MakeRow<LPFN_WSAPOLL>(WSAID_WSAPOLL, &SpiPoll),
};

}  // namespace

ExtensionFunction FindExtensionFunction(const GUID& id) {
  for (const Row& row : kRows) {
    if (std::memcmp(&row.id, &id, sizeof id) == 0) return row.function;
  }
  return nullptr;
}

}  // namespace wsp
