// Accepts that are pending, and connections that nobody has decided about.
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "daemon/socket/reset.h"
#include "daemon/testing/tcp_pair.h"
#include "daemon/winsock/winsock_socket_fixture.h"
#include "daemon/winsock/wsa_error.h"
#include "gtest/gtest.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {
namespace {

// A listener whose accepts are conditional.
class OfferTest : public WinsockSocketTest {
 protected:
  OfferTest() : socket_(Make(kSocket)) {
    wsp::v1::Call bind;
    bind.mutable_bind()->mutable_address()->mutable_ipv4()->set_address(
        INADDR_LOOPBACK);
    wsp::v1::BindResult bound;
    bound.ParseFromString(Run(socket_.get(), bind).body);
    port_ = bound.local().ipv4().port();
    wsp::v1::Call listen;
    listen.mutable_listen()->set_backlog(16);
    EXPECT_EQ(Run(socket_.get(), listen).wsa_error, 0);
  }

  CallResult Accept(uint64_t accepted_id, bool conditional, uint64_t* offer) {
    wsp::v1::Call accept;
    accept.mutable_accept()->set_accepted_socket_id(accepted_id);
    accept.mutable_accept()->set_conditional(conditional);
    CallResult result = Run(socket_.get(), accept);
    wsp::v1::AcceptResult message;
    message.ParseFromString(result.body);
    *offer = message.offer_id();
    return result;
  }
  void Decide(uint64_t offer,
              wsp::v1::AcceptDecisionRequest::Decision decision) {
    wsp::v1::Call call;
    call.mutable_accept_decision()->set_offer_id(offer);
    call.mutable_accept_decision()->set_decision(decision);
    call.mutable_accept_decision()->set_accepted_socket_id(100 + offer);
    EXPECT_EQ(Run(socket_.get(), call).wsa_error, 0);
  }
  static void ExpectReset(const OwnedFd& peer) {
    int error = 0;
    ReadBytes(peer.get(), 1, &error);
    EXPECT_EQ(error, ECONNRESET);
  }

  std::shared_ptr<SocketDescriptor> socket_;
  int port_ = 0;
};

TEST_F(OfferTest, OffersAndDeferredConnectionsCountAsSockets) {
  const OwnedFd peers[] = {ConnectToLoopback(port_), ConnectToLoopback(port_),
                           ConnectToLoopback(port_)};
  uint64_t first, second, third;
  EXPECT_EQ(Accept(50, true, &first).wsa_error, 0);
  EXPECT_EQ(Accept(51, true, &second).wsa_error, 0);
  EXPECT_EQ(Accept(52, true, &third).wsa_error, kWsaMfile);
  ExpectReset(peers[2]);
  Decide(first, wsp::v1::AcceptDecisionRequest::DECISION_DEFER);
  EXPECT_EQ(sink_->reserved(), 2);
  Decide(second, wsp::v1::AcceptDecisionRequest::DECISION_REJECT);
  EXPECT_EQ(sink_->reserved(), 1);
  ExpectReset(peers[1]);
  // Offered again, it is still one; as a socket it counts there.
  EXPECT_EQ(Accept(53, true, &first).wsa_error, 0);
  EXPECT_EQ(sink_->reserved(), 1);
  Decide(first, wsp::v1::AcceptDecisionRequest::DECISION_DEFER);
  EXPECT_EQ(Accept(54, false, &first).wsa_error, 0);
  EXPECT_EQ(sink_->reserved(), 0);
  EXPECT_NE(sink_->FindSocket(54), nullptr);
}

TEST_F(OfferTest, DeferredConnectionsAreResetByCleanup) {
  const OwnedFd deferred = ConnectToLoopback(port_);
  const OwnedFd offered = ConnectToLoopback(port_);
  uint64_t first, second;
  EXPECT_EQ(Accept(50, true, &first).wsa_error, 0);
  EXPECT_EQ(Accept(51, true, &second).wsa_error, 0);
  Decide(first, wsp::v1::AcceptDecisionRequest::DECISION_DEFER);
  socket_->Abort();
  ExpectReset(deferred);
  ExpectReset(offered);
  EXPECT_EQ(sink_->reserved(), 0);
}

TEST_F(OfferTest, DeferredConnectionsAreResetByClose) {
  const OwnedFd deferred = ConnectToLoopback(port_);
  uint64_t offer;
  EXPECT_EQ(Accept(50, true, &offer).wsa_error, 0);
  Decide(offer, wsp::v1::AcceptDecisionRequest::DECISION_DEFER);
  wsp::v1::Call close;
  close.mutable_close_socket();
  EXPECT_EQ(Run(socket_.get(), close).wsa_error, 0);
  ExpectReset(deferred);
  EXPECT_EQ(sink_->reserved(), 0);
}

TEST_F(OfferTest, WhatOneDescriptorLeavesUndecidedAnotherAccepts) {
  auto other = std::make_shared<FakeCallSink>();
  auto second =
      std::make_shared<SocketDescriptor>(socket_->socket(), other, kSocket);
  const OwnedFd offered = ConnectToLoopback(port_);
  const OwnedFd deferred = ConnectToLoopback(port_);
  uint64_t first_offer, second_offer;
  EXPECT_EQ(Accept(50, true, &first_offer).wsa_error, 0);
  EXPECT_EQ(Accept(51, true, &second_offer).wsa_error, 0);
  Decide(second_offer, wsp::v1::AcceptDecisionRequest::DECISION_DEFER);
  socket_->Abort();
  EXPECT_EQ(sink_->reserved(), 0);
  for (uint64_t id : {60, 61}) {
    wsp::v1::Call accept;
    accept.mutable_accept()->set_accepted_socket_id(id);
    const uint64_t call = Begin(second.get(), accept);
    EXPECT_EQ(other->Await(call).wsa_error, 0);
    EXPECT_NE(other->FindSocket(id), nullptr);
  }
  EXPECT_EQ(other->reserved(), 0);
  second->Abort();
  other->AbortAll();
}

// AcceptEx into kSocket, of a listener under kListener.
class AcceptExTest : public WinsockSocketTest {
 protected:
  static constexpr uint64_t kListener = 8;

