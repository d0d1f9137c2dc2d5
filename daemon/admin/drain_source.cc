#include "daemon/admin/drain_source.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/error_details.h"
#include "daemon/base/steady_time.h"

namespace wspd {
namespace {

bool IsNothing(const wsp::v1::DrainResponse& left) {
  return left.clients() == 0 && left.sockets() == 0 &&
         left.lingering_sockets() == 0;
}

bool IsSame(const wsp::v1::DrainResponse& a, const wsp::v1::DrainResponse& b) {
  return a.clients() == b.clients() && a.sockets() == b.sockets() &&
         a.lingering_sockets() == b.lingering_sockets();
}

}  // namespace

DrainSource::DrainSource(const Inventory* inventory,
                         const wsp::v1::DrainRequest& request,
                         WakeAfter wake_after)
    : inventory_(inventory),
      wake_after_(std::move(wake_after)),
      deadline_(request.has_timeout_ms()
                    ? SteadyTime() + absl::Milliseconds(request.timeout_ms())
                    : absl::InfiniteDuration()) {}

absl::optional<std::string> DrainSource::Next() {
  const absl::Duration now = SteadyTime();
  if (end_ || now < next_look_) return {};
  wsp::v1::GetServerInfoResponse info;
  inventory_->FillServerInfo(&info);
  const wsp::v1::DrainResponse left = LeftOf(info);
  Judge(left, info.draining_since_ns() != 0, now);
  if (!end_) {
    const absl::Duration pause = std::min(kPeriod, deadline_ - now);
    next_look_ = now + pause;
    wake_after_(pause);
  }
  if (sent_ && IsSame(left, *sent_)) return {};
  sent_ = left;
  return left.SerializeAsString();
}

void DrainSource::Judge(const wsp::v1::DrainResponse& left, bool draining,
                        absl::Duration now) {
  if (!draining) {
    end_ = WithReason(absl::AbortedError("the draining was taken back"),
                      "DRAIN_CANCELLED");
  } else if (IsNothing(left)) {
    end_ = absl::OkStatus();
  } else if (now >= deadline_) {
    end_ = WithReason(
        absl::DeadlineExceededError(
            absl::StrCat("the time is up, and there are ", DescribeLeft(left),
                         "; the daemon goes on draining")),
        "DRAIN_TIMEOUT",
        {{"clients", absl::StrCat(left.clients())},
         {"sockets", absl::StrCat(left.sockets())},
         {"lingering_sockets", absl::StrCat(left.lingering_sockets())}});
  }
}

wsp::v1::DrainResponse LeftOf(const wsp::v1::GetServerInfoResponse& info) {
  wsp::v1::DrainResponse left;
  left.set_clients(info.clients());
  left.set_sockets(info.sockets());
  left.set_lingering_sockets(info.lingering_sockets());
  return left;
}

std::string DescribeLeft(const wsp::v1::DrainResponse& left) {
  return absl::StrCat(
      left.clients(), left.clients() == 1 ? " client, " : " clients, ",
      left.sockets(), left.sockets() == 1 ? " socket" : " sockets", " and ",
      left.lingering_sockets(), " closed ones that still send");
}

}  // namespace wspd
