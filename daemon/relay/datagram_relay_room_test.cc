// Relayed datagrams whose receiver doesn't read, and programs that send what is
// no datagram.
#include <unistd.h>

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "daemon/relay/datagram_backlog.h"
#include "daemon/relay/datagram_relay.h"
#include "daemon/relay/datagram_relay_fixture.h"
#include "daemon/testing/tcp_pair.h"

namespace wspd {
namespace {

using wsp::relay::DatagramHeader;

// ------------------------------------------------------------ back-pressure

TEST_F(DatagramRelayTest, AProgramThatDoesNotReadLosesWhatTheKernelWould) {
  Start();
  SetReal(SOL_SOCKET, SO_RCVBUF, 32 << 10);
  // More than both ends' buffers have room for.
  const int sent = 4000;
  for (int i = 0; i < sent; ++i) {
    Answer(absl::StrCat(i, std::string(1000, 'x')));
    if (i % 100 == 0) driver_->Synchronize();
  }
  // In order, with a gap where the kernel's buffer was full.
  int received = 0;
  int last = -1;
  int before_gap = 0;
  while (true) {
    const RelayedMessage message = Read(received == 0 ? 0 : MSG_DONTWAIT);
    if (!message.valid) {
      // What the kernel's socket holds comes when there is room.
      driver_->Synchronize();
      const RelayedMessage later = Read(MSG_DONTWAIT);
      if (!later.valid) break;
      EXPECT_GT(std::stoi(later.payload), last);
      last = std::stoi(later.payload);
      ++received;
      continue;
    }
    const int number = std::stoi(message.payload);
    ASSERT_GT(number, last);
    if (before_gap == 0 && number != last + 1) before_gap = received;
    last = number;
    ++received;
  }
  EXPECT_GT(received, 50);
  EXPECT_LT(received, sent / 2);
  EXPECT_EQ(driver_->counts().dropped, 0u);
  // And on it goes.
  Answer("new");
  EXPECT_EQ(ReadPayload(), "new");
}

TEST_F(DatagramRelayTest, WhatTheProgramSendsWaitsForRoom) {
  StartFull();
  std::thread program([this] {
    for (int i = 0; i < 2000; ++i) {
      // Waits when the daemon has enough.
      ASSERT_TRUE(
          SendTo(NetAddress(), absl::StrCat(i, std::string(i % 7 * 100, 'x'))));
    }
  });
  for (int i = 0; i < 2000; ++i) {
    ASSERT_EQ(Receive(), absl::StrCat(i, std::string(i % 7 * 100, 'x')));
  }
  program.join();
  EXPECT_EQ(driver_->counts().dropped, 0u);
}

TEST_F(DatagramRelayTest, AFullSocketSaysSo) {
  StartFull();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(SendTo(NetAddress(), "queued"));
  wsp::v1::LinuxSend request;
  request.set_data("last");
  uint32_t sent = 0;
  EXPECT_EQ(driver_->Send(request, &sent), EAGAIN);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(Receive(), "queued");
  EXPECT_EQ(driver_->Send(request, &sent), 0);
  EXPECT_EQ(sent, 4u);
  EXPECT_EQ(Receive(), "last");
}

TEST_F(DatagramRelayTest, AnErrorThatFindsNoRoomWaits) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  const OwnedFd program(ends[0]);
  const OwnedFd end(ends[1]);
  const OwnedFd real = Udp();
  const NetAddress nobody = ClosedPort();
  ASSERT_EQ(connect(real.get(), nobody.get(), nobody.size()), 0);
  DatagramRelay relay(real.get(), end.get(), &user_bytes_);
  int full = 0;
  while (send(end.get(), "x", 1, MSG_DONTWAIT) == 1) ++full;
  ASSERT_EQ(send(real.get(), "x", 1, 0), 1);
  relay.Run(EPOLLIN | EPOLLERR, 0);
  // Nothing to do before there is room.
  EXPECT_FALSE(relay.has_more());
  EXPECT_TRUE(relay.awaits_end());
  char message[100];
  while (full-- > 0) ASSERT_EQ(recv(program.get(), message, 100, 0), 1);
  relay.Run(0, EPOLLOUT);
  EXPECT_FALSE(relay.has_more());
  EXPECT_FALSE(relay.awaits_end());
  ASSERT_EQ(recv(program.get(), message, 100, MSG_DONTWAIT),
            static_cast<ssize_t>(sizeof(DatagramHeader)));
  EXPECT_EQ(message[0], wsp::relay::kError);
}

TEST(DatagramBacklogTest, HasALimit) {
  std::atomic<size_t> user_bytes{0};
  DatagramBacklog backlog(&user_bytes);
  std::string message(1000, 'x');
  const iovec piece = {&message[0], message.size()};
  size_t count = 0;
  while (backlog.Push(&piece, 1)) ++count;
  EXPECT_EQ(count, DatagramBacklog::kMostBytes / 1000);
  EXPECT_EQ(backlog.front(), message);
  backlog.Pop();
  EXPECT_TRUE(backlog.Push(&piece, 1));
  while (!backlog.empty()) backlog.Pop();
  EXPECT_TRUE(backlog.Push(&piece, 1));
}

// Backlogs of one user, full ones but the last, which has no room left.
struct FullBacklogs {
  explicit FullBacklogs(std::atomic<size_t>* user_bytes) {
    std::string message(DatagramBacklog::kMostBytes, 'x');
    const iovec piece = {&message[0], message.size()};
    do {
      all.push_back(std::make_unique<DatagramBacklog>(user_bytes));
    } while (all.back()->Push(&piece, 1));
  }

