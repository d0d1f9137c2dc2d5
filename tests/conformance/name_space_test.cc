// The name-space provider in the same library (1.5), as far as a case can know
// what is to be found: "localhost", which every system resolves without asking
// anybody. A provider without NSPStartup has no such part, and the cases are
// skipped.
#include <svcguid.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "client_stub/spi_client/name_space_client.h"
#include "tests/conformance/fixture.h"

namespace wspd::conformance {
namespace {

using spi_client::kTcpIpNameSpace;
using spi_client::NameSpaceClient;
using ::testing::AnyOf;

constexpr GUID kByName = SVCID_INET_HOSTADDRBYNAME;
constexpr WsaCode kNoMore{WSA_E_NO_MORE};

class NameSpaceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string error;
    client_ = NameSpaceClient::Load(ProviderPath(), &error);
    if (client_ == nullptr) GTEST_SKIP() << error;
    ASSERT_EQ(WsaCode{client_->Startup()}, kOk);
  }
  void TearDown() override {
    if (client_ == nullptr) return;
    int count = 0;
    while (CleanUp().ok()) ASSERT_LT(++count, 100);
    EXPECT_TRUE(client_->Unload());
  }

  const NSP_ROUTINE& table() const { return client_->table(); }

  static WsaCode CodeOf(INT result) {
    if (result == 0) return kOk;
    const int error = WSAGetLastError();
    return error == 0 ? kNoErrorGiven : WsaCode{error};
  }
  WsaCode CleanUp(GUID provider = kTcpIpNameSpace) {
    WSASetLastError(0);
    return CodeOf(table().NSPCleanup(&provider));
  }
  WsaCode Begin(const char16_t* name, DWORD flags, HANDLE* lookup) {
    GUID provider = kTcpIpNameSpace;
    GUID service_class = kByName;
    std::u16string text = name;
    WSAQUERYSETW query = {};
    query.dwSize = sizeof(query);
    query.lpszServiceInstanceName = &text[0];
    query.lpServiceClassId = &service_class;
    query.dwNameSpace = NS_DNS;
    WSASetLastError(0);
    return CodeOf(table().NSPLookupServiceBegin(&provider, &query, nullptr,
                                                flags, lookup));
  }
  WsaCode Next(HANDLE lookup, std::vector<uint64_t>* memory, DWORD* length,
               DWORD flags = 0) {
    WSASetLastError(0);
    return CodeOf(table().NSPLookupServiceNext(
        lookup, flags, length,
        reinterpret_cast<WSAQUERYSETW*>(memory->data())));
  }
  WsaCode Next(HANDLE lookup) {
    DWORD length = static_cast<DWORD>(memory_.size() * sizeof(uint64_t));
    return Next(lookup, &memory_, &length);
  }
  WsaCode End(HANDLE lookup) {
    WSASetLastError(0);
    return CodeOf(table().NSPLookupServiceEnd(lookup));
  }
  const WSAQUERYSETW& result() const {
    return *reinterpret_cast<const WSAQUERYSETW*>(memory_.data());
  }
  // Whether the last result has a loopback address.
  bool HasLoopback() const {
    for (DWORD i = 0; i < result().dwNumberOfCsAddrs; ++i) {
      const SOCKET_ADDRESS& remote = result().lpcsaBuffer[i].RemoteAddr;
      if (remote.lpSockaddr->sa_family == AF_INET) {
        const auto* const in =
            reinterpret_cast<const sockaddr_in*>(remote.lpSockaddr);
        if ((ntohl(in->sin_addr.s_addr) >> 24) == 127) return true;
      } else if (remote.lpSockaddr->sa_family == AF_INET6) {
        const auto* const in6 =
            reinterpret_cast<const sockaddr_in6*>(remote.lpSockaddr);
        if (IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr)) return true;
      }
    }
    return false;
  }

  std::unique_ptr<NameSpaceClient> client_;
  std::vector<uint64_t> memory_ = std::vector<uint64_t>(4096);
};

