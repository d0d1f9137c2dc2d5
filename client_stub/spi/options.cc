// WSPGetSockOpt and WSPSetSockOpt. What an option means is the daemon's matter;
// how its value lies in the caller's buffer is decided here (reference, section
// 4.10).
#include <ws2tcpip.h>

#include <algorithm>
#include <cstring>

#include "client_stub/spi/functions.h"
#include "client_stub/spi/spi_call.h"

namespace wsp {
namespace {

enum class OptionKind : uint8_t {
  // Any length may be set; reads back `get_bytes`.
  kBool,
  // As kBool, of which only the lowest byte counts.
  kLowByte,
  // At least four bytes.
  kNumber,
  kLinger,
};

struct OptionTraits {
  int level;
  int option;
  OptionKind kind;
  int get_bytes;
  // A length of 0 is taken for FALSE.
  bool may_be_empty;
};

constexpr OptionTraits kOptions[] = {
    {SOL_SOCKET, SO_KEEPALIVE, OptionKind::kBool, 1, false},
    {SOL_SOCKET, SO_DONTROUTE, OptionKind::kBool, 1, false},
    {SOL_SOCKET, SO_BROADCAST, OptionKind::kBool, 4, true},
    {SOL_SOCKET, SO_DONTLINGER, OptionKind::kBool, 4, true},
    {SOL_SOCKET, SO_OOBINLINE, OptionKind::kBool, 4, true},
    {SOL_SOCKET, SO_REUSEADDR, OptionKind::kBool, 4, true},
    {SOL_SOCKET, SO_EXCLUSIVEADDRUSE, OptionKind::kBool, 4, true},
    {SOL_SOCKET, SO_DEBUG, OptionKind::kBool, 4, false},
    {SOL_SOCKET, SO_ACCEPTCONN, OptionKind::kBool, 4, false},
    {SOL_SOCKET, SO_CONDITIONAL_ACCEPT, OptionKind::kBool, 4, false},
    {SOL_SOCKET, SO_LINGER, OptionKind::kLinger, 4, false},
    {IPPROTO_TCP, TCP_NODELAY, OptionKind::kLowByte, 1, false},
    {IPPROTO_IPV6, IPV6_V6ONLY, OptionKind::kBool, 1, false},
};

// Options that are not in the table are numbers of four bytes.
OptionTraits TraitsOfOption(int level, int option) {
  for (const OptionTraits& traits : kOptions) {
    if (traits.level == level && traits.option == option) return traits;
  }
  return {level, option, OptionKind::kNumber, 4, false};
}

// Reads the caller's value; a linger is read as the number that it lies in.
uint32_t ReadValue(const OptionTraits& traits, const char* value, int length,
                   uint32_t* number) {
  *number = 0;
  if (length == 0 && traits.may_be_empty) return 0;
  if (value == nullptr || length == 0) return WSAEFAULT;
  if (length < 0) {
    // As Windows does: such a length isn't looked at where 4 bytes are meant.
    if (traits.level != SOL_SOCKET || traits.get_bytes != 4) return WSAENOBUFS;
    length = 4;
  }
  const bool exact =
      traits.kind == OptionKind::kNumber || traits.kind == OptionKind::kLinger;
  if (exact && length < 4) return WSAEFAULT;
  std::memcpy(number, value, static_cast<size_t>(std::min(length, 4)));
  if (traits.kind == OptionKind::kLowByte) *number &= 0xff;
  if (!exact) *number = *number != 0;
  return 0;
}

uint32_t WriteValue(const OptionTraits& traits, uint32_t number, char* value,
                    int* length) {
  const bool exact =
      traits.kind == OptionKind::kNumber || traits.kind == OptionKind::kLinger;
  const int size = std::min(*length, traits.get_bytes);
  if (exact && size < 4) return WSAEFAULT;
  std::memcpy(value, &number, static_cast<size_t>(size));
  *length = size;
  return 0;
}

// What the stub itself has to know.
void NoteOption(StubSocket* socket, int level, int option, uint32_t number)
    WSP_REQUIRES(g_library.mutex) {
  if (level != SOL_SOCKET) return;
  if (option == SO_SNDTIMEO) socket->send_timeout_ms = number;
  if (option == SO_RCVTIMEO) socket->receive_timeout_ms = number;
}

}  // namespace

int WSPAPI SpiGetSockOpt(SOCKET s, int level, int option, char* value,
                         LPINT length, LPINT error) {
  SpiCall call(SpiFunction::kGetSockOpt, s, error);
  if (!call.ok()) return SOCKET_ERROR;
  if (value == nullptr || length == nullptr || *length <= 0) {
    return call.Result(WSAEFAULT);
  }
  const OptionTraits traits = TraitsOfOption(level, option);
  Reply reply;
  const uint32_t result = call.Invoke(
      CallHeader(),
      [&](Call* request) { AppendGetSockOpt(&request->bytes, level, option); },
      &reply);
  if (result != 0) return call.Result(result);
  uint32_t number = reply.number;
  if (traits.kind == OptionKind::kLinger) {
    LINGER linger;
    linger.l_onoff = reply.linger_on ? 1 : 0;
    linger.l_linger = static_cast<u_short>(reply.linger_seconds);
    std::memcpy(&number, &linger, sizeof number);
  }
  return call.Result(WriteValue(traits, number, value, length));
}

int WSPAPI SpiSetSockOpt(SOCKET s, int level, int option, const char* value,
                         int length, LPINT error) {
  SpiCall call(SpiFunction::kSetSockOpt, s, error);
  if (!call.ok()) return SOCKET_ERROR;
  const OptionTraits traits = TraitsOfOption(level, option);
  uint32_t number;
  if (const uint32_t result = ReadValue(traits, value, length, &number)) {
    return call.Result(result);
  }
  const uint32_t result = call.Invoke(
      CallHeader(),
      [&](Call* request) {
        if (traits.kind == OptionKind::kLinger) {
          LINGER linger;
          std::memcpy(&linger, &number, sizeof linger);
          AppendSetSockOptLinger(&request->bytes, level, option,
                                 linger.l_onoff != 0, linger.l_linger);
        } else {
          AppendSetSockOptNumber(&request->bytes, level, option, number);
        }
      },
      nullptr);
  if (result == 0) {
    MutexLock lock(&g_library.mutex);
    NoteOption(call.socket(), level, option, number);
  }
  return call.Result(result);
}

}  // namespace wsp
