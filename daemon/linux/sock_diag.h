#ifndef WSPD_DAEMON_LINUX_SOCK_DIAG_H_
#define WSPD_DAEMON_LINUX_SOCK_DIAG_H_

#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/base/owned_fd.h"
#include "daemon/socket/net_address.h"

namespace wspd {

// What the kernel says of a socket by NETLINK_SOCK_DIAG.
struct SocketReport {
  // As SO_COOKIE: never that of another socket until the system restarts.
  uint64_t cookie = 0;
  // TCP_ESTABLISHED and the like; UDP's is one of these two: TCP_ESTABLISHED
  // (connected) or TCP_CLOSE.
  uint8_t state = 0;
  // Whether there is a descriptor of it. Of an end this says nothing.
  bool open = false;
  NetAddress local;
  // Port 0: none.
  NetAddress peer;
  // That it is bound to; 0: none.
  uint32_t interface_index = 0;
  // The kernel counts TCP's bytes and nobody else's.
  bool has_bytes = false;
  // What has been sent at least once.
  uint64_t bytes_sent = 0;
  // May count the peer's end as one more.
  uint64_t bytes_received = 0;
  // Since bytes last went either way, or it was connected; ms.
  uint32_t idle_ms = 0;
};

// States that Linux's headers for programs don't have.
inline constexpr uint8_t kTcpBoundInactive = 13;

using ReportSink = std::function<void(const SocketReport&)>;

// The same with TCP_INFO as this kernel has it, empty where has_bytes isn't
// set. It is valid during the call.
using DetailSink =
    std::function<void(const SocketReport&, absl::string_view tcp_info)>;

// A non-blocking netlink socket that brings a report of every TCP and UDP
// socket of the network namespace that ends from now on. Needs no privilege.
absl::StatusOr<OwnedFd> OpenSocketEnds();

// Reads one datagram of such a socket. False: there was none (EAGAIN). An error
// is ENOBUFS's: reports were lost.
absl::StatusOr<bool> ReadSocketEnds(int fd, const ReportSink& sink);

// Sets of states, for ListSockets(): TCP's listeners, and everything that a
// program can have: no connection that waits to be accepted (3), is only
// remembered (6), or isn't one yet (12).
inline constexpr uint32_t kListenerStates = 1u << 10;
inline constexpr uint32_t kAllStates = ~((1u << 3) | (1u << 6) | (1u << 12));

// What the kernel is asked for. For counts it has to look at each TCP
// connection for a moment, beside whoever uses it.
enum class ReportDetail { kState, kCounts };

// Reports the sockets of a family and protocol in the network namespace of the
// calling thread. Sockets that are neither bound nor connected aren't among
// them, since the kernel has no list of these. Takes time in proportion to the
// namespace's sockets of these states.
absl::Status ListSockets(int family, int protocol, ReportDetail detail,
                         uint32_t states, const DetailSink& sink);

// All of them, without counts.
absl::Status ListSockets(int family, int protocol, const ReportSink& sink);

}  // namespace wspd

#endif  // WSPD_DAEMON_LINUX_SOCK_DIAG_H_
