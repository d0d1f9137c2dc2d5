// WSPStartup negotiates a version, and counts with WSPCleanup per process.
#include <filesystem>
#include <vector>

#include "client_stub/spi_client/catalog.h"
#include "client_stub/spi_client/upcalls.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kNotInitialised{WSANOTINITIALISED};

struct Negotiation {
  int major, minor;
  WsaCode result;
};

void PrintTo(const Negotiation& row, std::ostream* out) {
  *out << row.major << "." << row.minor << " gives " << row.result;
}

class VersionTest : public ProviderTest,
                    public ::testing::WithParamInterface<Negotiation> {};

// The provider offers 2.2 and nothing else. Versions compare by major, then
// minor number, not as the WORD that has the minor one on top.
TEST_P(VersionTest, IsNegotiatedByMajorThenMinor) {
  const Negotiation& row = GetParam();
  WSPDATA data;
  memset(&data, 0xAA, sizeof(data));
  const WsaCode code = spi_->Startup(MAKEWORD(row.major, row.minor), &data);
  ASSERT_EQ(code, row.result);
  if (!code.ok()) return;
  EXPECT_EQ(data.wVersion, MAKEWORD(2, 2));
  EXPECT_EQ(data.wHighVersion, MAKEWORD(2, 2));
  const auto end = std::end(data.szDescription);
  EXPECT_NE(std::find(std::begin(data.szDescription), end, WCHAR{0}), end)
      << "the description doesn't end";
  EXPECT_EQ(spi_->Cleanup(), kOk);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, VersionTest,
    ::testing::Values(Negotiation{2, 2, kOk}, Negotiation{2, 3, kOk},
                      Negotiation{3, 0, kOk}, Negotiation{3, 1, kOk},
                      Negotiation{255, 255, kOk},
                      Negotiation{2, 1, {WSAVERNOTSUPPORTED}},
                      Negotiation{2, 0, {WSAVERNOTSUPPORTED}},
                      Negotiation{1, 1, {WSAVERNOTSUPPORTED}},
                      Negotiation{1, 0, {WSAVERNOTSUPPORTED}},
                      Negotiation{1, 255, {WSAVERNOTSUPPORTED}},
                      Negotiation{0, 0, {WSAVERNOTSUPPORTED}}));

class StartupTest : public ProviderTest {
 protected:
  // Startups that may fail, with arguments of their own.
  WsaCode RawStartup(WORD version, WSPDATA* data, WSPPROC_TABLE* table) {
    WSAPROTOCOL_INFOW info = spi_client::CatalogEntries()[0];
    return {spi_->client().startup_function()(version, data, &info,
                                              spi_client::Upcalls(), table)};
  }
};

TEST_F(StartupTest, NullPointersAreFaults) {
  WSPDATA data = {};
  WSPPROC_TABLE table = {};
  EXPECT_EQ(RawStartup(MAKEWORD(2, 2), nullptr, &table), WsaCode{WSAEFAULT});
  EXPECT_EQ(RawStartup(MAKEWORD(2, 2), &data, nullptr), WsaCode{WSAEFAULT});
  EXPECT_EQ(RawStartup(MAKEWORD(2, 2), nullptr, nullptr), WsaCode{WSAEFAULT});
}

// It only says which catalog entry is opened, and one library may back several.
TEST_F(StartupTest, ProtocolInfoMayBeNull) {
  WSPDATA data = {};
  WSPPROC_TABLE table = {};
  ASSERT_EQ(WsaCode{spi_->client().startup_function()(
                MAKEWORD(2, 2), &data, nullptr, spi_client::Upcalls(), &table)},
            kOk);
  int error = 0;
  const SOCKET s = table.lpWSPSocket(AF_INET, SOCK_STREAM, IPPROTO_TCP, nullptr,
                                     0, WSA_FLAG_OVERLAPPED, &error);
  EXPECT_NE(s, INVALID_SOCKET) << WsaCode{error};
  EXPECT_EQ(table.lpWSPCloseSocket(s, &error), 0) << WsaCode{error};
  EXPECT_EQ(table.lpWSPCleanup(&error), 0) << WsaCode{error};
}

