#include "daemon/admin/client_query.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "daemon/base/error_details.h"

namespace wspd {

using ::wsp::v1::Client;

absl::StatusOr<ClientQuery> ClientQuery::Parse(
    const wsp::v1::ListClientsRequest& request) {
  ClientQuery query;
  auto fields = FieldSelection::Parse(*Client::descriptor(), request.fields());
  if (!fields.ok()) return fields.status();
  query.fields_ = *std::move(fields);
  query.page_size_ = std::min(request.page_size(), kMostPerPage);
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

wsp::v1::ListClientsResponse ClientQuery::Answer(
    std::vector<Client> clients) const {
  std::vector<Client*> found;
  for (Client& client : clients) {
    if (!after_ || client.client_id() > *after_) found.push_back(&client);
  }
  std::sort(found.begin(), found.end(), [](const Client* a, const Client* b) {
    return a->client_id() < b->client_id();
  });
  wsp::v1::ListClientsResponse response;
  if (page_size_ != 0 && found.size() > page_size_) {
    found.resize(page_size_);
    response.set_next_page_token(absl::StrCat(found.back()->client_id()));
  }
  for (Client* client : found) {
    fields_.Trim(client);
    *response.add_clients() = std::move(*client);
  }
  return response;
}

}  // namespace wspd
