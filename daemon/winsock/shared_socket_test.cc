// A socket of which several clients have descriptors.
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "daemon/testing/tcp_pair.h"
#include "daemon/winsock/network_event_recorder.h"
#include "daemon/winsock/winsock_socket_fixture.h"
#include "daemon/winsock/wsa_error.h"
#include "gtest/gtest.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {
namespace {

// A connection that a second client has a descriptor of, too.
class SharedSocketTest : public WinsockSocketTest {
 protected:
  SharedSocketTest()
      : first_(Connect(&peer_)),
        second_(std::make_shared<SocketDescriptor>(first_->socket(), other_,
                                                   kSocket)) {
    other_->AddSocket(kSocket, second_);
  }
  ~SharedSocketTest() override { other_->AbortAll(); }

  static wsp::v1::Call CloseCall() {
    wsp::v1::Call call;
    call.mutable_close_socket();
    return call;
  }
  void ExpectAlive() {
    ASSERT_EQ(write(peer_.get(), "ab", 2), 2);
    const uint64_t call = Begin(second_.get(), ReceiveCall(2));
    const CallResult result = other_->Await(call);
    EXPECT_EQ(result.wsa_error, 0);
    ASSERT_NE(result.payload, nullptr);
    EXPECT_EQ(result.payload->size(), 2);
  }

  const std::shared_ptr<FakeCallSink> other_ = std::make_shared<FakeCallSink>();
  OwnedFd peer_;
  std::shared_ptr<SocketDescriptor> first_, second_;
};

TEST_F(SharedSocketTest, CloseEndsTheDescriptorsOwnCallsAlone) {
  const uint64_t own = Begin(first_.get(), ReceiveCall(2));
  const uint64_t others = Begin(second_.get(), ReceiveCall(2));
  EXPECT_EQ(Run(first_.get(), CloseCall()).wsa_error, 0);
  EXPECT_EQ(sink_->Await(own).wsa_error, kWsaIntr);
  EXPECT_EQ(sink_->FindSocket(kSocket), nullptr);
  EXPECT_FALSE(other_->Has(others));
  ASSERT_EQ(write(peer_.get(), "ab", 2), 2);
  EXPECT_EQ(other_->Await(others).payload->size(), 2);
  // Closed is closed.
  EXPECT_EQ(Run(first_.get(), CloseCall()).wsa_error, kWsaNotSock);
}

TEST_F(SharedSocketTest, CleanupOfOneLeavesTheOtherItsConnection) {
  const uint64_t own = Begin(first_.get(), ReceiveCall(2));
  first_->Abort();
  EXPECT_FALSE(sink_->Has(own));
  ExpectAlive();
}

TEST_F(SharedSocketTest, TheLastDescriptorsCleanupResets) {
  first_->Abort();
  second_->Abort();
  int error = 0;
  ReadBytes(peer_.get(), 1, &error);
  EXPECT_EQ(error, ECONNRESET);
}

TEST_F(SharedSocketTest, TheLastDescriptorsCloseIsOrderly) {
  EXPECT_EQ(Run(first_.get(), CloseCall()).wsa_error, 0);
  const uint64_t close = Begin(second_.get(), CloseCall());
  EXPECT_EQ(other_->Await(close).wsa_error, 0);
  int error = 0;
  EXPECT_EQ(ReadBytes(peer_.get(), 1, &error), "");
  EXPECT_EQ(error, 0);
  peer_.Reset();
}

TEST_F(SharedSocketTest, ACallIsCancelledByItsOwnDescriptorOnly) {
  const uint64_t call = Begin(first_.get(), ReceiveCall(2));
  second_->Cancel(call);
  EXPECT_FALSE(sink_->Has(call));
  first_->Cancel(call);
  EXPECT_EQ(sink_->Await(call).wsa_error, kWsaIntr);
}

TEST_F(SharedSocketTest, TheOtherSendsOnWhenADisconnectGoesWithItsCaller) {
  wsp::v1::Call send;
  send.mutable_send()->set_data(std::string(kChunkBytes, 'x'));
  while (sink_->Has(Begin(first_.get(), send))) {
  }
  // More than the kernel may make room for meanwhile.
  for (int i = 0; i < 64; ++i) Begin(first_.get(), send);
  wsp::v1::Call disconnect;
  disconnect.set_overlapped(true);
  disconnect.mutable_disconnect_ex();
  const uint64_t waiting = Begin(first_.get(), disconnect);
  send.mutable_send()->set_data("y");
  EXPECT_EQ(other_->Await(Begin(second_.get(), send)).wsa_error, kWsaShutdown);
  first_->Abort();
  EXPECT_FALSE(sink_->Has(waiting));
  const uint64_t sent = Begin(second_.get(), send);
  std::string read(kChunkBytes, 0);
  while (!other_->Has(sent)) {
    (void)recv(peer_.get(), &read[0], read.size(), MSG_DONTWAIT);
    std::this_thread::yield();
  }
  EXPECT_EQ(other_->Await(sent).wsa_error, 0);
}

// A socket that two clients share, with a connect of the first that waits.
class SharedConnectTest : public WinsockSocketTest {
 protected:
  SharedConnectTest()
      : first_(Make(kSocket)),
        second_(std::make_shared<SocketDescriptor>(first_->socket(), other_,
                                                   kSocket)) {
    other_->AddSocket(kSocket, second_);
    // A full queue answers nobody.
    EXPECT_EQ(listen(listener_.fd.get(), 0), 0);
    fills_ = ConnectToLoopback(listener_.port);
    connect_ = Begin(first_.get(), ConnectCall(listener_.port));
    EXPECT_FALSE(sink_->Has(connect_));
  }
  ~SharedConnectTest() override { other_->AbortAll(); }

  CallResult RunOnSecond(const wsp::v1::Call& call) {
    return other_->Await(Begin(second_.get(), call));
  }
  // Once there is room the attempt comes through, for the second.
  void ExpectConnects() {
    EXPECT_EQ(RunOnSecond(ConnectCall(listener_.port)).wsa_error, kWsaAlready);
    wsp::v1::Call select;
    select.mutable_event_select()->set_network_events(kFdConnect);
    EXPECT_EQ(RunOnSecond(select).wsa_error, 0);
    const OwnedFd room(accept(listener_.fd.get(), nullptr, nullptr));
    const absl::Time deadline = absl::Now() + absl::Minutes(1);
    while (other_->queued_events() == 0 && absl::Now() < deadline) {
      std::this_thread::yield();
    }
    EXPECT_GT(other_->queued_events(), 0);
    EXPECT_EQ(RunOnSecond(ConnectCall(listener_.port)).wsa_error, kWsaIsConn);
  }

  const TcpListener listener_ = ListenOnLoopback();
  const std::shared_ptr<FakeCallSink> other_ = std::make_shared<FakeCallSink>();
  OwnedFd fills_;
  std::shared_ptr<SocketDescriptor> first_, second_;
  uint64_t connect_ = 0;
};

TEST_F(SharedConnectTest, AConnectGoesOnWhenWhoWaitsForItCloses) {
  wsp::v1::Call close;
  close.mutable_close_socket();
  EXPECT_EQ(Run(first_.get(), close).wsa_error, 0);
  EXPECT_EQ(sink_->Await(connect_).wsa_error, kWsaIntr);
  ExpectConnects();
}

TEST_F(SharedConnectTest, AConnectGoesOnWhenWhoWaitsForItDies) {
  first_->Abort();
  EXPECT_FALSE(sink_->Has(connect_));
  ExpectConnects();
}

}  // namespace
}  // namespace wspd
