// NSPStartup and NSPCleanup, beside WSPStartup and WSPCleanup: two counts on
// one connection.
#include <svcguid.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <vector>

#include "tests/name_space/fixture.h"
#include "tests/testing/process_files.h"
#include "tests/testing/spawn.h"
#include "tests/testing/thread_group.h"
#include "tests/testing/wait_until.h"

namespace wspd::testing {
namespace {

constexpr GUID kByName = SVCID_INET_HOSTADDRBYNAME;
constexpr WsaCode kInvalid{WSAEINVAL};
constexpr WsaCode kNotInitialised{WSANOTINITIALISED};

class LifecycleTest : public NameSpaceTest {
 protected:
  // A lookup that the hosts file answers.
  WsaCode LookUpOne() {
    std::vector<LookupRecord> records;
    return name_space_->LookUp(kByName, u"f", LUP_RETURN_ADDR, &records);
  }

  // A lookup whose Next waits in a thread for an answer that doesn't come.
  void BeginWaiting(HANDLE* lookup, ThreadGroup* threads, WsaCode expected) {
    ASSERT_EQ(
        name_space_->Begin(kByName, u"silent.example", LUP_RETURN_ADDR, lookup),
        kOk);
    threads->Start("next", [this, lookup = *lookup, expected] {
      EXPECT_EQ(name_space_->Next(lookup), expected);
    });
    ASSERT_TRUE(dns_.AwaitQuestionFor("silent.example"));
    ASSERT_TRUE(threads->WaitUntilBlocked());
  }

