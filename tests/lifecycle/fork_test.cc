// A forked child is another process: it has no startups, doesn't use or harm
// its parent's, and may start up on its own. A vfork child changes nothing.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "client_stub/spi_client/blocking_hook.h"
#include "client_stub/spi_client/event.h"
#include "tests/testing/child_process.h"
#include "tests/testing/process_files.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/role.h"
#include "tests/testing/spawn.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kNotInitialised{WSANOTINITIALISED};

// As gtest's assertions, but for a forked child, whose failures wouldn't count.
#define CHILD_CHECK(got, wanted)                                      \
  do {                                                                \
    const WsaCode code_ = (got);                                      \
    if (code_ != (wanted)) {                                          \
      fprintf(stderr, "%s:%d: in the child: %s gives %s\n", __FILE__, \
              __LINE__, #got, ToString(code_).c_str());               \
      _exit(1);                                                       \
    }                                                                 \
  } while (false)

class ForkTest : public ProviderTest {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
    connection_ = Connect();
  }

  // Runs `body` in a forked child, which then exits without any handler.
  pid_t Fork(const std::function<void()>& body) {
    const pid_t pid = fork();
    if (pid == 0) {
      alarm(30);
      body();
      _exit(0);
    }
    return pid;
  }
  void ExpectSuccess(pid_t pid) {
    const int status = WaitForExit(pid);
    EXPECT_EQ(status, 0) << DescribeStatus(status);
  }
  void ExpectParentUnharmed() {
    std::string data;
    EXPECT_EQ(spi_->Send(connection_.socket, "parent"), kOk);
    EXPECT_EQ(connection_.peer.Read(6), "parent");
    EXPECT_TRUE(connection_.peer.Write("hello"));
    EXPECT_EQ(spi_->RecvExactly(connection_.socket, 5, &data), kOk);
    EXPECT_EQ(data, "hello");
  }
  void ExpectParentsCountIsOne() {
    EXPECT_EQ(connection_.peer.PeekEnd(), Ending::kStillOpen);
    EXPECT_EQ(spi_->Cleanup(), kOk);
    EXPECT_EQ(connection_.peer.WaitForEnd(), Ending::kReset);
    EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
  }

  Connection connection_;
};

TEST_F(ForkTest, ChildHasNoStartups) {
  ExpectSuccess(Fork([&] {
    SOCKET s;
    CHILD_CHECK(spi_->Socket(&s), kNotInitialised);
    CHILD_CHECK(spi_->Send(connection_.socket, "child"), kNotInitialised);
    CHILD_CHECK(spi_->Close(connection_.socket), kNotInitialised);
    CHILD_CHECK(spi_->Cleanup(), kNotInitialised);
  }));
  ExpectParentUnharmed();
  ExpectParentsCountIsOne();
}

TEST_F(ForkTest, ChildThatDoesNothingHarmsNothing) {
  for (int i = 0; i < 20; ++i) {
    ExpectSuccess(Fork([] {}));
    ExpectParentUnharmed();
  }
  ExpectParentsCountIsOne();
}

TEST_F(ForkTest, ChildMayStartUpOnItsOwn) {
  ExpectSuccess(Fork([&] {
    SOCKET s;
    std::string data;
    CHILD_CHECK(spi_->Startup(), kOk);
    CHILD_CHECK(spi_->Send(connection_.socket, "x"), WsaCode{WSAENOTSOCK});
    CHILD_CHECK(spi_->ConnectNew(listener_.endpoint(), &s), kOk);
    CHILD_CHECK(spi_->Send(s, "child"), kOk);
    CHILD_CHECK(spi_->Cleanup(), kOk);
    CHILD_CHECK(spi_->Cleanup(), kNotInitialised);
  }));
  PeerSocket childs_peer = listener_.Accept();
  EXPECT_EQ(childs_peer.Read(5), "child");
  EXPECT_EQ(childs_peer.WaitForEnd(), Ending::kReset);
  ExpectParentUnharmed();
  ExpectParentsCountIsOne();
}

TEST_F(ForkTest, ChildsDeathEndsTheChildsSocketsOnly) {
  ExpectSuccess(Fork([&] {
    SOCKET s;
    CHILD_CHECK(spi_->Startup(), kOk);
    CHILD_CHECK(spi_->ConnectNew(listener_.endpoint(), &s), kOk);
    CHILD_CHECK(spi_->Send(s, "child"), kOk);
  }));
  PeerSocket childs_peer = listener_.Accept();
  EXPECT_EQ(childs_peer.WaitForEnd(), Ending::kReset);
  ExpectParentUnharmed();
  ExpectParentsCountIsOne();
}

