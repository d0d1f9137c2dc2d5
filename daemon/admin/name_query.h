#ifndef WSPD_DAEMON_ADMIN_NAME_QUERY_H_
#define WSPD_DAEMON_ADMIN_NAME_QUERY_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "daemon/admin/address_filter.h"
#include "daemon/admin/field_selection.h"
#include "daemon/policy/host_pattern.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// Which of the names a ListNamesRequest asks for, but for the client_id. Not to
// be changed, so that any thread may use it.
class NameQuery {
 public:
  // INVALID_ARGUMENT says what field of the request is wrong, and what would be
  // right.
  static absl::StatusOr<NameQuery> Parse(
      const wsp::v1::ListNamesRequest& request);

  // The page that is asked for, of all names that there are, in whichever order
  // these come.
  wsp::v1::ListNamesResponse Answer(
      std::vector<wsp::v1::LookedUpName> names) const;

 private:
  static constexpr uint32_t kMostPerPage = 10000;

  bool Matches(const wsp::v1::LookedUpName& name) const;

  wsp::v1::ListNamesRequest request_;
  absl::optional<HostPattern> host_;
  absl::optional<Network> network_;
  FieldSelection fields_;
  // The number of the last one on the page before.
  absl::optional<uint64_t> after_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_NAME_QUERY_H_
