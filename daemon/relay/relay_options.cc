#include "daemon/relay/relay_options.h"

#include <fcntl.h>
#include <linux/in6.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "daemon/base/owned_fd.h"
#include "daemon/socket/ip_header_options.h"

namespace wspd {
namespace {

// Names that the libraries' headers don't have, or have only where they don't
// clash.
constexpr int kSolMptcp = 284;
constexpr int kIpv6Addrform = 1;
constexpr int kUdpNoCheck6Tx = 101;
constexpr int kUdpNoCheck6Rx = 102;
constexpr int kUdpSegment = 103;
constexpr int kUdpGro = 104;
constexpr int kUdpLiteSendCoverage = 10;
constexpr int kUdpLiteReceiveCoverage = 11;
constexpr int kIpLocalPortRange = 51;
constexpr int kSoReserveMem = 73;
constexpr int kSoTxRehash = 74;
constexpr int kSoRcvMark = 75;
constexpr int kIpv6RecvFragSize = 77;
constexpr int kIpv6MulticastAll = 29;
constexpr int kIpv6Freebind = 78;
constexpr int kIpv6RouterAlertIsolate = 30;
constexpr int kIpv6RecvErrRfc4884 = 31;
constexpr int kIpRecvErrRfc4884 = 26;
constexpr int kTcpIsMptcp = 43;
constexpr int kMptcpInfo = 1;

// The highest priority that needs no privilege.
constexpr int kHighestPriority = 6;

struct Rule {
  int level;
  int name;
  OptionRule rule;
};

constexpr Rule kRules[] = {
    {SOL_SOCKET, SO_REUSEADDR, OptionRule::kReal},
    {SOL_SOCKET, SO_REUSEPORT, OptionRule::kReal},
    {SOL_SOCKET, SO_DONTROUTE, OptionRule::kReal},
    {SOL_SOCKET, SO_BROADCAST, OptionRule::kReal},
    {SOL_SOCKET, SO_SNDBUF, OptionRule::kReal},
    {SOL_SOCKET, SO_RCVBUF, OptionRule::kReal},
    {SOL_SOCKET, SO_KEEPALIVE, OptionRule::kReal},
    {SOL_SOCKET, SO_NO_CHECK, OptionRule::kReal},
    {SOL_SOCKET, SO_LINGER, OptionRule::kReal},
    {SOL_SOCKET, SO_TIMESTAMP, OptionRule::kReal},
    {SOL_SOCKET, SO_TIMESTAMPNS, OptionRule::kReal},
    {SOL_SOCKET, SO_TIMESTAMPING, OptionRule::kReal},
    {SOL_SOCKET, SO_TIMESTAMP_NEW, OptionRule::kReal},
    {SOL_SOCKET, SO_TIMESTAMPNS_NEW, OptionRule::kReal},
    {SOL_SOCKET, SO_TIMESTAMPING_NEW, OptionRule::kReal},
    {SOL_SOCKET, SO_RXQ_OVFL, OptionRule::kReal},
    {SOL_SOCKET, SO_SELECT_ERR_QUEUE, OptionRule::kReal},
    {SOL_SOCKET, SO_MAX_PACING_RATE, OptionRule::kReal},
    {SOL_SOCKET, SO_INCOMING_CPU, OptionRule::kReal},
    {SOL_SOCKET, kSoTxRehash, OptionRule::kReal},
    // Urgent bytes come as such over the pair.
    {SOL_SOCKET, SO_OOBINLINE, OptionRule::kProgramsOwn},
    {SOL_SOCKET, SO_RCVLOWAT, OptionRule::kProgramsOwn},
    {SOL_SOCKET, SO_RCVTIMEO, OptionRule::kProgramsOwn},
    {SOL_SOCKET, SO_SNDTIMEO, OptionRule::kProgramsOwn},
    {SOL_SOCKET, SO_PEEK_OFF, OptionRule::kProgramsOwn},
    {SOL_SOCKET, SO_DEBUG, OptionRule::kPrivileged},
    {SOL_SOCKET, SO_SNDBUFFORCE, OptionRule::kPrivileged},
    {SOL_SOCKET, SO_RCVBUFFORCE, OptionRule::kPrivileged},
    {SOL_SOCKET, SO_MARK, OptionRule::kPrivileged},
    {SOL_SOCKET, kSoRcvMark, OptionRule::kPrivileged},
    {SOL_SOCKET, kSoReserveMem, OptionRule::kRefused},
    {SOL_SOCKET, SO_BINDTODEVICE, OptionRule::kPrivileged},
    {SOL_SOCKET, SO_BINDTOIFINDEX, OptionRule::kPrivileged},
    {SOL_SOCKET, SO_ATTACH_FILTER, OptionRule::kRefused},
    {SOL_SOCKET, SO_DETACH_FILTER, OptionRule::kRefused},
    {SOL_SOCKET, SO_LOCK_FILTER, OptionRule::kRefused},
    {SOL_SOCKET, SO_ATTACH_BPF, OptionRule::kRefused},
    {SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, OptionRule::kRefused},
    {SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, OptionRule::kRefused},
    {SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, OptionRule::kRefused},
    {SOL_SOCKET, SO_BUSY_POLL, OptionRule::kPrivileged},
    {SOL_SOCKET, SO_PREFER_BUSY_POLL, OptionRule::kPrivileged},
    {SOL_SOCKET, SO_BUSY_POLL_BUDGET, OptionRule::kPrivileged},
    {SOL_SOCKET, SO_TXTIME, OptionRule::kRefused},

    {IPPROTO_IP, IP_TOS, OptionRule::kReal},
    {IPPROTO_IP, IP_TTL, OptionRule::kReal},
    {IPPROTO_IP, IP_OPTIONS, OptionRule::kRefused},
    {IPPROTO_IP, IP_RECVOPTS, OptionRule::kReal},
    {IPPROTO_IP, IP_RETOPTS, OptionRule::kReal},
    {IPPROTO_IP, IP_PKTINFO, OptionRule::kReal},
    {IPPROTO_IP, IP_MTU_DISCOVER, OptionRule::kReal},
    {IPPROTO_IP, IP_RECVERR, OptionRule::kReal},
    {IPPROTO_IP, kIpRecvErrRfc4884, OptionRule::kReal},
    {IPPROTO_IP, IP_RECVTTL, OptionRule::kReal},
    {IPPROTO_IP, IP_RECVTOS, OptionRule::kReal},
    {IPPROTO_IP, IP_FREEBIND, OptionRule::kReal},
    {IPPROTO_IP, IP_RECVORIGDSTADDR, OptionRule::kReal},
    {IPPROTO_IP, IP_MINTTL, OptionRule::kReal},
    {IPPROTO_IP, IP_CHECKSUM, OptionRule::kReal},
    {IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, OptionRule::kReal},
    {IPPROTO_IP, IP_RECVFRAGSIZE, OptionRule::kReal},
    {IPPROTO_IP, IP_MULTICAST_IF, OptionRule::kReal},
    {IPPROTO_IP, IP_MULTICAST_TTL, OptionRule::kReal},
    {IPPROTO_IP, IP_MULTICAST_LOOP, OptionRule::kReal},
    {IPPROTO_IP, IP_MULTICAST_ALL, OptionRule::kReal},
    {IPPROTO_IP, IP_ADD_MEMBERSHIP, OptionRule::kReal},
    {IPPROTO_IP, IP_DROP_MEMBERSHIP, OptionRule::kReal},
    {IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, OptionRule::kReal},
    {IPPROTO_IP, IP_DROP_SOURCE_MEMBERSHIP, OptionRule::kReal},
    {IPPROTO_IP, IP_BLOCK_SOURCE, OptionRule::kReal},
    {IPPROTO_IP, IP_UNBLOCK_SOURCE, OptionRule::kReal},
    {IPPROTO_IP, IP_MSFILTER, OptionRule::kReal},
    {IPPROTO_IP, MCAST_JOIN_GROUP, OptionRule::kReal},
    {IPPROTO_IP, MCAST_LEAVE_GROUP, OptionRule::kReal},
    {IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP, OptionRule::kReal},
    {IPPROTO_IP, MCAST_LEAVE_SOURCE_GROUP, OptionRule::kReal},
    {IPPROTO_IP, MCAST_BLOCK_SOURCE, OptionRule::kReal},
    {IPPROTO_IP, MCAST_UNBLOCK_SOURCE, OptionRule::kReal},
    {IPPROTO_IP, MCAST_MSFILTER, OptionRule::kReal},
    {IPPROTO_IP, IP_UNICAST_IF, OptionRule::kReal},
    {IPPROTO_IP, kIpLocalPortRange, OptionRule::kReal},
    {IPPROTO_IP, IP_TRANSPARENT, OptionRule::kPrivileged},
    {IPPROTO_IP, IP_IPSEC_POLICY, OptionRule::kPrivileged},
    {IPPROTO_IP, IP_XFRM_POLICY, OptionRule::kPrivileged},

    {IPPROTO_IPV6, IPV6_V6ONLY, OptionRule::kReal},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS, OptionRule::kReal},
    {IPPROTO_IPV6, IPV6_MULTICAST_IF, OptionRule::kReal},
    {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, OptionRule::kReal},
    {IPPROTO_IPV6, IPV6_MULTICAST_LOOP, OptionRule::kReal},
    {IPPROTO_IPV6, kIpv6MulticastAll, OptionRule::kReal},
    {IPPROTO_IPV6, IPV6_JOIN_GROUP, OptionRule::kReal},
    {IPPROTO_IPV6, IPV6_LEAVE_GROUP, OptionRule::kReal},
    {IPPROTO_IPV6, IPV6_JOIN_ANYCAST, OptionRule::kPrivileged},
    {IPPROTO_IPV6, IPV6_LEAVE_ANYCAST, OptionRule::kRefused},
    {IPPROTO_IPV6, IPV6_MTU_DISCOVER, OptionRule::kReal},
    {IPPROTO_IPV6, IPV6_MTU, OptionRule::kReal},
    {IPPROTO_IPV6, IPV6_RECVERR, OptionRule::kReal},
    {IPPROTO_IPV6, kIpv6RecvErrRfc4884, OptionRule::kReal},
    {IPPROTO_IPV6, kIpv6RouterAlertIsolate, OptionRule::kRefused},
    {IPPROTO_IPV6, IPV6_RECVPKTINFO, OptionRule::kReal},
    {IPPROTO_IPV6, IPV6_PKTINFO, OptionRule::kReal},
    {IPPROTO_IPV6, IPV6_RECVHOPOPTS, OptionRule::kReal},
    {IPPROTO_IPV6, IPV6_RECVRTHDR, OptionRule::kReal},
    {IPPROTO_IPV6, IPV6_RECVDSTOPTS, OptionRule::kReal},
    {IPPROTO_IPV6, IPV6_2292PKTINFO, OptionRule::kReal},
    {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, OptionRule::kReal},
    {IPPROTO_IPV6, IPV6_2292HOPLIMIT, OptionRule::kReal},
    {IPPROTO_IPV6, IPV6_RECVTCLASS, OptionRule::kReal},
    {IPPROTO_IPV6, IPV6_TCLASS, OptionRule::kReal},
    {IPPROTO_IPV6, IPV6_RECVPATHMTU, OptionRule::kReal},
    {IPPROTO_IPV6, IPV6_DONTFRAG, OptionRule::kReal},
    {IPPROTO_IPV6, IPV6_FLOWINFO, OptionRule::kReal},
    {IPPROTO_IPV6, IPV6_FLOWINFO_SEND, OptionRule::kReal},
    {IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, OptionRule::kReal},
    {IPPROTO_IPV6, IPV6_ADDR_PREFERENCES, OptionRule::kReal},
    {IPPROTO_IPV6, IPV6_MINHOPCOUNT, OptionRule::kReal},
    {IPPROTO_IPV6, IPV6_ORIGDSTADDR, OptionRule::kReal},
    {IPPROTO_IPV6, IPV6_UNICAST_IF, OptionRule::kReal},
    {IPPROTO_IPV6, kIpv6RecvFragSize, OptionRule::kReal},
    {IPPROTO_IPV6, kIpv6Freebind, OptionRule::kReal},
    {IPPROTO_IPV6, MCAST_JOIN_GROUP, OptionRule::kReal},
    {IPPROTO_IPV6, MCAST_LEAVE_GROUP, OptionRule::kReal},
    {IPPROTO_IPV6, MCAST_JOIN_SOURCE_GROUP, OptionRule::kReal},
    {IPPROTO_IPV6, MCAST_LEAVE_SOURCE_GROUP, OptionRule::kReal},
    {IPPROTO_IPV6, MCAST_BLOCK_SOURCE, OptionRule::kReal},
    {IPPROTO_IPV6, MCAST_UNBLOCK_SOURCE, OptionRule::kReal},
    {IPPROTO_IPV6, MCAST_MSFILTER, OptionRule::kReal},
    // It would make another socket of it than the pair's name says.
    {IPPROTO_IPV6, kIpv6Addrform, OptionRule::kRefused},
    {IPPROTO_IPV6, IPV6_TRANSPARENT, OptionRule::kPrivileged},
    {IPPROTO_IPV6, IPV6_IPSEC_POLICY, OptionRule::kPrivileged},
    {IPPROTO_IPV6, IPV6_XFRM_POLICY, OptionRule::kPrivileged},
    {IPPROTO_IPV6, IPV6_HOPOPTS, OptionRule::kPrivileged},
    {IPPROTO_IPV6, IPV6_RTHDRDSTOPTS, OptionRule::kPrivileged},
    {IPPROTO_IPV6, IPV6_RTHDR, OptionRule::kRefused},
    {IPPROTO_IPV6, IPV6_DSTOPTS, OptionRule::kPrivileged},
    {IPPROTO_IPV6, IPV6_FLOWLABEL_MGR, OptionRule::kRefused},

