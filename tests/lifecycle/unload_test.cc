// When WSPCleanup has returned the library can be unloaded and leaves nothing
// behind.
#include <malloc.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "client_stub/spi_client/event.h"
#include "tests/testing/echo_server.h"
#include "tests/testing/process_files.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/thread_group.h"
#include "tests/testing/wait_until.h"

namespace wspd::testing {
namespace {

// The keys that a new one would get first: glibc gives out the lowest.
std::vector<pthread_key_t> FreeKeys() {
  std::vector<pthread_key_t> keys(8);
  for (pthread_key_t& key : keys) pthread_key_create(&key, nullptr);
  for (const pthread_key_t key : keys) pthread_key_delete(key);
  return keys;
}

// What a library could leave in its process.
struct Traces {
  std::set<std::string> files = MappedFiles();
  std::set<pid_t> threads = ThreadIds();
  std::map<int, std::string> descriptors = OpenDescriptors();
  std::vector<pthread_key_t> free_keys = FreeKeys();
};

class UnloadTest : public ProviderTest {
 protected:
  // The test loads the library itself, time and again.
  void SetUp() override {
    ASSERT_TRUE(daemon_.Start());
    UseDaemonAt(daemon_.provider_socket());
  }

  // Load, startup, traffic, cleanup, unload.
  void Cycle(bool with_overlapped) {
    std::unique_ptr<Spi> spi = Spi::Load();
    ASSERT_NE(spi, nullptr);
    ASSERT_EQ(spi->Startup(), kOk);
    SOCKET s;
    ASSERT_EQ(spi->ConnectNew(echo_.endpoint(), &s), kOk);
    std::string data;
    ASSERT_EQ(spi->Send(s, "hello"), kOk);
    ASSERT_EQ(spi->RecvExactly(s, 5, &data), kOk);
    ASSERT_EQ(data, "hello");
    Operation operation;
    if (with_overlapped) {
      ASSERT_EQ(spi->StartRecv(s, &operation, 10), kPending);
    } else {
      ASSERT_EQ(spi->Close(s), kOk);
    }
    ASSERT_EQ(spi->Cleanup(), kOk);
    ASSERT_TRUE(spi->Unload());
  }

  static void ExpectNoTraceSince(const Traces& before) {
    const Traces now;
    for (const std::string& file : now.files) {
      EXPECT_TRUE(before.files.count(file) == 1 ||
                  file.find("libstdc++") != std::string::npos)
          << "still mapped: " << file;
    }
    EXPECT_EQ(now.threads, before.threads);
    // The library's descriptors have high numbers, and are gone at once. The
    // echo server's end of a connection is this process's as well; it goes when
    // the server has seen the reset.
    constexpr int kLowestOfTheLibrary = 512;
    for (const auto& [fd, file] : now.descriptors) {
      EXPECT_LT(fd, kLowestOfTheLibrary) << "still open: " << file;
    }
    EXPECT_TRUE(
        WaitUntil([&] { return Traces().descriptors == before.descriptors; }));
    EXPECT_EQ(now.free_keys, before.free_keys) << "pthread keys are left";
  }

