#ifndef WSPD_DAEMON_ADMIN_NAME_QUERY_H_
#define WSPD_DAEMON_ADMIN_NAME_QUERY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "daemon/admin/address_filter.h"
#include "daemon/admin/field_selection.h"
#include "daemon/admin/inventory.h"
#include "daemon/policy/host_pattern.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// Which of the names a ListNamesRequest asks for. Not to be changed, so that
// any thread may use it.
class NameQuery {
 public:
  // INVALID_ARGUMENT says what field of the request is wrong, and what would be
  // right.
  static absl::StatusOr<NameQuery> Parse(
      const wsp::v1::ListNamesRequest& request);

  // Has the inventory leave out what isn't asked for, as far as it can, so that
  // a page of all names has no more described than these. `filter` may say
  // already whose may be shown.
  void Narrow(InventoryFilter* filter) const;

  // The page that is asked for, of the names that the inventory gives for such
  // a filter, in whichever order these come.
  wsp::v1::ListNamesResponse Answer(
      std::vector<wsp::v1::LookedUpName> names) const;

 private:
  static constexpr uint32_t kMostPerPage = 10000;

  // 0: all.
  size_t page_size() const;
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
