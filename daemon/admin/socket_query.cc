#include "daemon/admin/socket_query.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace wspd {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::FieldDescriptor;
using ::wsp::v1::ListSocketsRequest;
using ::wsp::v1::Socket;
using ::wsp::v1::SocketAddress;

constexpr unsigned kMappedBits = 96;
constexpr uint32_t kMostPort = 65535;

// None, or one of them.
template <typename Values, typename Value>
bool IsWanted(const Values& wanted, const Value& value) {
  return wanted.empty() ||
         std::find(wanted.begin(), wanted.end(), value) != wanted.end();
}

uint32_t PortOf(const SocketAddress& address) {
  return address.has_ipv6() ? address.ipv6().port() : address.ipv4().port();
}

absl::Status CheckPort(absl::string_view field, uint32_t port) {
  if (port <= kMostPort) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, " is ", port, "; a port is 1 to ", kMostPort));
}

absl::Status CheckNetwork(absl::string_view field, const std::string& text,
                          absl::optional<Network>* network) {
  if (text.empty()) return absl::OkStatus();
  auto parsed = Network::Parse(text);
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, " is ", parsed.status().message()));
  }
  *network = *parsed;
  return absl::OkStatus();
}

}  // namespace

// ---------------------------------------------------------------- networks

absl::StatusOr<Network> Network::Parse(const std::string& text) {
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(text, absl::MaxSplits('/', 1));
  Network network;
  unsigned most = 128;
  unsigned mapped = 0;
  if (inet_pton(AF_INET6, parts.first.c_str(), network.address_.data()) != 1) {
    network.address_ = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    most = 32;
    mapped = kMappedBits;
    if (inet_pton(AF_INET, parts.first.c_str(), &network.address_[12]) != 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", text,
                       "\"; right would be ADDRESS or "
                       "ADDRESS/BITS, such as 10.0.0.0/8"));
    }
  }
  unsigned bits = most;
  if (absl::StrContains(text, '/') &&
      (!absl::SimpleAtoi(parts.second, &bits) || bits > most)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text, "\"; the bits of such an address are 0 to ", most));
  }
  network.bits_ = mapped + bits;
  return network;
}

absl::optional<Network::Bytes> Network::BytesOf(const SocketAddress& address) {
  Bytes bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (address.has_ipv4()) {
    const uint32_t number = htonl(address.ipv4().address());
    memcpy(&bytes[12], &number, sizeof(number));
    return bytes;
  }
  const std::string& raw = address.ipv6().address();
  if (raw.size() != bytes.size()) return absl::nullopt;
  memcpy(bytes.data(), raw.data(), bytes.size());
  return bytes;
}

bool Network::Contains(const SocketAddress& address) const {
  const auto bytes = BytesOf(address);
  if (!bytes) return false;
  // A short IPv6 prefix isn't about IPv4.
  constexpr Bytes kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (bits_ < kMappedBits &&
      std::equal(kMapped.begin(), kMapped.begin() + 12, bytes->begin())) {
    return false;
  }
  const unsigned whole = bits_ / 8;
  if (!std::equal(bytes->begin(), bytes->begin() + whole, address_.begin())) {
    return false;
  }
  const unsigned rest = bits_ % 8;
  if (rest == 0) return true;
  return (((*bytes)[whole] ^ address_[whole]) >> (8 - rest)) == 0;
}

// ------------------------------------------------------------------ parsing

absl::StatusOr<SocketQuery> SocketQuery::Parse(
    const ListSocketsRequest& request) {
  SocketQuery query;
  query.request_ = request;
  for (const absl::Status& status :
       {CheckPort("local_port", request.local_port()),
        CheckPort("peer_port", request.peer_port()),
        CheckNetwork("local_network", request.local_network(), &query.local_),
        CheckNetwork("peer_network", request.peer_network(), &query.peer_),
        query.ReadFields(request)}) {
    if (!status.ok()) return status;
  }
  if (request.page_token().empty()) return query;
  query.after_.emplace();
  if (!ReadToken(request.page_token(), &*query.after_)) {
    return absl::InvalidArgumentError(
        "page_token is none; right would be the next_page_token of the page "
        "before");
  }
  return query;
}

absl::Status SocketQuery::ReadFields(const ListSocketsRequest& request) {
  if (request.fields().empty()) return absl::OkStatus();
  const Descriptor* const type = Socket::descriptor();
  std::vector<std::string> known;
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* const field = type->field(i);
    known.push_back(field->name());
    if (!IsWanted(request.fields(), field->name())) unwanted_.push_back(field);
  }
  for (const std::string& name : request.fields()) {
    if (type->FindFieldByName(name) != nullptr) continue;
    return absl::InvalidArgumentError(absl::StrCat("fields: there is no \"",
                                                   name, "\"; there are ",
                                                   absl::StrJoin(known, ", ")));
  }
  return absl::OkStatus();
}

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
         (!local_ || local_->Contains(socket.local())) &&
         (!peer_ || peer_->Contains(socket.peer())) &&
         (request_.local_port() == 0 ||
          request_.local_port() == PortOf(socket.local())) &&
         (request_.peer_port() == 0 ||
          request_.peer_port() == PortOf(socket.peer())) &&
         (!after_ || KeyOf(socket) > *after_);
}

void SocketQuery::Trim(Socket* socket) const {
  for (const FieldDescriptor* field : unwanted_) {
    socket->GetReflection()->ClearField(socket, field);
  }
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
    Trim(found[i].second);
    *response.add_sockets() = std::move(*found[i].second);
  }
  return response;
}

}  // namespace wspd
