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

// Finds the rule for an option of a socket, or why there is none.
WsaError FindRule(int level, int option, const SocketView& socket,
                  const OptionRule** rule) {
  for (const Level& entry : kLevels) {
    if (entry.level != level) continue;
    for (const OptionRule& candidate : entry.rules()) {
      if (candidate.option != option) continue;
      const uint8_t type = socket.type == SOCK_STREAM ? kOnStream : kOnDatagram;
      if ((candidate.types & type) == 0) return candidate.elsewhere;
      *rule = &candidate;
      return 0;
    }
    return kWsaNoProtoOpt;
  }
  return kWsaInval;
}

}  // namespace

WsaError SetSocketOption(const wsp::v1::SetSockOptRequest& request,
                         const SocketView& socket, SocketOptions* options) {
  const OptionRule* rule = nullptr;
  WsaError error = FindRule(request.level(), request.option(), socket, &rule);
  if (!error.ok()) return error;
  if (rule->set == nullptr) return kWsaNoProtoOpt;
  return rule->set(*rule, {socket, options}, request.value());
}

WsaError GetSocketOption(const wsp::v1::GetSockOptRequest& request,
                         const SocketView& socket, SocketOptions* options,
                         wsp::v1::OptionValue* value) {
  const OptionRule* rule = nullptr;
  WsaError error = FindRule(request.level(), request.option(), socket, &rule);
  if (!error.ok()) return error;
  if (rule->get == nullptr) return kWsaNoProtoOpt;
  return rule->get(*rule, {socket, options}, value);
}

}  // namespace wspd