  AcceptExTest() {
    listener_ = Make(kListener);
    wsp::v1::Call bind;
    bind.mutable_bind()->mutable_address()->mutable_ipv4()->set_address(
        INADDR_LOOPBACK);
    wsp::v1::BindResult bound;
    bound.ParseFromString(Run(listener_.get(), bind).body);
    port_ = bound.local().ipv4().port();
    wsp::v1::Call listen;
    listen.mutable_listen()->set_backlog(10);
    EXPECT_EQ(Run(listener_.get(), listen).wsa_error, 0u);
    accepting_ = Make(kSocket);
  }

  uint64_t Start(uint32_t max_bytes) {
    wsp::v1::Call call;
    call.set_overlapped(true);
    call.mutable_accept()->set_accepted_socket_id(kSocket);
    call.mutable_accept()->set_extended(true);
    call.mutable_accept()->set_max_bytes(max_bytes);
    return Begin(listener_.get(), call);
  }
  // Until the connection that waits for its first data is there.
  void AwaitConnection() {
    wsp::v1::Call call;
    call.mutable_get_sock_opt()->set_level(0xffff);
    call.mutable_get_sock_opt()->set_option(0x700c);
    const absl::Time deadline = absl::Now() + absl::Minutes(1);
    while (absl::Now() < deadline) {
      wsp::v1::GetSockOptResult result;
      result.ParseFromString(Run(accepting_.get(), call).body);
      if (result.value().number() != UINT32_MAX) return;
      std::this_thread::yield();
    }
    ADD_FAILURE() << "no connection came";
  }

