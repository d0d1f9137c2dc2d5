#ifndef WSPD_DAEMON_ADMIN_SOCKET_QUERY_H_
#define WSPD_DAEMON_ADMIN_SOCKET_QUERY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "daemon/admin/address_filter.h"
#include "daemon/admin/field_selection.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// What a ListSocketsRequest asks for, but for the pid. Not to be changed, so
// that any thread may use it.
class SocketQuery {
 public:
  // INVALID_ARGUMENT says what field of the request is wrong, and what would be
  // right.
  static absl::StatusOr<SocketQuery> Parse(
      const wsp::v1::ListSocketsRequest& request);

  // Whether the answer has the field.
  bool WantsTcp() const;

  // The page that is asked for, of all sockets that there are, in whichever
  // order these come.
  wsp::v1::ListSocketsResponse Answer(
      std::vector<wsp::v1::Socket> sockets) const;

 private:
  static constexpr size_t kMostPerPage = 10000;

  // By which sockets are ordered: what stays the same of one as long as it
  // lives, also when its client leaves. Its number; of one without the cookie;
  // the pid. Of the very few that have one key together none comes without the
  // others.
  using Key = std::tuple<uint64_t, uint64_t, int>;

  static Key KeyOf(const wsp::v1::Socket& socket);
  static std::string TokenOf(const Key& key);
  static bool ReadToken(const std::string& token, Key* key);

  bool Matches(const wsp::v1::Socket& socket) const;

  wsp::v1::ListSocketsRequest request_;
  AddressFilter addresses_;
  FieldSelection fields_;
  // What was on the page before.
  absl::optional<Key> after_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_SOCKET_QUERY_H_
