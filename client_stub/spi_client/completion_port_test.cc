#include "client_stub/spi_client/completion_port.h"

#include <thread>
#include <vector>

#include "client_stub/spi_client/socket_handles.h"
#include "gtest/gtest.h"

namespace wspd::spi_client {
namespace {

class CompletionPortTest : public ::testing::Test {
 protected:
  SOCKET NewSocket() {
    int error = 0;
    const SOCKET s = OpenSocketHandle(1, &error);
    EXPECT_NE(s, INVALID_SOCKET);
    return s;
  }
  WSAOVERLAPPED overlapped_ = {};
  CompletionPacket packet_;
};

TEST_F(CompletionPortTest, PacketsComeInTheirOrder) {
  CompletionPort port;
  const SOCKET a = NewSocket(), b = NewSocket();
  EXPECT_FALSE(HasCompletionPort(a));
  ASSERT_TRUE(port.Bind(a, 7));
  ASSERT_TRUE(port.Bind(b, 8));
  EXPECT_TRUE(HasCompletionPort(a));
  EXPECT_FALSE(port.Take(&packet_, 0));
  ASSERT_TRUE(PostCompletion(b, &overlapped_, WSAECONNRESET, 0));
  ASSERT_TRUE(PostCompletion(a, nullptr, 0, 5));
  ASSERT_TRUE(port.Take(&packet_, 0));
  EXPECT_EQ(packet_.key, 8u);
  EXPECT_EQ(packet_.overlapped, &overlapped_);
  EXPECT_EQ(packet_.error, DWORD{WSAECONNRESET});
  ASSERT_TRUE(port.Take(&packet_, 0));
  EXPECT_EQ(packet_.key, 7u);
  EXPECT_EQ(packet_.bytes, 5u);
  EXPECT_FALSE(port.Take(&packet_, 0));
}

TEST_F(CompletionPortTest, SocketIsBoundOnce) {
  CompletionPort port, other;
  const SOCKET s = NewSocket();
  ASSERT_TRUE(port.Bind(s, 0));
  EXPECT_FALSE(port.Bind(s, 1));
  EXPECT_FALSE(other.Bind(s, 1));
}

TEST_F(CompletionPortTest, WhatIsNoHandleIsNotBound) {
  CompletionPort port;
  EXPECT_FALSE(port.Bind(INVALID_SOCKET, 0));
  EXPECT_FALSE(PostCompletion(NewSocket(), &overlapped_, 0, 0));
}

TEST_F(CompletionPortTest, BindingEndsWithSocketAndPort) {
  const SOCKET s = NewSocket(), t = NewSocket();
  {
    CompletionPort port;
    ASSERT_TRUE(port.Bind(s, 0));
    ASSERT_TRUE(port.Bind(t, 0));
    UnbindCompletionPort(s);
    EXPECT_FALSE(HasCompletionPort(s));
    EXPECT_TRUE(HasCompletionPort(t));
  }
  EXPECT_FALSE(HasCompletionPort(t));
  EXPECT_FALSE(PostCompletion(t, &overlapped_, 0, 0));
}

TEST_F(CompletionPortTest, EveryPacketIsTakenOnce) {
  constexpr int kThreads = 4, kPackets = 1000;
  CompletionPort port;
  const SOCKET s = NewSocket();
  ASSERT_TRUE(port.Bind(s, 0));
  std::vector<int> taken(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      CompletionPacket packet;
      while (port.Take(&packet, WSA_INFINITE) && packet.bytes != 0) ++taken[i];
    });
  }
  for (int i = 0; i < kPackets; ++i) PostCompletion(s, &overlapped_, 0, 1);
  for (int i = 0; i < kThreads; ++i) PostCompletion(s, &overlapped_, 0, 0);
  int total = 0;
  for (int i = 0; i < kThreads; ++i) {
    threads[i].join();
    total += taken[i];
  }
  EXPECT_EQ(total, kPackets);
}

}  // namespace
}  // namespace wspd::spi_client
