#ifndef WSPD_DAEMON_WINSOCK_CONTROL_MESSAGES_H_
#define WSPD_DAEMON_WINSOCK_CONTROL_MESSAGES_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "daemon/socket/net_address.h"
#include "daemon/winsock/wsa_error.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {

// Ancillary data of datagrams, between Winsock's levels, types and layouts and
// the kernel's: packet information and its parts, TTL, type of service, hop
// limit and traffic class, over IPv4 and IPv6, and how datagrams were
// coalesced.

using ControlMessages =
    google::protobuf::RepeatedPtrField<wsp::v1::ControlMessage>;

// What a client asked for, by options. The kernel brings more than that where
// the daemon itself wants to know.
struct WantedControl {
  bool packet_info = false;
  bool ttl = false;
  bool type_of_service = false;
  // The congestion bits of the type of service.
  bool ecn = false;
  // Parts of the packet information: the interface, the address, and the
  // interface again, since nothing is tunnelled here.
  bool interface = false;
  bool destination = false;
  bool original_interface = false;
  // With the zone of the interface, which here is always 0.
  bool packet_info_ex = false;
};

// As sendmsg() takes it. WSAEINVAL for a level and type that can't be sent, and
// for data that hasn't the layout's size.
WsaError EncodeControl(const ControlMessages& messages, std::string* control);

// Appends what `control`, of recvmsg(), has of what is wanted.
void DecodeControl(absl::string_view control, const WantedControl& wanted,
                   ControlMessages* messages);

// MSG_BCAST or MSG_MCAST if that is how the datagram was addressed, by the
// packet information in `control`; else 0.
uint32_t AddressingFlags(absl::string_view control);

}  // namespace wspd

#endif  // WSPD_DAEMON_WINSOCK_CONTROL_MESSAGES_H_
