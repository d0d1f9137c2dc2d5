#ifndef WSPD_DAEMON_ADMIN_ADDRESS_FILTER_H_
#define WSPD_DAEMON_ADMIN_ADDRESS_FILTER_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// A range of addresses: "ADDRESS" or "ADDRESS/BITS".
class Network {
 public:
  // INVALID_ARGUMENT says what `text` is not.
  static absl::StatusOr<Network> Parse(const std::string& text);

  // IPv4 addresses that are mapped to IPv6 are IPv4's.
  bool Contains(const wsp::v1::SocketAddress& address) const;
  // The same of an address as text; false of anything else.
  bool Contains(const std::string& address) const;

 private:
  // In network order; IPv4's mapped to IPv6.
  using Bytes = std::array<uint8_t, 16>;

  static absl::optional<Bytes> BytesOf(const wsp::v1::SocketAddress& address);
  static absl::optional<Bytes> BytesOf(const std::string& address);
  bool ContainsBytes(const absl::optional<Bytes>& bytes) const;

  Bytes address_ = {};
  // Of the 128.
  unsigned bits_ = 0;
};

// Reads what a request's field says; empty: none. INVALID_ARGUMENT says what of
// the field is wrong, and what would be right.
absl::Status ParseNetworkField(absl::string_view field, const std::string& text,
                               absl::optional<Network>* network);

// The addresses that a request asks for. Not to be changed, so that any thread
// may use it.
class AddressFilter {
 public:
  // Lets all pass.
  AddressFilter() = default;

  // INVALID_ARGUMENT says what field of the request is wrong, and what would be
  // right.
  static absl::StatusOr<AddressFilter> Parse(
      const wsp::v1::ListSocketsRequest& request);
  static absl::StatusOr<AddressFilter> Parse(
      const wsp::v1::WatchEventsRequest& request);

  bool passes_all() const;
  bool Matches(const wsp::v1::SocketAddress& local,
               const wsp::v1::SocketAddress& peer) const;

 private:
  template <typename Request>
  static absl::StatusOr<AddressFilter> ParseFields(const Request& request);

  absl::optional<Network> local_;
  absl::optional<Network> peer_;
  // 0: any.
  uint32_t local_port_ = 0;
  uint32_t peer_port_ = 0;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_ADDRESS_FILTER_H_
