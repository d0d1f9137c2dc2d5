#include "daemon/relay/datagram_message.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <cstring>

#include "daemon/relay/relay_address.h"

namespace wspd {
namespace {

using wsp::relay::DatagramHeader;

// As setsockopt(SO_PRIORITY) has it: more needs CAP_NET_ADMIN.
constexpr int kMostPriority = 6;
// From Linux 6.13 on.
constexpr int kScmTsOptId = 81;

enum class Rule {
  kPassed,
  kPrivileged,
  // An int, privileged above kMostPriority.
  kPriority,
};

struct ControlRule {
  int level;
  int type;
  Rule rule;
};

// Options that change where a packet goes or what its header has beyond what
// any program may say need CAP_NET_RAW.
constexpr ControlRule kControlRules[] = {
    {IPPROTO_IP, IP_PKTINFO, Rule::kPassed},
    {IPPROTO_IP, IP_TTL, Rule::kPassed},
    {IPPROTO_IP, IP_TOS, Rule::kPassed},
    {IPPROTO_IP, IP_RETOPTS, Rule::kPrivileged},
    {IPPROTO_IPV6, IPV6_PKTINFO, Rule::kPassed},
    {IPPROTO_IPV6, IPV6_2292PKTINFO, Rule::kPassed},
    {IPPROTO_IPV6, IPV6_HOPLIMIT, Rule::kPassed},
    {IPPROTO_IPV6, IPV6_2292HOPLIMIT, Rule::kPassed},
    {IPPROTO_IPV6, IPV6_TCLASS, Rule::kPassed},
    {IPPROTO_IPV6, IPV6_DONTFRAG, Rule::kPassed},
    {IPPROTO_IPV6, IPV6_HOPOPTS, Rule::kPrivileged},
    {IPPROTO_IPV6, IPV6_2292HOPOPTS, Rule::kPrivileged},
    {IPPROTO_IPV6, IPV6_DSTOPTS, Rule::kPrivileged},
    {IPPROTO_IPV6, IPV6_2292DSTOPTS, Rule::kPrivileged},
    {IPPROTO_IPV6, IPV6_RTHDRDSTOPTS, Rule::kPrivileged},
    {IPPROTO_IPV6, IPV6_RTHDR, Rule::kPrivileged},
    {IPPROTO_IPV6, IPV6_2292RTHDR, Rule::kPrivileged},
    {IPPROTO_UDP, UDP_SEGMENT, Rule::kPassed},
    {SOL_SOCKET, SO_TIMESTAMPING, Rule::kPassed},
    {SOL_SOCKET, SO_TIMESTAMPING_NEW, Rule::kPassed},
    {SOL_SOCKET, kScmTsOptId, Rule::kPassed},
    {SOL_SOCKET, SO_MARK, Rule::kPrivileged},
    {SOL_SOCKET, SO_PRIORITY, Rule::kPriority},
};

int CheckOne(const cmsghdr& item, const char* data, size_t bytes) {
  for (const ControlRule& known : kControlRules) {
    if (known.level != item.cmsg_level || known.type != item.cmsg_type) {
      continue;
    }
    if (known.rule == Rule::kPassed) return 0;
    if (known.rule == Rule::kPrivileged) return EPERM;
    int priority;
    if (bytes != sizeof(priority)) return EINVAL;
    memcpy(&priority, data, sizeof(priority));
    return priority < 0 || priority > kMostPriority ? EPERM : 0;
  }
  return EINVAL;
}

}  // namespace

const int kDatagramSendFlags = MSG_DONTROUTE | MSG_CONFIRM | MSG_MORE;

int CheckControl(const char* control, size_t bytes) {
  // As the kernel walks them; what is too short for a header ends the block.
  while (bytes >= sizeof(cmsghdr)) {
    cmsghdr item;
    memcpy(&item, control, sizeof(item));
    if (item.cmsg_len < sizeof(cmsghdr) || item.cmsg_len > bytes) return EINVAL;
    const int error =
        CheckOne(item, control + CMSG_LEN(0), item.cmsg_len - CMSG_LEN(0));
    if (error != 0) return error;
    const size_t step = CMSG_ALIGN(item.cmsg_len);
    if (step >= bytes) return 0;
    control += step;
    bytes -= step;
  }
  return 0;
}

int ReadDatagram(char* message, size_t bytes, DatagramMessage* datagram) {
  DatagramHeader header;
  if (bytes < sizeof(header) || bytes > kMostMessageBytes) return EINVAL;
  memcpy(&header, message, sizeof(header));
  message += sizeof(header);
  bytes -= sizeof(header);
  if (header.kind != wsp::relay::kDatagram ||
      (header.flags & ~kDatagramSendFlags) != 0 ||
      header.control_bytes > wsp::relay::kMaxControlBytes ||
      header.control_bytes > bytes ||
      !FromRelayAddress(header.address, &datagram->to)) {
    return EINVAL;
  }
  datagram->flags = header.flags;
  datagram->control = message;
  datagram->control_bytes = header.control_bytes;
  datagram->payload = message + header.control_bytes;
  datagram->payload_bytes = bytes - header.control_bytes;
  return CheckControl(datagram->control, datagram->control_bytes);
}

}  // namespace wspd
