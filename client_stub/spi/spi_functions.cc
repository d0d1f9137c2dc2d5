#include "client_stub/spi/spi_functions.h"

namespace wsp {
namespace {

constexpr bool kYes = true;
constexpr bool kNo = false;

// on_socket, allowed_in_hook, implemented
constexpr SpiFunctionTraits kTraits[] = {
    {kYes, kNo, kYes},  // Accept
    {kNo, kYes, kYes},  // AddressToString
    {kYes, kNo, kYes},  // AsyncSelect
    {kYes, kNo, kYes},  // Bind
    {kNo, kYes, kYes},  // CancelBlockingCall
    {kNo, kYes, kYes},  // Cleanup
    {kYes, kNo, kYes},  // CloseSocket
    {kYes, kNo, kYes},  // Connect
    {kYes, kNo, kYes},  // DuplicateSocket
    {kYes, kNo, kYes},  // EnumNetworkEvents
    {kYes, kNo, kYes},  // EventSelect
    {kYes, kNo, kYes},  // GetOverlappedResult
    {kYes, kNo, kYes},  // GetPeerName
    {kYes, kNo, kYes},  // GetSockName
    {kYes, kNo, kYes},  // GetSockOpt
    {kYes, kNo, kYes},  // GetQosByName
    {kYes, kNo, kYes},  // Ioctl
    {kYes, kNo, kYes},  // JoinLeaf
    {kYes, kNo, kYes},  // Listen
    {kYes, kNo, kYes},  // Recv
    {kYes, kNo, kYes},  // RecvDisconnect
    {kYes, kNo, kYes},  // RecvFrom
    {kNo, kNo, kYes},   // Select
    {kYes, kNo, kYes},  // Send
    {kYes, kNo, kYes},  // SendDisconnect
    {kYes, kNo, kYes},  // SendTo
    {kYes, kNo, kYes},  // SetSockOpt
    {kYes, kNo, kYes},  // Shutdown
    {kNo, kNo, kYes},   // Socket
    {kNo, kYes, kYes},  // StringToAddress
    {kYes, kNo, kYes},  // Extension
};
static_assert(sizeof kTraits / sizeof kTraits[0] == 31, "one per function");

}  // namespace

const SpiFunctionTraits& TraitsOf(SpiFunction function) {
  return kTraits[static_cast<uint8_t>(function)];
}

}  // namespace wsp