    {IPPROTO_TCP, TCP_NODELAY, OptionRule::kReal},
    {IPPROTO_TCP, TCP_MAXSEG, OptionRule::kReal},
    {IPPROTO_TCP, TCP_CORK, OptionRule::kReal},
    {IPPROTO_TCP, TCP_KEEPIDLE, OptionRule::kReal},
    {IPPROTO_TCP, TCP_KEEPINTVL, OptionRule::kReal},
    {IPPROTO_TCP, TCP_KEEPCNT, OptionRule::kReal},
    {IPPROTO_TCP, TCP_SYNCNT, OptionRule::kReal},
    {IPPROTO_TCP, TCP_LINGER2, OptionRule::kReal},
    {IPPROTO_TCP, TCP_DEFER_ACCEPT, OptionRule::kReal},
    {IPPROTO_TCP, TCP_WINDOW_CLAMP, OptionRule::kReal},
    {IPPROTO_TCP, TCP_QUICKACK, OptionRule::kReal},
    {IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, OptionRule::kReal},
    {IPPROTO_TCP, TCP_THIN_DUPACK, OptionRule::kReal},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, OptionRule::kReal},
    {IPPROTO_TCP, TCP_FASTOPEN, OptionRule::kReal},
    {IPPROTO_TCP, TCP_NOTSENT_LOWAT, OptionRule::kReal},
    {IPPROTO_TCP, TCP_SAVE_SYN, OptionRule::kReal},
    // With the first ones the daemon's own sends and receives would differ.
    {IPPROTO_TCP, TCP_ULP, OptionRule::kRefused},
    {IPPROTO_TCP, TCP_FASTOPEN_CONNECT, OptionRule::kRefused},
    {IPPROTO_TCP, TCP_FASTOPEN_KEY, OptionRule::kRefused},
    {IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, OptionRule::kRefused},
    {IPPROTO_TCP, TCP_REPAIR, OptionRule::kPrivileged},
    {IPPROTO_TCP, TCP_REPAIR_QUEUE, OptionRule::kRefused},
    {IPPROTO_TCP, TCP_QUEUE_SEQ, OptionRule::kRefused},
    {IPPROTO_TCP, TCP_REPAIR_OPTIONS, OptionRule::kRefused},
    {IPPROTO_TCP, TCP_REPAIR_WINDOW, OptionRule::kRefused},
    {IPPROTO_TCP, TCP_MD5SIG, OptionRule::kRefused},
    {IPPROTO_TCP, TCP_MD5SIG_EXT, OptionRule::kRefused},
    {IPPROTO_TCP, TCP_TX_DELAY, OptionRule::kRefused},

