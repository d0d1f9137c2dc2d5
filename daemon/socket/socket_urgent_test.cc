// Urgent bytes of a stream, apart from it, with a peer of the kernel's.
#include <sys/socket.h>

#include <string>

#include "daemon/socket/socket_urgent_fixture.h"
#include "daemon/socket/urgent_bytes.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

TEST_F(SocketUrgentTest, EachIsCountedOnce) {
  EXPECT_EQ(socket_->CountUrgent(), 0);
  EXPECT_EQ(socket_->Look().urgent_bytes, 0);
  PeerSendsUrgent("1");
  EXPECT_EQ(socket_->CountUrgent(), 1);
  EXPECT_TRUE(socket_->Look().urgent);
  PeerSendsUrgent("2");
  EXPECT_EQ(socket_->CountUrgent(), 2);
  EXPECT_EQ(ReceiveUrgent(), "12");
  EXPECT_FALSE(socket_->Look().urgent);
  EXPECT_EQ(socket_->CountUrgent(), 2);
  EXPECT_EQ(socket_->Look().urgent_bytes, 2);
}

TEST_F(SocketUrgentTest, OrdinaryDataIsNotCounted) {
  PeerSends("abc");
  EXPECT_EQ(socket_->CountUrgent(), 0);
  EXPECT_EQ(ReceiveAll(10), "abc-");
}

TEST_F(SocketUrgentTest, InLineThereAreNone) {
  SetInLine(1);
  PeerSends("ab", MSG_OOB);
  EXPECT_EQ(socket_->CountUrgent(), 0);
  EXPECT_EQ(ReceiveAll(10), "ab-");
}

// Taken, and given by the kernel all the same once the mark has moved on.
class SizedReceivesTest : public SocketUrgentTest,
                          public testing::WithParamInterface<size_t> {};
INSTANTIATE_TEST_SUITE_P(, SizedReceivesTest, testing::Values(1, 2, 3, 100));

TEST_P(SizedReceivesTest, UnreadUrgentBytesAreNoneOfTheStream) {
  PeerSends("ab");
  PeerSendsUrgent("1");
  PeerSends("cd");
  PeerSendsUrgent("2");
  PeerSendsUrgent("3");
  PeerSends("e");
  PeerSendsUrgent("f4");
  PeerSends("g");
  EXPECT_EQ(ReceiveAll(GetParam()), "abcdefg-");
  EXPECT_EQ(socket_->received(), 7);
  EXPECT_EQ(ReceiveUrgent(), "1234");
  // And it goes on.
  PeerSends("hi");
  EXPECT_EQ(ReceiveAll(GetParam()), "hi-");
}

TEST_P(SizedReceivesTest, AmongReceives) {
  std::string stream;
  for (const char* urgent : {"1", "2", "3", "4", "5"}) {
    PeerSends("abc");
    PeerSendsUrgent(urgent);
    stream += Receive(GetParam());
  }
  EXPECT_EQ(stream + ReceiveAll(GetParam()), "abcabcabcabcabc-");
  EXPECT_EQ(ReceiveUrgent(), "12345");
}

TEST_P(SizedReceivesTest, TheReaderIsAtTheMark) {
  PeerSends("ab");
  PeerSendsUrgent("1");
  EXPECT_EQ(Receive(2), "ab");
  // The next mark leaves the reader's place.
  PeerSendsUrgent("2");
  PeerSends("c");
  PeerSendsUrgent("3");
  PeerSends("d");
  EXPECT_EQ(ReceiveAll(GetParam()), "cd-");
  EXPECT_EQ(ReceiveUrgent(), "123");
}

TEST_P(SizedReceivesTest, APeekChangesNothing) {
  PeerSends("ab");
  PeerSendsUrgent("1");
  PeerSends("c");
  PeerSendsUrgent("2");
  EXPECT_EQ(Receive(100, MSG_PEEK), "abc");
  EXPECT_EQ(Receive(100, MSG_PEEK), "abc");
  EXPECT_EQ(ReceiveAll(GetParam()), "abc-");
}

TEST_F(SocketUrgentTest, WhatIsLeftOutIsNotReadable) {
  PeerSends("a");
  PeerSendsUrgent("1");
  PeerSendsUrgent("2");
  EXPECT_EQ(CountUnread(), 1);
  EXPECT_EQ(Receive(1), "a");
  EXPECT_FALSE(socket_->Look().readable);
  EXPECT_EQ(CountUnread(), 0);
}

TEST_F(SocketUrgentTest, TheEndComesBehindThem) {
  PeerSends("a");
  PeerSendsUrgent("1");
  PeerSendsUrgent("2");
  shutdown(peer_.get(), SHUT_WR);
  EXPECT_EQ(ReceiveAll(10), "a");
  EXPECT_EQ(ReceiveUrgent(), "12");
}

