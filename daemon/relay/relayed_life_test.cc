// What operators are told of a relayed socket's life.
#include <errno.h>
#include <sys/socket.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/relay/relay_fixture.h"
#include "daemon/socket/reset.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using wsp::v1::JournalEvent;

class RelayedLifeTest : public RelayFixture {
 protected:
  RelayedLifeTest() { Start(); }

  // All that has come, to the end of the socket or another one.
  std::vector<EventRecord> AwaitClosed() {
    return reader_.AwaitKind(JournalEvent::KIND_SOCKET_CLOSED);
  }
  std::vector<std::string> WordsToClosed() {
    return EventReader::ToWords(AwaitClosed());
  }
};

TEST_F(RelayedLifeTest, OfAListenerAndWhatItAccepts) {
  Relayed listener = Make();
  ASSERT_EQ(listener.socket->Bind(Loopback(0)), 0);
  ASSERT_EQ(listener.socket->Listen(4), 0);
  // Again, which changes nothing but the backlog.
  ASSERT_EQ(listener.socket->Listen(8), 0);
  const std::vector<EventRecord> first = reader_.Read();
  ASSERT_THAT(EventReader::ToWords(first),
              ElementsAre("socket_opened", "socket_bound", "socket_listening"));
  const RelayedSocketInfo& info = listener.socket->info();
  for (const EventRecord& record : first) {
    EXPECT_EQ(record.pid, 42);
    EXPECT_EQ(record.uid, geteuid());
    EXPECT_EQ(record.socket_id, info.number);
    EXPECT_EQ(record.cookie, info.cookie);
    EXPECT_EQ(record.protocol, IPPROTO_TCP);
    EXPECT_EQ(record.plane, wsp::v1::PLANE_RELAYED);
  }
  const int port = listener.socket->Report().local.port();
  EXPECT_EQ(first[1].local.port(), port);
  EXPECT_EQ(first[2].local.port(), port);
  OwnedFd peer = ConnectToLoopback(port);
  const std::vector<EventRecord> accepted =
      reader_.AwaitKind(JournalEvent::KIND_SOCKET_ACCEPTED);
  ASSERT_THAT(EventReader::ToWords(accepted), ElementsAre("socket_accepted"));
  EXPECT_EQ(accepted[0].listener_socket_id, info.number);
  EXPECT_NE(accepted[0].socket_id, info.number);
  EXPECT_EQ(accepted[0].local.port(), port);
  EXPECT_TRUE(accepted[0].peer.SameEndpoint(NetAddress::LocalOf(peer.get())));
  // Nobody takes it, so that it is dropped with the listener.
  listener.program.Reset();
  ASSERT_TRUE(AwaitSize(0));
  const std::vector<EventRecord> last = reader_.Read();
  EXPECT_THAT(EventReader::ToWords(last, OfSocket(info.number)),
              ElementsAre("socket_closed"));
  EXPECT_THAT(EventReader::ToWords(last, OfSocket(accepted[0].socket_id)),
              ElementsAre("socket_reset by its client", "socket_closed"));
}

TEST_F(RelayedLifeTest, OfAConnection) {
  OwnedFd peer;
  Relayed relayed = MakeConnected(&peer);
  Send(relayed.program.get(), "ping");
  EXPECT_EQ(ReadBytes(peer.get(), 4), "ping");
  relayed.program.Reset();
  const std::vector<EventRecord> all = AwaitClosed();
  ASSERT_THAT(
      EventReader::ToWords(all),
      ElementsAre("socket_opened", "socket_connected", "socket_closed"));
  for (const EventRecord* record : {&all[1], &all[2]}) {
    EXPECT_TRUE(record->local.SameEndpoint(NetAddress::PeerOf(peer.get())));
    EXPECT_TRUE(record->peer.SameEndpoint(NetAddress::LocalOf(peer.get())));
  }
}

