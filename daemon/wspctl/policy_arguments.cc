#include "daemon/wspctl/policy_arguments.h"

#include <arpa/inet.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "daemon/base/escape.h"
#include "daemon/config/group.h"
#include "daemon/config/user.h"
#include "daemon/wspctl/json.h"

namespace wspd {
namespace {

using wsp::v1::PolicyAction;
using wsp::v1::SocketAddress;

absl::Status Wrong(absl::string_view what, absl::string_view word,
                   absl::string_view right) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", word, "\" is not ", what, ": ", right));
}

bool ParseAction(absl::string_view word, PolicyAction* action) {
  const std::string name =
      absl::StrCat("POLICY_ACTION_", absl::AsciiStrToUpper(word));
  return wsp::v1::PolicyAction_Parse(name, action) &&
         *action != wsp::v1::POLICY_ACTION_UNSPECIFIED &&
         *action != wsp::v1::POLICY_ACTION_PRIVILEGE;
}

// An address alone.
bool ParseHost(absl::string_view word, uint32_t port, SocketAddress* address) {
  const std::string text(word);
  in_addr v4;
  in6_addr v6;
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) {
    address->mutable_ipv4()->set_address(ntohl(v4.s_addr));
    address->mutable_ipv4()->set_port(port);
    return true;
  }
  if (inet_pton(AF_INET6, text.c_str(), &v6) != 1) return false;
  address->mutable_ipv6()->set_address(&v6, sizeof(v6));
  address->mutable_ipv6()->set_port(port);
  return true;
}

bool ParsePlace(absl::string_view word, SocketAddress* address) {
  const size_t colon = word.rfind(':');
  uint32_t port;
  if (colon == absl::string_view::npos ||
      !absl::SimpleAtoi(word.substr(colon + 1), &port) || port > UINT16_MAX) {
    return false;
  }
  absl::string_view host = word.substr(0, colon);
  const bool bracketed =
      absl::ConsumePrefix(&host, "[") && absl::ConsumeSuffix(&host, "]");
  return ParseHost(host, port, address) && address->has_ipv6() == bracketed;
}

// The user's own groups, where it has a name.
void AddGroupsOf(uid_t uid, wsp::v1::TestPolicyRequest* request) {
  passwd entry;
  passwd* found = nullptr;
  std::vector<char> buffer(65536);
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 ||
      found == nullptr) {
    return;
  }
  int count = 65536;
  std::vector<gid_t> groups(count);
  if (getgrouplist(found->pw_name, found->pw_gid, groups.data(), &count) < 0) {
    return;
  }
  request->add_gids(found->pw_gid);
  for (int i = 0; i < count; ++i) {
    if (groups[i] != found->pw_gid) request->add_gids(groups[i]);
  }
}

absl::Status AddWho(const PolicyOptions& options,
                    wsp::v1::TestPolicyRequest* request) {
  uid_t uid = geteuid();
  if (!options.uid.empty()) {
    const auto named = ResolveUser(options.uid);
    if (!named.ok()) {
      return Wrong("a user", options.uid, named.status().message());
    }
    uid = *named;
  }
  request->set_uid(uid);
  for (const std::string& text : options.gids) {
    const auto group = ResolveGroup(text);
    if (!group.ok()) return Wrong("a group", text, group.status().message());
    request->add_gids(*group);
  }
  if (options.gids.empty()) AddGroupsOf(uid, request);
  request->set_cgroup(options.cgroup);
  request->set_host(options.host);
  return absl::OkStatus();
}

}  // namespace

absl::Status ParsePolicyTest(const std::vector<std::string>& words,
                             const PolicyOptions& options,
                             wsp::v1::TestPolicyRequest* request) {
  const bool raw = words.size() == 2 && words[1] == "raw";
  if ((words.size() != 3 && !raw) || words[0] != "test") {
    return absl::InvalidArgumentError(
        "policy test ACTION ADDRESS:PORT, for example "
        "policy test --uid 1000 connect 192.0.2.1:443; or policy test raw");
  }
  PolicyAction action;
  if (!ParseAction(words[1], &action)) {
    return Wrong("an action", words[1],
                 "connect, bind, listen, accept, send, resolve or raw");
  }
  request->set_action(action);
  if (auto status = AddWho(options, request); !status.ok()) return status;
  if (raw) return absl::OkStatus();
  if (action == wsp::v1::POLICY_ACTION_RESOLVE) {
    SocketAddress address;
    if (ParseHost(words[2], 0, &address)) {
      *request->mutable_address() = address;
    } else {
      request->set_host(words[2]);
    }
    return absl::OkStatus();
  }
  if (!ParsePlace(words[2], request->mutable_address())) {
    return Wrong("an address and port", words[2],
                 "192.0.2.1:443 or [2001:db8::1]:443");
  }
  return absl::OkStatus();
}

std::string FormatPolicyAnswer(const wsp::v1::TestPolicyResponse& response) {
  std::string text = response.allowed() ? "allowed" : "denied";
  if (response.rule_number() == 0) {
    absl::StrAppend(&text, ": ",
                    response.rule() == "otherwise" ? "no rule fits"
                                                   : Escape(response.rule()));
  } else {
    absl::StrAppend(&text, " by rule ", response.rule_number(), " (",
                    Escape(response.rule()), ")");
  }
  if (!response.log_rule().empty()) {
    absl::StrAppend(&text, ", logged by ", Escape(response.log_rule()));
  }
  return absl::StrCat(text, "\n", "sockets are ",
                      response.unrestricted()
                          ? "lent, if planes and privileges say so"
                          : "not lent, since a rule may deny or a quota apply",
                      "\n");
}

std::string FormatPolicyAnswerJson(
    const wsp::v1::TestPolicyResponse& response) {
  return absl::StrCat(ToJson(response), "\n");
}

}  // namespace wspd
