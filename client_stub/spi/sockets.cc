// WSPSocket and WSPCloseSocket.
#include "client_stub/spi/functions.h"
#include "client_stub/spi/handles.h"
#include "client_stub/spi/spi_call.h"
#include "proto/wire_fields.h"

namespace wsp {
namespace {

constexpr DWORD kMultipointFlags =
    WSA_FLAG_MULTIPOINT_C_ROOT | WSA_FLAG_MULTIPOINT_C_LEAF |
    WSA_FLAG_MULTIPOINT_D_ROOT | WSA_FLAG_MULTIPOINT_D_LEAF;
constexpr DWORD kLeafFlags =
    WSA_FLAG_MULTIPOINT_C_LEAF | WSA_FLAG_MULTIPOINT_D_LEAF;
constexpr DWORD kKnownFlags = WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT |
                              kMultipointFlags |
                              WSA_FLAG_ACCESS_SYSTEM_SECURITY;

struct SocketKind {
  int family;
  int type;
  int protocol;
};

// Fills in what may be left open and refuses what doesn't exist, in the order
// in which Windows does (reference, section 4.12).
uint32_t ResolveKind(SocketKind* kind) {
  const bool known_type = kind->type == SOCK_STREAM ||
                          kind->type == SOCK_DGRAM || kind->type == SOCK_RAW ||
                          kind->type == 0;
  const bool unspecified = kind->family == AF_UNSPEC;
  if (!known_type && !(unspecified && kind->protocol == 0)) {
    return WSAESOCKTNOSUPPORT;
  }
  if (unspecified) {
    if (kind->protocol == 0) return WSAEINVAL;
    kind->family = AF_INET;
  }
  if (kind->family != AF_INET && kind->family != AF_INET6) {
    return WSAEAFNOSUPPORT;
  }
  // The daemon makes none, but its rules may say that it is told.
  if (kind->type == SOCK_RAW) return 0;
  switch (kind->protocol) {
    case 0:
      if (kind->type == 0) kind->type = SOCK_STREAM;
      kind->protocol = kind->type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
      return 0;
    case IPPROTO_TCP:
      if (kind->type == 0) kind->type = SOCK_STREAM;
      return kind->type == SOCK_STREAM ? 0 : WSAEPROTONOSUPPORT;
    case IPPROTO_UDP:
      if (kind->type == 0) kind->type = SOCK_DGRAM;
      return kind->type == SOCK_DGRAM ? 0 : WSAEPROTONOSUPPORT;
    default:
      return WSAEPROTONOSUPPORT;
  }
}

uint32_t CheckArguments(LPWSAPROTOCOL_INFOW info, GROUP group, DWORD flags,
                        SocketKind* kind) {
  if (info == nullptr &&
      (kind->family == FROM_PROTOCOL_INFO || kind->type == FROM_PROTOCOL_INFO ||
       kind->protocol == FROM_PROTOCOL_INFO)) {
    return WSAEINVAL;
  }
  if (kind->family == FROM_PROTOCOL_INFO) kind->family = info->iAddressFamily;
  if (kind->type == FROM_PROTOCOL_INFO) kind->type = info->iSocketType;
  if (kind->protocol == FROM_PROTOCOL_INFO) kind->protocol = info->iProtocol;
  if (const uint32_t error = ResolveKind(kind)) return error;
  if (group != 0 || (flags & ~kKnownFlags) != 0) return WSAEINVAL;
  // UDP's groups have no root (reference, section 2, WSPJoinLeaf).
  const DWORD roles = flags & kMultipointFlags;
  return roles == 0 || (kind->type == SOCK_DGRAM && roles == kLeafFlags)
             ? 0
             : WSAEINVAL;
}

uint32_t WireType(int type) {
  if (type == SOCK_STREAM) return wire::SocketRequest::TYPE_STREAM;
  return type == SOCK_DGRAM ? wire::SocketRequest::TYPE_DATAGRAM
                            : wire::SocketRequest::TYPE_RAW;
}

// `ticket` is that of a duplicate, or 0.
uint32_t CreateWithDaemon(SpiCall* call, const SocketKind& kind, DWORD flags,
                          DWORD ticket, uint64_t id, Reply* reply) {
  CallHeader header;
  header.socket_id = id;
  return call->Invoke(
      header,
      [&](Call* request) {
        AppendSocket(&request->bytes,
                     kind.family == AF_INET ? wire::SocketRequest::FAMILY_IPV4
                                            : wire::SocketRequest::FAMILY_IPV6,
                     WireType(kind.type), kind.protocol, flags, ticket);
        request->makes_socket = id;
      },
      reply);
}

// Closes a socket of the daemon's that no handle was to be had for.
void CloseUnhandled(SpiCall* call, uint64_t id) {
  CallHeader header;
  header.socket_id = id;
  call->Invoke(
      header, [](Call* request) { AppendCloseSocket(&request->bytes); },
      nullptr);
}

}  // namespace

uint32_t GiveHandle(SpiCall* call, uint64_t id, DWORD catalog_entry_id,
                    SocketHandle* handle) {
  *handle = SocketHandle();
  bool kernel;
  {
    MutexLock lock(&g_library.mutex);
    if (!call->StillThere()) return WSAEINTR;
    kernel = call->provider()->kernel_handles();
    if (kernel) handle->descriptor = call->provider()->OpenKernelHandle();
  }
  if (kernel && handle->descriptor < 0) return WSAEMFILE;
  int error = WSAENOBUFS;
  {
    const UpcallScope scope;
    handle->value = kernel
                        ? call->upcalls().lpWPUModifyIFSHandle(
                              catalog_entry_id,
                              static_cast<SOCKET>(handle->descriptor), &error)
                        : call->upcalls().lpWPUCreateSocketHandle(
                              catalog_entry_id, id, &error);
  }
  if (handle->value != INVALID_SOCKET) return 0;
  if (kernel) KernelHandles::CloseHandle(handle->descriptor);
  return static_cast<uint32_t>(error);
}

void CloseHandle(const WSPUPCALLTABLE& upcalls, const SocketHandle& handle) {
  if (handle.descriptor >= 0) {
    return KernelHandles::CloseHandle(handle.descriptor);
  }
  const UpcallScope scope;
  int ignored;
  upcalls.lpWPUCloseSocketHandle(handle.value, &ignored);
}

void LendSocket(SpiCall* call, uint64_t id) {
  MutexLock lock(&g_library.mutex);
  if (!call->StillThere()) return;
  Provider* provider = call->provider();
  StubSocket* socket = provider->FindSocket(id);
  if (socket == nullptr) return;
  const bool due = provider->LendingIsDue(*socket);
  provider->Release(socket);
  if (!due || call->Reach() != 0) return;
  Operation* operation =
      provider->NewOperation(Operation::Kind::kControl, nullptr);
  if (call->PrepareToWait(operation) != 0) return;
  operation->lends_to = id;
  CallHeader header;
  header.socket_id = id;
  Call* request = provider->NewCall(operation, header);
  AppendLendSocket(&request->bytes);
  provider->attachment().Submit(request);
  (void)call->FinishControl(operation, INT64_MAX, nullptr);
}

SOCKET WSPAPI SpiSocket(int family, int type, int protocol,
                        LPWSAPROTOCOL_INFOW info, GROUP group, DWORD flags,
                        LPINT error) {
  SpiCall call(SpiFunction::kSocket, INVALID_SOCKET, error);
  if (!call.ok()) return INVALID_SOCKET;
  SocketKind kind = {family, type, protocol};
  uint32_t result = CheckArguments(info, group, flags, &kind);
  const DWORD entry =
      info != nullptr ? info->dwCatalogEntryId : call.catalog_entry_id();
  uint64_t id = 0;
  if (result == 0) {
    MutexLock lock(&g_library.mutex);
    id = call.provider()->NewSocketId();
  }
  // Of a duplicate, the socket that is there already; the daemon sees to it
  // that it is of this kind.
  const DWORD ticket = info != nullptr ? info->dwProviderReserved : 0;
  Reply reply;
  if (result == 0) {
    result = CreateWithDaemon(&call, kind, flags, ticket, id, &reply);
  }
  SocketHandle handle;
  if (result == 0) {
    result = GiveHandle(&call, id, entry, &handle);
    if (result != 0) CloseUnhandled(&call, id);
  }
  if (result != 0) {
    call.Result(result);
    return INVALID_SOCKET;
  }
  MutexLock lock(&g_library.mutex);
  StubSocket* socket = call.provider()->NewSocket(id);
  call.provider()->SetHandle(socket, handle);
  socket->catalog_entry_id = entry;
  socket->family = kind.family;
  socket->datagrams = kind.type == SOCK_DGRAM;
  socket->shared = ticket != 0;
  if (socket->shared) {
    flags = reply.flags;
    socket->nonblocking = reply.nonblocking;
  }
  socket->overlapped = (flags & WSA_FLAG_OVERLAPPED) != 0;
  return handle.value;
}

namespace {

uint32_t CloseWithDaemon(SpiCall* call) WSP_REQUIRES(g_library.mutex) {
  Provider* provider = call->provider();
  // What waits for the kernel's socket goes to the daemon first, which ends it
  // as it ends all else.
  if (Provider::HasNativeWaits(*call->socket())) {
    provider->StopNativeTransfers(call->socket());
    provider->Flush();
  }
  if (const uint32_t error = call->Reach()) return error;
  Operation* operation =
      provider->NewOperation(Operation::Kind::kControl, call->socket());
  if (const uint32_t error = call->PrepareToWait(operation)) return error;
  operation->closes_socket = true;
  provider->BeginClosing(call->socket());
  CallHeader header;
  header.report_pending = call->has_hook();
  Call* request = provider->NewCall(operation, header);
  AppendCloseSocket(&request->bytes);
  provider->attachment().Submit(request);
  const uint32_t error = call->FinishControl(operation, INT64_MAX, nullptr);
  // It was closed by a close whose thread went away before it knew, or that
  // was cancelled while it lingered.
  return error == WSAENOTSOCK ? 0 : error;
}

}  // namespace

int WSPAPI SpiCloseSocket(SOCKET s, LPINT error) {
  SpiCall call(SpiFunction::kCloseSocket, s, error);
  if (!call.ok()) return SOCKET_ERROR;
  // It waits if the connection lingers for a time, which the daemon knows
  // (reference, section 4.8).
  if (call.may_block() && !call.socket()->datagrams && !call.lost()) {
    call.QueryHook();
  }
  {
    MutexLock lock(&g_library.mutex);
    if (call.socket()->closing) return call.Result(WSAENOTSOCK);
    if (!call.lost()) {
      if (const uint32_t result = CloseWithDaemon(&call)) {
        return call.Result(result);
      }
    }
    if (!call.StillThere()) return call.Result(WSAEINTR);
    call.socket()->closing = true;
    call.provider()->RetireSocket(call.socket());
    // The aborted operations' events and routines come before the close ends,
    // and nothing of network events afterwards.
    call.provider()->Indicate();
    call.provider()->AwaitNotifications(call.socket()->id);
    // A receive that had its data before may still have to be told of.
    if (call.provider()->KeepHandle(call.socket())) return 0;
  }
  CloseHandle(call.upcalls(), {s, call.socket()->descriptor});
  return 0;
}

}  // namespace wsp
