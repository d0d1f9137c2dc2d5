// Network events of real sockets, as a client sees them on the wire (reference,
// section 4.5).
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <string>

#include "daemon/session/testing/session_client.h"
#include "daemon/testing/tcp_pair.h"
#include "daemon/winsock/network_event_recorder.h"
#include "daemon/winsock/wsa_error.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

constexpr uint64_t kSocket = 77;
constexpr uint64_t kAccepted = 78;
constexpr uint32_t kFionbio = 0x8004667e;
constexpr uint32_t kFionread = 0x4004667f;
constexpr uint32_t kMsgOob = 1;
constexpr auto kDatagram = wsp::v1::SocketRequest::TYPE_DATAGRAM;

class NetworkEventsTest : public testing::Test {
 protected:
  // The events of the next notice, which is one with an event object.
  uint32_t AwaitEvents() { return client_.AwaitNotice().network_events(); }
  // What the next notice tells is on the record.
  void ExpectEvents(uint32_t events) {
    EXPECT_EQ(AwaitEvents(), events);
    EXPECT_EQ(client_.Enum(kSocket).network_events(), events);
  }
  void ExpectNoEvents() {
    EXPECT_FALSE(client_.HasNotice());
    EXPECT_EQ(client_.Enum(kSocket).network_events(), 0);
  }
  // A connected socket whose end of the connect and first room are known.
  OwnedFd Connect(uint32_t events) {
    OwnedFd peer = client_.MakeConnected(kSocket);
    EXPECT_EQ(client_.EventSelect(kSocket, events), 0);
    const uint32_t held = events & (kFdConnect | kFdWrite);
    if (held != 0) ExpectEvents(held);
    return peer;
  }
  static void Send(const OwnedFd& peer, const std::string& data,
                   int flags = 0) {
    ASSERT_EQ(send(peer.get(), data.data(), data.size(), flags),
              static_cast<ssize_t>(data.size()));
  }
  static void Reset(OwnedFd peer) {
    const linger hard{1, 0};
    setsockopt(peer.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    peer.Reset();
  }
  // Bytes that have arrived and nobody has received.
  uint32_t Unread() {
    client_.Add(kSocket)->mutable_ioctl()->set_code(kFionread);
    return client_.Run().ioctl().number();
  }
  uint32_t SetBlocking(bool blocking) {
    auto* ioctl = client_.Add(kSocket)->mutable_ioctl();
    ioctl->set_code(kFionbio);
    ioctl->set_number(blocking ? 0 : 1);
    return client_.Run().wsa_error();
  }
  // Sends until there is no room.
  void FillUp() {
    const std::string data(64 << 10, 'x');
    for (;;) {
      client_.Add(kSocket)->mutable_send()->set_data(data);
      const wsp::v1::Completion result = client_.Run();
      if (result.wsa_error() == kWsaWouldBlock) return;
      ASSERT_EQ(result.wsa_error(), 0);
    }
  }

  // The peer receives until there is a notice.
  void DrainUntilNotice(const OwnedFd& peer) {
    std::string received(1 << 20, 0);
    while (!client_.HasNotice()) {
      recv(peer.get(), &received[0], received.size(), MSG_DONTWAIT);
    }
  }

  SessionHarness harness_;
  SessionClient client_{&harness_};
};

// ------------------------------------------------------------------ connect

TEST_F(NetworkEventsTest, AConnectTellsThatItHasEndedAndThatThereIsRoom) {
  const TcpListener listener = ListenOnLoopback();
  client_.MakeSocket(kSocket);
  EXPECT_EQ(client_.EventSelect(kSocket, kAllNetworkEvents, 5), 0);
  ExpectNoEvents();
  EXPECT_EQ(client_.Connect(kSocket, listener.port), kWsaWouldBlock);
  const wsp::v1::NetworkEvent notice = client_.AwaitNotice();
  EXPECT_EQ(notice.socket_id(), kSocket);
  EXPECT_EQ(notice.registration(), 5);
  EXPECT_EQ(notice.network_events(), kFdConnect | kFdWrite);
  EXPECT_EQ(notice.count(), 1);
  const auto record = client_.Enum(kSocket);
  EXPECT_EQ(record.network_events(), kFdConnect | kFdWrite);
  EXPECT_EQ(record.errors(4), 0);
  EXPECT_EQ(record.count(), 1);
  ExpectNoEvents();
}

TEST_F(NetworkEventsTest, ARefusedConnectTellsTheErrorAndNoRoom) {
  int port;
  { port = ListenOnLoopback().port; }
  client_.MakeSocket(kSocket);
  EXPECT_EQ(client_.EventSelect(kSocket, kAllNetworkEvents), 0);
  // Twice: the second attempt is news again.
  for (int attempt = 0; attempt < 2; ++attempt) {
    EXPECT_EQ(client_.Connect(kSocket, port), kWsaWouldBlock);
    const wsp::v1::NetworkEvent notice = client_.AwaitNotice();
    EXPECT_EQ(notice.network_events(), kFdConnect);
    ASSERT_EQ(notice.errors_size(), 5);
    EXPECT_EQ(notice.errors(4), kWsaConnRefused);
    const auto record = client_.Enum(kSocket);
    EXPECT_EQ(record.network_events(), kFdConnect);
    ASSERT_EQ(record.errors_size(), 5);
    EXPECT_EQ(record.errors(4), kWsaConnRefused);
    ExpectNoEvents();
  }
}

TEST_F(NetworkEventsTest, AConnectThatEndedBeforeIsNewsToAnEventObjectOnly) {
  const OwnedFd peer = client_.MakeConnected(kSocket);
  EXPECT_EQ(client_.AsyncSelect(kSocket, kAllNetworkEvents, 1), 0);
  EXPECT_EQ(client_.AwaitNotice().network_events(), kFdWrite);
  EXPECT_FALSE(client_.HasNotice());
  EXPECT_EQ(client_.EventSelect(kSocket, kAllNetworkEvents, 2), 0);
  ExpectEvents(kFdConnect | kFdWrite);
}

// --------------------------------------------------------------- read, close

TEST_F(NetworkEventsTest, DataIsToldAgainWhenAReceiveLeavesSome) {
  const OwnedFd peer = Connect(kAllNetworkEvents);
  Send(peer, "data");
  ExpectEvents(kFdRead);
  ExpectNoEvents();
  EXPECT_EQ(client_.Receive(kSocket, 2), 0);
  ExpectEvents(kFdRead);
  EXPECT_EQ(client_.Receive(kSocket, 2), 0);
  ExpectNoEvents();
  // One that finds nothing enables the event as well.
  EXPECT_EQ(client_.Receive(kSocket, 2), kWsaWouldBlock);
  Send(peer, "x");
  ExpectEvents(kFdRead);
}

TEST_F(NetworkEventsTest, NewDataIsToldWithoutAReceive) {
  const OwnedFd peer = Connect(kFdRead);
  Send(peer, "data");
  ExpectEvents(kFdRead);
  Send(peer, "more");
  ExpectEvents(kFdRead);
  // But to a window it isn't.
  EXPECT_EQ(client_.AsyncSelect(kSocket, kFdRead, 2), 0);
  EXPECT_EQ(AwaitEvents(), kFdRead);
  Send(peer, "more");
  EXPECT_FALSE(client_.HasNotice());
}

TEST_F(NetworkEventsTest, ARefusedReceiveEnablesTheEvent) {
  const OwnedFd peer = Connect(kFdRead);
  Send(peer, "data");
  ExpectEvents(kFdRead);
  constexpr uint32_t kUnknownFlag = 0x4000;
  EXPECT_EQ(client_.Receive(kSocket, 10, kUnknownFlag), kWsaOpNotSupp);
  ExpectEvents(kFdRead);
  // As if the stub had refused it.
  client_.Add(kSocket)->mutable_reenable_events()->set_network_events(kFdRead);
  EXPECT_EQ(client_.Run().wsa_error(), 0);
  ExpectEvents(kFdRead);
}

TEST_F(NetworkEventsTest, APendingReceiveSwallowsTheEvent) {
  const OwnedFd peer = Connect(kFdRead);
  wsp::v1::Call* call = client_.Add(kSocket);
  call->set_overlapped(true);
  call->mutable_recv()->set_max_bytes(100);
  const uint64_t receive = client_.Send();
  Send(peer, "data");
  EXPECT_EQ(client_.Await(receive).recv().data(), "data");
  ExpectNoEvents();
}

// Whether the loop has heard of it or not.
TEST_F(NetworkEventsTest, AnEnumerationFindsWhatHasCome) {
  const OwnedFd peer = Connect(kFdRead);
  // Else it waits for the acknowledgement of what was sent before, as more
  // than a few would in any case.
  const int on = 1;
  setsockopt(peer.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  for (int i = 0; i < 8; ++i) {
    const uint32_t unread = Unread();
    Send(peer, "x");
    // The kernel may leave the delivery to a thread of its own.
    while (Unread() == unread) sched_yield();
    ASSERT_EQ(client_.Enum(kSocket).network_events(), kFdRead) << i;
    ASSERT_EQ(client_.Enum(kSocket).network_events(), 0) << i;
  }
}

TEST_F(NetworkEventsTest, TheEndIsToldWhateverIsUnread) {
  const OwnedFd peer = Connect(kFdRead | kFdClose);
  Send(peer, "data");
  ExpectEvents(kFdRead);
  shutdown(peer.get(), SHUT_WR);
  const auto notice = client_.AwaitNotice();
  EXPECT_EQ(notice.network_events(), kFdClose);
  EXPECT_EQ(notice.errors_size(), 0);
  const auto record = client_.Enum(kSocket);
  EXPECT_EQ(record.network_events(), kFdClose);
  EXPECT_EQ(record.errors(5), 0);
  EXPECT_EQ(client_.Receive(kSocket, 3), 0);
  ExpectEvents(kFdRead);
  // Nothing more after the last read, nor at the end.
  EXPECT_EQ(client_.Receive(kSocket, 3), 0);
  ExpectNoEvents();
  EXPECT_EQ(client_.Receive(kSocket, 3), 0);
  ExpectNoEvents();
}

TEST_F(NetworkEventsTest, AResetIsToldWhateverIsUnread) {
  OwnedFd peer = Connect(kFdRead | kFdClose);
  Send(peer, "data");
  ExpectEvents(kFdRead);
  Reset(std::move(peer));
  EXPECT_EQ(AwaitEvents(), kFdClose);
  const auto record = client_.Enum(kSocket);
  ASSERT_EQ(record.network_events(), kFdClose);
  EXPECT_EQ(record.errors(5), kWsaConnAborted);
}

TEST_F(NetworkEventsTest, AnotherUrgentByteIsNewsThoughTheFirstIsUnread) {
  const OwnedFd peer = Connect(kFdOob | kFdRead);
  Send(peer, "x");
  ExpectEvents(kFdRead);
  for (const char* urgent : {"1", "2", "3"}) {
    Send(peer, urgent, MSG_OOB);
    ExpectEvents(kFdOob);
    harness_.DrainLoop();
    ExpectNoEvents();
  }
  // None of them is data.
  EXPECT_EQ(client_.Receive(kSocket, 10), 0);
  ExpectNoEvents();
}

TEST_F(NetworkEventsTest, AResetIsAnAbortedConnection) {
  OwnedFd peer = Connect(kAllNetworkEvents);
  Reset(std::move(peer));
  const auto notice = client_.AwaitNotice();
  EXPECT_EQ(notice.network_events(), kFdClose);
  const auto record = client_.Enum(kSocket);
  ASSERT_EQ(record.network_events(), kFdClose);
  EXPECT_EQ(record.errors(5), kWsaConnAborted);
  // The calls still say what it was.
  EXPECT_EQ(client_.Receive(kSocket, 3), kWsaConnReset);
}

TEST_F(NetworkEventsTest, TheSocketsOwnShutdownIsNoEnd) {
  const OwnedFd peer = Connect(kAllNetworkEvents);
  client_.Add(kSocket)->mutable_shutdown()->set_how(
      wsp::v1::ShutdownRequest::HOW_BOTH);
  EXPECT_EQ(client_.Run().wsa_error(), 0);
  ExpectNoEvents();
}

TEST_F(NetworkEventsTest, UrgentDataIsToldUnlessItComesInLine) {
  const OwnedFd peer = Connect(kFdOob | kFdRead);
  Send(peer, "!", MSG_OOB);
  ExpectEvents(kFdOob);
  ExpectNoEvents();
  EXPECT_EQ(client_.Receive(kSocket, 1, kMsgOob), 0);
  ExpectNoEvents();
  auto* option = client_.Add(kSocket)->mutable_set_sock_opt();
  option->set_level(0xffff);
  option->set_option(0x100);
  option->mutable_value()->set_number(1);
  EXPECT_EQ(client_.Run().wsa_error(), 0);
  Send(peer, "!", MSG_OOB);
  ExpectEvents(kFdRead);
}

// -------------------------------------------------------------------- write

TEST_F(NetworkEventsTest, RoomIsToldAfterASendThatFoundNone) {
  const OwnedFd peer = Connect(kFdWrite);
  FillUp();
  DrainUntilNotice(peer);
  ExpectEvents(kFdWrite);
  client_.Add(kSocket)->mutable_send()->set_data("x");
  EXPECT_EQ(client_.Run().wsa_error(), 0);
  ExpectNoEvents();
}

TEST_F(NetworkEventsTest, TheStubCanAskForRoom) {
  const OwnedFd peer = Connect(kFdWrite);
  client_.Add(kSocket)->mutable_reenable_events()->set_network_events(kFdWrite);
  EXPECT_EQ(client_.Run().wsa_error(), 0);
  ExpectEvents(kFdWrite);
}

TEST_F(NetworkEventsTest, ASendThatWaitsLeavesNoRoom) {
  const OwnedFd peer = Connect(kFdWrite);
  FillUp();
  wsp::v1::Call* call = client_.Add(kSocket);
  call->set_overlapped(true);
  call->mutable_send()->set_data(std::string(64 << 10, 'x'));
  const uint64_t send = client_.Send();
  DrainUntilNotice(peer);
  EXPECT_TRUE(client_.Has(send));
  ExpectEvents(kFdWrite);
}

// ------------------------------------------------------------------- accept

class AcceptEventsTest : public NetworkEventsTest {
 protected:
  wsp::v1::Completion Accept(uint64_t socket_id, bool conditional = false) {
    auto* request = client_.Add(kSocket)->mutable_accept();
    request->set_accepted_socket_id(socket_id);
    request->set_conditional(conditional);
    return client_.Run();
  }
};

TEST_F(AcceptEventsTest, EachConnectionIsTold) {
  const int port = client_.MakeListener(kSocket);
  EXPECT_EQ(client_.EventSelect(kSocket, kFdAccept), 0);
  ExpectNoEvents();
  const OwnedFd first = ConnectToLoopback(port);
  ExpectEvents(kFdAccept);
  ExpectNoEvents();
  const OwnedFd second = ConnectToLoopback(port);
  ExpectEvents(kFdAccept);
  // An accept that leaves one.
  EXPECT_EQ(Accept(kAccepted).wsa_error(), 0);
  ExpectEvents(kFdAccept);
  EXPECT_EQ(Accept(kAccepted + 1).wsa_error(), 0);
  ExpectNoEvents();
  EXPECT_EQ(Accept(kAccepted + 2).wsa_error(), kWsaWouldBlock);
  const OwnedFd third = ConnectToLoopback(port);
  ExpectEvents(kFdAccept);
}

TEST_F(AcceptEventsTest, WhatIsAcceptedInheritsTheRegistration) {
  const int port = client_.MakeListener(kSocket);
  EXPECT_EQ(client_.EventSelect(kSocket,
                                kFdAccept | kFdRead | kFdWrite | kFdClose, 9),
            0);
  const OwnedFd peer = ConnectToLoopback(port);
  ExpectEvents(kFdAccept);
  EXPECT_EQ(Accept(kAccepted).wsa_error(), 0);
  const uint64_t accept = client_.order().back();
  const wsp::v1::NetworkEvent notice = client_.AwaitNotice();
  EXPECT_EQ(notice.socket_id(), kAccepted);
  EXPECT_EQ(notice.registration(), 9);
  EXPECT_EQ(notice.network_events(), kFdWrite);
  EXPECT_EQ(notice.count(), 1);
  // Not before the socket was known.
  const auto& order = client_.order();
  EXPECT_LT(std::find(order.begin(), order.end(), accept),
            std::find(order.rbegin(), order.rend(), 0).base());
  Send(peer, "data");
  EXPECT_EQ(client_.AwaitNotice().network_events(), kFdRead | kFdWrite);
  EXPECT_EQ(client_.Enum(kAccepted).network_events(), kFdRead | kFdWrite);
  // It is non-blocking as well.
  EXPECT_EQ(client_.Receive(kAccepted, 10), 0);
  EXPECT_EQ(client_.Receive(kAccepted, 10), kWsaWouldBlock);
}

TEST_F(AcceptEventsTest, AnAcceptThatWaitsTellsOfTheSocketFirst) {
  const int port = client_.MakeListener(kSocket);
  EXPECT_EQ(client_.AsyncSelect(kSocket, kFdRead | kFdWrite), 0);
  wsp::v1::Call* call = client_.Add(kSocket);
  call->set_overlapped(true);
  call->mutable_accept()->set_accepted_socket_id(kAccepted);
  const uint64_t accept = client_.Send();
  const OwnedFd peer = ConnectToLoopback(port);
  Send(peer, "data");
  client_.AwaitNotice();
  const auto& order = client_.order();
  const auto result = std::find(order.begin(), order.end(), accept);
  ASSERT_NE(result, order.end());
  EXPECT_LT(result, std::find(order.begin(), order.end(), 0));
}

TEST_F(AcceptEventsTest, ADeferredConnectionIsNotNews) {
  const int port = client_.MakeListener(kSocket);
  EXPECT_EQ(client_.EventSelect(kSocket, kFdAccept), 0);
  const OwnedFd peer = ConnectToLoopback(port);
  ExpectEvents(kFdAccept);
  auto decide = [&](wsp::v1::AcceptDecisionRequest::Decision decision) {
    const auto offer = Accept(kAccepted, true);
    ASSERT_EQ(offer.wsa_error(), 0);
    auto* request = client_.Add(kSocket)->mutable_accept_decision();
    request->set_offer_id(offer.accept().offer_id());
    request->set_decision(decision);
    request->set_accepted_socket_id(kAccepted);
    EXPECT_EQ(client_.Run().wsa_error(), 0);
  };
  decide(wsp::v1::AcceptDecisionRequest::DECISION_DEFER);
  ExpectNoEvents();
  const OwnedFd second = ConnectToLoopback(port);
  ExpectEvents(kFdAccept);
  // The other one is still there.
  decide(wsp::v1::AcceptDecisionRequest::DECISION_ACCEPT);
  EXPECT_EQ(client_.AwaitNotice().socket_id(), kSocket);
  EXPECT_EQ(client_.Enum(kSocket).network_events(), kFdAccept);
}

// -------------------------------------------------------------- registration

TEST_F(NetworkEventsTest, ASelectMakesTheSocketNonBlockingForGood) {
  const OwnedFd peer = client_.MakeConnected(kSocket);
  EXPECT_EQ(client_.EventSelect(kSocket, kFdRead), 0);
  EXPECT_EQ(client_.Receive(kSocket, 1), kWsaWouldBlock);
  EXPECT_EQ(SetBlocking(true), kWsaInval);
  EXPECT_EQ(SetBlocking(false), 0);
  EXPECT_EQ(client_.EventSelect(kSocket, 0), 0);
  EXPECT_EQ(client_.Receive(kSocket, 1), kWsaWouldBlock);
  EXPECT_EQ(SetBlocking(true), 0);
  // Also one that selects nothing.
  EXPECT_EQ(client_.AsyncSelect(kSocket, 0), 0);
  EXPECT_EQ(client_.Receive(kSocket, 1), kWsaWouldBlock);
}

TEST_F(NetworkEventsTest, ASecondSelectReplacesTheFirstOfWhateverKind) {
  const OwnedFd peer = Connect(kFdRead);
  EXPECT_EQ(client_.AsyncSelect(kSocket, kFdRead | kFdClose, 2), 0);
  Send(peer, "data");
  wsp::v1::NetworkEvent notice = client_.AwaitNotice();
  EXPECT_EQ(notice.registration(), 2);
  EXPECT_EQ(notice.network_events(), kFdRead);
  EXPECT_EQ(client_.EventSelect(kSocket, kFdRead, 3), 0);
  notice = client_.AwaitNotice();
  EXPECT_EQ(notice.registration(), 3);
  EXPECT_FALSE(client_.HasNotice());
  // And nothing ends it.
  EXPECT_EQ(client_.AsyncSelect(kSocket, 0, 4), 0);
  EXPECT_EQ(client_.Receive(kSocket, 1), 0);
  Send(peer, "data");
  ExpectNoEvents();
}

TEST_F(NetworkEventsTest, AnUnknownEventIsRefusedAndChangesNothing) {
  const OwnedFd peer = Connect(kFdRead);
  EXPECT_EQ(client_.EventSelect(kSocket, 1 << 10, 2), kWsaInval);
  EXPECT_EQ(client_.AsyncSelect(kSocket, 1 << 10, 2), kWsaInval);
  Send(peer, "data");
  EXPECT_EQ(client_.AwaitNotice().registration(), 1);
}

TEST_F(NetworkEventsTest, AnEnumerationOfASocketWithoutRegistrationIsEmpty) {
  const OwnedFd peer = client_.MakeConnected(kSocket);
  Send(peer, "data");
  EXPECT_EQ(client_.Enum(kSocket).network_events(), 0);
  EXPECT_EQ(client_.Enum(kSocket).count(), 0);
  client_.Add(kSocket)->mutable_reenable_events()->set_network_events(kFdRead);
  EXPECT_EQ(client_.Run().wsa_error(), 0);
  EXPECT_FALSE(client_.HasNotice());
}

TEST_F(NetworkEventsTest, AnEnumerationUpToANoticeLeavesWhatCameLater) {
  const OwnedFd peer = client_.MakeConnected(kSocket);
  EXPECT_EQ(client_.EventSelect(kSocket, kFdWrite | kFdRead), 0);
  const uint64_t count = client_.AwaitNotice().count();
  Send(peer, "data");
  EXPECT_EQ(client_.AwaitNotice().network_events(), kFdRead | kFdWrite);
  client_.Add(kSocket)->mutable_enum_network_events()->set_up_to_count(count);
  EXPECT_EQ(client_.Run().enum_network_events().network_events(), kFdWrite);
  EXPECT_EQ(client_.Enum(kSocket).network_events(), kFdRead);
}

// -------------------------------------------------------------- end, resume

TEST_F(NetworkEventsTest, NothingIsToldAfterTheClose) {
  const OwnedFd peer = Connect(kFdRead | kFdClose);
  EXPECT_EQ(client_.Close(kSocket), 0);
  Send(peer, "data");
  shutdown(peer.get(), SHUT_WR);
  EXPECT_FALSE(client_.HasNotice());
  client_.Add(kSocket)->mutable_enum_network_events();
  EXPECT_EQ(client_.Run().wsa_error(), kWsaNotSock);
}

TEST_F(NetworkEventsTest, NothingIsToldAfterTheFinalCleanup) {
  const OwnedFd peer = Connect(kFdRead | kFdClose);
  // In one go with what it ends: recorded, and not written.
  client_.Add(kSocket)->mutable_reenable_events()->set_network_events(kFdWrite);
  client_.Add(kSocket)->mutable_event_select()->set_network_events(
      kAllNetworkEvents);
  client_.Add(0)->mutable_cleanup();
  EXPECT_TRUE(client_.Run().cleanup().final());
  EXPECT_FALSE(client_.HasNotice());
}

TEST_F(NetworkEventsTest, AResumeRepeatsTheLastNotice) {
  const OwnedFd peer = client_.MakeConnected(kSocket);
  EXPECT_EQ(client_.EventSelect(kSocket, kFdWrite | kFdRead), 0);
  EXPECT_EQ(client_.AwaitNotice().count(), 1);
  client_.Resume(0);
  wsp::v1::NetworkEvent notice = client_.AwaitNotice();
  EXPECT_EQ(notice.count(), 1);
  EXPECT_EQ(notice.network_events(), kFdWrite);
  EXPECT_FALSE(client_.HasNotice());
  // Recorded while there was no stream.
  client_.attached().attachment->Unbind(client_.attached().stream.get());
  Send(peer, "data");
  harness_.DrainLoop();
  client_.Resume(0);
  notice = client_.AwaitNotice();
  EXPECT_EQ(notice.count(), 2);
  EXPECT_EQ(notice.network_events(), kFdWrite | kFdRead);
  EXPECT_EQ(client_.Enum(kSocket).count(), 2);
  client_.Resume(0);
  EXPECT_FALSE(client_.HasNotice());
}

TEST_F(NetworkEventsTest, AResumeRepeatsEachMessage) {
  const OwnedFd peer = client_.MakeConnected(kSocket);
  EXPECT_EQ(client_.AsyncSelect(kSocket, kFdWrite | kFdRead), 0);
  EXPECT_EQ(AwaitEvents(), kFdWrite);
  Send(peer, "data");
  EXPECT_EQ(AwaitEvents(), kFdRead);
  client_.Resume(0);
  wsp::v1::NetworkEvent notice = client_.AwaitNotice();
  EXPECT_EQ(notice.count(), 1);
  EXPECT_EQ(notice.network_events(), kFdWrite);
  notice = client_.AwaitNotice();
  EXPECT_EQ(notice.count(), 2);
  EXPECT_EQ(notice.network_events(), kFdRead);
  EXPECT_FALSE(client_.HasNotice());
}

TEST_F(AcceptEventsTest, AResumeDoesNotTellOfASocketBeforeItsResult) {
  const int port = client_.MakeListener(kSocket);
  EXPECT_EQ(client_.EventSelect(kSocket, kFdWrite), 0);
  const OwnedFd peer = ConnectToLoopback(port);
  wsp::v1::ClientFrame accept;
  wsp::v1::Call* call = accept.add_calls();
  call->set_call_id(5);
  call->set_socket_id(kSocket);
  call->mutable_accept()->set_accepted_socket_id(kAccepted);
  ASSERT_TRUE(SessionHarness::Send(client_.attached(), accept).ok());
  EXPECT_EQ(client_.Await(5).wsa_error(), 0);
  EXPECT_EQ(client_.AwaitNotice().socket_id(), kAccepted);
  // Neither has arrived.
  client_.Resume(0);
  EXPECT_FALSE(client_.HasNotice());
  ASSERT_TRUE(SessionHarness::Send(client_.attached(), accept).ok());
  EXPECT_EQ(client_.AwaitNotice().socket_id(), kAccepted);
  EXPECT_EQ(client_.order(), (std::vector<uint64_t>{5, 0}));
  // The result has.
  client_.Resume(1);
  EXPECT_EQ(client_.AwaitNotice().socket_id(), kAccepted);
}

// --------------------------------------------------------------------- UDP

TEST_F(NetworkEventsTest, ADatagramSocketHasRoomAtOnce) {
  client_.MakeSocket(kSocket, kDatagram);
  EXPECT_EQ(client_.AsyncSelect(kSocket, kAllNetworkEvents), 0);
  EXPECT_EQ(AwaitEvents(), kFdWrite);
  EXPECT_FALSE(client_.HasNotice());
}

TEST_F(NetworkEventsTest, DatagramsAreToldAgainWhenOneIsLeft) {
  client_.MakeSocket(kSocket, kDatagram);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(static_cast<uint16_t>(client_.Bind(kSocket)));
  const OwnedFd peer(socket(AF_INET, SOCK_DGRAM, 0));
  ASSERT_EQ(
      connect(peer.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)),
      0);
  EXPECT_EQ(client_.EventSelect(kSocket, kFdRead), 0);
  Send(peer, "one");
  ExpectEvents(kFdRead);
  ExpectNoEvents();
  Send(peer, "two");
  ExpectEvents(kFdRead);
  EXPECT_EQ(client_.Receive(kSocket, 10), 0);
  ExpectEvents(kFdRead);
  EXPECT_EQ(client_.Receive(kSocket, 10), 0);
  ExpectNoEvents();
  Send(peer, "");
  ExpectEvents(kFdRead);
}

TEST_F(NetworkEventsTest, AUnreachablePortIsSomethingToReceive) {
  int port;
  { port = ListenOnLoopback().port; }
  client_.MakeSocket(kSocket, kDatagram);
  client_.Bind(kSocket);
  EXPECT_EQ(client_.EventSelect(kSocket, kFdRead), 0);
  auto* request = client_.Add(kSocket)->mutable_send_to();
  request->mutable_to()->mutable_ipv4()->set_address(0x7f000001);
  request->mutable_to()->mutable_ipv4()->set_port(static_cast<uint32_t>(port));
  request->set_data("x");
  EXPECT_EQ(client_.Run().wsa_error(), 0);
  ExpectEvents(kFdRead);
  EXPECT_EQ(client_.Receive(kSocket, 10), kWsaConnReset);
  ExpectNoEvents();
}

TEST_F(NetworkEventsTest, ADatagramSocketTellsThatItIsConnected) {
  client_.MakeSocket(kSocket, kDatagram);
  EXPECT_EQ(client_.EventSelect(kSocket, kAllNetworkEvents), 0);
  ExpectEvents(kFdWrite);
  EXPECT_EQ(client_.Connect(kSocket, 9), 0);
  ExpectEvents(kFdConnect | kFdWrite);
  EXPECT_EQ(client_.AsyncSelect(kSocket, kFdConnect), 0);
  EXPECT_EQ(client_.Connect(kSocket, 9), 0);
  EXPECT_EQ(AwaitEvents(), kFdConnect);
}

}  // namespace
}  // namespace wspd
