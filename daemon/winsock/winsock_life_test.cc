// What operators are told of a socket's life.
#include <errno.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/socket/reset.h"
#include "daemon/testing/tcp_pair.h"
#include "daemon/winsock/winsock_socket_fixture.h"
#include "daemon/winsock/wsa_error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class WinsockLifeTest : public WinsockSocketTest {
 protected:
  static wsp::v1::Call BindCall() {
    wsp::v1::Call call;
    call.mutable_bind()->mutable_address()->mutable_ipv4()->set_address(
        INADDR_LOOPBACK);
    return call;
  }
  static wsp::v1::Call ListenCall() {
    wsp::v1::Call call;
    call.mutable_listen()->set_backlog(5);
    return call;
  }
  static wsp::v1::Call AcceptCall(uint64_t accepted_id) {
    wsp::v1::Call call;
    call.mutable_accept()->set_accepted_socket_id(accepted_id);
    return call;
  }
  static wsp::v1::Call CloseCall() {
    wsp::v1::Call call;
    call.mutable_close_socket();
    return call;
  }
  static wsp::v1::Call LingerCall(uint32_t seconds) {
    wsp::v1::Call call;
    auto* option = call.mutable_set_sock_opt();
    // SOL_SOCKET and SO_LINGER, as Winsock has them.
    option->set_level(0xffff);
    option->set_option(0x80);
    option->mutable_value()->mutable_linger()->set_on(true);
    option->mutable_value()->mutable_linger()->set_seconds(seconds);
    return call;
  }
  // Listens under kSocket; its port.
  int Listen(std::shared_ptr<SocketDescriptor>* listener) {
    *listener = Make(kSocket);
    wsp::v1::BindResult bound;
    bound.ParseFromString(Run(listener->get(), BindCall()).body);
    EXPECT_EQ(Run(listener->get(), ListenCall()).wsa_error, 0u);
    return static_cast<int>(bound.local().ipv4().port());
  }
};

TEST_F(WinsockLifeTest, OfAListenerAndWhatItAccepts) {
  std::shared_ptr<SocketDescriptor> listener;
  const int port = Listen(&listener);
  const std::vector<EventRecord> first = reader_.Read();
  ASSERT_THAT(EventReader::ToWords(first),
              ElementsAre("socket_opened", "socket_bound", "socket_listening"));
  EXPECT_TRUE(first[0].local.empty());
  for (const EventRecord& record : first) {
    EXPECT_EQ(record.client_id, 1u);
    EXPECT_EQ(record.pid, 2);
    EXPECT_EQ(record.uid, 3u);
    EXPECT_EQ(record.socket_id, kSocket);
    EXPECT_EQ(record.protocol, IPPROTO_TCP);
    EXPECT_EQ(record.plane, wsp::v1::PLANE_UNSPECIFIED);
  }
  EXPECT_EQ(first[1].local.port(), port);
  EXPECT_EQ(first[2].local.port(), port);
  const OwnedFd peer = ConnectToLoopback(port);
  ASSERT_EQ(Run(listener.get(), AcceptCall(50)).wsa_error, 0u);
  const std::vector<EventRecord> accepted = reader_.Read();
  ASSERT_THAT(EventReader::ToWords(accepted), ElementsAre("socket_accepted"));
  EXPECT_EQ(accepted[0].socket_id, 50u);
  EXPECT_EQ(accepted[0].listener_socket_id, kSocket);
  EXPECT_EQ(accepted[0].local.port(), port);
  EXPECT_TRUE(accepted[0].peer.SameEndpoint(NetAddress::LocalOf(peer.get())));
  EXPECT_EQ(Run(sink_->FindSocket(50).get(), CloseCall()).wsa_error, 0u);
  EXPECT_EQ(Run(listener.get(), CloseCall()).wsa_error, 0u);
  const std::vector<EventRecord> last = reader_.Read();
  ASSERT_THAT(EventReader::ToWords(last),
              ElementsAre("socket_closed", "socket_closed"));
  EXPECT_EQ(last[0].socket_id, 50u);
  EXPECT_TRUE(last[0].peer.SameEndpoint(accepted[0].peer));
  EXPECT_EQ(last[1].socket_id, kSocket);
}

