#ifndef WSPD_CLIENT_STUB_SPI_SPI_FUNCTIONS_H_
#define WSPD_CLIENT_STUB_SPI_SPI_FUNCTIONS_H_

#include <cstdint>

namespace wsp {

// The 30 functions of a transport provider, in the order of WSPPROC_TABLE, and
// what SIO_GET_EXTENSION_FUNCTION_POINTER leads to.
enum class SpiFunction : uint8_t {
  kAccept,
  kAddressToString,
  kAsyncSelect,
  kBind,
  kCancelBlockingCall,
  kCleanup,
  kCloseSocket,
  kConnect,
  kDuplicateSocket,
  kEnumNetworkEvents,
  kEventSelect,
  kGetOverlappedResult,
  kGetPeerName,
  kGetSockName,
  kGetSockOpt,
  kGetQosByName,
  kIoctl,
  kJoinLeaf,
  kListen,
  kRecv,
  kRecvDisconnect,
  kRecvFrom,
  kSelect,
  kSend,
  kSendDisconnect,
  kSendTo,
  kSetSockOpt,
  kShutdown,
  kSocket,
  kStringToAddress,
  // Any of them; on a socket.
  kExtension,
};

// What is the same for every call of a function.
struct SpiFunctionTraits {
  // Works on an existing socket: WSAENOTSOCK if there is none.
  bool on_socket;
  // May be called from inside a blocking hook; others are WSAEINPROGRESS.
  bool allowed_in_hook;
  // WSAEOPNOTSUPP if not.
  bool implemented;
};

const SpiFunctionTraits& TraitsOf(SpiFunction function);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_SPI_FUNCTIONS_H_