    {IPPROTO_UDP, UDP_CORK, OptionRule::kReal},
    {IPPROTO_UDP, kUdpNoCheck6Tx, OptionRule::kReal},
    {IPPROTO_UDP, kUdpNoCheck6Rx, OptionRule::kReal},
    {IPPROTO_UDP, kUdpSegment, OptionRule::kReal},
    {IPPROTO_UDP, kUdpGro, OptionRule::kReal},
    {IPPROTO_UDP, UDP_ENCAP, OptionRule::kRefused},
    {IPPROTO_UDPLITE, kUdpLiteSendCoverage, OptionRule::kReal},
    {IPPROTO_UDPLITE, kUdpLiteReceiveCoverage, OptionRule::kReal},
};

struct Name {
  int level;
  int name;
};

// What can be read besides the settings. Others would give away what is the
// daemon's (SO_PEERPIDFD, TCP_FASTOPEN_KEY), or have the kernel write where the
// value says (TCP_ZEROCOPY_RECEIVE, MPTCP_FULL_INFO).
constexpr Name kReadable[] = {
    {SOL_SOCKET, SO_TYPE},
    {SOL_SOCKET, SO_DOMAIN},
    {SOL_SOCKET, SO_PROTOCOL},
    {SOL_SOCKET, SO_ACCEPTCONN},
    {SOL_SOCKET, SO_COOKIE},
    {SOL_SOCKET, SO_MEMINFO},
    {SOL_SOCKET, SO_INCOMING_NAPI_ID},
    {SOL_SOCKET, SO_SNDLOWAT},
    {SOL_SOCKET, SO_ZEROCOPY},
    // TCP has none, and says so.
    {SOL_SOCKET, SO_PEERCRED},
    {SOL_SOCKET, SO_MARK},
    {SOL_SOCKET, SO_BINDTODEVICE},
    {SOL_SOCKET, SO_BINDTOIFINDEX},
    {SOL_SOCKET, SO_DEBUG},
    {SOL_SOCKET, SO_BUSY_POLL},
    {IPPROTO_IP, IP_MTU},
    {IPPROTO_IP, IP_TRANSPARENT},
    {IPPROTO_IPV6, IPV6_PATHMTU},
    {IPPROTO_IPV6, IPV6_TRANSPARENT},
    {IPPROTO_TCP, TCP_INFO},
    {IPPROTO_TCP, TCP_CC_INFO},
    {IPPROTO_TCP, TCP_CONGESTION},
    {IPPROTO_TCP, TCP_SAVED_SYN},
    {IPPROTO_TCP, TCP_TIMESTAMP},
    {IPPROTO_TCP, TCP_FASTOPEN_CONNECT},
    {IPPROTO_TCP, TCP_ULP},
    {IPPROTO_TCP, kTcpIsMptcp},
    {kSolMptcp, kMptcpInfo},
};