TEST_F(WinsockLifeTest, OfAConnection) {
  OwnedFd peer;
  auto socket = Connect(&peer);
  EXPECT_EQ(Run(socket.get(), CloseCall()).wsa_error, 0u);
  const std::vector<EventRecord> all = reader_.Read();
  ASSERT_THAT(
      EventReader::ToWords(all),
      ElementsAre("socket_opened", "socket_connected", "socket_closed"));
  for (const EventRecord* record : {&all[1], &all[2]}) {
    EXPECT_TRUE(record->local.SameEndpoint(NetAddress::PeerOf(peer.get())));
    EXPECT_TRUE(record->peer.SameEndpoint(NetAddress::LocalOf(peer.get())));
  }
}

TEST_F(WinsockLifeTest, OfAConnectionThatCannotBeMade) {
  auto socket = Make(kSocket);
  int port;
  {
    const TcpListener listener = ListenOnLoopback();
    port = listener.port;
  }
  EXPECT_EQ(Run(socket.get(), ConnectCall(port)).wsa_error, kWsaConnRefused);
  const std::vector<EventRecord> all = reader_.Read();
  ASSERT_THAT(
      EventReader::ToWords(all),
      ElementsAre("socket_opened",
                  absl::StrCat("socket_connect_failed ", ECONNREFUSED)));
  EXPECT_EQ(all[1].peer.port(), port);
}

TEST_F(WinsockLifeTest, ThePeersResetIsToldOnce) {
  OwnedFd peer;
  auto socket = Connect(&peer);
  ResetAndClose(std::move(peer));
  EXPECT_EQ(Run(socket.get(), ReceiveCall(10)).wsa_error, kWsaConnReset);
  EXPECT_EQ(Run(socket.get(), ReceiveCall(10)).wsa_error, kWsaConnReset);
  EXPECT_EQ(Run(socket.get(), CloseCall()).wsa_error, 0u);
  EXPECT_THAT(
      reader_.ReadWords(),
      ElementsAre("socket_opened", "socket_connected",
                  absl::StrCat("socket_reset ", ECONNRESET, " by the peer"),
                  "socket_closed"));
}

// Also to who only watches for it.
TEST_F(WinsockLifeTest, ThePeersResetIsFoundByLooking) {
  OwnedFd peer;
  auto socket = Connect(&peer);
  ResetAndClose(std::move(peer));
  while (!socket->Readiness().hung_up) {
  }
  EXPECT_THAT(
      reader_.ReadWords(),
      ElementsAre("socket_opened", "socket_connected",
                  absl::StrCat("socket_reset ", ECONNRESET, " by the peer")));
}

TEST_F(WinsockLifeTest, AnOrderlyEndIsNoReset) {
  OwnedFd peer;
  auto socket = Connect(&peer);
  peer.Reset();
  EXPECT_EQ(Run(socket.get(), ReceiveCall(10)).wsa_error, 0u);
  EXPECT_TRUE(socket->Readiness().hung_up);
  EXPECT_EQ(Run(socket.get(), CloseCall()).wsa_error, 0u);
  EXPECT_THAT(
      reader_.ReadWords(),
      ElementsAre("socket_opened", "socket_connected", "socket_closed"));
}

TEST_F(WinsockLifeTest, AnAdministratorsReset) {
  OwnedFd peer;
  auto socket = Connect(&peer);
  auto datagrams = Make(8, SOCK_DGRAM);
  std::shared_ptr<SocketDescriptor> listener;
  EXPECT_EQ(socket->socket()->End(ForcedEnd::kReset), 0);
  EXPECT_EQ(datagrams->socket()->End(ForcedEnd::kReset), 0);
  EXPECT_EQ(Run(socket.get(), ReceiveCall(10)).wsa_error, kWsaConnAborted);
  EXPECT_EQ(Run(socket.get(), CloseCall()).wsa_error, 0u);
  const std::string reset =
      absl::StrCat("socket_reset ", ECONNABORTED, " by an administrator");
  const std::vector<EventRecord> all = reader_.Read();
  EXPECT_THAT(
      EventReader::ToWords(all, OfSocket(kSocket)),
      ElementsAre("socket_opened", "socket_connected", reset, "socket_closed"));
  EXPECT_THAT(EventReader::ToWords(all, OfSocket(8)),
              ElementsAre("socket_opened", reset));
}

