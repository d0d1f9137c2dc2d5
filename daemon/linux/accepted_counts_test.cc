#include "daemon/linux/accepted_counts.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "daemon/linux/socket_owners.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

NetAddress V4(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return NetAddress(address);
}

class AcceptedCountsTest : public testing::Test {
 protected:
  void Start(absl::Duration settle_time) {
    counts_ = std::make_unique<AcceptedCounts>(
        settle_time, [this](const LentSocket& listener, const SocketReport&) {
          told_.push_back(listener.owner->uid);
        });
  }

  // A user's listener at the port ends.
  void EndListener(uid_t uid, int port) {
    LentSocket lent;
    lent.cookie = ++cookie_;
    lent.family = AF_INET;
    lent.protocol = IPPROTO_TCP;
    lent.owner = std::make_shared<SocketOwner>(
        42, uid, std::make_shared<SocketUser>(nullptr));
    SocketReport report;
    report.cookie = lent.cookie;
    report.local = V4(port);
    counts_->AddEndedListener(lent, report);
  }

  std::unique_ptr<AcceptedCounts> counts_;
  // Whose connections have ended.
  std::vector<uid_t> told_;
  uint64_t cookie_ = 0;
};

// Else whoever closes listeners all the time has others' connections end
// untold.
TEST_F(AcceptedCountsTest, ManyEndedListenersOfOneUserDriveNobodysOut) {
  Start(absl::Hours(1));
  EndListener(2, 2000);
  for (int i = 0; i < 10000; ++i) EndListener(1, 1000);
  EXPECT_LT(counts_->ended_listeners(), 1000u);
  EndListener(3, 3000);
  for (const int port : {2000, 3000, 1000}) {
    SocketReport ended;
    ended.cookie = ++cookie_;
    ended.local = V4(port);
    ended.peer = V4(9);
    ended.has_bytes = true;
    counts_->Add(ended);
  }
  counts_->Settle({});
  EXPECT_THAT(told_, testing::UnorderedElementsAre(2, 3, 1));
}

TEST_F(AcceptedCountsTest, EndedListenersAreForgottenWithoutAnyConnection) {
  Start(absl::ZeroDuration());
  size_t ended = 0;
  do {
    EndListener(1, 1000);
    ++ended;
  } while (counts_->ended_listeners() == ended);
  EXPECT_LT(counts_->ended_listeners(), ended);
}

}  // namespace
}  // namespace wspd
