#include "daemon/admin/address_filter.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "daemon/base/error_details.h"

namespace wspd {
namespace {

using ::wsp::v1::SocketAddress;

constexpr unsigned kMappedBits = 96;
constexpr uint32_t kMostPort = 65535;

uint32_t PortOf(const SocketAddress& address) {
  return address.has_ipv6() ? address.ipv6().port() : address.ipv4().port();
}

absl::Status CheckPort(absl::string_view field, uint32_t port) {
  if (port <= kMostPort) return absl::OkStatus();
  return FieldError(field,
                    absl::StrCat("is ", port, "; a port is 1 to ", kMostPort));
}

}  // namespace

absl::StatusOr<Network> Network::Parse(const std::string& text) {
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(text, absl::MaxSplits('/', 1));
  Network network;
  const auto address = BytesOf(parts.first);
  if (!address) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text,
                     "\"; right would be ADDRESS or "
                     "ADDRESS/BITS, such as 10.0.0.0/8"));
  }
  network.address_ = *address;
  const bool is_ipv6 = absl::StrContains(parts.first, ':');
  const unsigned most = is_ipv6 ? 128 : 32;
  unsigned bits = most;
  if (absl::StrContains(text, '/') &&
      (!absl::SimpleAtoi(parts.second, &bits) || bits > most)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text, "\"; the bits of such an address are 0 to ", most));
  }
  network.bits_ = (is_ipv6 ? 0 : kMappedBits) + bits;
  return network;
}

absl::optional<Network::Bytes> Network::BytesOf(const std::string& address) {
  Bytes bytes;
  if (inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1) return bytes;
  bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (inet_pton(AF_INET, address.c_str(), &bytes[12]) == 1) return bytes;
  return absl::nullopt;
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
  return ContainsBytes(BytesOf(address));
}

bool Network::Contains(const std::string& address) const {
  return ContainsBytes(BytesOf(address));
}

bool Network::ContainsBytes(const absl::optional<Bytes>& bytes) const {
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

// ------------------------------------------------------------------- filters

absl::Status ParseNetworkField(absl::string_view field, const std::string& text,
                               absl::optional<Network>* network) {
  if (text.empty()) return absl::OkStatus();
  auto parsed = Network::Parse(text);
  if (!parsed.ok()) {
    return FieldError(field, absl::StrCat("is ", parsed.status().message()));
  }
  *network = *parsed;
  return absl::OkStatus();
}

template <typename Request>
absl::StatusOr<AddressFilter> AddressFilter::ParseFields(
    const Request& request) {
  AddressFilter filter;
  for (const absl::Status& status :
       {CheckPort("local_port", request.local_port()),
        CheckPort("peer_port", request.peer_port()),
        ParseNetworkField("local_network", request.local_network(),
                          &filter.local_),
        ParseNetworkField("peer_network", request.peer_network(),
                          &filter.peer_)}) {
    if (!status.ok()) return status;
  }
  filter.local_port_ = request.local_port();
  filter.peer_port_ = request.peer_port();
  return filter;
}

absl::StatusOr<AddressFilter> AddressFilter::Parse(
    const wsp::v1::ListSocketsRequest& request) {
  return ParseFields(request);
}

absl::StatusOr<AddressFilter> AddressFilter::Parse(
    const wsp::v1::WatchEventsRequest& request) {
  return ParseFields(request);
}

bool AddressFilter::passes_all() const {
  return !local_ && !peer_ && local_port_ == 0 && peer_port_ == 0;
}

bool AddressFilter::Matches(const SocketAddress& local,
                            const SocketAddress& peer) const {
  return (!local_ || local_->Contains(local)) &&
         (!peer_ || peer_->Contains(peer)) &&
         (local_port_ == 0 || local_port_ == PortOf(local)) &&
         (peer_port_ == 0 || peer_port_ == PortOf(peer));
}

}  // namespace wspd
