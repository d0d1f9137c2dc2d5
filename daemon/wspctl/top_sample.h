#ifndef WSPD_DAEMON_WSPCTL_TOP_SAMPLE_H_
#define WSPD_DAEMON_WSPCTL_TOP_SAMPLE_H_

#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "daemon/wspctl/admin_client.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// What a daemon has at one moment.
struct TopSample {
  absl::Time at;
  wsp::v1::GetServerInfoResponse info;
  std::vector<wsp::v1::Client> clients;
  std::vector<wsp::v1::Socket> sockets;
};

// Asks for it, sockets page by page.
absl::StatusOr<TopSample> TakeTopSample(AdminClient* client);

// A second's worth; none: not known.
struct TopRates {
  absl::optional<double> sent;        // bytes
  absl::optional<double> received;    // bytes
  absl::optional<double> operations;  // sends and receives

  // What isn't known adds nothing.
  void Add(const TopRates& more);
};

// What happens in between two samples. A socket that wasn't there at the first
// has done all since then; one that is gone at the second counts no more.
class TopDifference {
 public:
  // `before` may be null: then nothing is known.
  TopDifference(const TopSample* before, const TopSample& now);

  TopRates Of(const wsp::v1::Socket& socket) const;
  // Calls of all clients.
  absl::optional<double> calls() const { return calls_; }

 private:
  // Which socket it is, as long as it lives.
  using Key = std::tuple<uint64_t, uint64_t, uint64_t>;
  struct Counts {
    uint64_t sent;
    uint64_t received;
    uint64_t operations;
  };

  static Key KeyOf(const wsp::v1::Socket& socket);
  absl::optional<double> Rate(uint64_t before, uint64_t now) const;

  double seconds_ = 0;  // 0: nothing is known
  std::map<Key, Counts> before_;
  absl::optional<double> calls_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_TOP_SAMPLE_H_
