// A NSPLookupServiceNext that waits while WSPCleanup is called or the process
// dies, beside calls of the transport that do: it ends as they do, and an
// answer that comes late finds nobody.
#include <svcguid.h>

#include <memory>
#include <string>
#include <vector>

#include "client_stub/spi_client/apc.h"
#include "client_stub/spi_client/event.h"
#include "tests/name_space/fixture.h"
#include "tests/testing/admin_view.h"
#include "tests/testing/child_process.h"
#include "tests/testing/peer_socket.h"
#include "tests/testing/process_files.h"
#include "tests/testing/role.h"
#include "tests/testing/thread_group.h"
#include "tests/testing/wait_until.h"

namespace wspd::testing {
namespace {

using ::testing::SizeIs;

constexpr GUID kByName = SVCID_INET_HOSTADDRBYNAME;
constexpr char kSilent[] = "silent.example";
constexpr WsaCode kInterrupted{WSAEINTR};

class LookupCleanupTest : public NameSpaceTest {
 protected:
  void SetUp() override {
    NameSpaceTest::SetUp();
    ASSERT_FALSE(HasFatalFailure());
    spi_ = Spi::Load();
    ASSERT_NE(spi_, nullptr);
    ASSERT_EQ(spi_->Startup(), kOk);
    ASSERT_EQ(name_space_->Startup(), kOk);
  }
  void TearDown() override {
    if (spi_ != nullptr) {
      spi_->CleanupAll();
      spi_->Unload();
    }
    NameSpaceTest::TearDown();
  }

  // A Next in a thread, which has been asked for and not answered.
  void BeginLookup() {
    ASSERT_EQ(name_space_->Begin(kByName, u"silent.example", LUP_RETURN_ADDR,
                                 &lookup_),
              kOk);
    threads_.Start("next",
                   [this] { next_ = name_space_->Next(lookup_, &record_); });
    ASSERT_TRUE(dns_.AwaitQuestionFor(kSilent));
    ASSERT_TRUE(threads_.WaitUntilBlocked());
  }

