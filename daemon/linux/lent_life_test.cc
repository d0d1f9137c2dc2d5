// What operators are told of a lent socket's life: how it begins and how it
// ends. What lies between is its program's and the kernel's affair, as is how a
// connection begins that a lent listener accepts.
#include <errno.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/linux/lent_sockets_fixture.h"
#include "daemon/linux/socket_destruction.h"
#include "daemon/socket/net_address.h"
#include "daemon/testing/tcp_pair.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::ElementsAre;
using wsp::v1::JournalEvent;

class LentLifeTest : public LentSocketsTest {
 protected:
  static uint64_t CookieOf(int fd) {
    uint64_t cookie = 0;
    socklen_t size = sizeof(cookie);
    EXPECT_EQ(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size), 0);
    return cookie;
  }
  static EventReader::Filter OfCookie(uint64_t cookie) {
    return
        [cookie](const EventRecord& record) { return record.cookie == cookie; };
  }
  std::vector<EventRecord> AwaitClosed(const Lent& lent) {
    return reader_.AwaitKind(JournalEvent::KIND_SOCKET_CLOSED,
                             OfSocket(lent.entry.socket_id));
  }
};

TEST_F(LentLifeTest, OfAConnection) {
  Start();
  OwnedFd peer;
  Lent lent = Connect(&peer);
  lent.fd.Reset();
  const NetAddress local = NetAddress::PeerOf(peer.get());
  const NetAddress remote = NetAddress::LocalOf(peer.get());
  peer.Reset();
  const std::vector<EventRecord> all = AwaitClosed(lent);
  ASSERT_THAT(EventReader::ToWords(all),
              ElementsAre("socket_opened", "socket_closed"));
  for (const EventRecord& record : all) {
    EXPECT_EQ(record.pid, 42);
    EXPECT_EQ(record.uid, geteuid());
    EXPECT_EQ(record.socket_id, lent.entry.socket_id);
    EXPECT_EQ(record.cookie, lent.entry.cookie);
    EXPECT_EQ(record.protocol, IPPROTO_TCP);
    EXPECT_EQ(record.plane, wsp::v1::PLANE_LENT);
  }
  EXPECT_TRUE(all[0].local.empty());
  EXPECT_TRUE(all[1].local.SameEndpoint(local));
  EXPECT_TRUE(all[1].peer.SameEndpoint(remote));
}

TEST_F(LentLifeTest, OfDatagramsAndOfWhatWasNeverLent) {
  Start();
  Lent datagrams = Lend(Request::FAMILY_IPV4, Request::TYPE_DATAGRAM);
  datagrams.fd.Reset();
  EXPECT_THAT(EventReader::ToWords(AwaitClosed(datagrams)),
              ElementsAre("socket_opened", "socket_closed"));
  Lent unlent = Lend(Request::FAMILY_IPV4, Request::TYPE_STREAM);
  table_->Forget(unlent.entry.cookie);
  EXPECT_THAT(reader_.ReadWords(),
              ElementsAre("socket_opened", "socket_closed"));
}

// Of a protocol whose ends the kernel doesn't tell.
TEST_F(LentLifeTest, AnEndThatIsLookedForIsToldToo) {
  LentSockets::Options options;
  options.check_time = absl::Milliseconds(10);
  Start(options);
  Lent lent =
      Make(Request::FAMILY_IPV4, Request::TYPE_DATAGRAM, IPPROTO_UDPLITE);
  if (error_ != 0) GTEST_SKIP() << "this kernel has no UDP-Lite";
  Add(lent);
  lent.fd.Reset();
  EXPECT_THAT(EventReader::ToWords(AwaitClosed(lent)),
              ElementsAre("socket_opened", "socket_closed"));
}

// The connections that a listener has accepted, as the kernel tells of them:
// when they end.
TEST_F(LentLifeTest, OfWhatAListenerHasAccepted) {
  Start();
  owner_->client_id = 7;
  const Lent listener = Lend(Request::FAMILY_IPV4, Request::TYPE_STREAM);
  ASSERT_EQ(listen(listener.fd.get(), 16), 0);
  const NetAddress local = NetAddress::LocalOf(listener.fd.get());
  // The first is looked for, others are known then.
  for (int i = 0; i < 3; ++i) {
    OwnedFd peer = ConnectToLoopback(local.port());
    OwnedFd ours(accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const uint64_t cookie = CookieOf(ours.get());
    const NetAddress remote = NetAddress::LocalOf(peer.get());
    ours.Reset();
    peer.Reset();
    const std::vector<EventRecord> all =
        reader_.AwaitKind(JournalEvent::KIND_SOCKET_CLOSED, OfCookie(cookie));
    ASSERT_THAT(
        EventReader::ToWords(all),
        ElementsAre("socket_accepted told at its end", "socket_closed"));
    for (const EventRecord& record : all) {
      EXPECT_EQ(record.client_id, 7u);
      EXPECT_EQ(record.pid, 42);
      EXPECT_EQ(record.uid, geteuid());
      EXPECT_EQ(record.socket_id, 0u);
      EXPECT_EQ(record.listener_socket_id, listener.entry.socket_id);
      EXPECT_EQ(record.protocol, IPPROTO_TCP);
      EXPECT_EQ(record.plane, wsp::v1::PLANE_LENT);
      EXPECT_EQ(record.local.port(), local.port());
      EXPECT_TRUE(record.peer.SameEndpoint(remote));
    }
  }
}

// As at the end of its process, whose descriptors the kernel closes in order.
TEST_F(LentLifeTest, OfWhatAListenerHadAcceptedThatEndsFirst) {
  Start();
  Lent listener = Lend(Request::FAMILY_IPV4, Request::TYPE_STREAM);
  ASSERT_EQ(listen(listener.fd.get(), 16), 0);
  OwnedFd peer =
      ConnectToLoopback(NetAddress::LocalOf(listener.fd.get()).port());
  OwnedFd ours(accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const uint64_t cookie = CookieOf(ours.get());
  listener.fd.Reset();
  ours.Reset();
  peer.Reset();
  const std::vector<EventRecord> all =
      reader_.AwaitKind(JournalEvent::KIND_SOCKET_CLOSED, OfCookie(cookie));
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].listener_socket_id, listener.entry.socket_id);
}

TEST_F(LentLifeTest, AnAdministratorsReset) {
  LentSockets::Options options;
  options.resets = true;
  Start(options);
  if (!TryDestruction().ok()) GTEST_SKIP() << "needs CAP_NET_ADMIN";
  OwnedFd peer;
  Lent lent = Connect(&peer);
  const LentSocket& entry = lent.entry;
  ASSERT_TRUE(
      table_->End(ForcedEnd::kReset, entry.family, entry.protocol, entry.cookie)
          .ok());
  EXPECT_FALSE(
      table_->End(ForcedEnd::kReset, entry.family, entry.protocol, 1).ok());
  lent.fd.Reset();
  EXPECT_THAT(EventReader::ToWords(AwaitClosed(lent)),
              ElementsAre("socket_opened",
                          absl::StrCat("socket_reset ", ECONNABORTED,
                                       " by an administrator"),
                          "socket_closed"));
}

}  // namespace
}  // namespace wspd
