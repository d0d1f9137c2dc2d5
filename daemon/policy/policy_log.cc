#include "daemon/policy/policy_log.h"

#include <arpa/inet.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "daemon/base/log.h"

namespace wspd {
namespace {

std::string TextOf(const NetAddress& address) {
  char text[INET6_ADDRSTRLEN];
  if (address.family() == AF_INET6) {
    inet_ntop(AF_INET6, &address.v6().sin6_addr, text, sizeof(text));
    return text;
  }
  if (address.family() != AF_INET) return "";
  inet_ntop(AF_INET, &address.v4().sin_addr, text, sizeof(text));
  return text;
}

}  // namespace

void PolicyLog::OnPolicyEvent(const PolicyEvent& event) {
  // What is refused whatever the rules say is so to anybody who tries, who
  // isn't to hide what the rules refuse others.
  static LogLimit limit_of_rules(20);
  static LogLimit limit_of_defaults(20);
  LogLimit& limit = event.by_default ? limit_of_defaults : limit_of_rules;
  if (auto suppressed = limit.Admit()) {
    Log(LogLevel::kInfo, event.denied ? "denied by policy" : "policy logs",
        {{"rule", event.rule},
         {"action", ActionName(event.action)},
         {"client", event.client_id},
         {"pid", event.pid},
         {"uid", event.uid},
         {"address", TextOf(event.address)},
         {"port", event.port},
         {"host", event.host}},
        *suppressed);
  }
  if (next_ != nullptr) next_->OnPolicyEvent(event);
}

}  // namespace wspd