// -------------------------------------------------- NSPStartup, NSPCleanup

TEST_F(NameSpaceTest, TableIsFilled) {
  EXPECT_NE(table().NSPCleanup, nullptr);
  EXPECT_NE(table().NSPLookupServiceBegin, nullptr);
  EXPECT_NE(table().NSPLookupServiceNext, nullptr);
  EXPECT_NE(table().NSPLookupServiceEnd, nullptr);
  EXPECT_NE(table().NSPSetService, nullptr);
  EXPECT_NE(table().NSPInstallServiceClass, nullptr);
  EXPECT_NE(table().NSPRemoveServiceClass, nullptr);
  EXPECT_NE(table().NSPGetServiceClassInfo, nullptr);
}

// Ref-counted; one cleanup per startup, only the last cleans.
TEST_F(NameSpaceTest, OnlyTheLastCleanupCleans) {
  ASSERT_EQ(WsaCode{client_->Startup()}, kOk);
  EXPECT_EQ(CleanUp(), kOk);
  HANDLE lookup;
  EXPECT_EQ(Begin(u"localhost", LUP_RETURN_ADDR, &lookup), kOk);
  EXPECT_EQ(End(lookup), kOk);
  EXPECT_EQ(CleanUp(), kOk);
  EXPECT_EQ(CleanUp(), WsaCode{WSANOTINITIALISED});
}

TEST_F(NameSpaceTest, StartupWorksAgainAfterTheLastCleanup) {
  EXPECT_EQ(CleanUp(), kOk);
  EXPECT_EQ(WsaCode{client_->Startup()}, kOk);
  HANDLE lookup;
  EXPECT_EQ(Begin(u"localhost", LUP_RETURN_ADDR, &lookup), kOk);
  EXPECT_EQ(End(lookup), kOk);
}

TEST_F(NameSpaceTest, NothingBeginsAfterTheLastCleanup) {
  ASSERT_EQ(CleanUp(), kOk);
  HANDLE lookup;
  EXPECT_EQ(Begin(u"localhost", LUP_RETURN_ADDR, &lookup),
            WsaCode{WSANOTINITIALISED});
}

// The last cleanup ends lookups.
TEST_F(NameSpaceTest, LookupEndsWithTheLastCleanup) {
  HANDLE lookup;
  ASSERT_EQ(Begin(u"localhost", LUP_RETURN_ADDR, &lookup), kOk);
  ASSERT_EQ(CleanUp(), kOk);
  ASSERT_EQ(WsaCode{client_->Startup()}, kOk);
  EXPECT_EQ(Next(lookup), WsaCode{WSA_INVALID_HANDLE});
}

// WSAEINVAL = id not a provider it manages.
TEST_F(NameSpaceTest, CleanupOfAnUnknownProviderIsInvalid) {
  GUID other = kTcpIpNameSpace;
  other.Data1 ^= 1;
  EXPECT_EQ(CleanUp(other), WsaCode{WSAEINVAL});
}

TEST_F(NameSpaceTest, StartupOfAnUnknownProviderIsInvalid) {
  GUID other = kTcpIpNameSpace;
  other.Data1 ^= 1;
  EXPECT_EQ(WsaCode{client_->Startup(other)}, WsaCode{WSAEINVAL});
}

// ----------------------------------------------------------------- lookups

TEST_F(NameSpaceTest, LocalhostHasALoopbackAddress) {
  HANDLE lookup;
  ASSERT_EQ(Begin(u"localhost", LUP_RETURN_ADDR | LUP_RETURN_NAME, &lookup),
            kOk);
  ASSERT_EQ(Next(lookup), kOk);
  EXPECT_TRUE(HasLoopback());
  ASSERT_NE(result().lpszServiceInstanceName, nullptr);
  EXPECT_EQ(End(lookup), kOk);
}

