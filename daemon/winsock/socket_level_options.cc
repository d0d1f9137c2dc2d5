// The options of the level SOL_SOCKET (reference, section 4.10).
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "daemon/winsock/option_rule.h"

namespace wspd {
namespace {

using Value = wsp::v1::OptionValue;

// What fits into a datagram besides its headers.
constexpr uint32_t kMostIpv4Datagram = 65507;
constexpr uint32_t kMostIpv6Datagram = 65527;

// SO_REUSEADDR and SO_EXCLUSIVEADDRUSE exclude each other, and come before the
// bind, which alone goes by them.
WsaError SetAddressUse(const OptionRule& rule, const OptionTarget& target,
                       const Value& value) {
  uint32_t on;
  if (WsaError error = ReadNumber(rule, value, &on); !error.ok()) return error;
  const bool reuses = rule.flag == &SocketOptions::reuse_address;
  const bool other = reuses ? target.options->exclusive_address
                            : target.options->reuse_address;
  if (on != 0 && (other || target.socket.bound)) return kWsaInval;
  target.options->*rule.flag = on != 0;
  return 0;
}

WsaError SetLinger(const OptionRule&, const OptionTarget& target,
                   const Value& value) {
  if (!value.has_linger()) return kWsaFault;
  target.options->linger_on = value.linger().on();
  target.options->linger_seconds = static_cast<uint16_t>(
      std::min<uint32_t>(value.linger().seconds(), 0xffff));
  return 0;
}

WsaError GetLinger(const OptionRule&, const OptionTarget& target,
                   Value* value) {
  value->mutable_linger()->set_on(target.options->linger_on);
  value->mutable_linger()->set_seconds(target.options->linger_seconds);
  return 0;
}

WsaError SetDontLinger(const OptionRule& rule, const OptionTarget& target,
                       const Value& value) {
  uint32_t on;
  WsaError error = ReadNumber(rule, value, &on);
  if (error.ok()) target.options->linger_on = on == 0;
  return error;
}

WsaError GetDontLinger(const OptionRule&, const OptionTarget& target,
                       Value* value) {
  value->set_number(!target.options->linger_on);
  return 0;
}

WsaError SetBuffer(const OptionRule& rule, const OptionTarget& target,
                   const Value& value) {
  constexpr uint32_t kMax = std::numeric_limits<int>::max() / 2;
  uint32_t size;
  WsaError error = ReadNumber(rule, value, &size);
  if (!error.ok()) return error;
  error = SetInt(target.socket.fd, SOL_SOCKET, rule.kernel_option,
                 static_cast<int>(std::min(size, kMax)));
  if (error.ok()) target.options->*rule.number = size;
  return error;
}

WsaError GetBuffer(const OptionRule& rule, const OptionTarget& target,
                   Value* value) {
  if (target.options->*rule.number == SocketOptions::kNotSet) {
    return GetKernelNumber(rule, target, value);
  }
  return GetNumber(rule, target, value);
}

// With the times that Winsock has for it, where Linux has others. A connection
// that is gone isn't kept alive (reference, section 2, WSPSetSockOpt).
WsaError SetKeepAlive(const OptionRule& rule, const OptionTarget& target,
                      const Value& value) {
  const uint32_t lost = target.socket.lost;
  if (value.number() != 0 && lost != 0) {
    const bool timed_out = lost == kWsaTimedOut || lost == kWsaNetReset;
    return timed_out ? kWsaNetReset : kWsaNotConn;
  }
  WsaError error = SetKernelFlag(rule, target, value);
  if (!error.ok() || value.number() == 0 || target.socket.type != SOCK_STREAM) {
    return error;
  }
  const std::pair<int, uint32_t> times[] = {
      {TCP_KEEPIDLE, target.options->keep_idle},
      {TCP_KEEPINTVL, target.options->keep_interval},
      {TCP_KEEPCNT, target.options->keep_count},
  };
  for (const auto& [option, time] : times) {
    error =
        SetInt(target.socket.fd, IPPROTO_TCP, option, static_cast<int>(time));
    if (!error.ok()) return error;
  }
  return 0;
}

WsaError SetError(const OptionRule& rule, const OptionTarget& target,
                  const Value& value) {
  uint32_t code;
  WsaError error = ReadNumber(rule, value, &code);
  if (error.ok()) *target.socket.so_error = code;
  return error;
}

WsaError GetError(const OptionRule&, const OptionTarget& target, Value* value) {
  value->set_number(*target.socket.so_error);
  return 0;
}

WsaError GetAcceptConn(const OptionRule&, const OptionTarget& target,
                       Value* value) {
  value->set_number(target.socket.listening);
  return 0;
}

WsaError GetType(const OptionRule&, const OptionTarget& target, Value* value) {
  // SOCK_STREAM and SOCK_DGRAM have the same numbers in Winsock.
  value->set_number(static_cast<uint32_t>(target.socket.type));
  return 0;
}

WsaError GetZero(const OptionRule&, const OptionTarget&, Value* value) {
  value->set_number(0);
  return 0;
}

WsaError GetMostMessage(const OptionRule&, const OptionTarget& target,
                        Value* value) {
  value->set_number(target.socket.family == AF_INET ? kMostIpv4Datagram
                                                    : kMostIpv6Datagram);
  return 0;
}

WsaError GetConnectTime(const OptionRule&, const OptionTarget& target,
                        Value* value) {
  value->set_number(static_cast<uint32_t>(target.socket.connected_seconds));
  return 0;
}

WsaError SetConditionalAccept(const OptionRule& rule,
                              const OptionTarget& target, const Value& value) {
  if (target.socket.listening) return kWsaInval;
  return SetFlag(rule, target, value);
}

OptionRule Kernel(int option, uint8_t types, int kernel_option) {
  return {option,         types,      kWsaNoProtoOpt, &SetKernelFlag,
          &GetKernelFlag, SOL_SOCKET, kernel_option};
}

OptionRule KeepAlive() {
  OptionRule rule = Kernel(0x8, kOnAll, SO_KEEPALIVE);
  rule.set = &SetKeepAlive;
  return rule;
}

OptionRule Flag(int option, bool SocketOptions::*flag,
                SetOptionFunction set = &SetFlag) {
  OptionRule rule{option, kOnAll, kWsaNoProtoOpt, set, &GetFlag};
  rule.flag = flag;
  return rule;
}

OptionRule Number(int option, uint32_t SocketOptions::*number) {
  OptionRule rule{option, kOnAll, kWsaNoProtoOpt, &SetNumber, &GetNumber};
  rule.number = number;
  return rule;
}

OptionRule Buffer(int option, int kernel_option,
                  uint32_t SocketOptions::*number) {
  OptionRule rule{option,     kOnAll,     kWsaNoProtoOpt, &SetBuffer,
                  &GetBuffer, SOL_SOCKET, kernel_option};
  rule.number = number;
  return rule;
}

OptionRule Special(int option, uint8_t types, SetOptionFunction set,
                   GetOptionFunction get) {
  return {option, types, kWsaNoProtoOpt, set, get};
}

}  // namespace

OptionRules SocketLevelOptions() {
  static const OptionRule kRules[] = {
      Flag(0x1, &SocketOptions::debug),
      Special(0x2, kOnStream, nullptr, &GetAcceptConn),
      Flag(0x4, &SocketOptions::reuse_address, &SetAddressUse),
      Flag(~0x4, &SocketOptions::exclusive_address, &SetAddressUse),
      KeepAlive(),
      Flag(0x10, &SocketOptions::dont_route),
      Kernel(0x20, kOnDatagram, SO_BROADCAST),
      Flag(0x40, &SocketOptions::use_loopback),
      Special(0x80, kOnStream, &SetLinger, &GetLinger),
      Special(~0x80, kOnStream, &SetDontLinger, &GetDontLinger),
      Kernel(0x100, kOnStream, SO_OOBINLINE),
      Buffer(0x1001, SO_SNDBUF, &SocketOptions::send_buffer),
      Buffer(0x1002, SO_RCVBUF, &SocketOptions::receive_buffer),
      Number(0x1005, &SocketOptions::send_timeout),
      Number(0x1006, &SocketOptions::receive_timeout),
      Special(0x1007, kOnAll, &SetError, &GetError),
      Special(0x1008, kOnAll, nullptr, &GetType),
      Special(0x2001, kOnAll, nullptr, &GetZero),
      Number(0x2002, &SocketOptions::group_priority),
      Special(0x2003, kOnDatagram, nullptr, &GetMostMessage),
      Flag(0x3002, &SocketOptions::conditional_accept, &SetConditionalAccept),
      Special(0x7009, kOnDatagram, nullptr, &GetMostMessage),
      Special(0x700a, kOnDatagram, nullptr, &GetMostMessage),
      Special(0x700c, kOnAll, nullptr, &GetConnectTime),
  };
  return kRules;
}

}  // namespace wspd
