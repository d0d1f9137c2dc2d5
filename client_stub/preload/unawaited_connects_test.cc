#include "client_stub/preload/unawaited_connects.h"

#include <cerrno>
#include <cstdint>

#include "client_stub/transport/server_frame.h"
#include "gtest/gtest.h"

namespace wsp {
namespace {

using Outcome = UnawaitedConnects::Outcome;

Address Port(uint16_t port) {
  Address address;
  address.family = Address::kIpv4;
  address.port = port;
  return address;
}

Completion Connected(bool in_progress) {
  Completion result;
  result.linux_result.in_progress = in_progress;
  return result;
}

Completion Failed() {
  Completion result;
  result.linux_errno = ENETUNREACH;
  return result;
}

// One of a long time after the machine began.
constexpr int64_t kBegin = 1000000;

class UnawaitedConnectsTest : public ::testing::Test {
 protected:
  bool Want(uint16_t port, int64_t ms) {
    return connects_.Want(Port(port), kBegin + ms);
  }

  void Add(uint64_t call_id, uint64_t number) {
    connects_.Add(call_id, {static_cast<int>(number), number, number});
  }

  UnawaitedConnects connects_;
};

TEST_F(UnawaitedConnectsTest, TheThirdToOneAddressNeedNotWait) {
  EXPECT_FALSE(Want(1, 0));
  EXPECT_FALSE(Want(1, 50));
  EXPECT_TRUE(Want(1, 100));
  EXPECT_TRUE(Want(1, 150));
}

TEST_F(UnawaitedConnectsTest, APauseEndsASuccession) {
  for (const int ms : {0, 1, 2}) (void)Want(1, ms);
  EXPECT_FALSE(Want(1, 53));
  EXPECT_FALSE(Want(1, 54));
  EXPECT_TRUE(Want(1, 55));
}

TEST_F(UnawaitedConnectsTest, AnotherAddressEndsIt) {
  for (const int ms : {0, 1, 2}) (void)Want(1, ms);
  EXPECT_FALSE(Want(2, 3));
  EXPECT_FALSE(Want(1, 4));
  Address other = Port(1);
  other.bytes[15] = 1;
  EXPECT_FALSE(connects_.Want(other, kBegin + 5));
  other.scope_id = 1;
  EXPECT_FALSE(connects_.Want(other, kBegin + 6));
}

TEST_F(UnawaitedConnectsTest, OneThatCouldNotBeginEndsIt) {
  for (const int ms : {0, 1, 2}) (void)Want(1, ms);
  Add(7, 70);
  connects_.OnResult(7, Failed());
  EXPECT_EQ(connects_.Take(70), Outcome::kNotConnected);
  EXPECT_FALSE(Want(1, 3));
  EXPECT_FALSE(Want(1, 4));
  EXPECT_TRUE(Want(1, 5));
  connects_.EndSuccession();
  EXPECT_FALSE(Want(1, 6));
}

TEST_F(UnawaitedConnectsTest, OutcomesAreOfTheirSocketsAndTakenOnce) {
  Add(7, 70);
  Add(8, 80);
  Add(9, 90);
  connects_.OnResult(8, Connected(false));
  connects_.OnResult(9, Connected(true));
  EXPECT_EQ(connects_.Take(70), Outcome::kUnanswered);
  EXPECT_EQ(connects_.Take(70), Outcome::kUnanswered);
  EXPECT_EQ(connects_.Take(80), Outcome::kConnected);
  EXPECT_EQ(connects_.Take(80), Outcome::kUnknown);
  EXPECT_EQ(connects_.Take(90), Outcome::kNotConnected);
  EXPECT_EQ(connects_.Take(0), Outcome::kUnknown);
  // Of a call that is none of these.
  connects_.OnResult(100, Connected(false));
  EXPECT_EQ(connects_.Take(70), Outcome::kUnanswered);
}

TEST_F(UnawaitedConnectsTest, AnotherAttemptOfASocketIsAnotherOutcome) {
  Add(7, 70);
  connects_.OnResult(7, Connected(false));
  Add(8, 70);
  EXPECT_EQ(connects_.Take(70), Outcome::kUnanswered);
  connects_.OnResult(8, Connected(true));
  EXPECT_EQ(connects_.Take(70), Outcome::kNotConnected);
  EXPECT_EQ(connects_.Take(70), Outcome::kUnknown);
}

TEST_F(UnawaitedConnectsTest, SaysWhichAreUnanswered) {
  EXPECT_TRUE(connects_.all_answered());
  Add(7, 70);
  Add(8, 80);
  connects_.OnResult(7, Connected(false));
  EXPECT_FALSE(connects_.all_answered());
  int visited = 0;
  connects_.VisitUnanswered([&visited](const UnawaitedConnects::Socket& one) {
    EXPECT_EQ(one.number, 80u);
    EXPECT_EQ(one.fd, 80);
    EXPECT_EQ(one.cookie, 80u);
    ++visited;
  });
  EXPECT_EQ(visited, 1);
  connects_.Forget(80);
  EXPECT_TRUE(connects_.all_answered());
  EXPECT_EQ(connects_.Take(80), Outcome::kUnknown);
}

TEST_F(UnawaitedConnectsTest, OfTooManyTheOldestAreForgotten) {
  for (uint64_t i = 1; i <= UnawaitedConnects::kMost + 1; ++i) {
    Add(i, 10 * i);
  }
  EXPECT_EQ(connects_.Take(10), Outcome::kUnknown);
  EXPECT_EQ(connects_.Take(20), Outcome::kUnanswered);
}

}  // namespace
}  // namespace wsp
