// The options of the levels IPPROTO_IP and IPPROTO_IPV6 (reference, section
// 4.10).
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <string>

#include "daemon/socket/ip_header_options.h"
#include "daemon/winsock/group_request.h"
#include "daemon/winsock/option_rule.h"

namespace wspd {
namespace {

using Value = wsp::v1::OptionValue;

template <typename Layout>
WsaError SetRaw(int fd, int level, int option, const Layout& value) {
  return setsockopt(fd, level, option, &value, sizeof(value)) == 0
             ? WsaError(0)
             : WsaError::FromErrno(errno);
}

// A value with a layout of its own.
template <typename Layout>
WsaError ReadRaw(const Value& value, Layout* out) {
  if (value.value_case() != Value::kRaw ||
      value.raw().size() != sizeof(Layout)) {
    return kWsaFault;
  }
  memcpy(out, value.raw().data(), sizeof(Layout));
  return 0;
}

// --------------------------------------------------------------- multicast

WsaError SetMulticastInterface(const OptionRule& rule,
                               const OptionTarget& target, const Value& value) {
  uint32_t number;
  WsaError error = ReadNumber(rule, value, &number);
  if (!error.ok()) return error;
  const ip_mreqn request = MakeGroupRequest(in_addr{}, in_addr{number});
  error = SetRaw(target.socket.fd, IPPROTO_IP, IP_MULTICAST_IF, request);
  if (error.ok()) target.options->multicast_interface = number;
  return error;
}

// struct ip_mreq is the same on both sides but for interfaces by index.
WsaError SetMembership(const OptionRule& rule, const OptionTarget& target,
                       const Value& value) {
  ip_mreq from;
  if (WsaError error = ReadRaw(value, &from); !error.ok()) return error;
  return SetRaw(target.socket.fd, IPPROTO_IP, rule.kernel_option,
                MakeGroupRequest(from.imr_multiaddr, from.imr_interface));
}

// Winsock: group, source, interface.
struct WinsockSourceRequest {
  in_addr group;
  in_addr source;
  in_addr interface;
};

WsaError SetSourceMembership(const OptionRule& rule, const OptionTarget& target,
                             const Value& value) {
  WinsockSourceRequest from;
  if (WsaError error = ReadRaw(value, &from); !error.ok()) return error;
  ip_mreq_source to{};
  to.imr_multiaddr = from.group;
  to.imr_sourceaddr = from.source;
  to.imr_interface = from.interface;
  return SetRaw(target.socket.fd, IPPROTO_IP, rule.kernel_option, to);
}

// struct ipv6_mreq is the same on both sides.
WsaError SetIpv6Membership(const OptionRule& rule, const OptionTarget& target,
                           const Value& value) {
  ipv6_mreq request;
  if (WsaError error = ReadRaw(value, &request); !error.ok()) return error;
  return SetRaw(target.socket.fd, IPPROTO_IPV6, rule.kernel_option, request);
}

// ---------------------------------------------------------- ancillary data

WsaError SetWanted(const OptionRule& rule, const OptionTarget& target,
                   const Value& value) {
  uint32_t on;
  WsaError error = ReadNumber(rule, value, &on);
  if (!error.ok()) return error;
  // Once on it stays on in the kernel: the daemon itself may look at it.
  if (on != 0) error = SetKernelFlag(rule, target, value);
  if (error.ok()) target.options->wanted_control.*rule.wanted = on != 0;
  return error;
}

WsaError GetWanted(const OptionRule& rule, const OptionTarget& target,
                   Value* value) {
  value->set_number(target.options->wanted_control.*rule.wanted);
  return 0;
}

// ----------------------------------------------------------- fragmentation

// Winsock's IP_PMTUDISC_*, by number: not set, DO, DONT, PROBE.
constexpr int kDiscoverOfWinsock[] = {IP_PMTUDISC_WANT, IP_PMTUDISC_DO,
                                      IP_PMTUDISC_DONT, IP_PMTUDISC_PROBE};

WsaError SetDiscover(const OptionRule& rule, const OptionTarget& target,
                     const Value& value) {
  uint32_t number;
  WsaError error = ReadNumber(rule, value, &number);
  if (!error.ok()) return error;
  return SetInt(target.socket.fd, rule.kernel_level, rule.kernel_option,
                kDiscoverOfWinsock[number]);
}

WsaError GetDiscover(const OptionRule& rule, const OptionTarget& target,
                     Value* value) {
  int kernel = 0;
  WsaError error =
      GetInt(target.socket.fd, rule.kernel_level, rule.kernel_option, &kernel);
  for (uint32_t i = 0; i < 4; ++i) {
    if (kDiscoverOfWinsock[i] == kernel) value->set_number(i);
  }
  return error;
}

WsaError SetDontFragment(const OptionRule& rule, const OptionTarget& target,
                         const Value& value) {
  WsaError error = SetFlag(rule, target, value);
  if (!error.ok()) return error;
  return SetInt(
      target.socket.fd, rule.kernel_level, rule.kernel_option,
      target.options->dont_fragment ? IP_PMTUDISC_DO : IP_PMTUDISC_WANT);
}

// Winsock's upper bound of the path's MTU. Linux has one for IPv6 alone, and
// takes no bound back; over IPv4 it is only kept.
WsaError SetUserMtu(const OptionRule& rule, const OptionTarget& target,
                    const Value& value) {
  uint32_t mtu;
  WsaError error = ReadNumber(rule, value, &mtu);
  if (!error.ok()) return error;
  if (rule.kernel_level == IPPROTO_IPV6 && mtu != target.options->user_mtu) {
    error = SetKernelNumber(rule, target, value);
  }
  if (error.ok()) target.options->user_mtu = mtu;
  return error;
}

// -------------------------------------------------- the sending interface

// Winsock has the index in network order for IPv4 alone, Linux always.
WsaError SetIpv6Interface(const OptionRule& rule, const OptionTarget& target,
                          const Value& value) {
  uint32_t index;
  if (WsaError error = ReadNumber(rule, value, &index); !error.ok()) {
    return error;
  }
  return SetInt(target.socket.fd, IPPROTO_IPV6, IPV6_UNICAST_IF,
                static_cast<int>(htonl(index)));
}

WsaError GetIpv6Interface(const OptionRule&, const OptionTarget& target,
                          Value* value) {
  int index = 0;
  WsaError error =
      GetInt(target.socket.fd, IPPROTO_IPV6, IPV6_UNICAST_IF, &index);
  value->set_number(ntohl(static_cast<uint32_t>(index)));
  return error;
}

// -------------------------------------------------------------- IP_OPTIONS

WsaError SetHeaderOptions(const OptionRule&, const OptionTarget& target,
                          const Value& value) {
  if (value.value_case() != Value::kRaw) return kWsaFault;
  if (!AreForAnybody(value.raw())) return kWsaAcces;
  return setsockopt(target.socket.fd, IPPROTO_IP, IP_OPTIONS,
                    value.raw().data(), value.raw().size()) == 0
             ? WsaError(0)
             : WsaError::FromErrno(errno);
}

WsaError GetHeaderOptions(const OptionRule&, const OptionTarget& target,
                          Value* value) {
  char options[40];
  socklen_t size = sizeof(options);
  if (getsockopt(target.socket.fd, IPPROTO_IP, IP_OPTIONS, options, &size) !=
      0) {
    return WsaError::FromErrno(errno);
  }
  value->set_raw(options, size);
  return 0;
}

// ------------------------------------------------------------------- tables

OptionRule Ip(int option, uint8_t types, SetOptionFunction set,
              GetOptionFunction get, int kernel_option, int64_t least = 0,
              int64_t most = UINT32_MAX) {
  // Of what only datagrams have, a stream says WSAEINVAL.
  return {option,     types,         kWsaInval, set, get,
          IPPROTO_IP, kernel_option, least,     most};
}

OptionRule Ipv6(int option, uint8_t types, SetOptionFunction set,
                GetOptionFunction get, int kernel_option, int64_t least = 0,
                int64_t most = UINT32_MAX) {
  return {option,       types,         kWsaInval, set, get,
          IPPROTO_IPV6, kernel_option, least,     most};
}

OptionRule Nowhere(int option) {
  return {option, 0, kWsaInval, nullptr, nullptr};
}

OptionRule WithNumber(OptionRule rule, uint32_t SocketOptions::*number) {
  rule.number = number;
  return rule;
}

// Ancillary data, of datagrams.
OptionRule IpWanted(int option, int kernel_option,
                    bool WantedControl::*wanted) {
  OptionRule rule =
      Ip(option, kOnDatagram, &SetWanted, &GetWanted, kernel_option);
  rule.wanted = wanted;
  return rule;
}

OptionRule Ipv6Wanted(int option, int kernel_option,
                      bool WantedControl::*wanted) {
  OptionRule rule =
      Ipv6(option, kOnDatagram, &SetWanted, &GetWanted, kernel_option);
  rule.wanted = wanted;
  return rule;
}

OptionRule WithFlag(OptionRule rule, bool SocketOptions::*flag) {
  rule.flag = flag;
  return rule;
}

}  // namespace

OptionRules IpLevelOptions() {
  static const OptionRule kRules[] = {
      Ip(1, kOnAll, &SetHeaderOptions, &GetHeaderOptions, IP_OPTIONS),
      Nowhere(2),  // IP_HDRINCL
      Ip(3, kOnAll, &SetKernelNumber, &GetKernelNumber, IP_TOS, 0, 255),
      Ip(4, kOnAll, &SetKernelNumber, &GetKernelNumber, IP_TTL, 1, 255),
      WithNumber(Ip(9, kOnDatagram, &SetMulticastInterface, &GetNumber, 0),
                 &SocketOptions::multicast_interface),
      Ip(10, kOnDatagram, &SetKernelNumber, &GetKernelNumber, IP_MULTICAST_TTL,
         0, 255),
      Ip(11, kOnDatagram, &SetKernelFlag, &GetKernelFlag, IP_MULTICAST_LOOP),
      Ip(12, kOnDatagram, &SetMembership, nullptr, IP_ADD_MEMBERSHIP),
      Ip(13, kOnDatagram, &SetMembership, nullptr, IP_DROP_MEMBERSHIP),
      WithFlag(Ip(14, kOnAll, &SetDontFragment, &GetFlag, IP_MTU_DISCOVER),
               &SocketOptions::dont_fragment),
      Ip(15, kOnDatagram, &SetSourceMembership, nullptr,
         IP_ADD_SOURCE_MEMBERSHIP),
      Ip(16, kOnDatagram, &SetSourceMembership, nullptr,
         IP_DROP_SOURCE_MEMBERSHIP),
      Ip(17, kOnDatagram, &SetSourceMembership, nullptr, IP_BLOCK_SOURCE),
      Ip(18, kOnDatagram, &SetSourceMembership, nullptr, IP_UNBLOCK_SOURCE),
      IpWanted(19, IP_PKTINFO, &WantedControl::packet_info),
      IpWanted(21, IP_RECVTTL, &WantedControl::ttl),
      WithFlag(Ip(22, kOnDatagram, &SetFlag, &GetFlag, 0),
               &SocketOptions::receives_broadcasts),
      IpWanted(24, IP_PKTINFO, &WantedControl::interface),
      IpWanted(25, IP_PKTINFO, &WantedControl::destination),
      WithFlag(Ip(28, kOnAll, &SetKeepsToInterfaces, &GetFlag, 0),
               &SocketOptions::keeps_to_interfaces),
      Ip(29, kOnAll, &AddInterface, nullptr, 0),
      Ip(30, kOnAll, &RemoveInterface, nullptr, 0),
      Ip(31, kOnAll, &SetKernelNumber, &GetKernelNumber, IP_UNICAST_IF),
      Ip(32, kOnAll, &SetOff, &GetOff, 0),  // IP_RTHDR
      Ip(33, kOnAll, nullptr, &GetInterfaces, 0),
      IpWanted(40, IP_RECVTOS, &WantedControl::type_of_service),
      IpWanted(47, IP_PKTINFO, &WantedControl::original_interface),
      IpWanted(50, IP_RECVTOS, &WantedControl::ecn),
      IpWanted(51, IP_PKTINFO, &WantedControl::packet_info_ex),
      Ip(71, kOnAll, &SetDiscover, &GetDiscover, IP_MTU_DISCOVER, 0, 3),
      Ip(73, kOnAll, nullptr, &GetKernelNumber, IP_MTU),
      // IP_RECVERR; errors come as WSAECONNRESET all the same.
      WithFlag(Ip(75, kOnDatagram, &SetFlag, &GetFlag, 0),
               &SocketOptions::receives_errors),
      WithNumber(Ip(76, kOnAll, &SetUserMtu, &GetNumber, 0),
                 &SocketOptions::user_mtu),
  };
  return kRules;
}

OptionRules Ipv6LevelOptions() {
  static const OptionRule kRules[] = {
      Ipv6(1, kOnAll, &SetOff, &GetOff, 0),  // IPV6_HOPOPTS
      Nowhere(2),                            // IPV6_HDRINCL
      Ipv6(4, kOnAll, &SetKernelNumber, &GetKernelNumber, IPV6_UNICAST_HOPS, -1,
           255),
      Ipv6(9, kOnDatagram, &SetKernelNumber, &GetKernelNumber,
           IPV6_MULTICAST_IF),
      Ipv6(10, kOnDatagram, &SetKernelNumber, &GetKernelNumber,
           IPV6_MULTICAST_HOPS, -1, 255),
      Ipv6(11, kOnDatagram, &SetKernelFlag, &GetKernelFlag,
           IPV6_MULTICAST_LOOP),
      Ipv6(12, kOnDatagram, &SetIpv6Membership, nullptr, IPV6_ADD_MEMBERSHIP),
      Ipv6(13, kOnDatagram, &SetIpv6Membership, nullptr, IPV6_DROP_MEMBERSHIP),
      Ipv6(14, kOnAll, &SetKernelFlag, &GetKernelFlag, IPV6_DONTFRAG),
      Ipv6Wanted(19, IPV6_RECVPKTINFO, &WantedControl::packet_info),
      Ipv6Wanted(21, IPV6_RECVHOPLIMIT, &WantedControl::ttl),
      WithNumber(Ipv6(23, kOnAll, &SetNumber, &GetNumber, 0),
                 &SocketOptions::protection_level),
      Ipv6Wanted(24, IPV6_RECVPKTINFO, &WantedControl::interface),
      Ipv6Wanted(25, IPV6_RECVPKTINFO, &WantedControl::destination),
      Nowhere(26),  // IPV6_CHECKSUM
      Ipv6(27, kOnAll, &SetKernelFlag, &GetKernelFlag, IPV6_V6ONLY),
      WithFlag(Ipv6(28, kOnAll, &SetKeepsToInterfaces, &GetFlag, 0),
               &SocketOptions::keeps_to_interfaces),
      Ipv6(29, kOnAll, &AddInterface, nullptr, 0),
      Ipv6(30, kOnAll, &RemoveInterface, nullptr, 0),
      Ipv6(31, kOnAll, &SetIpv6Interface, &GetIpv6Interface, IPV6_UNICAST_IF),
      Ipv6(32, kOnAll, &SetOff, &GetOff, 0),  // IPV6_RTHDR
      Ipv6(33, kOnAll, nullptr, &GetInterfaces, 0),
      Ipv6(39, kOnAll, &SetKernelNumber, &GetKernelNumber, IPV6_TCLASS, -1,
           255),
      Ipv6Wanted(40, IPV6_RECVTCLASS, &WantedControl::type_of_service),
      Ipv6Wanted(47, IPV6_RECVPKTINFO, &WantedControl::original_interface),
      Ipv6Wanted(50, IPV6_RECVTCLASS, &WantedControl::ecn),
      Ipv6Wanted(51, IPV6_RECVPKTINFO, &WantedControl::packet_info_ex),
      Ipv6(71, kOnAll, &SetDiscover, &GetDiscover, IPV6_MTU_DISCOVER, 0, 3),
      Ipv6(72, kOnAll, nullptr, &GetKernelNumber, IPV6_MTU),
      WithFlag(Ipv6(75, kOnDatagram, &SetFlag, &GetFlag, 0),
               &SocketOptions::receives_errors),
      WithNumber(Ipv6(76, kOnAll, &SetUserMtu, &GetNumber, IPV6_MTU),
                 &SocketOptions::user_mtu),
  };
  return kRules;
}

}  // namespace wspd