bool IsPermittedPriority(const void* value, size_t size) {
  int priority = 0;
  if (size < sizeof(priority)) return true;
  memcpy(&priority, value, sizeof(priority));
  return priority >= 0 && priority <= kHighestPriority;
}

// The kernel would let the daemon use others, or load them.
bool IsPermittedCongestionControl(const void* value, size_t size) {
  const OwnedFd file(open("/proc/sys/net/ipv4/tcp_allowed_congestion_control",
                          O_RDONLY | O_CLOEXEC));
  char names[512];
  const ssize_t length =
      file.valid() ? read(file.get(), names, sizeof(names)) : 0;
  if (length <= 0 || value == nullptr) return false;
  const absl::string_view wanted(static_cast<const char*>(value), size);
  const absl::string_view name = wanted.substr(0, wanted.find('\0'));
  for (absl::string_view allowed :
       absl::StrSplit(absl::string_view(names, static_cast<size_t>(length)),
                      absl::ByAnyChar(" \n"), absl::SkipEmpty())) {
    if (name == allowed) return true;
  }
  return false;
}

}  // namespace

OptionRule RuleOfSetting(int level, int name, const void* value, size_t size) {
  if (level == SOL_SOCKET && name == SO_PRIORITY) {
    return IsPermittedPriority(value, size) ? OptionRule::kReal
                                            : OptionRule::kPrivileged;
  }
  if (level == IPPROTO_IP && name == IP_OPTIONS &&
      !AreForAnybody({static_cast<const char*>(value), size})) {
    return OptionRule::kPrivileged;
  }
  if (level == IPPROTO_TCP && name == TCP_CONGESTION) {
    return IsPermittedCongestionControl(value, size) ? OptionRule::kReal
                                                     : OptionRule::kPrivileged;
  }
  for (const Rule& rule : kRules) {
    if (rule.level == level && rule.name == name) return rule.rule;
  }
  return OptionRule::kUnknown;
}

