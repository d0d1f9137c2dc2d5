#ifndef WSPD_CLIENT_STUB_TRANSPORT_REQUESTS_H_
#define WSPD_CLIENT_STUB_TRANSPORT_REQUESTS_H_

#include <cstdint>

#include "client_stub/transport/server_frame.h"
#include "client_stub/transport/wire_writer.h"

// Encoders of the client's messages. Each Append… function appends one field:
// those of Call to a buffer that will be a Call, those of ClientFrame to one
// that will be a ClientFrame.
namespace wsp {

// The version that is spoken.
constexpr uint32_t kWireMajor = 1;
constexpr uint32_t kWireMinor = 0;

// The part of a Call that all requests have.
struct CallHeader {
  uint64_t call_id = 0;
  uint64_t socket_id = 0;
  bool overlapped = false;
  bool report_pending = false;
  uint32_t timeout_ms = 0;
};

struct HelloParams {
  // WINSOCK, over the forwarded plane and resumable, or LINUX, with relayed and
  // lent sockets.
  bool linux_personality = false;
  // WINSOCK: with lent sockets, too.
  bool lent = false;
  ByteView resume_token;  // empty: a new attachment
  const char* client_name = "";
};

struct IoctlParams {
  uint32_t code = 0;
  uint32_t number = 0;
  ByteView input;
  Address address;
  // A list: the address at an index is address_at(addresses, index).
  const void* addresses = nullptr;
  size_t address_count = 0;
  Address (*address_at)(const void* addresses, size_t index) = nullptr;
};

// A SocketAddress, as `field` of the message that is being written. Nothing if
// the address has no family.
void WriteAddress(WireWriter& writer, uint32_t field, const Address& address);

void AppendHello(ByteBuffer* frame, const HelloParams& hello);
void AppendAck(ByteBuffer* frame, uint64_t sequence);
void AppendCancel(ByteBuffer* frame, uint64_t call_id);

void AppendCallHeader(ByteBuffer* call, const CallHeader& header);

void AppendStartup(ByteBuffer* call, uint32_t version_requested,
                   uint64_t owed_startups, uint32_t catalog_entry_id);
void AppendCleanup(ByteBuffer* call);
// `ticket` is that of a duplicate; 0 for a new socket.
void AppendSocket(ByteBuffer* call, uint32_t family, uint32_t type,
                  int32_t protocol, uint32_t flags, uint32_t ticket);
// 0: for the calling process.
void AppendDuplicateSocket(ByteBuffer* call, uint32_t process_id);
void AppendBind(ByteBuffer* call, const Address& address);
void AppendListen(ByteBuffer* call, int32_t backlog);
void AppendAccept(ByteBuffer* call, uint64_t accepted_socket_id,
                  bool conditional);
// AcceptEx; the socket is there already.
void AppendAcceptEx(ByteBuffer* call, uint64_t accepted_socket_id,
                    uint32_t max_bytes, bool no_address_room);
void AppendAcceptDecision(ByteBuffer* call, uint64_t offer_id,
                          uint32_t decision, uint64_t accepted_socket_id);
// Without a family: a datagram socket gives its peer up. `extended`: ConnectEx.
void AppendConnect(ByteBuffer* call, const Address& address, bool extended);
void AppendDisconnectEx(ByteBuffer* call, bool reuse);
void AppendLendSocket(ByteBuffer* call);
void AppendSocketError(ByteBuffer* call, uint32_t linux_errno);
void AppendShutdown(ByteBuffer* call, uint32_t how);
void AppendCloseSocket(ByteBuffer* call);
void AppendGetSockName(ByteBuffer* call);
void AppendGetPeerName(ByteBuffer* call);
void AppendGetSockOpt(ByteBuffer* call, int32_t level, int32_t option);
void AppendSetSockOptNumber(ByteBuffer* call, int32_t level, int32_t option,
                            uint32_t number);
void AppendSetSockOptLinger(ByteBuffer* call, int32_t level, int32_t option,
                            bool on, uint32_t seconds);
void AppendSetSockOptRaw(ByteBuffer* call, int32_t level, int32_t option,
                         ByteView value);
// Without a value, or with a socket as the value for `socket_id` above 0.
void AppendSetSockOptContext(ByteBuffer* call, int32_t level, int32_t option,
                             uint64_t socket_id);
void AppendIoctl(ByteBuffer* call, const IoctlParams& params);
void AppendRecv(ByteBuffer* call, uint32_t max_bytes, uint32_t flags);
// Ends with the length of the data: `data_bytes` bytes of payload have to
// follow on the wire.
void AppendSend(ByteBuffer* call, uint32_t flags, uint64_t stream_offset,
                uint32_t data_bytes);
void AppendRecvFrom(ByteBuffer* call, uint32_t max_bytes, uint32_t flags,
                    bool want_control);
// As AppendSend; `to` without a family: to the peer. `control` is what the
// request has as such, encoded, or empty.
void AppendSendTo(ByteBuffer* call, uint32_t flags, const Address& to,
                  ByteView control, uint32_t data_bytes);
void AppendJoinLeaf(ByteBuffer* call, const Address& address, uint32_t flags);
// A request that changes nothing whatever its id; see Attachment on resuming.
void AppendNothing(ByteBuffer* call);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_TRANSPORT_REQUESTS_H_