// Without a place for the code a call says the same by its result.
TEST_F(StartupTest, ErrorPointerMayBeNull) {
  ASSERT_EQ(spi_->Startup(), kOk);
  const WSPPROC_TABLE& table = spi_->table();
  EXPECT_EQ(table.lpWSPSocket(99, SOCK_STREAM, IPPROTO_TCP, nullptr, 0,
                              WSA_FLAG_OVERLAPPED, nullptr),
            INVALID_SOCKET);
  const SOCKET s = table.lpWSPSocket(AF_INET, SOCK_STREAM, IPPROTO_TCP, nullptr,
                                     0, WSA_FLAG_OVERLAPPED, nullptr);
  ASSERT_NE(s, INVALID_SOCKET);
  EXPECT_EQ(table.lpWSPListen(s, 1, nullptr), SOCKET_ERROR) << "not bound";
  EXPECT_EQ(table.lpWSPAccept(s, nullptr, nullptr, nullptr, 0, nullptr),
            INVALID_SOCKET)
      << "not listening";
  EXPECT_EQ(table.lpWSPConnect(s, nullptr, 0, nullptr, nullptr, nullptr,
                               nullptr, nullptr),
            SOCKET_ERROR);
  EXPECT_EQ(table.lpWSPGetOverlappedResult(s, nullptr, nullptr, FALSE, nullptr,
                                           nullptr),
            FALSE);
  EXPECT_EQ(table.lpWSPSelect(0, nullptr, nullptr, nullptr, nullptr, nullptr),
            SOCKET_ERROR)
      << "nothing to look at";
  EXPECT_EQ(table.lpWSPCloseSocket(s, nullptr), 0);
  EXPECT_EQ(table.lpWSPCloseSocket(s, nullptr), SOCKET_ERROR);
  EXPECT_EQ(table.lpWSPCleanup(nullptr), 0);
  EXPECT_EQ(table.lpWSPCleanup(nullptr), SOCKET_ERROR);
  EXPECT_EQ(table.lpWSPSend(s, nullptr, 0, nullptr, 0, nullptr, nullptr,
                            nullptr, nullptr),
            SOCKET_ERROR);
}

TEST_F(StartupTest, FailedStartupCountsNothingAndGivesNoTable) {
  ASSERT_EQ(spi_->Startup(), kOk);
  ASSERT_EQ(spi_->Cleanup(), kOk);
  WSPDATA data = {};
  WSPPROC_TABLE table = {};
  EXPECT_EQ(RawStartup(MAKEWORD(1, 1), &data, &table),
            WsaCode{WSAVERNOTSUPPORTED});
  EXPECT_EQ(RawStartup(MAKEWORD(2, 2), nullptr, &table), WsaCode{WSAEFAULT});
  EXPECT_EQ(table.lpWSPCleanup, nullptr);
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
}

TEST_F(StartupTest, FailedStartupBetweenOthersCountsNothing) {
  WSPDATA data = {};
  WSPPROC_TABLE table = {};
  ASSERT_EQ(spi_->Startup(), kOk);
  EXPECT_EQ(RawStartup(MAKEWORD(1, 1), &data, &table),
            WsaCode{WSAVERNOTSUPPORTED});
  EXPECT_EQ(RawStartup(MAKEWORD(2, 2), &data, nullptr), WsaCode{WSAEFAULT});
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
}

TEST_F(StartupTest, EveryStartupNegotiatesAnew) {
  WSPDATA data = {};
  ASSERT_EQ(spi_->Startup(MAKEWORD(2, 2), &data), kOk);
  data = {};
  ASSERT_EQ(spi_->Startup(MAKEWORD(9, 9), &data), kOk);
  EXPECT_EQ(data.wVersion, MAKEWORD(2, 2));
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(spi_->Cleanup(), kOk);
}

TEST_F(StartupTest, CallsWithoutStartupAreNotInitialised) {
  ASSERT_EQ(spi_->Startup(), kOk);
  ASSERT_EQ(spi_->Cleanup(), kOk);
  SOCKET s;
  EXPECT_EQ(spi_->Socket(&s), kNotInitialised);
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
}