bool IsReadable(int level, int name) {
  // The kernel takes from the value how many addresses it may write, however
  // long the value is.
  if ((level == IPPROTO_IP || level == IPPROTO_IPV6) &&
      (name == IP_MSFILTER || name == MCAST_MSFILTER)) {
    return false;
  }
  if (RuleOfSetting(level, name, nullptr, 0) == OptionRule::kReal) return true;
  for (const Name& readable : kReadable) {
    if (readable.level == level && readable.name == name) return true;
  }
  return false;
}

NetAddress JoinedGroup(int level, int name, absl::string_view value) {
  sockaddr_storage group{};
  const auto take = [&](sa_family_t family, size_t at, size_t size, void* to) {
    if (value.size() < at + size) return;
    memcpy(to, value.data() + at, size);
    group.ss_family = family;
  };
  if (name == MCAST_JOIN_GROUP || name == MCAST_JOIN_SOURCE_GROUP) {
    // Both begin alike.
    constexpr size_t kAt = offsetof(group_req, gr_group);
    if (value.size() < kAt + sizeof(group)) return NetAddress();
    memcpy(&group, value.data() + kAt, sizeof(group));
  } else if (level == IPPROTO_IP &&
             (name == IP_ADD_MEMBERSHIP || name == IP_ADD_SOURCE_MEMBERSHIP)) {
    take(AF_INET, 0, sizeof(in_addr),
         &reinterpret_cast<sockaddr_in*>(&group)->sin_addr);
  } else if (level == IPPROTO_IPV6 && name == IPV6_JOIN_GROUP) {
    take(AF_INET6, 0, sizeof(in6_addr),
         &reinterpret_cast<sockaddr_in6*>(&group)->sin6_addr);
  }
  // Some have a port, which means nothing to the kernel.
  switch (group.ss_family) {
    case AF_INET:
      return NetAddress(*reinterpret_cast<const sockaddr_in*>(&group))
          .WithPort(0);
    case AF_INET6:
      return NetAddress(*reinterpret_cast<const sockaddr_in6*>(&group))
          .WithPort(0);
    default:
      return NetAddress();
  }
}

NetAddress GroupSource(int level, int name, absl::string_view value) {
  if (level != IPPROTO_IP || name != IP_MULTICAST_IF) return NetAddress();
  // An address, or a group's, which counts for nothing, before it.
  const size_t at =
      value.size() >= sizeof(ip_mreq) ? offsetof(ip_mreq, imr_interface) : 0;
  sockaddr_in source{};
  source.sin_family = AF_INET;
  if (value.size() < at + sizeof(source.sin_addr)) return NetAddress();
  memcpy(&source.sin_addr, value.data() + at, sizeof(source.sin_addr));
  return source.sin_addr.s_addr == INADDR_ANY ? NetAddress()
                                              : NetAddress(source);
}

}  // namespace wspd