TEST_F(SocketUrgentTest, WhatIsBehindAnUrgentByteIsReadableToo) {
  PeerSends("ab");
  PeerSendsUrgent("1");
  PeerSends("cd");
  EXPECT_EQ(CountUnread(), 4);
  PeerSendsUrgent("2");
  PeerSends("e");
  EXPECT_EQ(CountUnread(), 5);
  EXPECT_EQ(Receive(100), "abcde");
  EXPECT_EQ(CountUnread(), 0);
  EXPECT_EQ(ReceiveUrgent(), "12");
}

// ---------------------------------------------- in line, when some have come

TEST_F(SocketUrgentTest, WhatWaitsComesInLineThen) {
  PeerSends("ab");
  PeerSendsUrgent("1");
  PeerSends("c");
  PeerSendsUrgent("2");
  EXPECT_EQ(Receive(100, MSG_OOB), "1");
  SetInLine(1);
  EXPECT_EQ(CountUnread(), 4);
  EXPECT_EQ(ReceiveAll(100), "abc2-");
  SetInLine(0);
  EXPECT_EQ(ReceiveUrgent(), "");
}

TEST_F(SocketUrgentTest, WhatWaitsAtTheReadersPlaceComesInLineThen) {
  PeerSends("ab");
  EXPECT_EQ(Receive(2), "ab");
  PeerSendsUrgent("1");
  PeerSendsUrgent("2");
  EXPECT_FALSE(socket_->Look().readable);
  EXPECT_EQ(CountUnread(), 0);
  SetInLine(1);
  EXPECT_TRUE(socket_->Look().readable);
  EXPECT_EQ(CountUnread(), 2);
  bool unread = false;
  EXPECT_EQ(socket_->PeekForEnd(&unread), 0);
  EXPECT_TRUE(unread);
  EXPECT_EQ(Receive(0), "");
  EXPECT_EQ(Receive(1, MSG_PEEK), "1");
  EXPECT_EQ(Receive(1), "1");
  PeerSends("c");
  EXPECT_EQ(ReceiveAll(100), "2c-");
  EXPECT_FALSE(socket_->Look().readable);
}

TEST_F(SocketUrgentTest, WhatTheReaderHasPassedDoesNotComeInLine) {
  PeerSends("ab");
  PeerSendsUrgent("1");
  PeerSends("c");
  EXPECT_EQ(Receive(100), "abc");
  SetInLine(1);
  EXPECT_FALSE(socket_->Look().readable);
  EXPECT_EQ(Receive(100), "-");
  SetInLine(0);
  EXPECT_EQ(ReceiveUrgent(), "1");
}

// ------------------------------------------------- limits of proto/README.md

// The newest are dropped, the stream isn't harmed.
TEST_F(SocketUrgentTest, ManyThatNobodyReceives) {
  std::string stream;
  for (int i = 0; i < 100; ++i) {
    PeerSendsUrgent("!");
    PeerSends("x");
    stream += Receive(1);
  }
  EXPECT_EQ(stream, std::string(100, 'x'));
  EXPECT_EQ(ReceiveUrgent(), std::string(64, '!'));
  EXPECT_EQ(socket_->CountUrgent(), 100);
}

// Nor by those that lie ahead, the dropped ones among them.
TEST_P(SizedReceivesTest, ManyAheadOfTheReader) {
  for (int i = 0; i < 100; ++i) {
    PeerSends("x");
    PeerSendsUrgent("!");
  }
  EXPECT_EQ(CountUnread(), 100);
  EXPECT_EQ(ReceiveAll(GetParam()), std::string(100, 'x') + "-");
  EXPECT_EQ(ReceiveUrgent(), std::string(64, '!'));
}

// Of those that are too many ahead of the reader the last is urgent when the
// reader has gone on, and the others are what TCP has made of them; none is
// both, or lost.
TEST_F(SocketUrgentTest, MoreAheadOfTheReaderThanHavePlaces) {
  constexpr auto kPlaces = static_cast<int>(UrgentBytes::kMostPlaces);
  PeerSends("x");
  for (int i = 0; i < kPlaces; ++i) PeerSendsUrgent("!");
  EXPECT_EQ(ReceiveUrgent(), std::string(64, '!'));
  EXPECT_FALSE(socket_->Look().urgent);
  PeerSends("123", MSG_OOB);
  PeerSends("y45", MSG_OOB);
  PeerSends("z");
  AwaitUnread(8);
  EXPECT_FALSE(socket_->Look().urgent);
  EXPECT_EQ(ReceiveUrgent(), "");
  EXPECT_EQ(ReceiveAll(100), "x123y4z-");
  EXPECT_EQ(ReceiveUrgent(), "5");
  EXPECT_EQ(socket_->CountUrgent(), kPlaces + 1);
}

}  // namespace
}  // namespace wspd