TEST_F(WinsockLifeTest, AListenersResetByAnAdministrator) {
  std::shared_ptr<SocketDescriptor> listener;
  Listen(&listener);
  EXPECT_EQ(listener->socket()->End(ForcedEnd::kReset), 0);
  EXPECT_THAT(reader_.ReadWords(),
              ElementsAre("socket_opened", "socket_bound", "socket_listening",
                          absl::StrCat("socket_reset ", ECONNABORTED,
                                       " by an administrator")));
}

TEST_F(WinsockLifeTest, TheClientsEndResetsConnections) {
  OwnedFd peer;
  auto socket = Connect(&peer);
  auto unconnected = Make(8);
  sink_->AbortAll();
  const std::vector<EventRecord> all = reader_.Read();
  EXPECT_THAT(
      EventReader::ToWords(all, OfSocket(kSocket)),
      ElementsAre("socket_opened", "socket_connected",
                  "socket_reset its client has ended", "socket_closed"));
  EXPECT_THAT(EventReader::ToWords(all, OfSocket(8)),
              ElementsAre("socket_opened", "socket_closed"));
}

TEST_F(WinsockLifeTest, AHardCloseIsAReset) {
  OwnedFd peer;
  auto socket = Connect(&peer);
  ASSERT_EQ(Run(socket.get(), LingerCall(0)).wsa_error, 0u);
  EXPECT_EQ(Run(socket.get(), CloseCall()).wsa_error, 0u);
  EXPECT_THAT(reader_.ReadWords(),
              ElementsAre("socket_opened", "socket_connected",
                          "socket_reset by its client", "socket_closed"));
}

// The client has the socket until its close ends.
TEST_F(WinsockLifeTest, ALingeringCloseEndsWhenItIsAnswered) {
  OwnedFd peer;
  auto socket = Connect(&peer);
  ASSERT_EQ(Run(socket.get(), LingerCall(10)).wsa_error, 0u);
  EXPECT_EQ(Run(socket.get(), CloseCall()).wsa_error, 0u);
  EXPECT_THAT(
      reader_.ReadWords(),
      ElementsAre("socket_opened", "socket_connected", "socket_closed"));
}

TEST_F(WinsockLifeTest, ALingeringCloseMayEndInAReset) {
  OwnedFd peer;
  auto socket = Connect(&peer);
  ASSERT_EQ(Run(socket.get(), LingerCall(1)).wsa_error, 0u);
  wsp::v1::Call nonblocking;
  nonblocking.mutable_send()->set_data(std::string(kChunkBytes, 'x'));
  nonblocking.set_timeout_ms(1);
  // More than the peer, which doesn't read, has room for.
  while (Run(socket.get(), nonblocking).wsa_error == 0) {
  }
  EXPECT_EQ(Run(socket.get(), CloseCall()).wsa_error, 0u);
  EXPECT_THAT(
      reader_.ReadWords(),
      ElementsAre("socket_opened", "socket_connected",
                  "socket_reset its time to send was over", "socket_closed"));
}

// What its client has closed may still be ended by an administrator.
TEST_F(WinsockLifeTest, AResetOfWhatLingers) {
  OwnedFd peer;
  auto socket = Connect(&peer);
  EXPECT_EQ(Run(socket.get(), CloseCall()).wsa_error, 0u);
  EXPECT_TRUE(lingerer_.Reset(1, kSocket));
  const std::vector<EventRecord> all = reader_.Read();
  ASSERT_THAT(EventReader::ToWords(all),
              ElementsAre("socket_opened", "socket_connected", "socket_closed",
                          "socket_reset by an administrator"));
  EXPECT_TRUE(all[3].peer.SameEndpoint(all[1].peer));
  EXPECT_EQ(all[3].pid, 2);
}

