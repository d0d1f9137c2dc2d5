#include "daemon/winsock/socket_options.h"

#include <sys/socket.h>

#include "daemon/winsock/option_rule.h"

namespace wspd {
namespace {

struct Level {
  // Winsock's number.
  int level;
  OptionRules (*rules)();
};
constexpr Level kLevels[] = {
    {0xffff, &SocketLevelOptions}, {6, &TcpLevelOptions},
    {17, &UdpLevelOptions},        {0, &IpLevelOptions},
    {41, &Ipv6LevelOptions},
};

// Finds the rule of an option, or why there is none.
WsaError FindRule(int level, int option, const OptionRule** rule) {
  for (const Level& entry : kLevels) {
    if (entry.level != level) continue;
    for (const OptionRule& candidate : entry.rules()) {
      if (candidate.option != option) continue;
      *rule = &candidate;
      return 0;
    }
    return kWsaNoProtoOpt;
  }
  return kWsaInval;
}

// Whether sockets of this type have it, and whether it `can` be set or read at
// all, which is the first thing to be said.
WsaError CheckRule(const OptionRule& rule, const SocketView& socket, bool can) {
  const uint8_t type = socket.type == SOCK_STREAM ? kOnStream : kOnDatagram;
  if (rule.types != 0 && !can) return kWsaNoProtoOpt;
  return (rule.types & type) == 0 ? rule.elsewhere : 0;
}

}  // namespace

WsaError SetSocketOption(const wsp::v1::SetSockOptRequest& request,
                         const SocketView& socket, SocketOptions* options) {
  const OptionRule* rule = nullptr;
  WsaError error = FindRule(request.level(), request.option(), &rule);
  if (error.ok()) error = CheckRule(*rule, socket, rule->set != nullptr);
  if (!error.ok()) return error;
  return rule->set(*rule, {socket, options}, request.value());
}

WsaError GetSocketOption(const wsp::v1::GetSockOptRequest& request,
                         const SocketView& socket, SocketOptions* options,
                         wsp::v1::OptionValue* value) {
  const OptionRule* rule = nullptr;
  WsaError error = FindRule(request.level(), request.option(), &rule);
  if (error.ok()) error = CheckRule(*rule, socket, rule->get != nullptr);
  if (!error.ok()) return error;
  return rule->get(*rule, {socket, options}, value);
}

}  // namespace wspd