TEST_F(RelayedLifeTest, OfAConnectionThatCannotBeMade) {
  Relayed relayed = Make();
  int port;
  {
    const TcpListener listener = ListenOnLoopback();
    port = listener.port;
  }
  EXPECT_EQ(Connect(relayed, port), ECONNREFUSED);
  const std::vector<EventRecord> all = reader_.Read();
  ASSERT_THAT(
      EventReader::ToWords(all),
      ElementsAre("socket_opened",
                  absl::StrCat("socket_connect_failed ", ECONNREFUSED)));
  EXPECT_EQ(all[1].peer.port(), port);
  relayed.program.Reset();
  EXPECT_TRUE(AwaitClosed().back().peer.empty());
}

TEST_F(RelayedLifeTest, ThePeersReset) {
  OwnedFd peer;
  Relayed relayed = MakeConnected(&peer);
  ResetAndClose(std::move(peer));
  // Whether or not the program looks.
  (void)reader_.AwaitKind(JournalEvent::KIND_SOCKET_CONNECTED);
  const std::vector<EventRecord> reset =
      reader_.AwaitKind(JournalEvent::KIND_SOCKET_RESET);
  EXPECT_THAT(
      EventReader::ToWords(reset),
      ElementsAre(absl::StrCat("socket_reset ", ECONNRESET, " by the peer")));
  relayed.program.Reset();
  EXPECT_THAT(WordsToClosed(), ElementsAre("socket_closed"));
}

TEST_F(RelayedLifeTest, AnAdministratorsReset) {
  OwnedFd peer;
  Relayed relayed = MakeConnected(&peer);
  ASSERT_EQ(relayed.socket->End(ForcedEnd::kReset), 0);
  relayed.program.Reset();
  EXPECT_THAT(WordsToClosed(),
              ElementsAre("socket_opened", "socket_connected",
                          absl::StrCat("socket_reset ", ECONNABORTED,
                                       " by an administrator"),
                          "socket_closed"));
}

// As the kernel ends its connections then.
TEST_F(RelayedLifeTest, AProgramThatEndsWithUnreadBytesResets) {
  OwnedFd peer;
  Relayed relayed = MakeConnected(&peer);
  Send(peer.get(), "unread");
  AwaitEvents(relayed.program.get(), POLLIN);
  relayed.program.Reset();
  EXPECT_THAT(WordsToClosed(),
              ElementsAre("socket_opened", "socket_connected",
                          "socket_reset by its client", "socket_closed"));
}

TEST_F(RelayedLifeTest, OfDatagrams) {
  Relayed relayed = Make(SOCK_DGRAM);
  ASSERT_EQ(relayed.socket->Bind(Loopback(0)), 0);
  ASSERT_EQ(Connect(relayed, 9), 0);
  ASSERT_EQ(relayed.socket->End(ForcedEnd::kReset), 0);
  relayed.program.Reset();
  const std::vector<EventRecord> all = AwaitClosed();
  ASSERT_THAT(EventReader::ToWords(all),
              ElementsAre("socket_opened", "socket_bound", "socket_connected",
                          absl::StrCat("socket_reset ", ECONNABORTED,
                                       " by an administrator"),
                          "socket_closed"));
  EXPECT_EQ(all[2].protocol, IPPROTO_UDP);
  EXPECT_EQ(all[2].local.port(), all[1].local.port());
  EXPECT_EQ(all[2].peer.port(), 9);
  EXPECT_TRUE(all[4].peer.empty());
}

TEST_F(RelayedLifeTest, BytesAreNoEvents) {
  OwnedFd peer;
  const Relayed relayed = MakeConnected(&peer);
  (void)reader_.AwaitKind(JournalEvent::KIND_SOCKET_CONNECTED);
  Send(relayed.program.get(), "ping");
  EXPECT_EQ(ReadBytes(peer.get(), 4), "ping");
  Send(peer.get(), "pong");
  EXPECT_EQ(ReadBytes(relayed.program.get(), 4), "pong");
  EXPECT_THAT(reader_.ReadWords(), IsEmpty());
}

}  // namespace
}  // namespace wspd
