// WSPStartup: version negotiation, counting, upcall tables.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>
#include <vector>

#include "client_stub/spi_client/catalog.h"
#include "client_stub/spi_client/upcalls.h"
#include "tests/conformance/fixture.h"

namespace wspd::conformance {
namespace {

constexpr WORD kVersion = MAKEWORD(2, 2);

// Major and minor, so that versions compare as 3.1 says.
int Rank(WORD version) { return LOBYTE(version) * 256 + HIBYTE(version); }

class StartupTest : public ConformanceTest {
 protected:
  WsaCode Start(WORD version, WSPDATA* data, WSPPROC_TABLE* table,
                const WSPUPCALLTABLE& upcalls = spi_client::Upcalls()) {
    WSAPROTOCOL_INFOW info =
        *spi_client::FindCatalogEntry(AF_INET, SOCK_STREAM);
    return WsaCode{spi().client().startup_function()(version, data, &info,
                                                     upcalls, table)};
  }
  WsaCode Start(WORD version = kVersion) {
    WSPDATA data = {};
    WSPPROC_TABLE table = {};
    return Start(version, &data, &table);
  }
  // The fixture has started up once.
  void ExpectCount(int count) {
    for (int i = 0; i < count; ++i) EXPECT_EQ(Cleanup(), kOk);
    EXPECT_EQ(Cleanup(), WsaCode{WSANOTINITIALISED});
  }
};

// ------------------------------------------------- 3.1 version negotiation

struct Request {
  int major, minor;
};

std::ostream& operator<<(std::ostream& out, const Request& request) {
  return out << request.major << "." << request.minor;
}

std::string RequestName(const Request& request) {
  return "Version" + std::to_string(request.major) + "Point" +
         std::to_string(request.minor);
}

class NegotiationTest : public StartupTest,
                        public ::testing::WithParamInterface<Request> {
 protected:
  WORD version() const { return MAKEWORD(GetParam().major, GetParam().minor); }
};

class SupportedVersionTest : public NegotiationTest {};

// 3.1: otherwise success; wVersion is the lower of what is asked for and the
// provider's highest, which wHighVersion is. Our headers' is 2.2.
TEST_P(SupportedVersionTest, GetsTheLowerOfItAndTheHighest) {
  WSPDATA data = {};
  WSPPROC_TABLE table = {};
  ASSERT_EQ(Start(version(), &data, &table), kOk);
  EXPECT_EQ(data.wHighVersion, kVersion);
  EXPECT_EQ(data.wVersion, kVersion);
}

INSTANTIATE_TEST_SUITE_P(, SupportedVersionTest,
                         ::testing::Values(Request{2, 2}, Request{2, 3},
                                           // As WORDs these are lower.
                                           Request{3, 0}, Request{3, 1},
                                           Request{255, 255}),
                         [](const auto& info) {
                           return RequestName(info.param);
                         });

class LowVersionTest : public NegotiationTest {};

// 3.1: WSAVERNOTSUPPORTED if it is below the provider's lowest, which may be
// 2.2 or less; never a version above the one asked for.
TEST_P(LowVersionTest, IsRefusedOrGiven) {
  WSPDATA data = {};
  WSPPROC_TABLE table = {};
  const WsaCode code = Start(version(), &data, &table);
  if (code.ok()) {
    EXPECT_LE(Rank(data.wVersion), Rank(version()));
    EXPECT_EQ(data.wHighVersion, kVersion);
  } else {
    EXPECT_EQ(code, WsaCode{WSAVERNOTSUPPORTED});
  }
}

// 3.1: on failure nothing is counted.
TEST_P(LowVersionTest, IsCountedOnlyIfGiven) {
  const int count = Start(version()).ok() ? 2 : 1;
  ExpectCount(count);
}

INSTANTIATE_TEST_SUITE_P(, LowVersionTest,
                         ::testing::Values(Request{2, 1}, Request{2, 0},
                                           Request{1, 1}, Request{1, 0},
                                           // As a WORD this is higher than 2.2.
                                           Request{1, 255}),
                         [](const auto& info) {
                           return RequestName(info.param);
                         });

// 3.1: below any provider's lowest.
TEST_F(StartupTest, VersionZeroIsNotSupported) {
  EXPECT_EQ(Start(MAKEWORD(0, 0)), WsaCode{WSAVERNOTSUPPORTED});
  EXPECT_EQ(Start(MAKEWORD(0, 9)), WsaCode{WSAVERNOTSUPPORTED});
  ExpectCount(1);
}

// 3.2: repeated startups may ask for different versions, each negotiated by
// itself, and refetch WSPDATA.
TEST_F(StartupTest, EachStartupIsNegotiatedByItself) {
  WSPPROC_TABLE table = {};
  for (const WORD version : {MAKEWORD(3, 0), MAKEWORD(2, 2), MAKEWORD(9, 9)}) {
    WSPDATA data = {};
    ASSERT_EQ(Start(version, &data, &table), kOk);
    EXPECT_EQ(data.wVersion, kVersion);
    EXPECT_EQ(data.wHighVersion, kVersion);
  }
}

// ----------------------------------------------------------- 1.2 the results

// 1.2: szDescription is text with an end.
TEST_F(StartupTest, DescriptionIsText) {
  WSPDATA data = {};
  std::fill(std::begin(data.szDescription), std::end(data.szDescription), u'x');
  WSPPROC_TABLE table = {};
  ASSERT_EQ(Start(kVersion, &data, &table), kOk);
  WCHAR* const end = data.szDescription + WSPDESCRIPTION_LEN + 1;
  WCHAR* const zero = std::find(data.szDescription, end, 0);
  EXPECT_NE(zero, end);
  EXPECT_NE(zero, data.szDescription);
}

// 1.1: a NULL slot makes Ws2_32 fail the load.
TEST_F(StartupTest, AllThirtySlotsAreFilled) {
  WSPDATA data = {};
  WSPPROC_TABLE table = {};
  ASSERT_EQ(Start(kVersion, &data, &table), kOk);
  void* slots[30];
  static_assert(sizeof(slots) == sizeof(table));
  std::memcpy(slots, &table, sizeof(table));
  for (int i = 0; i < 30; ++i) EXPECT_NE(slots[i], nullptr) << "slot " << i + 1;
}

// 3.2: one library may back several catalog entries.
TEST_F(StartupTest, EveryEntryOfTheCatalogStartsUp) {
  for (const WSAPROTOCOL_INFOW& entry : spi_client::CatalogEntries()) {
    EXPECT_EQ(WsaCode{spi().client().Startup(kVersion, nullptr, &entry)}, kOk)
        << "entry " << entry.dwCatalogEntryId;
  }
  ExpectCount(5);
}

// 2: WSAEFAULT if lpWSPData is invalid.
TEST_F(StartupTest, NullDataIsAFault) {
  WSPPROC_TABLE table = {};
  EXPECT_EQ(Start(kVersion, nullptr, &table), WsaCode{WSAEFAULT});
  ExpectCount(1);
}

// 2: WSAEFAULT if lpProcTable is invalid.
TEST_F(StartupTest, NullTableIsAFault) {
  WSPDATA data = {};
  EXPECT_EQ(Start(kVersion, &data, nullptr), WsaCode{WSAEFAULT});
  ExpectCount(1);
}

// 3.1: on failure the output is untouched, or WSPDATA alone is filled.
TEST_F(StartupTest, FailureLeavesTheTableAlone) {
  WSPDATA data = {};
  WSPPROC_TABLE table = {};
  ASSERT_EQ(Start(MAKEWORD(0, 9), &data, &table), WsaCode{WSAVERNOTSUPPORTED});
  const WSPPROC_TABLE untouched = {};
  EXPECT_EQ(std::memcmp(&table, &untouched, sizeof(table)), 0);
}

// ----------------------------------------------------------- 3.2 counting

class StartupCountTest : public StartupTest,
                         public ::testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(, StartupCountTest, ::testing::Values(1, 2, 3, 10));

// 3.2: each startup adds one, each cleanup takes one away; extra cleanup →
// WSANOTINITIALISED.
TEST_P(StartupCountTest, NeedsAsManyCleanups) {
  for (int i = 1; i < GetParam(); ++i) ASSERT_EQ(Start(), kOk);
  ExpectCount(GetParam());
}

// 3.2: per process, not per thread.
TEST_F(StartupTest, CountIsTheProcesss) {
  WsaCode started = kNoErrorGiven;
  {
    ThreadGroup thread;
    thread.Start("startup", [&] { started = Start(); });
  }
  ASSERT_EQ(started, kOk);
  ExpectCount(2);
}

TEST_F(StartupTest, SocketsAreTheProcesss) {
  const SOCKET s = NewSocket(Family::kIpv4);
  WsaCode bound = kNoErrorGiven;
  {
    ThreadGroup thread;
    thread.Start("bind",
                 [&] { bound = Bind(s, SockAddr::Loopback(Family::kIpv4)); });
  }
  EXPECT_EQ(bound, kOk);
}

// 3.2: safe against concurrent startup and cleanup in several threads.
TEST_F(StartupTest, ConcurrentStartupsAndCleanupsAllCount) {
  constexpr int kThreads = 4, kRounds = 50;
  std::atomic<int> failures{0};
  {
    ThreadGroup threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.Start("startups", [&] {
        for (int j = 0; j < kRounds; ++j) failures += !Start().ok();
        for (int j = 0; j < kRounds; ++j) failures += !Cleanup().ok();
      });
    }
  }
  EXPECT_EQ(failures, 0);
  ExpectCount(1);
}

// 3.2: a startup racing the final cleanup waits for it and re-initialises.
TEST_F(StartupTest, StartupRacingTheFinalCleanupStartsAnew) {
  constexpr int kThreads = 3, kRounds = 20;
  std::atomic<int> failures{0};
  ASSERT_EQ(Cleanup(), kOk);
  {
    ThreadGroup threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.Start("startup and cleanup", [&] {
        for (int j = 0; j < kRounds; ++j) {
          failures += !Start().ok();
          SOCKET s;
          failures += !Socket(&s, AF_INET, SOCK_STREAM, IPPROTO_TCP).ok();
          failures += !Cleanup().ok();
        }
      });
    }
  }
  EXPECT_EQ(failures, 0);
  ExpectCount(0);
}