  // Nothing of the library's own, whose descriptors have high numbers.
  static bool HasNothingOpen() {
    constexpr int kLowestOfTheLibrary = 512;
    const auto open = OpenDescriptors();
    return open.lower_bound(kLowestOfTheLibrary) == open.end();
  }
};

TEST_F(LifecycleTest, StartupsAreCountedAndTheLastCleanupCleansUp) {
  EXPECT_EQ(name_space_->Startup(), kOk);
  EXPECT_EQ(name_space_->Startup(), kOk);
  EXPECT_EQ(name_space_->Cleanup(), kOk);
  EXPECT_EQ(LookUpOne(), kNoMore);
  EXPECT_EQ(name_space_->Cleanup(), kOk);
  EXPECT_EQ(name_space_->Cleanup(), kNotInitialised);
  EXPECT_EQ(LookUpOne(), kNotInitialised);
  EXPECT_EQ(name_space_->Startup(), kOk);
  EXPECT_EQ(LookUpOne(), kNoMore);
}

TEST_F(LifecycleTest, AProviderIdThatItDoesNotManageIsInvalid) {
  GUID other = spi_client::kTcpIpNameSpace;
  other.Data4[7] ^= 1;
  EXPECT_EQ(WsaCode{name_space_->client().Startup(other)}, kInvalid);
  ASSERT_EQ(name_space_->Startup(), kOk);
  EXPECT_EQ(name_space_->Cleanup(other), kInvalid);
  EXPECT_EQ(NameSpace::Result(name_space_->table().NSPCleanup(nullptr)),
            kInvalid);
  WSAQUERYSETW query = {};
  GUID service_class = kByName;
  query.dwSize = sizeof(query);
  query.lpServiceClassId = &service_class;
  HANDLE lookup;
  EXPECT_EQ(NameSpace::Result(name_space_->table().NSPLookupServiceBegin(
                &other, &query, nullptr, LUP_RETURN_ADDR, &lookup)),
            kInvalid);
  EXPECT_EQ(LookUpOne(), kNoMore) << "the startup is still counted";
  EXPECT_EQ(name_space_->Cleanup(), kOk);
}

TEST_F(LifecycleTest, StartupRefusesNullPointersAndASmallTable) {
  GUID provider = spi_client::kTcpIpNameSpace;
  const LPNSPSTARTUP startup = name_space_->client().startup_function();
  NSP_ROUTINE table = {};
  table.cbSize = offsetof(NSP_ROUTINE, NSPIoctl) - 1;
  EXPECT_EQ(NameSpace::Result(startup(&provider, &table)), kInvalid);
  EXPECT_EQ(table.NSPCleanup, nullptr);
  EXPECT_EQ(NameSpace::Result(startup(&provider, nullptr)), kInvalid);
  table.cbSize = sizeof(table);
  EXPECT_EQ(NameSpace::Result(startup(nullptr, &table)), kInvalid);
  EXPECT_EQ(NameSpace::Result(startup(&provider, &table)), kOk);
  EXPECT_EQ(NameSpace::Result(table.NSPCleanup(&provider)), kOk);
  EXPECT_EQ(NameSpace::Result(table.NSPCleanup(&provider)), kNotInitialised)
      << "a failed startup counted";
}

// As it was before Windows XP.
TEST_F(LifecycleTest, ATableWithoutIoctlIsFilledWithoutIt) {
  GUID provider = spi_client::kTcpIpNameSpace;
  NSP_ROUTINE table = {};
  table.cbSize = offsetof(NSP_ROUTINE, NSPIoctl);
  const LPNSPSTARTUP startup = name_space_->client().startup_function();
  ASSERT_EQ(NameSpace::Result(startup(&provider, &table)), kOk);
  EXPECT_EQ(table.cbSize, offsetof(NSP_ROUTINE, NSPIoctl));
  EXPECT_NE(table.NSPGetServiceClassInfo, nullptr);
  EXPECT_EQ(table.NSPIoctl, nullptr);
  EXPECT_EQ(NameSpace::Result(table.NSPCleanup(&provider)), kOk);
}

TEST_F(LifecycleTest, StartupConnectsToNobodyAndTheLastCleanupLeavesNothing) {
  ASSERT_EQ(name_space_->Startup(), kOk);
  EXPECT_TRUE(HasNothingOpen());
  EXPECT_EQ(LookUpOne(), kNoMore);
  EXPECT_FALSE(HasNothingOpen());
  EXPECT_EQ(name_space_->Cleanup(), kOk);
  EXPECT_TRUE(HasNothingOpen());
  EXPECT_TRUE(name_space_->Unload());
  for (const std::string& file : MappedFiles()) {
    EXPECT_EQ(file.find("libwsp"), std::string::npos) << file;
  }
  name_space_.reset();
}

TEST_F(LifecycleTest, EndMakesAWaitingNextReturn) {
  ASSERT_EQ(name_space_->Startup(), kOk);
  HANDLE lookup;
  ThreadGroup threads;
  BeginWaiting(&lookup, &threads, kCancelled);
  EXPECT_EQ(name_space_->End(lookup), kOk);
  threads.JoinAll(seconds(5));
  EXPECT_EQ(LookUpOne(), kNoMore);
}

TEST_F(LifecycleTest, EndOfOneLookupLeavesAnotherWaiting) {
  ASSERT_EQ(name_space_->Startup(), kOk);
  HANDLE one;
  HANDLE other;
  ThreadGroup others;
  {
    ThreadGroup threads;
    BeginWaiting(&one, &threads, kCancelled);
    BeginWaiting(&other, &others, kCancelled);
    EXPECT_EQ(name_space_->End(one), kOk);
  }
  EXPECT_EQ(others.ended(), 0);
  EXPECT_EQ(name_space_->End(other), kOk);
}

TEST_F(LifecycleTest, TheLastCleanupEndsLookupsThatWait) {
  ASSERT_EQ(name_space_->Startup(), kOk);
  HANDLE lookup;
  ThreadGroup threads;
  BeginWaiting(&lookup, &threads, kCancelled);
  EXPECT_EQ(name_space_->Cleanup(), kOk);
  threads.JoinAll(seconds(5));
  EXPECT_TRUE(HasNothingOpen());
  ASSERT_EQ(name_space_->Startup(), kOk);
  EXPECT_EQ(name_space_->Next(lookup), WsaCode{WSA_INVALID_HANDLE});
}

TEST_F(LifecycleTest, ThreadsAreOutOfTheLibraryWhenTheLastCleanupReturns) {
  name_space_->Unload();
  for (int i = 0; i < 20; ++i) {
    name_space_ = NameSpace::Load();
    ASSERT_NE(name_space_, nullptr);
    ASSERT_EQ(name_space_->Startup(), kOk);
    ThreadGroup threads;
    std::vector<HANDLE> lookups(8);
    for (HANDLE& lookup : lookups) {
      BeginWaiting(&lookup, &threads, kCancelled);
    }
    ASSERT_EQ(name_space_->Cleanup(), kOk);
    ASSERT_TRUE(name_space_->Unload());
  }
  name_space_.reset();
}

// ------------------------------------------------- beside the transport's
// count

TEST_F(LifecycleTest, TheFinalWspCleanupEndsLookupsThatWaitAndNoMore) {
  std::unique_ptr<Spi> spi = Spi::Load();
  ASSERT_EQ(spi->Startup(), kOk);
  ASSERT_EQ(name_space_->Startup(), kOk);
  HANDLE lookup;
  ThreadGroup threads;
  BeginWaiting(&lookup, &threads, kCancelled);
  EXPECT_EQ(spi->Cleanup(), kOk);
  threads.JoinAll(seconds(5));
  EXPECT_TRUE(HasNothingOpen());
  EXPECT_EQ(LookUpOne(), kNoMore) << "the name space has a count of its own";
  EXPECT_EQ(name_space_->End(lookup), kOk) << "the handle is still one";
  EXPECT_EQ(spi->Cleanup(), kNotInitialised);
  EXPECT_EQ(name_space_->Cleanup(), kOk);
  EXPECT_TRUE(HasNothingOpen());
}

TEST_F(LifecycleTest, TheLastNspCleanupLeavesTheTransportAlone) {
  std::unique_ptr<Spi> spi = Spi::Load();
  ASSERT_EQ(name_space_->Startup(), kOk);
  EXPECT_EQ(LookUpOne(), kNoMore);
  ASSERT_EQ(spi->Startup(), kOk);
  SOCKET s;
  ASSERT_EQ(spi->Socket(&s), kOk);
  EXPECT_EQ(name_space_->Cleanup(), kOk);
  EXPECT_EQ(spi->SetOption(s, SOL_SOCKET, SO_KEEPALIVE, 1), kOk);
  EXPECT_EQ(spi->Cleanup(), kOk);
  EXPECT_TRUE(HasNothingOpen());
}

TEST_F(LifecycleTest, WspFunctionsStillNeedWspStartup) {
  std::unique_ptr<Spi> spi = Spi::Load();
  ASSERT_EQ(spi->Startup(), kOk);
  ASSERT_EQ(spi->Cleanup(), kOk);
  ASSERT_EQ(name_space_->Startup(), kOk);
  HANDLE lookup;
  ThreadGroup threads;
  BeginWaiting(&lookup, &threads, kCancelled);
  SOCKET s;
  EXPECT_EQ(spi->Socket(&s), kNotInitialised);
  EXPECT_EQ(spi->Cleanup(), kNotInitialised);
  EXPECT_EQ(threads.ended(), 0) << "a cleanup too many ended a lookup";
  EXPECT_EQ(spi->Startup(), kOk);
  EXPECT_EQ(spi->Startup(MAKEWORD(1, 1)), WsaCode{WSAVERNOTSUPPORTED});
  EXPECT_EQ(spi->Socket(&s), kOk);
  EXPECT_EQ(threads.ended(), 0);
  EXPECT_EQ(name_space_->End(lookup), kOk);
  threads.JoinAll();
  EXPECT_EQ(spi->Cleanup(), kOk);
}

TEST_F(LifecycleTest, AWspStartupThatFailsLeavesLookupsWaiting) {
  std::unique_ptr<Spi> spi = Spi::Load();
  ASSERT_EQ(name_space_->Startup(), kOk);
  HANDLE lookup;
  ThreadGroup threads;
  BeginWaiting(&lookup, &threads, kCancelled);
  daemon_.Pause();
  EXPECT_EQ(spi->Startup(), WsaCode{WSASYSNOTREADY});
  EXPECT_EQ(threads.ended(), 0);
  daemon_.Resume();
  EXPECT_EQ(name_space_->End(lookup), kOk);
}

// ---------------------------------------------------------- the daemon is gone

TEST_F(LifecycleTest, WithoutADaemonNextSaysSoAtOnce) {
  daemon_.Stop();
  EXPECT_EQ(name_space_->Startup(), kOk);
  EXPECT_LT(TimeOf([&] { EXPECT_EQ(LookUpOne(), WsaCode{WSAENETDOWN}); }),
            seconds(2));
  EXPECT_EQ(name_space_->Cleanup(), kOk);
  EXPECT_TRUE(HasNothingOpen());
}

TEST_F(LifecycleTest, ALookupThatWaitsEndsWithTheDaemon) {
  ASSERT_EQ(name_space_->Startup(), kOk);
  HANDLE lookup;
  ThreadGroup threads;
  BeginWaiting(&lookup, &threads, WsaCode{WSAENETDOWN});
  daemon_.Kill();
  threads.JoinAll(seconds(5));
  EXPECT_EQ(name_space_->End(lookup), kOk);
}

TEST_F(LifecycleTest, AnotherDaemonIsAskedWithoutFurtherAdo) {
  ASSERT_EQ(name_space_->Startup(), kOk);
  EXPECT_EQ(LookUpOne(), kNoMore);
  daemon_.Kill();
  ASSERT_TRUE(daemon_.Start());
  EXPECT_EQ(LookUpOne(), kNoMore);
}

TEST_F(LifecycleTest, EndAndCleanupDoNotWaitForAStoppedDaemon) {
  ASSERT_EQ(name_space_->Startup(), kOk);
  HANDLE lookup;
  ThreadGroup threads;
  BeginWaiting(&lookup, &threads, kCancelled);
  daemon_.Pause();
  EXPECT_LT(TimeOf([&] { EXPECT_EQ(name_space_->End(lookup), kOk); }),
            seconds(2));
  threads.JoinAll(seconds(5));
  EXPECT_LT(TimeOf([&] { EXPECT_EQ(name_space_->Cleanup(), kOk); }),
            seconds(5));
  EXPECT_TRUE(HasNothingOpen());
  daemon_.Resume();
}

// ------------------------------------------------------------ forks and
// threads

TEST_F(LifecycleTest, AForkedChildHasNoStartupsAndMayMakeItsOwn) {
  ASSERT_EQ(name_space_->Startup(), kOk);
  HANDLE lookup;
  ASSERT_EQ(name_space_->Begin(kByName, u"f", LUP_RETURN_ADDR, &lookup), kOk);
  for (const bool connected : {false, true}) {
    if (connected) {
      ASSERT_EQ(LookUpOne(), kNoMore);
    }
    const pid_t child = fork();
    if (child == 0) {
      alarm(30);
      int failed = 0;
      if (name_space_->Next(lookup) != kNotInitialised) failed |= 1;
      if (name_space_->Cleanup() != kNotInitialised) failed |= 2;
      if (name_space_->Startup() != kOk) failed |= 4;
      if (name_space_->Next(lookup) != WsaCode{WSA_INVALID_HANDLE}) failed |= 8;
      if (LookUpOne() != kNoMore) failed |= 16;
      if (name_space_->Cleanup() != kOk) failed |= 32;
      _exit(failed);
    }
    const int status = WaitForExit(child);
    EXPECT_EQ(status, 0) << DescribeStatus(status);
  }
  EXPECT_EQ(name_space_->Next(lookup), kOk) << "the parent's goes on";
  EXPECT_EQ(name_space_->End(lookup), kOk);
}

TEST_F(LifecycleTest, AThreadThatIsCancelledInNextHoldsNothing) {
  ASSERT_EQ(name_space_->Startup(), kOk);
  HANDLE lookup;
  ASSERT_EQ(
      name_space_->Begin(kByName, u"silent.example", LUP_RETURN_ADDR, &lookup),
      kOk);
  ThreadGroup threads;
  threads.Start("next", [&] { name_space_->Next(lookup); });
  ASSERT_TRUE(dns_.AwaitQuestionFor("silent.example"));
  ASSERT_TRUE(threads.WaitUntilBlocked());
  pthread_cancel(threads.native_handle(0));
  threads.JoinAll();
  EXPECT_EQ(name_space_->End(lookup), kOk);
  EXPECT_EQ(LookUpOne(), kNoMore);
  EXPECT_EQ(name_space_->Cleanup(), kOk);
}

TEST_F(LifecycleTest, StartupsLookupsAndCleanupsOfManyThreadsDoNoHarm) {
  std::unique_ptr<Spi> spi = Spi::Load();
  ASSERT_EQ(name_space_->Startup(), kOk);
  ThreadGroup threads;
  for (int i = 0; i < 4; ++i) {
    threads.Start("name space", [&] {
      for (int round = 0; round < 50; ++round) {
        EXPECT_EQ(name_space_->Startup(), kOk);
        const WsaCode code = LookUpOne();
        // A final WSPCleanup ends what is under way.
        EXPECT_TRUE(code == kNoMore || code == kCancelled) << code;
        EXPECT_EQ(name_space_->Cleanup(), kOk);
      }
    });
  }
  threads.Start("transport", [&] {
    for (int round = 0; round < 50; ++round) {
      EXPECT_EQ(spi->Startup(), kOk);
      EXPECT_EQ(spi->Cleanup(), kOk);
    }
  });
  threads.JoinAll();
  EXPECT_EQ(name_space_->Cleanup(), kOk);
  EXPECT_EQ(name_space_->Cleanup(), kNotInitialised);
  EXPECT_TRUE(HasNothingOpen());
}

}  // namespace
}  // namespace wspd::testing
