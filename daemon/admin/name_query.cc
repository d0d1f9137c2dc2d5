#include "daemon/admin/name_query.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "daemon/admin/is_wanted.h"
#include "daemon/base/error_details.h"

namespace wspd {

using ::wsp::v1::LookedUpName;

absl::StatusOr<NameQuery> NameQuery::Parse(
    const wsp::v1::ListNamesRequest& request) {
  NameQuery query;
  query.request_ = request;
  if (!request.host().empty()) {
    query.host_ = ParseHostPattern(request.host());
    if (!query.host_) {
      return FieldError("host",
                        absl::StrCat("is \"", request.host(),
                                     "\"; right would be \"example.com\", "
                                     "\"*.example.com\" or \"*\""));
    }
  }
  absl::Status network =
      ParseNetworkField("network", request.network(), &query.network_);
  if (!network.ok()) return network;
  auto fields =
      FieldSelection::Parse(*LookedUpName::descriptor(), request.fields());
  if (!fields.ok()) return fields.status();
  query.fields_ = *std::move(fields);
  const std::string& token = request.page_token();
  if (token.empty()) return query;
  query.after_.emplace();
  if (!absl::SimpleAtoi(token, &*query.after_) ||
      absl::StrCat(*query.after_) != token) {
    return FieldError("page_token",
                      "is none; right would be the next_page_token of the "
                      "page before");
  }
  return query;
}

size_t NameQuery::page_size() const {
  return std::min(request_.page_size(), kMostPerPage);
}

void NameQuery::Narrow(InventoryFilter* filter) const {
  filter->client_id = request_.client_id();
  if (request_.pids_size() == 1) filter->pid = request_.pids(0);
  // Who may see one user's alone may ask for another's, and gets none.
  const bool of_one_user = request_.uids_size() == 1 && !filter->uid;
  if (of_one_user) filter->uid = request_.uids(0);
  filter->after_number = after_.value_or(0);
  // Of what only Matches() knows it can't be told how much makes a page.
  const bool knows_all = (request_.pids().empty() || filter->pid != 0) &&
                         (request_.uids().empty() || of_one_user) && !host_ &&
                         !network_;
  // One more says that there is another page.
  if (knows_all && page_size() != 0) filter->most_names = page_size() + 1;
}

bool NameQuery::Matches(const LookedUpName& name) const {
  return IsWanted(request_.pids(), name.pid()) &&
         IsWanted(request_.uids(), name.uid()) &&
         (!after_ || name.number() > *after_) &&
         (!host_ || wspd::Matches(*host_, name.name()) ||
          wspd::Matches(*host_, CanonicalHost(name.canonical_name()))) &&
         (!network_ ||
          absl::c_any_of(name.addresses(), [this](const std::string& address) {
            return network_->Contains(address);
          }));
}

wsp::v1::ListNamesResponse NameQuery::Answer(
    std::vector<LookedUpName> names) const {
  std::vector<LookedUpName*> found;
  for (LookedUpName& name : names) {
    if (Matches(name)) found.push_back(&name);
  }
  absl::c_sort(found, [](const LookedUpName* a, const LookedUpName* b) {
    return a->number() < b->number();
  });
  wsp::v1::ListNamesResponse response;
  const size_t most = page_size();
  if (most != 0 && found.size() > most) {
    found.resize(most);
    response.set_next_page_token(absl::StrCat(found.back()->number()));
  }
  for (LookedUpName* name : found) {
    fields_.Trim(name);
    *response.add_names() = std::move(*name);
  }
  return response;
}

}  // namespace wspd
