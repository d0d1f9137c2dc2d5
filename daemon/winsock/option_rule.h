#ifndef WSPD_DAEMON_WINSOCK_OPTION_RULE_H_
#define WSPD_DAEMON_WINSOCK_OPTION_RULE_H_

#include <cstdint>

#include "absl/types/span.h"
#include "daemon/winsock/socket_options.h"
#include "daemon/winsock/wsa_error.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {

// The rules of socket options as tables, one for each level; for the files that
// have such a table.

// What an option is set or read on.
struct OptionTarget {
  const SocketView& socket;
  SocketOptions* options;
};

struct OptionRule;
using SetOptionFunction = WsaError (*)(const OptionRule& rule,
                                       const OptionTarget& target,
                                       const wsp::v1::OptionValue& value);
using GetOptionFunction = WsaError (*)(const OptionRule& rule,
                                       const OptionTarget& target,
                                       wsp::v1::OptionValue* value);

// Types of socket that have an option.
enum : uint8_t { kOnStream = 1, kOnDatagram = 2, kOnAll = 3 };

// One option of a level (reference, section 4.10).
struct OptionRule {
  // Winsock's number.
  int option;
  uint8_t types;
  // What the other types say.
  uint32_t elsewhere;
  // Null: WSAENOPROTOOPT.
  SetOptionFunction set;
  GetOptionFunction get;

  // Of the kernel's option of the same meaning, if there is one.
  int kernel_level = 0;
  int kernel_option = 0;
  // What a number may be; outside it is WSAEINVAL.
  int64_t least = 0;
  int64_t most = UINT32_MAX;
  // Where the value is kept that the kernel has no place for.
  bool SocketOptions::*flag = nullptr;
  uint32_t SocketOptions::*number = nullptr;
  // Which ancillary data it asks for.
  bool WantedControl::*wanted = nullptr;
};

// A level's table.
using OptionRules = absl::Span<const OptionRule>;
OptionRules SocketLevelOptions();
OptionRules TcpLevelOptions();
OptionRules UdpLevelOptions();
OptionRules IpLevelOptions();
OptionRules Ipv6LevelOptions();

// ---- what rules are made of; `rule` says which kernel option or field

WsaError SetKernelFlag(const OptionRule& rule, const OptionTarget& target,
                       const wsp::v1::OptionValue& value);
WsaError GetKernelFlag(const OptionRule& rule, const OptionTarget& target,
                       wsp::v1::OptionValue* value);
WsaError SetKernelNumber(const OptionRule& rule, const OptionTarget& target,
                         const wsp::v1::OptionValue& value);
WsaError GetKernelNumber(const OptionRule& rule, const OptionTarget& target,
                         wsp::v1::OptionValue* value);
WsaError SetFlag(const OptionRule& rule, const OptionTarget& target,
                 const wsp::v1::OptionValue& value);
WsaError GetFlag(const OptionRule& rule, const OptionTarget& target,
                 wsp::v1::OptionValue* value);
WsaError SetNumber(const OptionRule& rule, const OptionTarget& target,
                   const wsp::v1::OptionValue& value);
WsaError GetNumber(const OptionRule& rule, const OptionTarget& target,
                   wsp::v1::OptionValue* value);
// Can't be turned on: FALSE is all that it takes, and says.
WsaError SetOff(const OptionRule& rule, const OptionTarget& target,
                const wsp::v1::OptionValue& value);
WsaError GetOff(const OptionRule& rule, const OptionTarget& target,
                wsp::v1::OptionValue* value);
// The kernel's, and kept too since the kernel can't be asked what was set.
WsaError SetKernelAndNumber(const OptionRule& rule, const OptionTarget& target,
                            const wsp::v1::OptionValue& value);
WsaError SetKernelAndFlag(const OptionRule& rule, const OptionTarget& target,
                          const wsp::v1::OptionValue& value);

// Interfaces that a socket keeps to, with a filter of the kernel's: whether it
// does, adding one, taking one off, and which they are (interface_options.cc).
WsaError SetKeepsToInterfaces(const OptionRule& rule,
                              const OptionTarget& target,
                              const wsp::v1::OptionValue& value);
WsaError AddInterface(const OptionRule& rule, const OptionTarget& target,
                      const wsp::v1::OptionValue& value);
WsaError RemoveInterface(const OptionRule& rule, const OptionTarget& target,
                         const wsp::v1::OptionValue& value);
WsaError GetInterfaces(const OptionRule& rule, const OptionTarget& target,
                       wsp::v1::OptionValue* value);

// The number of a value, within the rule's bounds; WSAEFAULT for a value of
// another kind.
WsaError ReadNumber(const OptionRule& rule, const wsp::v1::OptionValue& value,
                    uint32_t* number);
// setsockopt() and getsockopt() with an int.
WsaError SetInt(int fd, int level, int option, int value);
WsaError GetInt(int fd, int level, int option, int* value);

}  // namespace wspd

#endif  // WSPD_DAEMON_WINSOCK_OPTION_RULE_H_
