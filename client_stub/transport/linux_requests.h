#ifndef WSPD_CLIENT_STUB_TRANSPORT_LINUX_REQUESTS_H_
#define WSPD_CLIENT_STUB_TRANSPORT_LINUX_REQUESTS_H_

#include <cstdint>

#include "client_stub/transport/requests.h"

// Encoders of the LINUX personality's requests (proto/wsp/v1/linux.proto). Each
// appends one field to a buffer that will be a Call.
namespace wsp {

struct LinuxSocketParams {
  uint32_t plane = 0;   // wire::Plane
  uint32_t family = 0;  // wire::LinuxSocketRequest's
  uint32_t type = 0;    // the same's
  uint32_t protocol = 0;
  bool nonblocking = false;
};
void AppendLinuxSocket(ByteBuffer* call, const LinuxSocketParams& params);

void AppendLinuxBind(ByteBuffer* call, const Address& address);
// Without a family: the connection is taken back.
void AppendLinuxConnect(ByteBuffer* call, const Address& address,
                        uint32_t filler, bool unawaited);
void AppendLinuxListen(ByteBuffer* call, int32_t backlog);
void AppendLinuxName(ByteBuffer* call, bool peer);
// `value`: what the caller's room holds; empty where that doesn't matter.
void AppendLinuxGetOption(ByteBuffer* call, int32_t level, int32_t name,
                          uint32_t length, ByteView value);
void AppendLinuxSetOption(ByteBuffer* call, int32_t level, int32_t name,
                          ByteView value);
void AppendLinuxIoctl(ByteBuffer* call, uint64_t request, ByteView value);
void AppendLinuxState(ByteBuffer* call, int32_t filler_change);
void AppendLinuxShutdown(ByteBuffer* call, int32_t how);
// `to` without a family: to the peer that the socket is connected to.
void AppendLinuxSend(ByteBuffer* call, const Address& to, ByteView data,
                     int32_t flags, ByteView control);
void AppendLinuxReceiveError(ByteBuffer* call, uint32_t data_length,
                             uint32_t control_length);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_TRANSPORT_LINUX_REQUESTS_H_