TEST_F(WinsockLifeTest, OfDatagrams) {
  auto socket = Make(kSocket, SOCK_DGRAM);
  ASSERT_EQ(Run(socket.get(), ConnectCall(9)).wsa_error, 0u);
  wsp::v1::Call disconnect;
  disconnect.mutable_connect();
  ASSERT_EQ(Run(socket.get(), disconnect).wsa_error, 0u);
  EXPECT_EQ(Run(socket.get(), CloseCall()).wsa_error, 0u);
  const std::vector<EventRecord> all = reader_.Read();
  // It is bound by that.
  ASSERT_THAT(EventReader::ToWords(all),
              ElementsAre("socket_opened", "socket_bound", "socket_connected",
                          "socket_closed"));
  EXPECT_EQ(all[1].protocol, IPPROTO_UDP);
  EXPECT_NE(all[1].local.port(), 0);
  EXPECT_EQ(all[2].local.port(), all[1].local.port());
  EXPECT_EQ(all[2].peer.port(), 9);
  EXPECT_TRUE(all[3].peer.empty());
}

TEST_F(WinsockLifeTest, SendingAndReceivingAreNoEvents) {
  OwnedFd peer;
  auto socket = Connect(&peer);
  reader_.Read();
  wsp::v1::Call send_call;
  send_call.mutable_send()->set_data("ping");
  ASSERT_EQ(Run(socket.get(), send_call).wsa_error, 0u);
  ASSERT_EQ(send(peer.get(), "pong", 4, 0), 4);
  ASSERT_EQ(Run(socket.get(), ReceiveCall(10)).wsa_error, 0u);
  EXPECT_THAT(reader_.ReadWords(), IsEmpty());
}

// Each client that has it is told of under its own number.
TEST_F(WinsockLifeTest, OfASharedSocket) {
  OwnedFd peer;
  auto socket = Connect(&peer);
  reader_.Read();
  auto other = std::make_shared<FakeCallSink>(4);
  auto second = std::make_shared<SocketDescriptor>(socket->socket(), other, 70);
  other->AddSocket(70, second);
  socket->socket()->NoteOpened(*second, 0);
  ResetAndClose(std::move(peer));
  EXPECT_EQ(Run(second.get(), ReceiveCall(10)).wsa_error, kWsaConnReset);
  EXPECT_EQ(Run(socket.get(), CloseCall()).wsa_error, 0u);
  EXPECT_EQ(Run(second.get(), CloseCall()).wsa_error, 0u);
  const std::string reset =
      absl::StrCat("socket_reset ", ECONNRESET, " by the peer");
  const std::vector<EventRecord> all = reader_.Read();
  EXPECT_THAT(EventReader::ToWords(all, OfSocket(kSocket)),
              ElementsAre(reset, "socket_closed"));
  EXPECT_THAT(EventReader::ToWords(all, OfSocket(70)),
              ElementsAre("socket_opened", reset, "socket_closed"));
  EXPECT_EQ(all.back().uid, 4u);
  // It was one connection.
  EXPECT_EQ(events_.connections(), 1u);
}

TEST_F(WinsockLifeTest, AnEventOfASocketSharedByManyIsToldToTheFirst) {
  auto socket = Make(kSocket);
  std::vector<std::shared_ptr<SocketDescriptor>> others;
  for (uint64_t id = 100; id < 150; ++id) {
    others.push_back(
        std::make_shared<SocketDescriptor>(socket->socket(), sink_, id));
    sink_->AddSocket(id, others.back());
    socket->socket()->NoteOpened(*others.back(), 0);
  }
  reader_.Read();
  EXPECT_EQ(Run(socket.get(), BindCall()).wsa_error, 0u);
  EXPECT_EQ(reader_.Read().size(), 16u);
  sink_->AbortAll();
  EXPECT_EQ(reader_.Read().size(), 51u);
}

}  // namespace
}  // namespace wspd