TEST_F(StartupTest, AsManyCleanupsAsStartupsAreNeeded) {
  constexpr int kStartups = 5;
  for (int i = 0; i < kStartups; ++i) ASSERT_EQ(spi_->Startup(), kOk);
  Connection connection = Connect();
  for (int i = 1; i < kStartups; ++i) {
    ASSERT_EQ(spi_->Cleanup(), kOk);
    ASSERT_EQ(spi_->Send(connection.socket, "still open"), kOk);
    ASSERT_EQ(connection.peer.Read(10), "still open");
  }
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kReset);
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
}

TEST_F(StartupTest, CountIsTheProcessesAndNotTheThreads) {
  constexpr int kThreads = 8;
  constexpr int kEach = 25;
  ASSERT_EQ(spi_->Startup(), kOk);
  Connection connection = Connect();
  {
    ThreadGroup threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.Start("startups", [&] {
        for (int j = 0; j < kEach; ++j) EXPECT_EQ(spi_->Startup(), kOk);
      });
    }
  }
  {
    ThreadGroup threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.Start("cleanups", [&] {
        for (int j = 0; j < kEach; ++j) EXPECT_EQ(spi_->Cleanup(), kOk);
      });
    }
  }
  EXPECT_EQ(connection.peer.PeekEnd(), Ending::kStillOpen);
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kReset);
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
}

// A copy of the library has an attachment of its own, of the same process.
class SecondAttachmentTest : public StartupTest {
 protected:
  void SetUp() override {
    StartupTest::SetUp();
    const std::string copy = daemon_.dir().File("libwsp_copy.so");
    std::filesystem::copy_file(kProviderPath, copy);
    other_ = Spi::Load(copy);
    ASSERT_NE(other_, nullptr);
    ASSERT_EQ(spi_->Startup(), kOk);
    ASSERT_EQ(other_->Startup(), kOk);
  }
  void TearDown() override {
    if (other_ != nullptr) {
      other_->CleanupAll();
      other_->Unload();
    }
    StartupTest::TearDown();
  }

  std::unique_ptr<Spi> other_;
};

TEST_F(SecondAttachmentTest, SharesTheProcessesCount) {
  ASSERT_EQ(spi_->Startup(), kOk);
  Connection connection = Connect();
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(other_->Cleanup(), kOk);
  // One startup is left, so that nothing was cleaned up.
  EXPECT_EQ(spi_->Send(connection.socket, "open"), kOk);
  EXPECT_EQ(connection.peer.Read(4), "open");
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kReset);
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
  EXPECT_EQ(other_->Cleanup(), kNotInitialised);
}

TEST_F(SecondAttachmentTest, FinalCleanupOfEitherCleansUpForBoth) {
  Connection of_one = Connect();
  SOCKET of_other;
  ASSERT_EQ(other_->ConnectNew(listener_.endpoint(), &of_other), kOk);
  PeerSocket peer_of_other = listener_.Accept();
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(of_one.peer.PeekEnd(), Ending::kStillOpen);
  EXPECT_EQ(peer_of_other.PeekEnd(), Ending::kStillOpen);
  EXPECT_EQ(other_->Cleanup(), kOk);
  EXPECT_EQ(of_one.peer.WaitForEnd(), Ending::kReset);
  EXPECT_EQ(peer_of_other.WaitForEnd(), Ending::kReset);
}

TEST_F(SecondAttachmentTest, NeitherSeesTheOthersSockets) {
  SOCKET s;
  ASSERT_EQ(spi_->Socket(&s), kOk);
  Endpoint endpoint;
  EXPECT_EQ(other_->GetSockName(s, &endpoint), WsaCode{WSAENOTSOCK});
  EXPECT_EQ(other_->Close(s), WsaCode{WSAENOTSOCK});
  EXPECT_EQ(spi_->Bind(s, {Family::kIpv4, 0}), kOk);
}

}  // namespace
}  // namespace wspd::testing