  size_t full() const { return all.size() - 1; }

  std::vector<std::unique_ptr<DatagramBacklog>> all;
};

TEST(DatagramBacklogTest, AUserMayHaveWhatIsLeftForOthers) {
  constexpr size_t kMost =
      DatagramBacklog::kMostBytesTogether / DatagramBacklog::kMostBytes;
  std::atomic<size_t> users[3] = {};
  FullBacklogs one(&users[0]);
  EXPECT_EQ(one.full(), kMost / 2);
  EXPECT_TRUE(one.all.back()->IsScarce());
  FullBacklogs two(&users[1]);
  EXPECT_EQ(two.full(), (kMost - one.full()) / 2);
  DatagramBacklog three(&users[2]);
  EXPECT_FALSE(three.IsScarce());
  std::string message(DatagramBacklog::kMostBytes, 'x');
  const iovec piece = {&message[0], message.size()};
  EXPECT_TRUE(three.Push(&piece, 1));
  one.all.erase(one.all.begin());
  EXPECT_FALSE(one.all.back()->Push(&piece, 1));
  two.all.clear();
  three.Clear();
  EXPECT_TRUE(one.all.back()->Push(&piece, 1));
  one.all.erase(one.all.begin(), one.all.end() - 1);
  EXPECT_FALSE(one.all.back()->IsScarce());
  one.all.clear();
  for (const auto& bytes : users) EXPECT_EQ(bytes, 0u);
}

// Much is kept for the user's others: this one does with no memory.
TEST_F(DatagramRelayTest, NothingIsLostWhenMemoryIsScarce) {
  const FullBacklogs others(&user_bytes_);
  StartFull();
  std::thread program([this] {
    for (int i = 0; i < 500; ++i) {
      ASSERT_TRUE(SendTo(NetAddress(), absl::StrCat(i)));
    }
  });
  for (int i = 0; i < 500; ++i) ASSERT_EQ(Receive(), absl::StrCat(i));
  program.join();
  // And up.
  for (int i = 0; i < 500; ++i) {
    const std::string text = absl::StrCat(i);
    ASSERT_EQ(send(peer_.get(), text.data(), text.size(), 0),
              static_cast<ssize_t>(text.size()));
    if (i % 100 == 50) driver_->Synchronize();
    if (i >= 100) {
      ASSERT_EQ(ReadPayload(), absl::StrCat(i - 100));
    }
  }
  EXPECT_EQ(driver_->counts().dropped, 0u);
}

// --------------------------------------------------------- hostile programs

TEST_F(DatagramRelayTest, WhatIsNoDatagramIsDroppedAlone) {
  Start();
  const std::string good = Message(peer_address_, "good");
  DatagramHeader header{};
  std::vector<std::string> bad = {"", "x", good.substr(0, 35)};
  header.kind = wsp::relay::kError;
  bad.emplace_back(reinterpret_cast<const char*>(&header), sizeof(header));
  header.kind = 200;
  bad.emplace_back(reinterpret_cast<const char*>(&header), sizeof(header));
  header = DatagramHeader();
  header.control_bytes = 65535;
  bad.emplace_back(reinterpret_cast<const char*>(&header), sizeof(header));
  header = DatagramHeader();
  header.address.family = 99;
  bad.emplace_back(reinterpret_cast<const char*>(&header), sizeof(header));
  bad.push_back(Message(peer_address_, "x", "", MSG_OOB));
  bad.push_back(Message(peer_address_, "x", "", -1));
  bad.push_back(
      Message(peer_address_, "x", ControlItem(SOL_SOCKET, SCM_RIGHTS, int{0})));
  bad.push_back(
      Message(peer_address_, "x", ControlItem(SOL_SOCKET, SO_MARK, int{1})));
  std::string lies = ControlItem(IPPROTO_IP, IP_TTL, int{1});
  lies[0] = '\xff';
  bad.push_back(Message(peer_address_, "x", lies));
  bad.push_back(std::string(kMostMessageBytes + 1, '\0'));
  bad.push_back(std::string(100000, '\xff'));
  for (const std::string& message : bad) {
    ASSERT_TRUE(Write(message)) << strerror(errno);
    ASSERT_TRUE(Write(good));
    ASSERT_EQ(Receive(), "good");
  }
  EXPECT_EQ(AwaitDropped(bad.size()), bad.size());
  Answer("answer");
  EXPECT_EQ(ReadPayload(), "answer");
}

TEST_F(DatagramRelayTest, EmptyMessagesAreNoEnd) {
  Start();
  const auto go = HoldLoop();
  for (int i = 0; i < 64; ++i) ASSERT_TRUE(Write(""));
  ASSERT_TRUE(SendTo(peer_address_, "good"));
  go->Notify();
  EXPECT_EQ(Receive(), "good");
  EXPECT_EQ(AwaitDropped(64), 64u);
  EXPECT_FALSE(driver_->ended());
}

TEST_F(DatagramRelayTest, DescriptorsThatComeAlongAreClosed) {
  Start();
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  OwnedFd ours(ends[0]);
  OwnedFd theirs(ends[1]);
  Limit(ours.get());
  std::string text = Message(peer_address_, "with a descriptor");
  iovec piece = {&text[0], text.size()};
  std::string control = ControlItem(SOL_SOCKET, SCM_RIGHTS, theirs.get());
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = &control[0];
  message.msg_controllen = control.size();
  ASSERT_EQ(sendmsg(program_.get(), &message, 0),
            static_cast<ssize_t>(text.size()));
  theirs.Reset();
  EXPECT_EQ(Receive(), "with a descriptor");
  char byte;
  EXPECT_EQ(recv(ours.get(), &byte, 1, 0), 0);
}

TEST_F(DatagramRelayTest, DescriptorsWhoseCloseTakesLongHoldUpNobody) {
  Start();
  TcpPair pair = MakeTcpPair();
  const linger minutes{1, 600};
  ASSERT_EQ(setsockopt(pair.ours.get(), SOL_SOCKET, SO_LINGER, &minutes,
                       sizeof(minutes)),
            0);
  const std::string much(1 << 20, 'x');
  while (send(pair.ours.get(), much.data(), much.size(), MSG_DONTWAIT) > 0) {
  }
  std::string text = Message(peer_address_, "with a descriptor");
  iovec piece = {&text[0], text.size()};
  std::string control = ControlItem(SOL_SOCKET, SCM_RIGHTS, pair.ours.get());
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = &control[0];
  message.msg_controllen = control.size();
  const auto go = HoldLoop();
  ASSERT_GT(sendmsg(program_.get(), &message, 0), 0);
  // The message holds it, so that this takes no time.
  pair.ours.Reset();
  go->Notify();
  EXPECT_EQ(Receive(), "with a descriptor");
  ASSERT_TRUE(SendTo(peer_address_, "next"));
  EXPECT_EQ(Receive(), "next");
  pair.peer.Reset();
}

}  // namespace
}  // namespace wspd