// ------------------------------------------------------- 3.2 upcall tables

std::atomic<int> handles_made{0};

SOCKET WSPAPI CountedCreateSocketHandle(DWORD entry, DWORD_PTR context,
                                        LPINT error) {
  ++handles_made;
  return spi_client::Upcalls().lpWPUCreateSocketHandle(entry, context, error);
}

SOCKET WSPAPI CountedModifyIfsHandle(DWORD entry, SOCKET s, LPINT error) {
  ++handles_made;
  return spi_client::Upcalls().lpWPUModifyIFSHandle(entry, s, error);
}

WSPUPCALLTABLE CountedUpcalls() {
  WSPUPCALLTABLE upcalls = spi_client::Upcalls();
  upcalls.lpWPUCreateSocketHandle = CountedCreateSocketHandle;
  upcalls.lpWPUModifyIFSHandle = CountedModifyIfsHandle;
  return upcalls;
}

// 3.2: store the table and use only the most recent. 1.3: for every descriptor
// a provider uses WPUCreateSocketHandle, with kernel handles
// WPUModifyIFSHandle.
TEST_F(StartupTest, MostRecentUpcallTableIsUsed) {
  WSPDATA data = {};
  WSPPROC_TABLE table = {};
  ASSERT_EQ(Start(kVersion, &data, &table, CountedUpcalls()), kOk);
  NewSocket(Family::kIpv4);
  EXPECT_EQ(handles_made, 1);
}

TEST_F(StartupTest, EarlierUpcallTableIsNotUsedAnyMore) {
  WSPDATA data = {};
  WSPPROC_TABLE table = {};
  ASSERT_EQ(Start(kVersion, &data, &table, CountedUpcalls()), kOk);
  ASSERT_EQ(Start(kVersion, &data, &table), kOk);
  NewSocket(Family::kIpv4);
  EXPECT_EQ(handles_made, 0);
}

// 3.1, 3.2: a failed startup changes nothing.
TEST_F(StartupTest, UpcallTableOfAFailedStartupIsNotUsed) {
  WSPDATA data = {};
  ASSERT_EQ(Start(kVersion, &data, nullptr, CountedUpcalls()),
            WsaCode{WSAEFAULT});
  NewSocket(Family::kIpv4);
  EXPECT_EQ(handles_made, 0);
}

}  // namespace
}  // namespace wspd::conformance