TEST_F(ForkTest, ForkWhileOtherThreadsWaitInTheProvider) {
  std::vector<Connection> connections;
  for (int i = 0; i < 8; ++i) connections.push_back(Connect());
  ThreadGroup threads;
  for (Connection& connection : connections) {
    threads.Start("recv", [this, &connection] {
      std::string data;
      EXPECT_EQ(spi_->Recv(connection.socket, 10, &data), kOk);
      EXPECT_EQ(data, "hello");
    });
  }
  ASSERT_TRUE(threads.WaitUntilBlocked());
  for (int i = 0; i < 5; ++i) {
    ExpectSuccess(Fork([&] {
      SOCKET s;
      CHILD_CHECK(spi_->Startup(), kOk);
      CHILD_CHECK(spi_->ConnectNew(listener_.endpoint(), &s), kOk);
      CHILD_CHECK(spi_->Cleanup(), kOk);
    }));
    EXPECT_EQ(listener_.Accept().WaitForEnd(), Ending::kReset);
  }
  ExpectParentUnharmed();
  for (Connection& connection : connections) connection.peer.Write("hello");
  threads.JoinAll(seconds(10));
}

TEST_F(ForkTest, ForkUnderTrafficOfOtherThreads) {
  std::atomic<bool> stop{false};
  ThreadGroup threads;
  threads.Start("traffic", [&] {
    Connection own = Connect();
    while (!stop) {
      EXPECT_EQ(spi_->Send(own.socket, "data"), kOk);
      EXPECT_EQ(own.peer.Read(4), "data");
    }
  });
  for (int i = 0; i < 50; ++i) {
    ExpectSuccess(Fork([&] {
      CHILD_CHECK(spi_->Startup(), kOk);
      SOCKET s;
      CHILD_CHECK(spi_->Socket(&s), kOk);
      CHILD_CHECK(spi_->Cleanup(), kOk);
    }));
  }
  stop = true;
  threads.JoinAll();
  ExpectParentUnharmed();
}

TEST_F(ForkTest, ParentsCleanupDoesNotWaitForAChild) {
  int hold[2];
  ASSERT_EQ(pipe2(hold, O_CLOEXEC), 0);
  const pid_t child = Fork([&] {
    char byte;
    close(hold[1]);
    if (read(hold[0], &byte, 1) < 0) _exit(1);
  });
  close(hold[0]);
  ExpectParentUnharmed();
  ExpectParentsCountIsOne();
  ASSERT_EQ(spi_->Startup(), kOk);
  connection_ = Connect();
  ExpectParentUnharmed();
  close(hold[1]);
  ExpectSuccess(child);
}

TEST_F(ForkTest, GrandchildMayStartUpToo) {
  ExpectSuccess(Fork([&] {
    CHILD_CHECK(spi_->Startup(), kOk);
    const pid_t grandchild = fork();
    if (grandchild == 0) {
      CHILD_CHECK(spi_->Cleanup(), kNotInitialised);
      CHILD_CHECK(spi_->Startup(), kOk);
      CHILD_CHECK(spi_->Cleanup(), kOk);
      _exit(0);
    }
    int status = 0;
    waitpid(grandchild, &status, 0);
    if (status != 0) _exit(3);
    CHILD_CHECK(spi_->Cleanup(), kOk);
    CHILD_CHECK(spi_->Cleanup(), kNotInitialised);
  }));
  ExpectParentUnharmed();
}

// By itself, since vfork may clobber its caller's variables.
__attribute__((noinline)) pid_t VforkAndExecuteTrue() {
  const pid_t pid = vfork();  // NOLINT: it is what is tested
  if (pid == 0) {
    execl("/bin/true", "true", nullptr);
    _exit(1);
  }
  return pid;
}

TEST_F(ForkTest, VforkChildChangesNothing) {
  for (int i = 0; i < 20; ++i) {
    ExpectSuccess(VforkAndExecuteTrue());
    ExpectParentUnharmed();
  }
  ExpectParentsCountIsOne();
}

TEST_F(ForkTest, VforkChildThatOnlyExitsChangesNothing) {
  const pid_t pid = vfork();  // NOLINT: it is what is tested
  if (pid == 0) _exit(0);
  ExpectSuccess(pid);
  ExpectParentUnharmed();
  ExpectParentsCountIsOne();
}

// A vfork child shares the parent's memory but not its pid, which must not be
// taken for a fork: a call made there speaks for the parent.
TEST_F(ForkTest, CallInAVforkChildDoesNotUnsettleTheParent) {
  const pid_t pid = vfork();  // NOLINT: it is what is tested
  if (pid == 0) {
    int error = 0;  // NOLINT: what a program that does it would do
    u_long bytes = 0;
    DWORD count = 0;
    spi_->table().lpWSPIoctl(connection_.socket, FIONREAD, nullptr, 0, &bytes,
                             sizeof(bytes), &count, nullptr, nullptr, nullptr,
                             &error);
    _exit(0);
  }
  ExpectSuccess(pid);
  ExpectParentUnharmed();
  ExpectParentsCountIsOne();
}

