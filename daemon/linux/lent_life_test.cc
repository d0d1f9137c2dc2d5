// What operators are told of a lent socket's life: how it begins and how it
// ends. What lies between is its program's and the kernel's affair.
#include <errno.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/linux/lent_sockets_fixture.h"
#include "daemon/linux/socket_destruction.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::ElementsAre;
using wsp::v1::JournalEvent;

class LentLifeTest : public LentSocketsTest {
 protected:
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

TEST_F(LentLifeTest, AnAdministratorsReset) {
  LentSockets::Options options;
  options.resets = true;
  Start(options);
  if (!TryDestruction().ok()) GTEST_SKIP() << "needs CAP_NET_ADMIN";
  OwnedFd peer;
  Lent lent = Connect(&peer);
  const LentSocket& entry = lent.entry;
  ASSERT_TRUE(table_->Reset(entry.family, entry.protocol, entry.cookie).ok());
  EXPECT_FALSE(table_->Reset(entry.family, entry.protocol, 1).ok());
  lent.fd.Reset();
  EXPECT_THAT(EventReader::ToWords(AwaitClosed(lent)),
              ElementsAre("socket_opened",
                          absl::StrCat("socket_reset ", ECONNABORTED,
                                       " by an administrator"),
                          "socket_closed"));
}

}  // namespace
}  // namespace wspd
