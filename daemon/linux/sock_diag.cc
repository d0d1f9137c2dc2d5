#include "daemon/linux/sock_diag.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
// After what they need and don't include.
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace wspd {
namespace {

// Of the largest datagram that the kernel makes for a list.
constexpr size_t kBufferBytes = 32 << 10;

NetAddress AddressOf(int family, const uint32_t (&address)[4], uint16_t port,
                     uint32_t interface_index) {
  if (family == AF_INET) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = port;
    v4.sin_addr.s_addr = address[0];
    return NetAddress(v4);
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = port;
  memcpy(&v6.sin6_addr, address, sizeof(v6.sin6_addr));
  if (IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr)) v6.sin6_scope_id = interface_index;
  return NetAddress(v6);
}

void ReadCounts(absl::string_view tcp_info_bytes, SocketReport* report) {
  // As much as this kernel has.
  tcp_info info{};
  memcpy(&info, tcp_info_bytes.data(),
         std::min(tcp_info_bytes.size(), sizeof(info)));
  report->has_bytes = true;
  report->bytes_sent = info.tcpi_bytes_sent - info.tcpi_bytes_retrans;
  report->bytes_received = info.tcpi_bytes_received;
  report->idle_ms =
      std::min(info.tcpi_last_data_sent, info.tcpi_last_data_recv);
}

// `message` has at least an inet_diag_msg.
void TakeReport(const nlmsghdr& message, int protocol, const DetailSink& sink) {
  const auto& diag = *static_cast<const inet_diag_msg*>(
      NLMSG_DATA(const_cast<nlmsghdr*>(&message)));
  const inet_diag_sockid& id = diag.id;
  SocketReport report;
  report.cookie = id.idiag_cookie[0] | static_cast<uint64_t>(id.idiag_cookie[1])
                                           << 32;
  report.state = diag.idiag_state;
  report.open = diag.idiag_inode != 0;
  report.local =
      AddressOf(diag.idiag_family, id.idiag_src, id.idiag_sport, id.idiag_if);
  report.peer =
      AddressOf(diag.idiag_family, id.idiag_dst, id.idiag_dport, id.idiag_if);
  report.interface_index = id.idiag_if;
  const char* at = reinterpret_cast<const char*>(&diag + 1);
  const char* const end =
      reinterpret_cast<const char*>(&message) + message.nlmsg_len;
  absl::string_view tcp_info;
  while (end - at >= NLA_HDRLEN) {
    const auto& attribute = *reinterpret_cast<const nlattr*>(at);
    if (attribute.nla_len < NLA_HDRLEN || attribute.nla_len > end - at) break;
    const int type = attribute.nla_type & NLA_TYPE_MASK;
    if (type == INET_DIAG_INFO) {
      tcp_info = {at + NLA_HDRLEN, size_t{attribute.nla_len} - NLA_HDRLEN};
    }
    if (type == INET_DIAG_PROTOCOL && attribute.nla_len > NLA_HDRLEN) {
      protocol = static_cast<uint8_t>(at[NLA_HDRLEN]);
    }
    at += NLA_ALIGN(attribute.nla_len);
  }
  // Other protocols have something else there.
  if (protocol != IPPROTO_TCP) tcp_info = {};
  if (!tcp_info.empty()) ReadCounts(tcp_info, &report);
  sink(report, tcp_info);
}

// Whether the list's end was among the messages. An error is the kernel's.
absl::StatusOr<bool> ReadMessages(const char* data, size_t size, int protocol,
                                  const DetailSink& sink) {
  auto left = static_cast<unsigned>(size);
  for (auto* message = reinterpret_cast<const nlmsghdr*>(data);
       NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
    if (message->nlmsg_type == NLMSG_DONE) return true;
    if (message->nlmsg_type == NLMSG_ERROR &&
        message->nlmsg_len >= NLMSG_LENGTH(sizeof(nlmsgerr))) {
      const auto* error = static_cast<const nlmsgerr*>(
          NLMSG_DATA(const_cast<nlmsghdr*>(message)));
      // A protocol that this kernel doesn't have: there are none of it.
      if (error->error == -ENOENT) return true;
      return absl::ErrnoToStatus(-error->error, "NETLINK_SOCK_DIAG");
    }
    if (message->nlmsg_type == SOCK_DIAG_BY_FAMILY &&
        message->nlmsg_len >= NLMSG_LENGTH(sizeof(inet_diag_msg))) {
      TakeReport(*message, protocol, sink);
    }
  }
  return false;
}

// The size of the kernel's next datagram, 0 for one that another process made;
// negative with errno.
ssize_t Receive(int fd, char* buffer, size_t size, int flags) {
  for (;;) {
    sockaddr_nl from{};
    socklen_t from_size = sizeof(from);
    const ssize_t got =
        recvfrom(fd, buffer, size, flags, reinterpret_cast<sockaddr*>(&from),
                 &from_size);
    if (got < 0 && errno == EINTR) continue;
    return got > 0 && from.nl_pid != 0 ? 0 : got;
  }
}

absl::StatusOr<OwnedFd> OpenNetlink(int flags, uint32_t groups) {
  OwnedFd fd(
      socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_SOCK_DIAG));
  if (!fd.valid()) return absl::ErrnoToStatus(errno, "socket(AF_NETLINK)");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) !=
      0) {
    return absl::ErrnoToStatus(errno, "bind(NETLINK_SOCK_DIAG)");
  }
  return fd;
}

