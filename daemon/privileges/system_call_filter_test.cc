#include "daemon/privileges/system_call_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <set>
#include <string>
#include <thread>

#include "daemon/privileges/system_calls.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

// The wait status of a process under the filter that ends with what `body`
// returns.
int RunFiltered(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(FilterSystemCalls().ok() ? body() : 99);
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return status;
}

// errno of a call, 0 if it is well.
int ErrorOf(long result) { return result < 0 ? errno : 0; }

int ExitCode(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool WasKilled(int status) {
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

TEST(SystemCallFilterTest, LeavesWhatTheDaemonDoes) {
  EXPECT_EQ(ExitCode(RunFiltered([] {
              int value = 0;
              std::thread thread([&value] { value = 7; });
              thread.join();
              for (const int family : {AF_UNIX, AF_INET, AF_INET6}) {
                if (close(socket(family, SOCK_STREAM, 0)) != 0) return 1;
              }
              if (close(socket(AF_NETLINK, SOCK_RAW, 0)) != 0) return 2;
              if (close(open("/proc/self/stat", O_RDONLY)) != 0) return 3;
              return value;
            })),
            7);
}

TEST(SystemCallFilterTest, OtherFamiliesOfSocketsAreUnknown) {
  for (const int family : {AF_UNSPEC, AF_AX25, AF_PACKET, AF_VSOCK, AF_ALG}) {
    EXPECT_EQ(ExitCode(RunFiltered(
                  [family] { return ErrorOf(socket(family, SOCK_RAW, 0)); })),
              EAFNOSUPPORT)
        << family;
  }
}

TEST(SystemCallFilterTest, GivesDescriptorsToUsersAlone) {
  EXPECT_EQ(ExitCode(RunFiltered([] {
              const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
              return ErrorOf(fchown(fd, getuid(), static_cast<gid_t>(-1)));
            })),
            0);
  EXPECT_EQ(ExitCode(RunFiltered([] {
              const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
              return ErrorOf(fchown(fd, getuid(), getgid()));
            })),
            ENOSYS);
}

TEST(SystemCallFilterTest, WhatIsInNoTableIsUnknown) {
  EXPECT_EQ(ExitCode(RunFiltered([] { return ErrorOf(syscall(SYS_sync)); })),
            ENOSYS);
  EXPECT_EQ(ExitCode(RunFiltered([] { return ErrorOf(syscall(100000)); })),
            ENOSYS);
}

TEST(SystemCallFilterTest, DeadlyOnesEndTheProcess) {
  EXPECT_TRUE(WasKilled(RunFiltered([] {
    execl("/bin/true", "true", nullptr);
    return 1;
  })));
  EXPECT_TRUE(WasKilled(RunFiltered([] { return fork() == 0 ? 1 : 2; })));
  EXPECT_TRUE(WasKilled(RunFiltered([] {
    return static_cast<int>(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr));
  })));
  EXPECT_TRUE(WasKilled(RunFiltered([] { return setuid(getuid()); })));
  EXPECT_TRUE(WasKilled(RunFiltered([] { return unshare(CLONE_NEWUSER); })));
  // Also from a thread.
  EXPECT_TRUE(WasKilled(RunFiltered([] {
    std::thread([] { execl("/bin/true", "true", nullptr); }).join();
    return 1;
  })));
}

TEST(SystemCallFilterTest, CannotBeLifted) {
  EXPECT_EQ(ExitCode(RunFiltered([] {
              // A second, which would allow all, isn't taken at all.
              return FilterSystemCalls().ok() ? 1 : 0;
            })),
            0);
}

TEST(SystemCallsTest, EachIsKnownAndInOneTable) {
  std::set<std::string> names = {"socket", "clone", "fchown"};
  for (const auto* groups : {&AllowedSystemCalls(), &DeadlySystemCalls()}) {
    for (const SystemCallGroup& group : *groups) {
      for (const char* name : group.names) {
        EXPECT_NE(seccomp_syscall_resolve_name(name), __NR_SCMP_ERROR) << name;
        EXPECT_TRUE(names.insert(name).second) << name << " comes twice";
      }
    }
  }
}

}  // namespace
}  // namespace wspd