// One result per call; end = WSA_E_NO_MORE.
TEST_F(NameSpaceTest, LookupEndsWithNoMore) {
  HANDLE lookup;
  ASSERT_EQ(Begin(u"localhost", LUP_RETURN_ADDR, &lookup), kOk);
  WsaCode code;
  int results = 0;
  while ((code = Next(lookup)).ok() && results < 100) ++results;
  EXPECT_GE(results, 1);
  EXPECT_THAT(code, AnyOf(kNoMore, WsaCode{WSAENOMORE}));
  EXPECT_THAT(Next(lookup), AnyOf(kNoMore, WsaCode{WSAENOMORE})) << "again";
  EXPECT_EQ(End(lookup), kOk);
}

// Only what was asked for.
TEST_F(NameSpaceTest, NameAloneComesWithoutAddresses) {
  HANDLE lookup;
  ASSERT_EQ(Begin(u"localhost", LUP_RETURN_NAME, &lookup), kOk);
  ASSERT_EQ(Next(lookup), kOk);
  EXPECT_EQ(result().dwNumberOfCsAddrs, 0u);
  EXPECT_NE(result().lpszServiceInstanceName, nullptr);
  EXPECT_EQ(End(lookup), kOk);
}

// WSAEFAULT with needed size in len.
TEST_F(NameSpaceTest, TooLittleRoomIsToldTheSize) {
  HANDLE lookup;
  ASSERT_EQ(Begin(u"localhost", LUP_RETURN_ADDR, &lookup), kOk);
  DWORD length = 8;
  EXPECT_EQ(Next(lookup, &memory_, &length), WsaCode{WSAEFAULT});
  ASSERT_GT(length, sizeof(WSAQUERYSETW));
  ASSERT_LE(length, memory_.size() * sizeof(uint64_t));
  const DWORD needed = length;
  EXPECT_EQ(Next(lookup, &memory_, &length), kOk);
  EXPECT_TRUE(HasLoopback());
  EXPECT_LE(length, needed);
  EXPECT_EQ(End(lookup), kOk);
}

// Flags may only restrict those of Begin.
TEST_F(NameSpaceTest, NextMayAskForLess) {
  HANDLE lookup;
  ASSERT_EQ(Begin(u"localhost", LUP_RETURN_ADDR | LUP_RETURN_NAME, &lookup),
            kOk);
  DWORD length = static_cast<DWORD>(memory_.size() * sizeof(uint64_t));
  ASSERT_EQ(Next(lookup, &memory_, &length, LUP_RETURN_NAME), kOk);
  EXPECT_NE(result().lpszServiceInstanceName, nullptr);
  EXPECT_EQ(result().dwNumberOfCsAddrs, 0u);
  EXPECT_EQ(End(lookup), kOk);
}

TEST_F(NameSpaceTest, NextCannotAskForMore) {
  HANDLE lookup;
  ASSERT_EQ(Begin(u"localhost", LUP_RETURN_NAME, &lookup), kOk);
  DWORD length = static_cast<DWORD>(memory_.size() * sizeof(uint64_t));
  const WsaCode code =
      Next(lookup, &memory_, &length, LUP_RETURN_NAME | LUP_RETURN_ADDR);
  EXPECT_THAT(code, AnyOf(kOk, WsaCode{WSAEINVAL}));
  if (code.ok()) {
    EXPECT_EQ(result().dwNumberOfCsAddrs, 0u);
  }
  EXPECT_EQ(End(lookup), kOk);
}

// LUP_FLUSHPREVIOUS 2000h discards an oversized record.
TEST_F(NameSpaceTest, OversizedResultCanBeDiscarded) {
  HANDLE lookup;
  ASSERT_EQ(Begin(u"localhost", LUP_RETURN_ADDR, &lookup), kOk);
  int results = 0;
  while (Next(lookup).ok() && results < 100) ++results;
  EXPECT_EQ(End(lookup), kOk);
  ASSERT_EQ(Begin(u"localhost", LUP_RETURN_ADDR, &lookup), kOk);
  DWORD length = 8;
  EXPECT_EQ(Next(lookup, &memory_, &length), WsaCode{WSAEFAULT});
  length = static_cast<DWORD>(memory_.size() * sizeof(uint64_t));
  WsaCode code = Next(lookup, &memory_, &length, LUP_FLUSHPREVIOUS);
  int left = 0;
  while (code.ok() && left < 100) {
    ++left;
    code = Next(lookup);
  }
  EXPECT_EQ(left, results - 1);
  EXPECT_EQ(End(lookup), kOk);
}

