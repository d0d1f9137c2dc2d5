// What calls about many sockets cost, in messages and not in time: a WSPSelect
// is one call however many sockets it has, and a WSPEnumNetworkEvents of an
// event that was told of waits for no answer.
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/testing/admin_view.h"
#include "tests/testing/network_events.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/socket_set.h"
#include "tests/testing/thread_group.h"
#include "tests/testing/unread_frames.h"

namespace wspd::testing {
namespace {

constexpr size_t kSockets = 1000;

class RoundTripsTest : public ProviderTest {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
    PeerListener::Options options;
    options.backlog = 2048;
    PeerListener listener(options);
    for (size_t i = 0; i < kSockets; ++i) {
      connections_.push_back(Connect(listener));
      sockets_.push_back(connections_.back().socket);
    }
  }

  // The calls that the daemon was asked for in the meantime.
  template <typename Action>
  uint64_t CallsOf(const Action& action) {
    AdminView view(daemon_.admin_socket());
    const uint64_t before = view.GetTotals().calls;
    action();
    return view.GetTotals().calls - before;
  }
  // While the daemon is stopped.
  size_t UnreadMessages() {
    return PeekUnreadFrames(daemon_.pid(), getpid()).messages;
  }

  // Each with an event object of its own, all told of a byte.
  void HaveAllEventsSet() {
    for (Connection& connection : connections_) {
      events_.push_back(std::make_unique<Event>());
      ASSERT_EQ(
          spi_->EventSelect(connection.socket, events_.back()->get(), FD_READ),
          kOk);
      ASSERT_TRUE(connection.peer.Write("x"));
    }
    for (const auto& event : events_) ASSERT_TRUE(event->Wait());
  }

  std::vector<Connection> connections_;
  std::vector<SOCKET> sockets_;
  std::vector<std::unique_ptr<Event>> events_;
};

TEST_F(RoundTripsTest, AGetSockOptIsACall) {
  int value = 0;
  EXPECT_EQ(CallsOf([&] {
              for (size_t i = 0; i < 10; ++i) {
                EXPECT_EQ(
                    spi_->GetOption(sockets_[i], SOL_SOCKET, SO_ERROR, &value),
                    kOk);
              }
            }),
            10u)
      << "the other tests count something else";
}

TEST_F(RoundTripsTest, ASelectOfAThousandSocketsIsOneCall) {
  ASSERT_TRUE(connections_.front().peer.Write("x"));
  ASSERT_TRUE(connections_.back().peer.Write("x"));
  u_long readable = 0;
  ASSERT_TRUE(WaitUntil([&] {
    return spi_->BytesReadable(sockets_.front(), &readable).ok() &&
           readable == 1;
  }));
  ASSERT_TRUE(WaitUntil([&] {
    return spi_->BytesReadable(sockets_.back(), &readable).ok() &&
           readable == 1;
  }));
  SocketSet read(sockets_), write(sockets_), except(sockets_);
  int ready = 0;
  EXPECT_EQ(CallsOf([&] {
              const timeval none = {0, 0};
              EXPECT_EQ(spi_->Select(read.get(), write.get(), except.get(),
                                     &none, &ready),
                        kOk);
            }),
            1u);
  EXPECT_EQ(ready, static_cast<int>(kSockets + 2));
  EXPECT_EQ(read.sockets(),
            (std::vector<SOCKET>{sockets_.front(), sockets_.back()}));
  EXPECT_EQ(write.sockets(), sockets_);
}

TEST_F(RoundTripsTest, ASelectThatWaitsForAThousandSocketsIsOneCallAndMessage) {
  SocketSet read(sockets_);
  EXPECT_EQ(CallsOf([&] {
              daemon_.Pause();
              ASSERT_EQ(UnreadMessages(), 0u);
              ThreadGroup threads;
              threads.Start("select", [&] {
                int ready = 0;
                EXPECT_EQ(
                    spi_->Select(read.get(), nullptr, nullptr, nullptr, &ready),
                    kOk);
                EXPECT_EQ(ready, 1);
              });
              ASSERT_TRUE(threads.WaitUntilBlocked());
              EXPECT_EQ(UnreadMessages(), 1u);
              daemon_.Resume();
              ASSERT_TRUE(threads.WaitUntilBlocked());
              ASSERT_TRUE(connections_[kSockets / 2].peer.Write("x"));
              threads.JoinAll();
            }),
            1u);
  EXPECT_EQ(read.sockets(), std::vector<SOCKET>{sockets_[kSockets / 2]});
}

TEST_F(RoundTripsTest, AThousandEventsAreEnumeratedWithoutAnAnswer) {
  HaveAllEventsSet();
  ASSERT_FALSE(HasFatalFailure());
  daemon_.Pause();
  for (size_t i = 0; i < kSockets; ++i) {
    WSANETWORKEVENTS record = {};
    ASSERT_EQ(spi_->EnumNetworkEvents(sockets_[i], events_[i]->get(), &record),
              kOk);
    ASSERT_EQ(NetworkEvents(record), FD_READ);
    ASSERT_FALSE(events_[i]->IsSet());
  }
  // The daemon was told, all the same.
  daemon_.Resume();
  std::string data;
  for (size_t i = 0; i < kSockets; ++i) {
    ASSERT_EQ(spi_->Recv(sockets_[i], 1, &data), kOk);
    ASSERT_TRUE(connections_[i].peer.Write("y"));
    ASSERT_TRUE(events_[i]->Wait()) << i;
    WSANETWORKEVENTS record = {};
    ASSERT_EQ(spi_->EnumNetworkEvents(sockets_[i], events_[i]->get(), &record),
              kOk);
    ASSERT_EQ(NetworkEvents(record), FD_READ);
  }
}

}  // namespace
}  // namespace wspd::testing