  // A thread's own arena would be mapped at its first allocation, whenever that
  // is.
  const bool one_arena_ = mallopt(M_ARENA_MAX, 1) == 1;
  EchoServer echo_;
};

TEST_F(UnloadTest, NothingOfTheLibraryIsLeft) {
  const Traces before;
  Cycle(false);
  ExpectNoTraceSince(before);
  Cycle(true);
  ExpectNoTraceSince(before);
  // The C library keeps the first such threads' stack and arena, so that only
  // from now on memory without a file tells of ours.
  if (!kMemoryTells) return;
  const size_t mappings = AnonymousMappings();
  Cycle(false);
  EXPECT_EQ(AnonymousMappings(), mappings);
  Cycle(true);
  EXPECT_EQ(AnonymousMappings(), mappings);
}

TEST_F(UnloadTest, NothingIsLeftAfterAStartupThatFailed) {
  const Traces before;
  daemon_.Stop();
  std::unique_ptr<Spi> spi = Spi::Load();
  ASSERT_NE(spi, nullptr);
  EXPECT_EQ(spi->Startup(), WsaCode{WSASYSNOTREADY});
  EXPECT_TRUE(spi->Unload());
  ExpectNoTraceSince(before);
}

// When WSPCleanup returns, the threads that it has interrupted are out of the
// library: nobody has to wait for them before unloading it. One that wasn't
// would crash, though not each time.
TEST_F(UnloadTest, InterruptedThreadsAreOutWhenCleanupReturns) {
  constexpr int kCycles = 50;
  const Traces before;
  for (int i = 0; i < kCycles; ++i) {
    std::unique_ptr<Spi> spi = Spi::Load();
    ASSERT_EQ(spi->Startup(), kOk);
    std::vector<SOCKET> sockets(16);
    ThreadGroup threads;
    for (SOCKET& s : sockets) {
      ASSERT_EQ(spi->ConnectNew(echo_.endpoint(), &s), kOk);
      threads.Start("recv", [&] {
        std::string data;
        EXPECT_EQ(spi->Recv(s, 10, &data), WsaCode{WSAEINTR});
      });
    }
    ASSERT_TRUE(threads.WaitUntilBlocked());
    ASSERT_EQ(spi->Cleanup(), kOk);
    ASSERT_TRUE(spi->Unload());
    threads.JoinAll(seconds(10));
    ASSERT_FALSE(HasFailure()) << "cycle " << i;
  }
  ExpectNoTraceSince(before);
}

TEST_F(UnloadTest, ForkAfterwardsMeetsNoHandlerOfTheLibrary) {
  Cycle(true);
  const pid_t child = fork();
  if (child == 0) _exit(7);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7) << status;
}

TEST_F(UnloadTest, ThreadThatUsedTheLibraryEndsAfterItsUnloading) {
  const Traces before;
  {
    std::unique_ptr<Spi> spi = Spi::Load();
    ASSERT_EQ(spi->Startup(), kOk);
    SOCKET s;
    ASSERT_EQ(spi->ConnectNew(echo_.endpoint(), &s), kOk);
    int go[2];
    ASSERT_EQ(pipe(go), 0);
    ThreadGroup threads;
    threads.Start("user", [&] {
      std::string data;
      EXPECT_EQ(spi->Send(s, "x"), kOk);
      EXPECT_EQ(spi->RecvExactly(s, 1, &data), kOk);
      char byte;
      EXPECT_EQ(read(go[0], &byte, 1), 1);
    });
    ASSERT_TRUE(threads.WaitUntilBlocked());
    ASSERT_EQ(spi->Cleanup(), kOk);
    ASSERT_TRUE(spi->Unload());
    ASSERT_EQ(write(go[1], "x", 1), 1);
    threads.JoinAll();
    close(go[0]);
    close(go[1]);
  }
  ExpectNoTraceSince(before);
}

TEST_F(UnloadTest, ThousandCyclesLeakNothingOnEitherSide) {
  constexpr int kWarmUp = 100;
  constexpr int kCycles = 1000;
  const Traces before;
  for (int i = 0; i < kWarmUp; ++i) {
    Cycle(i % 2 == 0);
    ASSERT_FALSE(HasFailure());
  }
  const size_t allocated = AllocatedMemory();
  const size_t mappings = AnonymousMappings();
  const size_t daemon_memory = AnonymousMemory(daemon_.pid());
  const size_t daemon_threads = ThreadIds(daemon_.pid()).size();
  size_t daemon_descriptors = 0;
  ASSERT_TRUE(WaitUntil([&] {
    const size_t last = daemon_descriptors;
    daemon_descriptors = OpenDescriptors(daemon_.pid()).size();
    return daemon_descriptors == last;
  }));
  for (int i = 0; i < kCycles; ++i) {
    Cycle(i % 2 == 0);
    ASSERT_FALSE(HasFailure()) << "cycle " << i;
  }
  ExpectNoTraceSince(before);
  EXPECT_TRUE(WaitUntil([&] {
    return OpenDescriptors(daemon_.pid()).size() <= daemon_descriptors;
  })) << OpenDescriptors(daemon_.pid()).size()
      << " descriptors in the daemon instead of " << daemon_descriptors;
  // gRPC's pool has one more whenever all were busy; a leak in every hundredth
  // cycle shows.
  EXPECT_LT(ThreadIds(daemon_.pid()).size(), daemon_threads + kCycles / 100);
  if (!kMemoryTells) return;
  // Less than the smallest block a cycle: this test itself has allocated some
  // 4 KiB by now.
  EXPECT_LT(AllocatedMemory(), allocated + kCycles * 16);
  EXPECT_EQ(AnonymousMappings(), mappings);
  // Of the daemon only whole pages can be seen, of which it takes a dozen more
  // by and by; a leak of 512 bytes a cycle shows.
  EXPECT_LT(AnonymousMemory(daemon_.pid()), daemon_memory + kCycles * 256);
}

std::atomic<int> routines_run{0};

void CALLBACK CountedRoutine(DWORD, DWORD, LPWSAOVERLAPPED, DWORD) {
  ++routines_run;
}

// The library stays for an APC that is queued when its registration ends, and
// goes although one of the next registration is the last to run.
TEST_F(UnloadTest, NothingIsLeftAfterApcsOfTwoRegistrations) {
  const Traces before;
  routines_run = 0;
  std::unique_ptr<Spi> spi = Spi::Load();
  Operation operations[2];
  for (Operation& operation : operations) {
    ASSERT_EQ(spi->Startup(), kOk);
    SOCKET s;
    ASSERT_EQ(spi->ConnectNew(echo_.endpoint(), &s), kOk);
    ASSERT_EQ(spi->StartRecv(s, &operation, 5, CountedRoutine), kPending);
    ASSERT_EQ(spi->Send(s, "hello"), kOk);
    ASSERT_TRUE(WaitUntil([&] { return !operation.is_pending(); }));
    if (&operation == operations) {
      ASSERT_EQ(spi->Cleanup(), kOk);
    }
  }
  ASSERT_TRUE(WaitUntil([&] {
    spi_client::SleepAlertable(10);
    return routines_run > 0;
  }));
  EXPECT_EQ(routines_run, 1);
  ASSERT_EQ(spi->Cleanup(), kOk);
  ASSERT_TRUE(spi->Unload());
  spi.reset();
  ExpectNoTraceSince(before);
}

}  // namespace
}  // namespace wspd::testing