// Two lookups go on side by side.
TEST_F(NameSpaceTest, LookupsAreIndependent) {
  HANDLE one, other;
  ASSERT_EQ(Begin(u"localhost", LUP_RETURN_ADDR, &one), kOk);
  ASSERT_EQ(Begin(u"localhost", LUP_RETURN_ADDR, &other), kOk);
  EXPECT_NE(one, other);
  EXPECT_EQ(End(one), kOk);
  EXPECT_EQ(Next(other), kOk);
  EXPECT_EQ(End(other), kOk);
}

// ----------------------------------------------------- 1.5: the wrong handle

TEST_F(NameSpaceTest, EndedLookupIsAnInvalidHandle) {
  HANDLE lookup;
  ASSERT_EQ(Begin(u"localhost", LUP_RETURN_ADDR, &lookup), kOk);
  EXPECT_EQ(End(lookup), kOk);
  EXPECT_EQ(Next(lookup), WsaCode{WSA_INVALID_HANDLE});
  EXPECT_EQ(End(lookup), WsaCode{WSA_INVALID_HANDLE});
}

TEST_F(NameSpaceTest, NoLookupIsAnInvalidHandle) {
  EXPECT_EQ(Next(nullptr), WsaCode{WSA_INVALID_HANDLE});
  EXPECT_EQ(End(nullptr), WsaCode{WSA_INVALID_HANDLE});
}

TEST_F(NameSpaceTest, WithoutAQueryNothingBegins) {
  GUID provider = kTcpIpNameSpace;
  HANDLE lookup;
  WSASetLastError(0);
  EXPECT_THAT(CodeOf(table().NSPLookupServiceBegin(&provider, nullptr, nullptr,
                                                   LUP_RETURN_ADDR, &lookup)),
              AnyOf(WsaCode{WSAEINVAL}, WsaCode{WSAEFAULT}));
}

TEST_F(NameSpaceTest, UnknownProviderBeginsNothing) {
  GUID other = kTcpIpNameSpace;
  other.Data1 ^= 1;
  char16_t name[] = u"localhost";
  GUID service_class = kByName;
  WSAQUERYSETW query = {};
  query.dwSize = sizeof(query);
  query.lpszServiceInstanceName = name;
  query.lpServiceClassId = &service_class;
  HANDLE lookup;
  WSASetLastError(0);
  EXPECT_EQ(CodeOf(table().NSPLookupServiceBegin(&other, &query, nullptr,
                                                 LUP_RETURN_ADDR, &lookup)),
            WsaCode{WSAEINVAL});
}

TEST_F(NameSpaceTest, CutQueryIsInvalid) {
  GUID provider = kTcpIpNameSpace;
  WSAQUERYSETW query = {};
  query.dwSize = sizeof(query) - 1;
  HANDLE lookup;
  WSASetLastError(0);
  EXPECT_THAT(CodeOf(table().NSPLookupServiceBegin(&provider, &query, nullptr,
                                                   LUP_RETURN_ADDR, &lookup)),
              AnyOf(WsaCode{WSAEINVAL}, WsaCode{WSAEFAULT}));
}

