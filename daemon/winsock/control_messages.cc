#include "daemon/winsock/control_messages.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <cstring>

#include "daemon/winsock/message_flags.h"

namespace wspd {
namespace {

// Winsock's layouts (reference, section 4.10 for the numbers).
struct WinsockPacketInfo4 {
  in_addr address;
  uint32_t interface_index;
};
struct WinsockPacketInfo6 {
  in6_addr address;
  uint32_t interface_index;
};
constexpr int kLevelIp = 0;
constexpr int kLevelIpv6 = 41;
constexpr int kLevelUdp = 17;
// The same over IPv4 and IPv6.
constexpr int kInterface = 24;
constexpr int kDestination = 25;
constexpr int kOriginalInterface = 47;
constexpr int kEcn = 50;
constexpr int kPacketInfoEx = 51;
constexpr uint32_t kEcnBits = 3;
// UDP_COALESCED_INFO: the size of the datagrams that came as one.
constexpr int kCoalesced = 3;
constexpr int kIpTos = 3;
constexpr int kIpTtl = 4;
constexpr int kIpPacketInfo = 19;
constexpr int kIpv6PacketInfo = 19;
constexpr int kIpv6HopLimit = 21;
constexpr int kIpv6TrafficClass = 39;

// An item that is one int on both sides.
struct NumberItem {
  int level;
  int type;
  int kernel_level;
  int kernel_type;
  bool WantedControl::*wanted;
};
constexpr NumberItem kNumbers[] = {
    {kLevelIp, kIpTtl, IPPROTO_IP, IP_TTL, &WantedControl::ttl},
    {kLevelIp, kIpTos, IPPROTO_IP, IP_TOS, &WantedControl::type_of_service},
    {kLevelIpv6, kIpv6HopLimit, IPPROTO_IPV6, IPV6_HOPLIMIT,
     &WantedControl::ttl},
    {kLevelIpv6, kIpv6TrafficClass, IPPROTO_IPV6, IPV6_TCLASS,
     &WantedControl::type_of_service},
};

// Appends one item in the kernel's layout.
void AppendItem(int level, int type, const void* data, size_t size,
                std::string* control) {
  const size_t start = control->size();
  control->resize(start + CMSG_SPACE(size));
  auto* item = reinterpret_cast<cmsghdr*>(&(*control)[start]);
  item->cmsg_level = level;
  item->cmsg_type = type;
  item->cmsg_len = CMSG_LEN(size);
  memcpy(CMSG_DATA(item), data, size);
}

void AddMessage(int level, int type, const void* data, size_t size,
                ControlMessages* messages) {
  wsp::v1::ControlMessage* message = messages->Add();
  message->set_level(level);
  message->set_type(type);
  message->set_data(data, size);
}

// Reads a layout; false if the data hasn't its size.
template <typename Layout>
bool Read(absl::string_view data, Layout* out) {
  if (data.size() != sizeof(Layout)) return false;
  memcpy(out, data.data(), sizeof(Layout));
  return true;
}

bool EncodePacketInfo(const wsp::v1::ControlMessage& message,
                      std::string* control) {
  if (message.level() == kLevelIp) {
    WinsockPacketInfo4 from;
    if (!Read(message.data(), &from)) return false;
    in_pktinfo to{};
    to.ipi_spec_dst = from.address;
    to.ipi_ifindex = static_cast<int>(from.interface_index);
    AppendItem(IPPROTO_IP, IP_PKTINFO, &to, sizeof(to), control);
    return true;
  }
  WinsockPacketInfo6 from;
  if (!Read(message.data(), &from)) return false;
  in6_pktinfo to{};
  to.ipi6_addr = from.address;
  to.ipi6_ifindex = from.interface_index;
  AppendItem(IPPROTO_IPV6, IPV6_PKTINFO, &to, sizeof(to), control);
  return true;
}

bool EncodeOne(const wsp::v1::ControlMessage& message, std::string* control) {
  static_assert(kIpPacketInfo == kIpv6PacketInfo, "one check for both");
  const bool known_level =
      message.level() == kLevelIp || message.level() == kLevelIpv6;
  if (known_level && message.type() == kIpPacketInfo) {
    return EncodePacketInfo(message, control);
  }
  // The congestion bits alone are the type of service that has no others.
  const bool is_ecn = known_level && message.type() == kEcn;
  const int type = !is_ecn                       ? message.type()
                   : message.level() == kLevelIp ? kIpTos
                                                 : kIpv6TrafficClass;
  for (const NumberItem& item : kNumbers) {
    if (item.level != message.level() || item.type != type) continue;
    int32_t number;
    if (!Read(message.data(), &number)) return false;
    if (is_ecn && (static_cast<uint32_t>(number) & ~kEcnBits) != 0) {
      return false;
    }
    const int value = number;
    AppendItem(item.kernel_level, item.kernel_type, &value, sizeof(value),
               control);
    return true;
  }
  return false;
}

// What is wanted of packet information: itself, and parts of it.
template <typename Info>
void AddPacketInfo(int level, const Info& info, const WantedControl& wanted,
                   ControlMessages* messages) {
  static_assert(kIpPacketInfo == kIpv6PacketInfo, "one number for both");
  const auto add = [&](bool is_wanted, int type, const void* data,
                       size_t size) {
    if (is_wanted) AddMessage(level, type, data, size, messages);
  };
  const uint32_t index = info.interface_index;
  const struct {
    Info info;
    uint32_t zone;
  } with_zone{info, 0};
  add(wanted.packet_info, kIpPacketInfo, &info, sizeof(info));
  add(wanted.packet_info_ex, kPacketInfoEx, &with_zone, sizeof(with_zone));
  add(wanted.interface, kInterface, &index, sizeof(index));
  add(wanted.destination, kDestination, &info.address, sizeof(info.address));
  // Nothing is tunnelled here.
  add(wanted.original_interface, kOriginalInterface, &index, sizeof(index));
}

void DecodePacketInfo(const cmsghdr& item, const WantedControl& wanted,
                      ControlMessages* messages) {
  if (item.cmsg_level == IPPROTO_IP) {
    in_pktinfo from;
    memcpy(&from, CMSG_DATA(&item), sizeof(from));
    const WinsockPacketInfo4 info{from.ipi_addr,
                                  static_cast<uint32_t>(from.ipi_ifindex)};
    return AddPacketInfo(kLevelIp, info, wanted, messages);
  }
  in6_pktinfo from;
  memcpy(&from, CMSG_DATA(&item), sizeof(from));
  AddPacketInfo(kLevelIpv6,
                WinsockPacketInfo6{from.ipi6_addr, from.ipi6_ifindex}, wanted,
                messages);
}

bool IsPacketInfo(const cmsghdr& item) {
  return (item.cmsg_level == IPPROTO_IP && item.cmsg_type == IP_PKTINFO) ||
         (item.cmsg_level == IPPROTO_IPV6 && item.cmsg_type == IPV6_PKTINFO);
}

// The number in an item; IP_TOS has one byte.
int32_t NumberIn(const cmsghdr& item) {
  const size_t size = item.cmsg_len - CMSG_LEN(0);
  int32_t number = 0;
  if (size == 1) {
    number = *CMSG_DATA(&item);
  } else if (size >= sizeof(number)) {
    memcpy(&number, CMSG_DATA(&item), sizeof(number));
  }
  return number;
}

void DecodeNumber(const cmsghdr& item, const WantedControl& wanted,
                  ControlMessages* messages) {
  const int32_t number = NumberIn(item);
  if (item.cmsg_level == IPPROTO_UDP && item.cmsg_type == UDP_GRO) {
    return AddMessage(kLevelUdp, kCoalesced, &number, sizeof(number), messages);
  }
  for (const NumberItem& known : kNumbers) {
    if (known.kernel_level != item.cmsg_level ||
        known.kernel_type != item.cmsg_type) {
      continue;
    }
    if (wanted.*known.wanted) {
      AddMessage(known.level, known.type, &number, sizeof(number), messages);
    }
    const bool has_ecn = known.wanted == &WantedControl::type_of_service;
    if (has_ecn && wanted.ecn) {
      const uint32_t ecn = static_cast<uint32_t>(number) & kEcnBits;
      AddMessage(known.level, kEcn, &ecn, sizeof(ecn), messages);
    }
    return;
  }
}

// Calls `visit(const cmsghdr&)` for each item of recvmsg()'s.
template <typename Visit>
void ForEachItem(absl::string_view control, Visit visit) {
  msghdr message{};
  message.msg_control = const_cast<char*>(control.data());
  message.msg_controllen = control.size();
  for (cmsghdr* item = CMSG_FIRSTHDR(&message); item != nullptr;
       item = CMSG_NXTHDR(&message, item)) {
    visit(*item);
  }
}

}  // namespace

WsaError EncodeControl(const ControlMessages& messages, std::string* control) {
  for (const wsp::v1::ControlMessage& message : messages) {
    if (!EncodeOne(message, control)) return kWsaInval;
  }
  return 0;
}

void DecodeControl(absl::string_view control, const WantedControl& wanted,
                   ControlMessages* messages) {
  ForEachItem(control, [&](const cmsghdr& item) {
    if (IsPacketInfo(item)) {
      DecodePacketInfo(item, wanted, messages);
    } else {
      DecodeNumber(item, wanted, messages);
    }
  });
}

uint32_t AddressingFlags(absl::string_view control) {
  uint32_t flags = 0;
  ForEachItem(control, [&flags](const cmsghdr& item) {
    if (!IsPacketInfo(item)) return;
    if (item.cmsg_level == IPPROTO_IPV6) {
      in6_pktinfo info;
      memcpy(&info, CMSG_DATA(&item), sizeof(info));
      if (IN6_IS_ADDR_MULTICAST(&info.ipi6_addr)) flags = kMsgMcast;
      return;
    }
    in_pktinfo info;
    memcpy(&info, CMSG_DATA(&item), sizeof(info));
    if (IN_MULTICAST(ntohl(info.ipi_addr.s_addr))) {
      flags = kMsgMcast;
    } else if (info.ipi_addr.s_addr == INADDR_BROADCAST ||
               (info.ipi_spec_dst.s_addr != INADDR_ANY &&
                info.ipi_addr.s_addr != info.ipi_spec_dst.s_addr)) {
      // Neither a group nor this machine's own, if it knows one to answer from:
      // a broadcast address.
      flags = kMsgBcast;
    }
  });
  return flags;
}

}  // namespace wspd
