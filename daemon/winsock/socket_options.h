#ifndef WSPD_DAEMON_WINSOCK_SOCKET_OPTIONS_H_
#define WSPD_DAEMON_WINSOCK_SOCKET_OPTIONS_H_

#include <cstdint>

#include "daemon/winsock/control_messages.h"
#include "daemon/winsock/wsa_error.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {

// What Winsock's options say where the kernel can't be asked: values that Linux
// has no place for, or reads back differently (reference, sections 4.10, 5.2).
// Accepted sockets inherit it.
struct SocketOptions {
  // SO_LINGER; the kernel's own is left alone but for resets.
  bool linger_on = false;
  uint16_t linger_seconds = 0;
  bool reuse_address = false;
  bool exclusive_address = false;
  bool conditional_accept = false;
  bool debug = false;
  bool dont_route = false;
  bool use_loopback = false;
  // What was set, since Linux doubles it; 0: not set.
  uint32_t send_buffer = 0;
  uint32_t receive_buffer = 0;
  // Milliseconds; the stub puts them into its calls.
  uint32_t send_timeout = 0;
  uint32_t receive_timeout = 0;
  uint32_t group_priority = 0;

  // ---- TCP
  bool urgent_by_rfc1122 = false;
  bool bsd_urgent = true;
  bool no_syn_retries = false;

  // ---- UDP
  bool covers_checksum = false;

  // ---- IP
  // As it was set: an address in network order, or an interface's index.
  uint32_t multicast_interface = 0;
  bool dont_fragment = false;
  uint32_t protection_level = 0xffffffff;
  // The ancillary data of datagrams that the client asked for.
  WantedControl wanted_control;
};

// The state of a socket that options depend on or show.
struct SocketView {
  int fd;
  // AF_INET or AF_INET6.
  int family;
  // SOCK_STREAM or SOCK_DGRAM.
  int type;
  bool bound;
  bool listening;
  // Seconds since the connect; -1: not connected.
  int64_t connected_seconds;
  // SO_ERROR, a Winsock code. Kept until a connect succeeds.
  uint32_t* so_error;
};

// WSPSetSockOpt and WSPGetSockOpt for the levels and options of section 4.10.
// WSAEINVAL for an unknown level and for values that the option's rules forbid,
// WSAENOPROTOOPT for an unknown option and for one that can't be set or read,
// WSAEFAULT for a value of the wrong kind; else what the kernel said.
WsaError SetSocketOption(const wsp::v1::SetSockOptRequest& request,
                         const SocketView& socket, SocketOptions* options);
WsaError GetSocketOption(const wsp::v1::GetSockOptRequest& request,
                         const SocketView& socket, SocketOptions* options,
                         wsp::v1::OptionValue* value);

}  // namespace wspd

#endif  // WSPD_DAEMON_WINSOCK_SOCKET_OPTIONS_H_
