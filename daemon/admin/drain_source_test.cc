#include "daemon/admin/drain_source.h"

#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "daemon/admin/fake_inventory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::HasSubstr;

// Has as much as it is told, and drains until it is told otherwise.
class Remainder : public FakeInventory {
 public:
  void FillServerInfo(wsp::v1::GetServerInfoResponse* info) const override {
    info->set_clients(clients);
    info->set_sockets(sockets);
    info->set_lingering_sockets(lingering);
    info->set_draining_since_ns(draining ? 1 : 0);
  }

  uint32_t clients = 0;
  uint32_t sockets = 0;
  uint32_t lingering = 0;
  bool draining = true;
};

class DrainSourceTest : public ::testing::Test {
 protected:
  DrainSource Start(absl::optional<uint32_t> timeout_ms = absl::nullopt) {
    wsp::v1::DrainRequest request;
    if (timeout_ms) request.set_timeout_ms(*timeout_ms);
    return DrainSource(&inventory_, request, [this](absl::Duration delay) {
      pauses_.push_back(delay);
    });
  }

  // What is said once it has been looked again, "" if nothing is.
  static std::string Said(DrainSource* source) {
    // The source looks at most once a period.
    absl::SleepFor(DrainSource::kPeriod);
    const auto message = source->Next();
    if (!message) return "";
    wsp::v1::DrainResponse left;
    EXPECT_TRUE(left.ParseFromString(*message));
    return DescribeLeft(left);
  }

  Remainder inventory_;
  std::vector<absl::Duration> pauses_;
};

TEST_F(DrainSourceTest, SaysWhatIsLeftUntilNothingIs) {
  inventory_.clients = 1;
  inventory_.sockets = 2;
  DrainSource source = Start();
  EXPECT_EQ(Said(&source),
            "1 client, 2 sockets and 0 closed ones that still send");
  EXPECT_EQ(Said(&source), "");
  inventory_.clients = 0;
  inventory_.sockets = 1;
  inventory_.lingering = 1;
  EXPECT_EQ(Said(&source),
            "0 clients, 1 socket and 1 closed ones that still send");
  EXPECT_FALSE(source.End());
  // One timer at a time.
  EXPECT_EQ(source.Next(), absl::nullopt);
  EXPECT_EQ(pauses_.size(), 3u);
  inventory_.sockets = 0;
  inventory_.lingering = 0;
  EXPECT_EQ(Said(&source),
            "0 clients, 0 sockets and 0 closed ones that still send");
  EXPECT_EQ(*source.End(), absl::OkStatus());
  EXPECT_EQ(pauses_.size(), 3u);
}

TEST_F(DrainSourceTest, SaysSoAtOnceWhenNothingIsLeft) {
  DrainSource source = Start(0);
  EXPECT_TRUE(source.Next());
  EXPECT_EQ(*source.End(), absl::OkStatus());
}

TEST_F(DrainSourceTest, SaysWhatIsLeftWhenTheTimeIsUp) {
  inventory_.clients = 7;
  DrainSource source = Start(0);
  EXPECT_TRUE(source.Next());
  const auto end = source.End();
  ASSERT_TRUE(end);
  EXPECT_EQ(end->code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(end->message()), HasSubstr("there are 7 clients"));
}

TEST_F(DrainSourceTest, LooksAgainWhenTheTimeIsUp) {
  inventory_.clients = 7;
  DrainSource source = Start(50);
  EXPECT_TRUE(source.Next());
  EXPECT_FALSE(source.End());
  ASSERT_EQ(pauses_.size(), 1u);
  EXPECT_LE(pauses_[0], absl::Milliseconds(50));
}

TEST_F(DrainSourceTest, EndsWhenItIsTakenBack) {
  inventory_.clients = 1;
  DrainSource source = Start();
  EXPECT_TRUE(source.Next());
  inventory_.draining = false;
  EXPECT_EQ(Said(&source), "");
  const auto end = source.End();
  ASSERT_TRUE(end);
  EXPECT_EQ(end->code(), absl::StatusCode::kAborted);
}

}  // namespace
}  // namespace wspd