constexpr uint32_t GroupBit(int group) { return 1u << (group - 1); }

}  // namespace

absl::StatusOr<OwnedFd> OpenSocketEnds() {
  constexpr uint32_t kGroups =
      GroupBit(SKNLGRP_INET_TCP_DESTROY) | GroupBit(SKNLGRP_INET_UDP_DESTROY) |
      GroupBit(SKNLGRP_INET6_TCP_DESTROY) | GroupBit(SKNLGRP_INET6_UDP_DESTROY);
  auto fd = OpenNetlink(SOCK_NONBLOCK, kGroups);
  if (!fd.ok()) return fd;
  // A process that ends has many ends at once. The first needs CAP_NET_ADMIN,
  // the second gives what there is.
  const int bytes = 4 << 20;
  if (setsockopt(fd->get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes,
                 sizeof(bytes)) != 0) {
    (void)setsockopt(fd->get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
  }
  return fd;
}

absl::StatusOr<bool> ReadSocketEnds(int fd, const ReportSink& sink) {
  alignas(nlmsghdr) char buffer[4096];
  const ssize_t size = Receive(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
  if (size < 0 && errno == EAGAIN) return false;
  if (size < 0) return absl::ErrnoToStatus(errno, "recv(NETLINK_SOCK_DIAG)");
  const auto end =
      ReadMessages(buffer, size, 0,
                   [&sink](const SocketReport& report,
                           absl::string_view /*tcp_info*/) { sink(report); });
  if (!end.ok()) return end.status();
  return true;
}

absl::Status ListSockets(int family, int protocol, ReportDetail detail,
                         uint32_t states, const DetailSink& sink) {
  const auto fd = OpenNetlink(0, 0);
  if (!fd.ok()) return fd.status();
  struct {
    nlmsghdr header;
    inet_diag_req_v2 body;
  } request{};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.sdiag_family = static_cast<uint8_t>(family);
  // Beyond a byte it is an attribute.
  request.body.sdiag_protocol = static_cast<uint8_t>(protocol);
  if (detail == ReportDetail::kCounts) {
    request.body.idiag_ext = 1 << (INET_DIAG_INFO - 1);
  }
  request.body.idiag_states = states;
  struct {
    nlattr header;
    uint32_t protocol;
  } wide{};
  wide.header.nla_type = INET_DIAG_REQ_PROTOCOL;
  wide.header.nla_len = sizeof(wide);
  wide.protocol = static_cast<uint32_t>(protocol);
  char message[sizeof(request) + sizeof(wide)];
  size_t bytes = sizeof(request);
  if (protocol > 255) {
    request.header.nlmsg_len = sizeof(message);
    request.body.sdiag_protocol = 255;
    memcpy(message + sizeof(request), &wide, sizeof(wide));
    bytes = sizeof(message);
  }
  memcpy(message, &request, sizeof(request));
  if (send(fd->get(), message, bytes, 0) < 0) {
    return absl::ErrnoToStatus(errno, "send(NETLINK_SOCK_DIAG)");
  }
  std::vector<nlmsghdr> buffer(kBufferBytes / sizeof(nlmsghdr));
  auto* const data = reinterpret_cast<char*>(buffer.data());
  for (;;) {
    const ssize_t size = Receive(fd->get(), data, kBufferBytes, 0);
    if (size < 0) return absl::ErrnoToStatus(errno, "recv(NETLINK_SOCK_DIAG)");
    const auto end = ReadMessages(data, size, protocol, sink);
    if (!end.ok()) return end.status();
    if (*end) return absl::OkStatus();
  }
}

absl::Status ListSockets(int family, int protocol, const ReportSink& sink) {
  return ListSockets(family, protocol, ReportDetail::kState, kAllStates,
                     [&sink](const SocketReport& report,
                             absl::string_view /*tcp_info*/) { sink(report); });
}

}  // namespace wspd
