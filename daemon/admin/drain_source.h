#ifndef WSPD_DAEMON_ADMIN_DRAIN_SOURCE_H_
#define WSPD_DAEMON_ADMIN_DRAIN_SOURCE_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "daemon/admin/inventory.h"
#include "daemon/admin/rpc_table.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// The messages of one Drain: what is left, each time that it is another number,
// until nothing is, the time is up or the draining has been taken back.
class DrainSource : public RpcSource {
 public:
  // Has RpcServer::Recheck() called after a while.
  using WakeAfter = std::function<void(absl::Duration)>;

  // What changes is looked at again so often: a look costs as much as a
  // GetServerInfo.
  static constexpr absl::Duration kPeriod = absl::Milliseconds(100);

  // The inventory is draining already, and outlives the source.
  DrainSource(const Inventory* inventory, const wsp::v1::DrainRequest& request,
              WakeAfter wake_after);

  absl::optional<std::string> Next() override;
  absl::optional<absl::Status> End() override { return end_; }

 private:
  // Sets end_ if that is how it stands.
  void Judge(const wsp::v1::DrainResponse& left, bool draining,
             absl::Duration now);

  const Inventory* const inventory_;
  const WakeAfter wake_after_;
  // These are SteadyTime(), as the timers' is.
  const absl::Duration deadline_;
  // The next look; a timer runs until then.
  absl::Duration next_look_ = absl::ZeroDuration();
  absl::optional<wsp::v1::DrainResponse> sent_;
  absl::optional<absl::Status> end_;
};

// What is left, of all that a server has.
wsp::v1::DrainResponse LeftOf(const wsp::v1::GetServerInfoResponse& info);

// "3 clients, 1 socket and 0 closed ones that still send".
std::string DescribeLeft(const wsp::v1::DrainResponse& left);

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_DRAIN_SOURCE_H_
