#include "daemon/admin/socket_query.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "daemon/admin/is_wanted.h"
#include "daemon/base/error_details.h"

namespace wspd {

using ::wsp::v1::ListSocketsRequest;
using ::wsp::v1::Socket;

// ------------------------------------------------------------------ parsing

absl::StatusOr<SocketQuery> SocketQuery::Parse(
    const ListSocketsRequest& request) {
  SocketQuery query;
  query.request_ = request;
  auto addresses = AddressFilter::Parse(request);
  if (!addresses.ok()) return addresses.status();
  query.addresses_ = *std::move(addresses);
  auto fields = FieldSelection::Parse(*Socket::descriptor(), request.fields());
  if (!fields.ok()) return fields.status();
  query.fields_ = *std::move(fields);
  if (request.page_token().empty()) return query;
  query.after_.emplace();
  if (!ReadToken(request.page_token(), &*query.after_)) {
    return FieldError("page_token",
                      "is none; right would be the next_page_token of the "
                      "page before");
  }
  return query;
}

bool SocketQuery::WantsTcp() const { return fields_.Has("tcp"); }

// ----------------------------------------------------------------- the page

SocketQuery::Key SocketQuery::KeyOf(const Socket& socket) {
  return {socket.socket_id(), socket.socket_id() == 0 ? socket.cookie() : 0,
          socket.pid()};
}

std::string SocketQuery::TokenOf(const Key& key) {
  return absl::StrFormat("%x-%x-%x", std::get<0>(key), std::get<1>(key),
                         static_cast<uint32_t>(std::get<2>(key)));
}

bool SocketQuery::ReadToken(const std::string& token, Key* key) {
  const std::vector<std::string> parts = absl::StrSplit(token, '-');
  uint32_t pid = 0;
  if (parts.size() != 3 || !absl::SimpleHexAtoi(parts[0], &std::get<0>(*key)) ||
      !absl::SimpleHexAtoi(parts[1], &std::get<1>(*key)) ||
      !absl::SimpleHexAtoi(parts[2], &pid)) {
    return false;
  }
  std::get<2>(*key) = static_cast<int>(pid);
  // It says a key in one way only.
  return TokenOf(*key) == token;
}

bool SocketQuery::Matches(const Socket& socket) const {
  return IsWanted(request_.uids(), socket.uid()) &&
         IsWanted(request_.planes(), socket.plane()) &&
         IsWanted(request_.states(), socket.state()) &&
         addresses_.Matches(socket.local(), socket.peer()) &&
         (!after_ || KeyOf(socket) > *after_);
}

wsp::v1::ListSocketsResponse SocketQuery::Answer(
    std::vector<Socket> sockets) const {
  std::vector<std::pair<Key, Socket*>> found;
  found.reserve(sockets.size());
  for (Socket& socket : sockets) {
    if (Matches(socket)) found.emplace_back(KeyOf(socket), &socket);
  }
  wsp::v1::ListSocketsResponse response;
  size_t count = found.size();
  if (request_.page_size() != 0) {
    const size_t most = std::min<size_t>(request_.page_size(), kMostPerPage);
    std::sort(found.begin(), found.end());
    count = std::min(count, most);
    while (count < found.size() &&
           found[count].first == found[count - 1].first) {
      ++count;
    }
    if (count < found.size()) {
      response.set_next_page_token(TokenOf(found[count - 1].first));
    }
  }
  response.mutable_sockets()->Reserve(static_cast<int>(count));
  for (size_t i = 0; i < count; ++i) {
    fields_.Trim(found[i].second);
    *response.add_sockets() = std::move(*found[i].second);
  }
  return response;
}

}  // namespace wspd
