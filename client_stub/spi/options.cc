// WSPGetSockOpt and WSPSetSockOpt (reference, section 4.10).
#include <ws2tcpip.h>

#include <cstddef>
#include <cstring>

#include "client_stub/spi/connection_context.h"
#include "client_stub/spi/functions.h"
#include "client_stub/spi/option_layout.h"
#include "client_stub/spi/protocol_info.h"
#include "client_stub/spi/socket_addresses.h"
#include "client_stub/spi/spi_call.h"

// Windows' own headers have it, mingw-w64's don't.
#ifndef SO_BSP_STATE
#define SO_BSP_STATE 0x1009
#endif

namespace wsp {
namespace {

// More than any option has.
constexpr size_t kMostStructureBytes = 512;

// What the stub itself has to know.
void NoteOption(StubSocket* socket, int level, int option, uint32_t number)
    WSP_REQUIRES(g_library.mutex) {
  if (level != SOL_SOCKET) return;
  if (option == SO_SNDTIMEO) socket->send_timeout_ms = number;
  if (option == SO_RCVTIMEO) socket->receive_timeout_ms = number;
}

// ------------------------------------------------- what the stub itself knows

uint32_t GetProtocolInfo(const SpiCall& call, int option, char* value,
                         int* length) {
  const StubSocket& socket = *call.socket();
  const WSAPROTOCOL_INFOW wide =
      MakeProtocolInfo(socket.family, socket.datagrams, socket.catalog_entry_id,
                       call.kernel_handles());
  if (option == SO_PROTOCOL_INFOW) {
    return WriteStructure(&wide, sizeof wide, value, length);
  }
  const WSAPROTOCOL_INFOA narrow = NarrowProtocolInfo(wide);
  return WriteStructure(&narrow, sizeof narrow, value, length);
}

// The addresses lie behind the structure, and are pointed to from there.
struct BspState {
  CSADDR_INFO info;
  sockaddr_storage local;
  sockaddr_storage peer;
};

void StoreName(SpiCall* call, bool local, sockaddr_storage* storage,
               SOCKET_ADDRESS* address, char* base, size_t offset) {
  Reply reply;
  const uint32_t error = call->Invoke(
      CallHeader(),
      [local](Call* request) {
        if (local) {
          AppendGetSockName(&request->bytes);
        } else {
          AppendGetPeerName(&request->bytes);
        }
      },
      &reply);
  int length = sizeof *storage;
  // Without a name its length says so.
  if (error != 0 ||
      WriteSocketAddress(local ? reply.local : reply.peer,
                         reinterpret_cast<sockaddr*>(storage), &length) != 0) {
    length = 0;
  }
  address->lpSockaddr = reinterpret_cast<sockaddr*>(base + offset);
  address->iSockaddrLength = length;
}

uint32_t GetBspState(SpiCall* call, char* value, int* length) {
  BspState state;
  std::memset(&state, 0, sizeof state);
  if (*length < static_cast<int>(sizeof state)) {
    return WriteStructure(&state, sizeof state, value, length);
  }
  StoreName(call, true, &state.local, &state.info.LocalAddr, value,
            offsetof(BspState, local));
  StoreName(call, false, &state.peer, &state.info.RemoteAddr, value,
            offsetof(BspState, peer));
  const bool datagrams = call->socket()->datagrams;
  state.info.iSocketType = datagrams ? SOCK_DGRAM : SOCK_STREAM;
  state.info.iProtocol = datagrams ? IPPROTO_UDP : IPPROTO_TCP;
  return WriteStructure(&state, sizeof state, value, length);
}

// ----------------------------------------------------------- what the daemon
// has

uint32_t GetFromDaemon(SpiCall* call, const OptionLayout& layout, char* value,
                       int* length) {
  Reply reply;
  const uint32_t error = call->Invoke(
      CallHeader(),
      [&](Call* request) {
        AppendGetSockOpt(&request->bytes, layout.level, layout.option);
      },
      &reply);
  if (error != 0) return error;
  if (layout.kind == OptionKind::kStructure) {
    return WriteStructure(reply.data.data, static_cast<int>(reply.data.size),
                          value, length);
  }
  uint32_t number = reply.number;
  if (layout.kind == OptionKind::kLinger) {
    LINGER linger;
    linger.l_onoff = reply.linger_on ? 1 : 0;
    linger.l_linger = static_cast<u_short>(reply.linger_seconds);
    std::memcpy(&number, &linger, sizeof number);
  }
  return WriteOption(layout, number, value, length);
}

void AppendValue(ByteBuffer* request, const OptionLayout& layout,
                 uint32_t number, ByteView structure) {
  switch (layout.kind) {
    case OptionKind::kStructure:
      AppendSetSockOptRaw(request, layout.level, layout.option, structure);
      break;
    case OptionKind::kLinger: {
      LINGER linger;
      std::memcpy(&linger, &number, sizeof linger);
      AppendSetSockOptLinger(request, layout.level, layout.option,
                             linger.l_onoff != 0, linger.l_linger);
      break;
    }
    default:
      AppendSetSockOptNumber(request, layout.level, layout.option, number);
  }
}

}  // namespace

int WSPAPI SpiGetSockOpt(SOCKET s, int level, int option, char* value,
                         LPINT length, LPINT error) {
  SpiCall call(SpiFunction::kGetSockOpt, s, error);
  if (!call.ok()) return SOCKET_ERROR;
  if (value == nullptr || length == nullptr || *length <= 0) {
    return call.Result(WSAEFAULT);
  }
  if (level == SOL_SOCKET) {
    switch (option) {
      case SO_PROTOCOL_INFOA:
      case SO_PROTOCOL_INFOW:
        return call.Result(GetProtocolInfo(call, option, value, length));
      case SO_BSP_STATE:
        return call.Result(GetBspState(&call, value, length));
      default:
        break;
    }
  }
  return call.Result(
      GetFromDaemon(&call, LayoutOfOption(level, option), value, length));
}

int WSPAPI SpiSetSockOpt(SOCKET s, int level, int option, const char* value,
                         int length, LPINT error) {
  SpiCall call(SpiFunction::kSetSockOpt, s, error);
  if (!call.ok()) return SOCKET_ERROR;
  if (IsConnectionContext(level, option)) {
    return call.Result(UpdateConnectionContext(&call, option, value, length));
  }
  const OptionLayout layout = LayoutOfOption(level, option);
  uint32_t number;
  if (const uint32_t result = ReadOption(layout, value, length, &number)) {
    return call.Result(result);
  }
  ByteView structure = {};
  if (layout.kind == OptionKind::kStructure) {
    structure = {reinterpret_cast<const uint8_t*>(value),
                 static_cast<size_t>(layout.bytes > 0 ? layout.bytes : length)};
    if (structure.size > kMostStructureBytes) return call.Result(WSAEFAULT);
  }
  if (level == SOL_SOCKET && option == SO_OOBINLINE) {
    MutexLock lock(&g_library.mutex);
    call.provider()->StopNativeReceives(call.socket());
  }
  if (level == IPPROTO_IP && option == IP_RECEIVE_BROADCAST) {
    MutexLock lock(&g_library.mutex);
    call.provider()->LeaveDatagramsToDaemon(call.socket());
  }
  const uint32_t result = call.Invoke(
      CallHeader(),
      [&](Call* request) {
        AppendValue(&request->bytes, layout, number, structure);
      },
      nullptr);
  if (result == 0) {
    MutexLock lock(&g_library.mutex);
    NoteOption(call.socket(), level, option, number);
  }
  return call.Result(result);
}

}  // namespace wsp
