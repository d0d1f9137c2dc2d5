#ifndef WSPD_DAEMON_WINSOCK_SOCKET_OPTIONS_H_
#define WSPD_DAEMON_WINSOCK_SOCKET_OPTIONS_H_

#include <cstdint>
#include <vector>

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
  // What was set, since Linux doubles it.
  static constexpr uint32_t kNotSet = UINT32_MAX;
  uint32_t send_buffer = kNotSet;
  uint32_t receive_buffer = kNotSet;
  // Milliseconds; the stub puts them into its calls.
  uint32_t send_timeout = 0;
  uint32_t receive_timeout = 0;
  uint32_t group_priority = 0;

  // ---- TCP
  bool urgent_by_rfc1122 = false;
  bool bsd_urgent = true;
  bool no_syn_retries = false;
  bool timestamps = false;
  bool fast_open = false;
  bool fails_on_icmp_error = false;
  bool delays_fin_ack = false;
  // Windows' defaults, which the kernel gets with SO_KEEPALIVE: seconds, and
  // probes.
  uint32_t keep_idle = 7200;
  uint32_t keep_interval = 1;
  uint32_t keep_count = 10;

  // ---- UDP
  bool covers_checksum = false;
  // Bytes; 0: datagrams come one by one.
  uint32_t most_coalesced = 0;

  // ---- IP
  // As it was set: an address in network order, or an interface's index.
  uint32_t multicast_interface = 0;
  bool dont_fragment = false;
  uint32_t protection_level = 0xffffffff;
  bool receives_broadcasts = true;
  bool receives_errors = false;
  uint32_t user_mtu = UINT32_MAX;
  // Whether only what comes by one of `interfaces`, which are indexes, is
  // received.
  bool keeps_to_interfaces = false;
  std::vector<uint32_t> interfaces;
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
  // How its connection was lost, a Winsock code; 0 as long as nobody has
  // noticed, or if it has none.
  uint32_t lost = 0;
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

// Has `fd` keep to the interfaces of `options`, if it is to, and to none if
// not. Returns errno; then it is as it was.
int ApplyInterfaces(int fd, const SocketOptions& options);

}  // namespace wspd

#endif  // WSPD_DAEMON_WINSOCK_SOCKET_OPTIONS_H_
