#include "client_stub/spi/spi_functions.h"

namespace wsp {
namespace {

constexpr bool kYes = true;
constexpr bool kNo = false;

// on_socket, may_block, allowed_in_hook, implemented
constexpr SpiFunctionTraits kTraits[] = {
    {kYes, kYes, kNo, kYes},  // Accept
    {kNo, kNo, kYes, kNo},    // AddressToString
    {kYes, kNo, kNo, kNo},    // AsyncSelect
    {kYes, kNo, kNo, kYes},   // Bind
    {kNo, kNo, kYes, kYes},   // CancelBlockingCall
    {kNo, kNo, kYes, kYes},   // Cleanup
    {kYes, kNo, kNo, kYes},   // CloseSocket
    {kYes, kYes, kNo, kYes},  // Connect
    {kYes, kNo, kNo, kNo},    // DuplicateSocket
    {kYes, kNo, kNo, kNo},    // EnumNetworkEvents
    {kYes, kNo, kNo, kNo},    // EventSelect
    {kYes, kYes, kNo, kYes},  // GetOverlappedResult
    {kYes, kNo, kNo, kYes},   // GetPeerName
    {kYes, kNo, kNo, kYes},   // GetSockName
    {kYes, kNo, kNo, kYes},   // GetSockOpt
    {kYes, kNo, kNo, kNo},    // GetQosByName
    {kYes, kNo, kNo, kYes},   // Ioctl
    {kYes, kYes, kNo, kNo},   // JoinLeaf
    {kYes, kNo, kNo, kYes},   // Listen
    {kYes, kYes, kNo, kYes},  // Recv
    {kYes, kNo, kNo, kNo},    // RecvDisconnect
    {kYes, kYes, kNo, kNo},   // RecvFrom
    {kNo, kYes, kNo, kNo},    // Select
    {kYes, kYes, kNo, kYes},  // Send
    {kYes, kNo, kNo, kNo},    // SendDisconnect
    {kYes, kYes, kNo, kNo},   // SendTo
    {kYes, kNo, kNo, kYes},   // SetSockOpt
    {kYes, kNo, kNo, kYes},   // Shutdown
    {kNo, kNo, kNo, kYes},    // Socket
    {kNo, kNo, kYes, kNo},    // StringToAddress
};
static_assert(sizeof kTraits / sizeof kTraits[0] == 30, "one per function");

}  // namespace

const SpiFunctionTraits& TraitsOf(SpiFunction function) {
  return kTraits[static_cast<uint8_t>(function)];
}

}  // namespace wsp
