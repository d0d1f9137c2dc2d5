// Registry: ending a client for an administrator.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/session/registry.h"

namespace wspd {
namespace {

constexpr size_t kMostNamed = 8;

std::string NameOf(const ClientSelector& selector) {
  if (selector.client_id == 0) return absl::StrCat("pid ", selector.pid);
  if (selector.pid == 0) return absl::StrCat("client ", selector.client_id);
  return absl::StrCat("client ", selector.client_id, " with pid ",
                      selector.pid);
}

// A process that has run another program, or has become another user's, may be
// several clients for as long as its old streams have not been seen to end.
absl::Status SeveralError(const ClientSelector& selector,
                          std::vector<std::shared_ptr<Client>> found) {
  const size_t count = found.size();
  found.resize(std::min(count, kMostNamed));
  return absl::FailedPreconditionError(absl::StrCat(
      "there are ", count, " clients of ", NameOf(selector), ": ",
      absl::StrJoin(found, ", ",
                    [](std::string* out, const auto& client) {
                      absl::StrAppend(out, client->id());
                    }),
      count > kMostNamed ? " and others" : "", "; say which, by its number"));
}

}  // namespace

absl::StatusOr<wsp::v1::Client> Registry::DisconnectClient(
    const ClientSelector& selector) {
  std::vector<std::shared_ptr<Client>> found;
  for (const auto& client : clients()) {
    if (selector.Matches(client->identity().pid, client->id())) {
      found.push_back(client);
    }
  }
  if (found.empty()) {
    return absl::NotFoundError(absl::StrCat(
        "no ", NameOf(selector),
        " is attached; ListClients (wspctl clients) has those that are"));
  }
  if (found.size() > 1) return SeveralError(selector, std::move(found));
  wsp::v1::Client before;
  found[0]->Describe(&before);
  EndClient(found[0], wsp::v1::RegistrationEnded::REASON_DISCONNECTED,
            absl::AbortedError("disconnected by an administrator"),
            "client disconnected");
  return before;
}

}  // namespace wspd
