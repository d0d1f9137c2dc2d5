// The functions that make and look at connections, but for WSPAccept.
#include <cstring>

#include "client_stub/spi/functions.h"
#include "client_stub/spi/handles.h"
#include "client_stub/spi/socket_addresses.h"
#include "client_stub/spi/spi_call.h"
#include "proto/wire_fields.h"

namespace wsp {

int WSPAPI SpiBind(SOCKET s, const sockaddr* name, int name_length,
                   LPINT error) {
  SpiCall call(SpiFunction::kBind, s, error);
  if (!call.ok()) return SOCKET_ERROR;
  Address address;
  if (const uint32_t result = ReadSocketAddress(
          name, name_length, call.socket()->family, &address)) {
    return call.Result(result);
  }
  const uint32_t result = call.Invoke(
      CallHeader(),
      [&](Call* request) { AppendBind(&request->bytes, address); }, nullptr);
  if (result == 0) {
    MutexLock lock(&g_library.mutex);
    call.socket()->bound = true;
  }
  return call.Result(result);
}

int WSPAPI SpiListen(SOCKET s, int backlog, LPINT error) {
  SpiCall call(SpiFunction::kListen, s, error);
  if (!call.ok()) return SOCKET_ERROR;
  return call.Result(call.Invoke(
      CallHeader(),
      [&](Call* request) { AppendListen(&request->bytes, backlog); }, nullptr));
}

namespace {

// The address of a connect. A datagram socket may give its peer up by one that
// says nothing: then `address` has no family.
uint32_t ReadPeerAddress(const SpiCall& call, const sockaddr* name, int length,
                         Address* address) {
  const int family = call.socket()->family;
  if (call.socket()->datagrams && name != nullptr &&
      length >= static_cast<int>(sizeof name->sa_family)) {
    u_short given;
    std::memcpy(&given, name, sizeof given);
    if (given == AF_UNSPEC) return 0;
  }
  return ReadSocketAddress(name, length, family, address);
}

// TCP/IP carries no user data in the connect, and no quality of service.
uint32_t CheckExtras(const WSABUF* caller_data, const QOS* sqos,
                     const QOS* gqos) {
  if (caller_data != nullptr && caller_data->len != 0) {
    return WSAEPROTONOSUPPORT;
  }
  return sqos != nullptr || gqos != nullptr ? WSAEOPNOTSUPP : 0;
}

bool IsNobody(const Address& address) {
  const Address none;
  return address.port == 0 &&
         std::memcmp(address.bytes, none.bytes, sizeof none.bytes) == 0;
}

}  // namespace

int WSPAPI SpiConnect(SOCKET s, const sockaddr* name, int name_length,
                      LPWSABUF caller_data, LPWSABUF callee_data, LPQOS sqos,
                      LPQOS gqos, LPINT error) {
  SpiCall call(SpiFunction::kConnect, s, error);
  if (!call.ok()) return SOCKET_ERROR;
  Address address;
  if (const uint32_t result =
          ReadPeerAddress(call, name, name_length, &address)) {
    return call.Result(result);
  }
  if (const uint32_t result = CheckExtras(caller_data, sqos, gqos)) {
    return call.Result(result);
  }
  CallHeader header;
  if (call.may_block()) call.QueryHook();
  header.report_pending = call.has_hook();
  const bool datagrams = call.socket()->datagrams;
  if (datagrams) {
    MutexLock lock(&g_library.mutex);
    if (call.StillThere()) call.provider()->BeginDatagramConnect(call.socket());
  }
  const uint32_t result = call.Invoke(
      header,
      [&](Call* request) { AppendConnect(&request->bytes, address, false); },
      nullptr);
  {
    MutexLock lock(&g_library.mutex);
    if (!call.StillThere()) return call.Result(WSAEINTR);
    if (result == 0) call.socket()->connected = !IsNobody(address);
    if (datagrams) {
      const Address peer = IsNobody(address) ? Address() : address;
      call.provider()->EndDatagramConnect(call.socket(),
                                          result == 0 ? &peer : nullptr);
    }
    if (result == WSAEWOULDBLOCK || result == WSAEALREADY) {
      call.socket()->connecting = true;
    }
  }
  if (result == 0) LendSocket(&call, call.socket()->id);
  if (callee_data != nullptr) callee_data->len = 0;
  return call.Result(result);
}

// Of the groups that TCP/IP has, those of UDP, which have no root: the socket
// itself is the leaf (reference, section 2).
SOCKET WSPAPI SpiJoinLeaf(SOCKET s, const sockaddr* name, int name_length,
                          LPWSABUF caller_data, LPWSABUF callee_data,
                          LPQOS sqos, LPQOS gqos, DWORD flags, LPINT error) {
  SpiCall call(SpiFunction::kJoinLeaf, s, error);
  if (!call.ok()) return INVALID_SOCKET;
  Address address;
  uint32_t result = call.socket()->datagrams ? 0 : WSAEOPNOTSUPP;
  if (result == 0) {
    result =
        ReadSocketAddress(name, name_length, call.socket()->family, &address);
  }
  if (result == 0) result = CheckExtras(caller_data, sqos, gqos);
  if (result == 0) {
    {
      // A group that it sends to the kernel doesn't know of.
      MutexLock lock(&g_library.mutex);
      if (call.StillThere()) {
        call.provider()->BeginDatagramConnect(call.socket());
      }
    }
    result = call.Invoke(
        CallHeader(),
        [&](Call* request) { AppendJoinLeaf(&request->bytes, address, flags); },
        nullptr);
  }
  if (result != 0) {
    call.Result(result);
    return INVALID_SOCKET;
  }
  MutexLock lock(&g_library.mutex);
  if (!call.StillThere()) {
    call.Result(WSAEINTR);
    return INVALID_SOCKET;
  }
  if (flags != JL_RECEIVER_ONLY) {
    call.socket()->connected = true;
  } else {
    call.provider()->EndDatagramConnect(call.socket(), nullptr);
  }
  if (callee_data != nullptr) callee_data->len = 0;
  return s;
}

namespace {

// Behind the sends of the socket, if it ends sending.
uint32_t ShutDownInOrder(SpiCall* call, uint32_t wire_how) {
  MutexLock lock(&g_library.mutex);
  if (const uint32_t error = call->Reach()) return error;
  Provider* provider = call->provider();
  // What waits belongs before it.
  if (wire_how != wire::ShutdownRequest::HOW_RECEIVE) {
    provider->StopNativeSends(call->socket());
  }
  if (wire_how != wire::ShutdownRequest::HOW_SEND) {
    provider->StopNativeReceives(call->socket());
  }
  Operation* operation =
      provider->NewOperation(Operation::Kind::kControl, call->socket());
  SendLane* lane = &call->socket()->lane;
  const bool behind_sends =
      wire_how != wire::ShutdownRequest::HOW_RECEIVE && !lane->jobs.empty();
  if (!behind_sends) {
    if (const uint32_t error = call->PrepareToWait(operation)) return error;
  }
  Call* request = provider->NewCall(operation, CallHeader());
  AppendShutdown(&request->bytes, wire_how);
  if (behind_sends) {
    // It never blocks: what is queued takes effect by itself. The socket was
    // connected, or there would be no sends.
    provider->attachment().SubmitBehindSends(lane, &operation->job, request);
    provider->LetGo(operation);
    provider->Flush();
    return 0;
  }
  provider->attachment().Submit(request);
  return call->FinishControl(operation, INT64_MAX, nullptr);
}

// How the wire says `how`.
bool WireHow(int how, uint32_t* wire_how) {
  switch (how) {
    case SD_RECEIVE:
      *wire_how = wire::ShutdownRequest::HOW_RECEIVE;
      return true;
    case SD_SEND:
      *wire_how = wire::ShutdownRequest::HOW_SEND;
      return true;
    case SD_BOTH:
      *wire_how = wire::ShutdownRequest::HOW_BOTH;
      return true;
    default:
      return false;
  }
}

uint32_t ShutDown(SpiCall* call, int how) {
  uint32_t wire_how;
  if (!WireHow(how, &wire_how)) return WSAEINVAL;
  const uint32_t error = ShutDownInOrder(call, wire_how);
  if (error != 0) return error;
  MutexLock lock(&g_library.mutex);
  if (how != SD_RECEIVE) call->socket()->send_shut = true;
  if (how != SD_SEND) call->socket()->receive_shut = true;
  return 0;
}

// TCP/IP carries no user data in the disconnect; a buffer without room for any
// is none.
uint32_t CheckDisconnectData(const WSABUF* data) {
  if (data == nullptr || data->len == 0) return 0;
  return data->buf == nullptr ? WSAEFAULT : WSAENOPROTOOPT;
}

}  // namespace

int WSPAPI SpiShutdown(SOCKET s, int how, LPINT error) {
  SpiCall call(SpiFunction::kShutdown, s, error);
  if (!call.ok()) return SOCKET_ERROR;
  return call.Result(ShutDown(&call, how));
}

int WSPAPI SpiSendDisconnect(SOCKET s, LPWSABUF outbound_data, LPINT error) {
  SpiCall call(SpiFunction::kSendDisconnect, s, error);
  if (!call.ok()) return SOCKET_ERROR;
  if (const uint32_t result = CheckDisconnectData(outbound_data)) {
    return call.Result(result);
  }
  return call.Result(ShutDown(&call, SD_SEND));
}

int WSPAPI SpiRecvDisconnect(SOCKET s, LPWSABUF inbound_data, LPINT error) {
  SpiCall call(SpiFunction::kRecvDisconnect, s, error);
  if (!call.ok()) return SOCKET_ERROR;
  if (const uint32_t result = CheckDisconnectData(inbound_data)) {
    return call.Result(result);
  }
  return call.Result(ShutDown(&call, SD_RECEIVE));
}

namespace {

enum class Side { kLocal, kPeer };

int GetName(SpiFunction function, Side side, SOCKET s, sockaddr* name,
            LPINT name_length, LPINT error) {
  SpiCall call(function, s, error);
  if (!call.ok()) return SOCKET_ERROR;
  if (name == nullptr || name_length == nullptr) {
    return call.Result(WSAEFAULT);
  }
  Reply reply;
  const uint32_t result = call.Invoke(
      CallHeader(),
      [side](Call* request) {
        if (side == Side::kLocal) {
          AppendGetSockName(&request->bytes);
        } else {
          AppendGetPeerName(&request->bytes);
        }
      },
      &reply);
  if (result != 0) return call.Result(result);
  return call.Result(WriteSocketAddress(
      side == Side::kLocal ? reply.local : reply.peer, name, name_length));
}

}  // namespace

int WSPAPI SpiGetSockName(SOCKET s, sockaddr* name, LPINT name_length,
                          LPINT error) {
  return GetName(SpiFunction::kGetSockName, Side::kLocal, s, name, name_length,
                 error);
}

int WSPAPI SpiGetPeerName(SOCKET s, sockaddr* name, LPINT name_length,
                          LPINT error) {
  return GetName(SpiFunction::kGetPeerName, Side::kPeer, s, name, name_length,
                 error);
}

}  // namespace wsp
