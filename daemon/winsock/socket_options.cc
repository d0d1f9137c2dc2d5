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

// The rule of an option; null, with `*error` saying why, if there is none.
const OptionRule* FindRule(int level, int option, WsaError* error) {
  *error = kWsaInval;
  for (const Level& entry : kLevels) {
    if (entry.level != level) continue;
    *error = kWsaNoProtoOpt;
    for (const OptionRule& rule : entry.rules()) {
      if (rule.option == option) return &rule;
    }
  }
  return nullptr;
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
  WsaError error = 0;
  const OptionRule* rule = FindRule(request.level(), request.option(), &error);
  if (rule == nullptr) return error;
  error = CheckRule(*rule, socket, rule->set != nullptr);
  if (!error.ok()) return error;
  if (rule->set == nullptr) return kWsaNoProtoOpt;
  return rule->set(*rule, {socket, options}, request.value());
}

WsaError GetSocketOption(const wsp::v1::GetSockOptRequest& request,
                         const SocketView& socket, SocketOptions* options,
                         wsp::v1::OptionValue* value) {
  WsaError error = 0;
  const OptionRule* rule = FindRule(request.level(), request.option(), &error);
  if (rule == nullptr) return error;
  error = CheckRule(*rule, socket, rule->get != nullptr);
  if (!error.ok()) return error;
  if (rule->get == nullptr) return kWsaNoProtoOpt;
  return rule->get(*rule, {socket, options}, value);
}

}  // namespace wspd
