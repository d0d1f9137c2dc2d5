// The options of the levels IPPROTO_TCP and IPPROTO_UDP (reference, section
// 4.10).
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <limits>

#include "daemon/winsock/option_rule.h"

namespace wspd {
namespace {

using Value = wsp::v1::OptionValue;

// The kernel's bounds of TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT.
constexpr int64_t kMostKeepSeconds = 32767;
constexpr int64_t kMostKeepProbes = 127;
constexpr int kDefaultSynRetries = 6;

// TCP_MAXRT is in seconds, TCP_MAXRTMS in milliseconds, as is the kernel's
// TCP_USER_TIMEOUT; -1 is for ever, which Linux calls 0.
WsaError SetMaxRetransmission(const OptionRule& rule,
                              const OptionTarget& target, const Value& value) {
  uint32_t number;
  if (WsaError error = ReadNumber(rule, value, &number); !error.ok()) {
    return error;
  }
  const int64_t unit = rule.option == 5 ? 1000 : 1;
  const int64_t most = std::numeric_limits<int>::max();
  const int64_t time = number == UINT32_MAX ? 0 : number * unit;
  return SetInt(target.socket.fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
                static_cast<int>(std::min(time, most)));
}

WsaError GetMaxRetransmission(const OptionRule& rule,
                              const OptionTarget& target, Value* value) {
  int time = 0;
  WsaError error =
      GetInt(target.socket.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &time);
  const int unit = rule.option == 5 ? 1000 : 1;
  value->set_number(time == 0 ? UINT32_MAX
                              : static_cast<uint32_t>(time / unit));
  return error;
}

// Linux doesn't do with none.
WsaError SetNoSynRetries(const OptionRule& rule, const OptionTarget& target,
                         const Value& value) {
  WsaError error = SetFlag(rule, target, value);
  if (!error.ok()) return error;
  return SetInt(target.socket.fd, IPPROTO_TCP, TCP_SYNCNT,
                target.options->no_syn_retries ? 1 : kDefaultSynRetries);
}

OptionRule Tcp(int option, SetOptionFunction set, GetOptionFunction get,
               int kernel_option = 0, int64_t least = 0,
               int64_t most = UINT32_MAX) {
  return {option,      kOnStream,     kWsaNoProtoOpt, set, get,
          IPPROTO_TCP, kernel_option, least,          most};
}

OptionRule TcpFlag(int option, bool SocketOptions::*flag,
                   SetOptionFunction set = &SetFlag) {
  OptionRule rule = Tcp(option, set, &GetFlag);
  rule.flag = flag;
  return rule;
}

}  // namespace

OptionRules TcpLevelOptions() {
  static const OptionRule kRules[] = {
      Tcp(1, &SetKernelFlag, &GetKernelFlag, TCP_NODELAY),
      TcpFlag(2, &SocketOptions::urgent_by_rfc1122),
      Tcp(3, &SetKernelNumber, &GetKernelNumber, TCP_KEEPIDLE, 1,
          kMostKeepSeconds),
      Tcp(4, &SetKernelNumber, &GetKernelNumber, TCP_MAXSEG),
      Tcp(5, &SetMaxRetransmission, &GetMaxRetransmission),
      TcpFlag(9, &SocketOptions::no_syn_retries, &SetNoSynRetries),
      Tcp(14, &SetMaxRetransmission, &GetMaxRetransmission),
      Tcp(16, &SetKernelNumber, &GetKernelNumber, TCP_KEEPCNT, 1,
          kMostKeepProbes),
      Tcp(17, &SetKernelNumber, &GetKernelNumber, TCP_KEEPINTVL, 1,
          kMostKeepSeconds),
      TcpFlag(0x7000, &SocketOptions::bsd_urgent),
  };
  return kRules;
}

OptionRules UdpLevelOptions() {
  static const OptionRule kRules[] = {
      {1, kOnDatagram, kWsaNoProtoOpt, &SetKernelFlag, &GetKernelFlag,
       SOL_SOCKET, SO_NO_CHECK},
      [] {
        OptionRule rule{20, kOnDatagram, kWsaNoProtoOpt, &SetFlag, &GetFlag};
        rule.flag = &SocketOptions::covers_checksum;
        return rule;
      }(),
  };
  return kRules;
}

}  // namespace wspd