int ListDescriptors(Role& role) {
  for (const auto& [fd, what] : OpenDescriptors()) {
    if (fd <= 2 || fd == kRoleIn || fd == kRoleOut) continue;
    role.parent.Send(std::to_string(fd) + " " + what);
  }
  role.parent.Send("end");
  return 0;
}
const RoleRegistration kListDescriptors("ListDescriptors", ListDescriptors);

// What a new program finds open, a line for each descriptor.
std::vector<std::string> InheritedDescriptors() {
  ChildProcess child("ListDescriptors");
  std::vector<std::string> lines;
  do {
    lines.push_back(child.channel().Receive());
  } while (lines.back() != "end" && !lines.back().empty());
  EXPECT_EQ(lines.back(), "end");
  return lines;
}

TEST_F(ForkTest, ExecutedProgramInheritsNoDescriptor) {
  const std::vector<std::string> with = InheritedDescriptors();
  // What the test itself was started with is there with and without us.
  spi_->CleanupAll();
  spi_->Unload();
  EXPECT_EQ(with, InheritedDescriptors());
}

// Programs close what they don't know; daemons close "all" low numbers.
TEST_F(ForkTest, DescriptorsOfTheProviderHaveHighNumbers) {
  const auto with = OpenDescriptors();
  spi_->CleanupAll();
  const auto without = OpenDescriptors();
  int extra = 0;
  for (const auto& [fd, what] : with) {
    if (without.count(fd) == 1) continue;
    // A lent socket is the program's own, as low as its others.
    if (OnLentPlane() && fd == static_cast<int>(connection_.socket)) continue;
    ++extra;
    EXPECT_GE(fd, 256) << what;
  }
  EXPECT_GE(extra, 1);
}

std::atomic<int> routines_run{0};

void CALLBACK CountedRoutine(DWORD, DWORD, LPWSAOVERLAPPED, DWORD) {
  ++routines_run;
}

TEST_F(ForkTest, ChildRunsNoRoutineOfItsParent) {
  routines_run = 0;
  Operation operation;
  ASSERT_EQ(spi_->StartRecv(connection_.socket, &operation, 5, CountedRoutine),
            kPending);
  ASSERT_TRUE(connection_.peer.Write("hello"));
  ASSERT_TRUE(WaitUntil([&] { return !operation.is_pending(); }));
  // Whether the routine is queued already shows nowhere.
  ExpectSuccess(Fork([&] {
    spi_client::SleepAlertable(100);
    if (routines_run != 0) _exit(1);
    CHILD_CHECK(spi_->Startup(), kOk);
    spi_client::SleepAlertable(100);
    if (routines_run != 0) _exit(1);
    CHILD_CHECK(spi_->Cleanup(), kOk);
    CHILD_CHECK(spi_->Cleanup(), kNotInitialised);
  }));
  EXPECT_EQ(spi_client::SleepAlertable(20000), DWORD{WSA_WAIT_IO_COMPLETION});
  EXPECT_EQ(routines_run, 1);
  ExpectParentUnharmed();
}

// A child that its parent forked in the middle of a call, and that comes back
// to it, has no part in the parent's call.
std::atomic<pid_t> forked_in_hook{-1};

BOOL CALLBACK ForkingHook(DWORD_PTR) {
  if (forked_in_hook == -1) forked_in_hook = fork();
  return FALSE;
}

TEST_F(ForkTest, ChildOfAHookDoesNotGoOnWithItsParentsCall) {
  const pid_t parent = getpid();
  forked_in_hook = -1;
  spi_client::SetBlockingHook({ForkingHook, 0});
  ThreadGroup peer;
  peer.Start("peer", [&] {
    EXPECT_TRUE(WaitUntil([] { return forked_in_hook > 0; }));
    EXPECT_EQ(WaitForExit(forked_in_hook), 0);
    EXPECT_TRUE(connection_.peer.Write("parent"));
  });
  std::string data;
  const WsaCode code = spi_->Recv(connection_.socket, 10, &data);
  spi_client::SetBlockingHook({});
  if (getpid() != parent) {
    alarm(30);
    CHILD_CHECK(code, WsaCode{WSAEINTR});
    CHILD_CHECK(spi_->Startup(), kOk);
    CHILD_CHECK(spi_->Cleanup(), kOk);
    _exit(0);
  }
  EXPECT_EQ(code, kOk);
  EXPECT_EQ(data, "parent");
  peer.JoinAll(seconds(10));
  ExpectParentUnharmed();
}

}  // namespace
}  // namespace wspd::testing
