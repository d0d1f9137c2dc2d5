// WSPIoctl (reference, section 4.9; where it is overlapped, 4.1 and 4.3).
#include <mswsock.h>
// After the former.
#include <mstcpip.h>
#include <ws2tcpip.h>

#include <cstring>

#include "client_stub/spi/extension_call.h"
#include "client_stub/spi/extension_functions.h"
#include "client_stub/spi/functions.h"
#include "client_stub/spi/ioctls.h"
#include "client_stub/spi/overlapped.h"
#include "client_stub/spi/spi_call.h"

// Windows' own headers have it, mingw-w64's don't.
#ifndef SIO_IDEAL_SEND_BACKLOG_QUERY
#define SIO_IDEAL_SEND_BACKLOG_QUERY _IOR('t', 123, ULONG)
#endif

namespace wsp {
namespace {

// ---------------------------------------------------------------- the daemon's

// What goes in is a number, or a structure of another size; what comes out, if
// anything, is a number.
uint32_t AskDaemon(SpiCall* call, const IoctlTraits& traits,
                   const IoctlBuffers& buffers, DWORD* returned) {
  IoctlParams params;
  params.code = traits.code;
  if (traits.in_bytes == sizeof params.number) {
    std::memcpy(&params.number, buffers.in, sizeof params.number);
  } else if (traits.in_bytes > 0) {
    params.input = {static_cast<const uint8_t*>(buffers.in), traits.in_bytes};
  }
  if (traits.code == SIOCATMARK) {
    MutexLock lock(&g_library.mutex);
    call->provider()->StopNativeReceives(call->socket());
  }
  if (traits.code == FIONREAD) {
    MutexLock lock(&g_library.mutex);
    call->provider()->LeaveDatagramsToDaemon(call->socket());
  }
  Reply reply;
  const uint32_t error = call->Invoke(
      CallHeader(),
      [&](Call* request) { AppendIoctl(&request->bytes, params); }, &reply);
  if (error != 0) return error;
  if (traits.out_bytes == 0) return 0;
  std::memcpy(buffers.out, &reply.number, sizeof reply.number);
  *returned = sizeof reply.number;
  return 0;
}

uint32_t SetNonBlocking(SpiCall* call, const IoctlTraits& traits,
                        const IoctlBuffers& buffers, DWORD* returned) {
  u_long on;
  std::memcpy(&on, buffers.in, sizeof on);
  const uint32_t error = AskDaemon(call, traits, buffers, returned);
  if (error == 0) {
    MutexLock lock(&g_library.mutex);
    Provider::SetNonblocking(call->socket(), on != 0);
  }
  return error;
}

// ------------------------------------------------------------------ the stub's

// A pointer in the caller's own process, which the daemon couldn't give.
uint32_t GetExtensionFunction(SpiCall*, const IoctlTraits&,
                              const IoctlBuffers& buffers, DWORD* returned) {
  GUID id;
  std::memcpy(&id, buffers.in, sizeof id);
  const ExtensionFunction function = FindExtensionFunction(id);
  if (function == nullptr) return WSAEINVAL;
  FindLastError();
  std::memcpy(buffers.out, &function, sizeof function);
  *returned = sizeof function;
  return 0;
}

// Below a base provider there is no other: its handle is the socket.
uint32_t GetBaseHandle(SpiCall* call, const IoctlTraits&,
                       const IoctlBuffers& buffers, DWORD* returned) {
  const SOCKET handle = call->socket()->handle;
  std::memcpy(buffers.out, &handle, sizeof handle);
  *returned = sizeof handle;
  return 0;
}

// ------------------------------------------------------------------- the table

constexpr IoctlTraits Stub(DWORD code, DWORD in_bytes, DWORD out_bytes,
                           IoctlFunction answer) {
  return {code, AnsweredBy::kStub, in_bytes, out_bytes, answer, 0};
}

constexpr IoctlTraits Daemon(DWORD code, DWORD in_bytes, DWORD out_bytes,
                             IoctlFunction answer) {
  return {code, AnsweredBy::kDaemon, in_bytes, out_bytes, answer, 0};
}

constexpr IoctlTraits Change(DWORD code) {
  return {code, AnsweredBy::kChange, 0, 0, nullptr, 0};
}

constexpr IoctlTraits Refused(DWORD code, uint32_t refusal) {
  return {code, AnsweredBy::kNobody, 0, 0, nullptr, refusal};
}

// The parameters of SIO_TCP_INITIAL_RTO, which not all headers have.
constexpr DWORD kInitialRtoBytes = 4;

constexpr IoctlTraits kIoctls[] = {
    Daemon(FIONBIO, sizeof(u_long), 0, &SetNonBlocking),
    Daemon(FIONREAD, 0, sizeof(u_long), &AskDaemon),
    Daemon(SIOCATMARK, 0, sizeof(BOOL), &AskDaemon),
    Daemon(SIO_UDP_CONNRESET, sizeof(BOOL), 0, &AskDaemon),
    Daemon(SIO_KEEPALIVE_VALS, sizeof(tcp_keepalive), 0, &AskDaemon),
    Daemon(SIO_ENABLE_CIRCULAR_QUEUEING, 0, 0, &AskDaemon),
    Daemon(SIO_MULTIPOINT_LOOPBACK, sizeof(BOOL), 0, &AskDaemon),
    Daemon(SIO_MULTICAST_SCOPE, sizeof(int), 0, &AskDaemon),
    Daemon(SIO_LOOPBACK_FAST_PATH, sizeof(BOOL), 0, &AskDaemon),
    Daemon(SIO_TCP_INITIAL_RTO, kInitialRtoBytes, 0, &AskDaemon),
    Daemon(SIO_IDEAL_SEND_BACKLOG_QUERY, 0, sizeof(ULONG), &AskDaemon),
    Daemon(SIO_ROUTING_INTERFACE_QUERY, 0, 0, &QueryRoutingInterface),
    Daemon(SIO_ADDRESS_LIST_QUERY, 0, 0, &QueryAddressList),
    Daemon(SIO_ADDRESS_LIST_SORT, 0, 0, &SortAddressList),
    Daemon(SIO_GET_INTERFACE_LIST, 0, 0, &GetInterfaceList),
    Change(SIO_ADDRESS_LIST_CHANGE),
    Change(SIO_ROUTING_INTERFACE_CHANGE),
    Stub(SIO_GET_BROADCAST_ADDRESS, 0, sizeof(sockaddr_in),
         &GetBroadcastAddress),
    Stub(SIO_GET_EXTENSION_FUNCTION_POINTER, sizeof(GUID),
         sizeof(ExtensionFunction), &GetExtensionFunction),
    Stub(SIO_BASE_HANDLE, 0, sizeof(SOCKET), &GetBaseHandle),
    Stub(SIO_BSP_HANDLE, 0, sizeof(SOCKET), &GetBaseHandle),
    Stub(SIO_BSP_HANDLE_SELECT, 0, sizeof(SOCKET), &GetBaseHandle),
    Stub(SIO_BSP_HANDLE_POLL, 0, sizeof(SOCKET), &GetBaseHandle),
    Refused(SIO_ASSOCIATE_HANDLE, WSAEOPNOTSUPP),
    Refused(SIO_TRANSLATE_HANDLE, WSAEOPNOTSUPP),
    Refused(SIO_QUERY_TARGET_PNP_HANDLE, WSAEOPNOTSUPP),
    Refused(FIOASYNC, WSAEOPNOTSUPP),
    Refused(SIO_FIND_ROUTE, WSAEOPNOTSUPP),
    // The manual says WSAENOPROTOOPT, Windows this.
    Refused(SIO_FLUSH, WSAEOPNOTSUPP),
    Refused(SIO_RCVALL, WSAEOPNOTSUPP),
    Refused(SIO_GET_QOS, WSAENOPROTOOPT),
    Refused(SIO_SET_QOS, WSAENOPROTOOPT),
    Refused(SIO_GET_GROUP_QOS, WSAENOPROTOOPT),
    Refused(SIO_SET_GROUP_QOS, WSAENOPROTOOPT),
};

constexpr bool IsConsistent(const IoctlTraits& traits) {
  if (traits.in_bytes > 0 && (traits.code & IOC_IN) == 0) return false;
  if (traits.out_bytes > 0 && (traits.code & IOC_OUT) == 0) return false;
  if (traits.answer == &AskDaemon &&
      (traits.out_bytes != 0 && traits.out_bytes != 4)) {
    return false;
  }
  const bool refused = traits.by == AnsweredBy::kNobody;
  const bool answered =
      traits.by == AnsweredBy::kStub || traits.by == AnsweredBy::kDaemon;
  return refused == (traits.refusal != 0) &&
         answered == (traits.answer != nullptr);
}

constexpr bool AllAreConsistent() {
  for (const IoctlTraits& traits : kIoctls) {
    if (!IsConsistent(traits)) return false;
  }
  return true;
}
static_assert(AllAreConsistent(), "buffers are where the code has them");

IoctlTraits TraitsOfIoctl(DWORD code) {
  for (const IoctlTraits& traits : kIoctls) {
    if (traits.code == code) return traits;
  }
  return Refused(code, WSAEOPNOTSUPP);
}

uint32_t CheckBuffers(const IoctlTraits& traits, const IoctlBuffers& buffers) {
  if (traits.in_bytes > 0 &&
      (buffers.in == nullptr || buffers.in_bytes < traits.in_bytes)) {
    return WSAEFAULT;
  }
  if (traits.out_bytes > 0 &&
      (buffers.out == nullptr || buffers.out_bytes < traits.out_bytes)) {
    return WSAEFAULT;
  }
  return 0;
}

// ------------------------------------------------------------ the overlapped

// Indicates the end of a call that was over at once. It counts no bytes: those
// were told by the call (reference, section 4.3). Returns what the call says.
uint32_t IndicateEnd(SpiCall* call, const Indication& indication,
                     uint32_t error) {
  ResetEvent(*call, indication);
  MutexLock lock(&g_library.mutex);
  Provider* provider = call->provider();
  // Cleaned up for good meanwhile: nothing is indicated any more.
  if (provider->ended) return WSA_OPERATION_ABORTED;
  // Closed meanwhile: there may be no handle left to tell of it with.
  if (call->socket()->closed) return WSAENOTSOCK;
  Operation* operation =
      provider->NewOperation(Operation::Kind::kControl, call->socket());
  BeginOverlapped(provider, operation, indication);
  uint32_t result = 0;
  if (error == 0) {
    provider->Complete(operation, 0);
    provider->EndStarting(operation);
  } else {
    // It fails as one that had to wait.
    result = provider->EndStarting(operation);
    provider->Complete(operation, error);
  }
  provider->LetGo(operation);
  provider->Indicate();
  return result;
}

}  // namespace

int WSPAPI SpiIoctl(SOCKET s, DWORD code, LPVOID in, DWORD in_bytes, LPVOID out,
                    DWORD out_bytes, LPDWORD returned,
                    LPWSAOVERLAPPED overlapped,
                    LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
                    LPWSATHREADID thread, LPINT error) {
  SpiCall call(SpiFunction::kIoctl, s, error);
  if (!call.ok()) return SOCKET_ERROR;
  if (returned == nullptr && overlapped == nullptr) {
    return call.Result(WSAEFAULT);
  }
  Indication indication = {overlapped, routine, thread};
  const bool asked_overlapped = overlapped != nullptr;
  if (!call.socket()->overlapped) indication.overlapped = nullptr;
  if (const uint32_t refusal = CheckIndication(call, indication)) {
    return call.Result(refusal);
  }

  const IoctlTraits traits = TraitsOfIoctl(code);
  const IoctlBuffers buffers = {in, in_bytes, out, out_bytes};
  if (traits.by == AnsweredBy::kChange) {
    // An overlapped call on a socket that isn't for them blocks, whatever the
    // socket's mode (reference, section 4.3).
    const bool blocks = asked_overlapped || !call.nonblocking();
    const uint32_t error =
        AwaitNetworkChange(&call, code, buffers, indication, blocks);
    if (error == 0 && returned != nullptr) *returned = 0;
    return call.Result(error);
  }
  uint32_t result = traits.refusal;
  if (result == 0) {
    DWORD bytes = 0;
    result = CheckBuffers(traits, buffers);
    if (result == 0) result = traits.answer(&call, traits, buffers, &bytes);
    // Too little room: some say how much it takes.
    const bool told = result == 0 || (result == WSAEFAULT && bytes > 0);
    if (told && returned != nullptr) *returned = bytes;
    if (result != 0) return call.Result(result);
  }
  if (indication.overlapped != nullptr) {
    result = IndicateEnd(&call, indication, result);
  }
  return call.Result(result);
}

}  // namespace wsp
