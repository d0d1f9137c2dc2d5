// That the audit of the stress test sees what is wrong.
#include "tests/stress/audit.h"

#include <set>

#include "gmock/gmock.h"

namespace wspd::testing {
namespace {

using ::testing::HasSubstr;

constexpr pid_t kPid = 100;

class AuditTest : public ::testing::Test {
 protected:
  // 1,000 bytes each way, closed by both in order.
  AuditTest() {
    record_.owner = kPid;
    record_.client_end = ClientEnd::kClosed;
    record_.client_saw_end = true;
    record_.client_given = record_.client_acked = record_.client_got = 1000;
    record_.peer_met = record_.peer_shut = true;
    record_.peer_end = PeerEnd::kOrderly;
    record_.peer_given = record_.peer_got = 1000;
  }

  // As the process leaves it when it is killed.
  void Kill() {
    record_.client_end = ClientEnd::kOpen;
    record_.client_saw_end = false;
    record_.peer_end = PeerEnd::kReset;
    killed_ = {kPid};
  }

  std::string Error() const { return AuditRecord(record_, killed_); }

  ConnectionRecord record_;
  std::set<pid_t> killed_;
};

TEST_F(AuditTest, AnExactConnectionIsGood) { EXPECT_EQ(Error(), ""); }

TEST_F(AuditTest, SeesLostBytes) {
  record_.peer_got = 999;
  EXPECT_THAT(Error(), HasSubstr("acknowledged bytes are lost"));
}

TEST_F(AuditTest, SeesDoubledBytes) {
  record_.peer_got = 1001;
  EXPECT_THAT(Error(), HasSubstr("more than was sent"));
}

TEST_F(AuditTest, SeesUnacknowledgedSendsOfAClosedSocket) {
  record_.client_acked = 999;
  EXPECT_THAT(Error(), HasSubstr("not all bytes of a closed socket"));
  record_.client_end = ClientEnd::kClosedInPart;
  EXPECT_EQ(Error(), "");
}

TEST_F(AuditTest, SeesAResetInsteadOfAnOrderlyEnd) {
  record_.peer_end = PeerEnd::kReset;
  EXPECT_THAT(Error(), HasSubstr("not in order"));
  record_.client_end = ClientEnd::kClosedHard;
  EXPECT_EQ(Error(), "");
}

TEST_F(AuditTest, LetsCancelledSendsEndInAReset) {
  record_.client_cancelled = true;
  record_.client_acked = 999;
  record_.client_end = ClientEnd::kClosedInPart;
  record_.peer_end = PeerEnd::kReset;
  record_.client_lost = true;
  EXPECT_EQ(Error(), "");
  record_.peer_end = PeerEnd::kOrderly;
  EXPECT_EQ(Error(), "");
  record_.peer_got = 998;
  EXPECT_THAT(Error(), HasSubstr("acknowledged bytes are lost"));
}

TEST_F(AuditTest, SeesResetsThatNobodyMade) {
  record_.client_lost = true;
  EXPECT_THAT(Error(), HasSubstr("not by the peer"));
  record_.peer_reset = true;
  EXPECT_EQ(Error(), "");
}

TEST_F(AuditTest, SeesBytesFromThePeerThatAreLost) {
  record_.client_got = 999;
  EXPECT_THAT(Error(), HasSubstr("before its end"));
  record_.client_saw_end = false;
  EXPECT_EQ(Error(), "");
}

TEST_F(AuditTest, SeesAnEndThatThePeerDidNotMake) {
  record_.peer_shut = false;
  EXPECT_THAT(Error(), HasSubstr("an orderly end that the peer"));
}

TEST_F(AuditTest, AKilledProcessMayLoseBytesButIsReset) {
  Kill();
  record_.peer_got = 10;
  EXPECT_EQ(Error(), "");
  record_.peer_end = PeerEnd::kOrderly;
  EXPECT_THAT(Error(), HasSubstr("instead of by a reset"));
  record_.client_shut = true;
  EXPECT_THAT(Error(), HasSubstr("before the shutdown"));
  record_.peer_got = 1000;
  EXPECT_EQ(Error(), "");
}

TEST_F(AuditTest, OnlyKilledProcessesLeaveConnectionsOpen) {
  Kill();
  killed_.clear();
  EXPECT_THAT(Error(), HasSubstr("left open"));
}

TEST_F(AuditTest, SeesConnectionsThatGoOnOrNeverCame) {
  record_.peer_end = PeerEnd::kNone;
  EXPECT_THAT(Error(), HasSubstr("goes on"));
  record_.peer_met = false;
  EXPECT_THAT(Error(), HasSubstr("knows nothing"));
}

}  // namespace
}  // namespace wspd::testing