  std::unique_ptr<Spi> spi_;
  HANDLE lookup_ = nullptr;
  LookupRecord record_;
  WsaCode next_ = kNoErrorGiven;
  ThreadGroup threads_;
};

TEST_F(LookupCleanupTest, TheFinalCleanupEndsItBesideCallsOnSockets) {
  PeerListener listener;
  SOCKET blocked = INVALID_SOCKET;
  SOCKET overlapped = INVALID_SOCKET;
  ASSERT_EQ(spi_->ConnectNew(listener.endpoint(), &blocked), kOk);
  ASSERT_EQ(spi_->ConnectNew(listener.endpoint(), &overlapped), kOk);
  Operation operation;
  Event done, selected;
  operation.overlapped.hEvent = done.get();
  ASSERT_EQ(spi_->StartRecv(overlapped, &operation, 10), kPending);
  ASSERT_EQ(spi_->EventSelect(overlapped, selected.get(), FD_READ | FD_CLOSE),
            kOk);
  threads_.Start("recv", [&] {
    std::string data;
    EXPECT_EQ(spi_->Recv(blocked, 10, &data), kInterrupted);
  });
  BeginLookup();
  ASSERT_FALSE(HasFatalFailure());
  ASSERT_EQ(threads_.ended(), 0);

  EXPECT_EQ(spi_->Cleanup(), kOk);
  threads_.JoinAll(seconds(10));
  EXPECT_EQ(next_, kCancelled);
  EXPECT_EQ(operation.status(), kStatusCancelled);
  EXPECT_FALSE(done.IsSet());
  EXPECT_FALSE(selected.IsSet());

  dns_.BreakSilence(kSilent, "192.0.2.7");
  EXPECT_EQ(spi_client::SleepAlertable(20), 0u);
  EXPECT_FALSE(done.IsSet());
  EXPECT_FALSE(selected.IsSet());
  EXPECT_EQ(name_space_->End(lookup_), kOk);
  // The next lookup has its own answer, and that once.
  std::vector<LookupRecord> records;
  EXPECT_EQ(name_space_->LookUp(kByName, u"silent.example", LUP_RETURN_ADDR,
                                &records),
            kNoMore);
  EXPECT_THAT(records, SizeIs(1));
}

TEST_F(LookupCleanupTest, AnEarlierCleanupLeavesItWaiting) {
  ASSERT_EQ(spi_->Startup(), kOk);
  BeginLookup();
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(threads_.ended(), 0);
  dns_.BreakSilence(kSilent, "192.0.2.7");
  threads_.JoinAll();
  EXPECT_EQ(next_, kOk);
  ASSERT_THAT(record_.addresses, SizeIs(1));
  EXPECT_EQ(record_.addresses[0].substr(0, 9), "192.0.2.7");
  EXPECT_EQ(name_space_->End(lookup_), kOk);
}

// The name space's own last cleanup leaves the calls on sockets alone.
TEST_F(LookupCleanupTest, TheLastNspCleanupEndsItAndNoCallOnASocket) {
  PeerListener listener;
  SOCKET s = INVALID_SOCKET;
  ASSERT_EQ(spi_->ConnectNew(listener.endpoint(), &s), kOk);
  PeerSocket peer = listener.Accept();
  Operation operation;
  Event done;
  operation.overlapped.hEvent = done.get();
  ASSERT_EQ(spi_->StartRecv(s, &operation, 10), kPending);
  BeginLookup();
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_EQ(name_space_->Cleanup(), kOk);
  threads_.JoinAll(seconds(10));
  EXPECT_EQ(next_, kCancelled);
  EXPECT_TRUE(operation.is_pending());
  ASSERT_TRUE(peer.Write("data"));
  EXPECT_TRUE(done.Wait());
  EXPECT_EQ(operation.error(), 0u);
}

// ---------------------------------------------------------------------- deaths

// A client that dies in a lookup, with a connection open. Argument: the peer's
// port.
int LookupVictim(Role& role) {
  const Endpoint peer = {Family::kIpv4,
                         static_cast<uint16_t>(std::stoi(role.arguments[0]))};
  std::unique_ptr<Spi> spi = Spi::Load();
  std::unique_ptr<NameSpace> name_space = NameSpace::Load();
  WSPD_ROLE_CHECK(spi != nullptr && name_space != nullptr, "load");
  WSPD_ROLE_CHECK(spi->Startup().ok() && name_space->Startup().ok(), "startup");
  SOCKET s = INVALID_SOCKET;
  WSPD_ROLE_CHECK(spi->ConnectNew(peer, &s).ok(), "connect");
  HANDLE lookup;
  WSPD_ROLE_CHECK(
      name_space->Begin(kByName, u"silent.example", LUP_RETURN_ADDR, &lookup)
          .ok(),
      "begin");
  role.parent.Send("begun");
  const WsaCode code = name_space->Next(lookup);
  WSPD_ROLE_CHECK(false, ToString(code));
  return 1;
}
const RoleRegistration kLookupVictim("LookupVictim", LookupVictim);

class LookupDeathTest : public NameSpaceTest {};

TEST_F(LookupDeathTest, TheDeathOfTheProcessEndsIt) {
  AdminView admin(daemon_.admin_socket());
  ASSERT_EQ(admin.GetTotals().clients, 0u);
  const size_t descriptors = OpenDescriptors(daemon_.pid()).size();
  PeerListener listener;
  ChildProcess victim("LookupVictim",
                      {std::to_string(listener.endpoint().port)});
  PeerSocket peer = listener.Accept();
  ASSERT_TRUE(peer.is_open());
  ASSERT_EQ(victim.channel().Receive(), "begun");
  ASSERT_TRUE(dns_.AwaitQuestionFor(kSilent));
  victim.Kill();
  EXPECT_EQ(peer.WaitForEnd(), Ending::kReset);
  EXPECT_TRUE(WaitUntil([&] { return admin.GetTotals().IsEmpty(); }));
  dns_.BreakSilence(kSilent, "192.0.2.7");
  // Others are answered.
  ASSERT_EQ(name_space_->Startup(), kOk);
  std::vector<LookupRecord> records;
  EXPECT_EQ(name_space_->LookUp(kByName, u"silent.example", LUP_RETURN_ADDR,
                                &records),
            kNoMore);
  EXPECT_THAT(records, SizeIs(1));
  EXPECT_EQ(name_space_->Cleanup(), kOk);
  EXPECT_TRUE(WaitUntil([&] {
    return OpenDescriptors(daemon_.pid()).size() <= descriptors + 1;
  })) << "besides the one of DNS, descriptors are left in the daemon";
}

}  // namespace
}  // namespace wspd::testing