// What a resolver of names can't do.
TEST_F(NameSpaceTest, ServiceClassesCannotBeChanged) {
  GUID provider = kTcpIpNameSpace;
  GUID service_class = kByName;
  char16_t name[] = u"none";
  WSASERVICECLASSINFOW info = {};
  info.lpServiceClassId = &service_class;
  info.lpszServiceClassName = name;
  const auto is_refusal =
      AnyOf(WsaCode{WSAEOPNOTSUPP}, WsaCode{WSAEACCES}, WsaCode{WSAEALREADY},
            WsaCode{WSATYPE_NOT_FOUND}, WsaCode{WSAEINVAL});
  WSASetLastError(0);
  EXPECT_THAT(CodeOf(table().NSPInstallServiceClass(&provider, &info)),
              is_refusal);
  WSASetLastError(0);
  EXPECT_THAT(CodeOf(table().NSPRemoveServiceClass(&provider, &service_class)),
              is_refusal);
}

// Nor is there a service that an empty query names.
TEST_F(NameSpaceTest, ServicesCannotBeChanged) {
  for (const WSAESETSERVICEOP operation :
       {RNRSERVICE_REGISTER, RNRSERVICE_DEREGISTER, RNRSERVICE_DELETE}) {
    GUID provider = kTcpIpNameSpace;
    WSAQUERYSETW info = {};
    info.dwSize = sizeof(info);
    WSASetLastError(0);
    const WsaCode code =
        CodeOf(table().NSPSetService(&provider, nullptr, &info, operation, 0));
    if (operation != RNRSERVICE_REGISTER &&
        code == WsaCode{WSASERVICE_NOT_FOUND}) {
      continue;
    }
    EXPECT_THAT(code, AnyOf(WsaCode{WSAEOPNOTSUPP}, WsaCode{WSAEACCES},
                            WsaCode{WSAEINVAL}))
        << operation;
  }
}

// Of a class that nobody has installed.
TEST_F(NameSpaceTest, UnknownClassHasNoInfo) {
  GUID provider = kTcpIpNameSpace;
  GUID unknown = kByName;
  unknown.Data1 ^= 0x5a5a5a5a;
  WSASERVICECLASSINFOW* const info =
      reinterpret_cast<WSASERVICECLASSINFOW*>(memory_.data());
  *info = {};
  info->lpServiceClassId = &unknown;
  DWORD length = static_cast<DWORD>(memory_.size() * sizeof(uint64_t));
  WSASetLastError(0);
  EXPECT_THAT(CodeOf(table().NSPGetServiceClassInfo(&provider, &length, info)),
              AnyOf(WsaCode{WSATYPE_NOT_FOUND}, WsaCode{WSAEOPNOTSUPP},
                    WsaCode{WSAEACCES}));
}

// A table of before there was the function has none.
TEST_F(NameSpaceTest, IoctlOfAnEndedLookupIsAnInvalidHandle) {
  if (table().NSPIoctl == nullptr) return;
  HANDLE lookup;
  ASSERT_EQ(Begin(u"localhost", LUP_RETURN_ADDR, &lookup), kOk);
  EXPECT_EQ(End(lookup), kOk);
  DWORD returned = 0;
  WSASetLastError(0);
  EXPECT_EQ(CodeOf(table().NSPIoctl(lookup, SIO_NSP_NOTIFY_CHANGE, nullptr, 0,
                                    nullptr, 0, &returned, nullptr, nullptr)),
            WsaCode{WSA_INVALID_HANDLE});
}

// Without a completion it would wait for a change.
TEST_F(NameSpaceTest, IoctlThatIsNoneIsRefused) {
  if (table().NSPIoctl == nullptr) return;
  HANDLE lookup;
  ASSERT_EQ(Begin(u"localhost", LUP_RETURN_ADDR, &lookup), kOk);
  DWORD returned = 0;
  WSASetLastError(0);
  EXPECT_THAT(CodeOf(table().NSPIoctl(lookup, 0, nullptr, 0, nullptr, 0,
                                      &returned, nullptr, nullptr)),
              AnyOf(WsaCode{WSAEOPNOTSUPP}, WsaCode{WSAEINVAL}));
  EXPECT_EQ(End(lookup), kOk);
}

}  // namespace
}  // namespace wspd::conformance
