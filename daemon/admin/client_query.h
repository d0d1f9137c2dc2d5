#ifndef WSPD_DAEMON_ADMIN_CLIENT_QUERY_H_
#define WSPD_DAEMON_ADMIN_CLIENT_QUERY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "daemon/admin/field_selection.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// Which of the clients a ListClientsRequest asks for, but for the client_id.
// Not to be changed, so that any thread may use it.
class ClientQuery {
 public:
  // INVALID_ARGUMENT says what field of the request is wrong, and what would be
  // right.
  static absl::StatusOr<ClientQuery> Parse(
      const wsp::v1::ListClientsRequest& request);

  // The page that is asked for, of all clients that there are, in whichever
  // order these come.
  wsp::v1::ListClientsResponse Answer(
      std::vector<wsp::v1::Client> clients) const;

 private:
  static constexpr uint32_t kMostPerPage = 10000;

  bool Matches(const wsp::v1::Client& client) const;

  wsp::v1::ListClientsRequest request_;
  // Without slashes at its end, and in small letters; none: any.
  absl::optional<std::string> cgroup_;
  std::string container_id_;
  FieldSelection fields_;
  // The client_id of the last one on the page before.
  absl::optional<uint64_t> after_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_CLIENT_QUERY_H_