  std::shared_ptr<SocketDescriptor> listener_;
  std::shared_ptr<SocketDescriptor> accepting_;
  int port_ = 0;
};

TEST_F(AcceptExTest, CancellingPutsBackAConnectionThatWaitsForItsFirstData) {
  const uint64_t cancelled = Start(10);
  const OwnedFd client = ConnectToLoopback(port_);
  AwaitConnection();
  listener_->Cancel(cancelled);
  EXPECT_EQ(sink_->Await(cancelled).wsa_error, kWsaOperationAborted);
  // The next one gets it, with all that was sent.
  ASSERT_EQ(write(client.get(), "data", 4), 4);
  const CallResult result = sink_->Await(Start(10));
  EXPECT_EQ(result.wsa_error, 0u);
  ASSERT_NE(result.payload, nullptr);
  EXPECT_EQ(std::string(result.payload->data(), result.payload->size()),
            "data");
}

// getpeername() doesn't know it any more, and AcceptEx has to write it.
TEST_F(AcceptExTest, AConnectionThatIsResetWhenPutBackHasItsAddress) {
  const uint64_t cancelled = Start(10);
  OwnedFd client = ConnectToLoopback(port_);
  const NetAddress address = NetAddress::LocalOf(client.get());
  AwaitConnection();
  listener_->Cancel(cancelled);
  EXPECT_EQ(sink_->Await(cancelled).wsa_error, kWsaOperationAborted);
  ResetAndClose(std::move(client));
  const CallResult result = sink_->Await(Start(0));
  EXPECT_EQ(result.wsa_error, 0u);
  wsp::v1::AcceptResult accepted;
  ASSERT_TRUE(accepted.ParseFromString(result.body));
  EXPECT_EQ(accepted.peer().ipv4().port(), address.port());
}

TEST_F(AcceptExTest, CancellingBeforeAConnectionTakesNone) {
  const uint64_t cancelled = Start(0);
  listener_->Cancel(cancelled);
  EXPECT_EQ(sink_->Await(cancelled).wsa_error, kWsaOperationAborted);
  const OwnedFd client = ConnectToLoopback(port_);
  EXPECT_EQ(sink_->Await(Start(0)).wsa_error, 0u);
}

TEST_F(AcceptExTest, OneOfManyEndsEachRace) {
  for (int i = 0; i < 200; ++i) {
    const uint64_t id = Start(i % 2 == 0 ? 0 : 10);
    OwnedFd client;
    std::thread connects([&] {
      client = ConnectToLoopback(port_);
      (void)!write(client.get(), "x", 1);
    });
    listener_->Cancel(id);
    const uint32_t error = sink_->Await(id).wsa_error;
    connects.join();
    if (error == 0) {
      // The socket has a connection: another for the next round.
      sink_->RemoveSocket(kSocket);
      accepting_->Abort();
      accepting_ = Make(kSocket);
      continue;
    }
    ASSERT_EQ(error, kWsaOperationAborted);
    // The connection is still to be had.
    const CallResult result = sink_->Await(Start(10));
    ASSERT_EQ(result.wsa_error, 0u);
    ASSERT_NE(result.payload, nullptr);
    EXPECT_EQ(result.payload->size(), 1u);
    sink_->RemoveSocket(kSocket);
    accepting_->Abort();
    accepting_ = Make(kSocket);
  }
}

TEST_F(AcceptExTest, ARefusedOneLeavesNothing) {
  const std::weak_ptr<WinsockSocket> listening = listener_->socket();
  const std::weak_ptr<WinsockSocket> reserved = accepting_->socket();
  const uint64_t waiting = Start(0);
  EXPECT_EQ(sink_->Await(Start(0)).wsa_error, kWsaInval);
  listener_->Cancel(waiting);
  // Closed, but not yet gone from the client's list.
  accepting_->Abort();
  EXPECT_EQ(sink_->Await(Start(0)).wsa_error, kWsaNotSock);
  sink_->AbortAll();
  accepting_.reset();
  listener_.reset();
  EXPECT_TRUE(listening.expired());
  EXPECT_TRUE(reserved.expired());
}

TEST_F(AcceptExTest, IntoASocketThatIsBeingClosedLeavesNothing) {
  const std::weak_ptr<WinsockSocket> listening = listener_->socket();
  for (int i = 0; i < 200; ++i) {
    const std::weak_ptr<WinsockSocket> reserved = accepting_->socket();
    std::thread closes([&] { accepting_->Abort(); });
    const uint32_t error = sink_->Await(Start(0)).wsa_error;
    closes.join();
    EXPECT_TRUE(error == kWsaNotSock || error == kWsaOperationAborted) << error;
    sink_->RemoveSocket(kSocket);
    accepting_ = nullptr;
    EXPECT_TRUE(reserved.expired());
    accepting_ = Make(kSocket);
  }
  sink_->AbortAll();
  accepting_.reset();
  listener_.reset();
  EXPECT_TRUE(listening.expired());
}

}  // namespace
}  // namespace wspd
