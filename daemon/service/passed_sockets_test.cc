#include "daemon/service/passed_sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

// Runs `body` in a process that was passed `count` descriptors of those names,
// where `pid` is "" for the process's own. What it printed to.
std::string InProcess(const std::string& pid, const std::string& count,
                      const std::string& names,
                      const std::function<std::string()>& body) {
  int pipe_ends[2];
  EXPECT_EQ(pipe2(pipe_ends, O_CLOEXEC), 0);
  const pid_t child = fork();
  if (child == 0) {
    // Out of the way of the numbers that are passed.
    const int out = fcntl(pipe_ends[1], F_DUPFD_CLOEXEC, 100);
    for (int fd = 3; fd < 3 + 4; ++fd) close(fd);
    for (int fd = 3; fd < 3 + 2; ++fd) {
      if (socket(AF_UNIX, SOCK_STREAM, 0) != fd) _exit(1);
    }
    setenv("LISTEN_PID",
           pid.empty() ? absl::StrCat(getpid()).c_str() : pid.c_str(), 1);
    setenv("LISTEN_FDS", count.c_str(), 1);
    setenv("LISTEN_FDNAMES", names.c_str(), 1);
    const std::string said = body();
    _exit(write(out, said.data(), said.size()) ==
                  static_cast<ssize_t>(said.size())
              ? 0
              : 1);
  }
  close(pipe_ends[1]);
  std::string said;
  char buffer[4096];
  ssize_t size;
  while ((size = read(pipe_ends[0], buffer, sizeof(buffer))) > 0) {
    said.append(buffer, size);
  }
  close(pipe_ends[0]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  return said;
}

// "PROVIDER ADMIN", or the error.
std::string Taken() {
  auto sockets = TakePassedSockets();
  if (!sockets.ok()) return std::string(sockets.status().message());
  return absl::StrCat(sockets->provider.get(), " ", sockets->admin.get());
}

std::string Take(const std::string& pid, const std::string& count,
                 const std::string& names) {
  return InProcess(pid, count, names, Taken);
}

TEST(PassedSocketsTest, AreKnownByTheirNames) {
  EXPECT_EQ(Take("", "2", "admin:provider"), "4 3");
  EXPECT_EQ(Take("", "1", "provider"), "3 -1");
  EXPECT_EQ(Take("", "0", ""), "-1 -1");
}

TEST(PassedSocketsTest, AreTakenOnceAndForThisProgramAlone) {
  EXPECT_EQ(InProcess("", "1", "provider",
                      [] {
                        const auto sockets = TakePassedSockets();
                        const bool closes = fcntl(3, F_GETFD) == FD_CLOEXEC;
                        const bool gone = getenv("LISTEN_PID") == nullptr &&
                                          getenv("LISTEN_FDS") == nullptr &&
                                          getenv("LISTEN_FDNAMES") == nullptr;
                        return absl::StrCat(closes, " ", gone, " ", Taken());
                      }),
            "1 1 -1 -1");
}

TEST(PassedSocketsTest, OfAnotherProcessAreNotTaken) {
  EXPECT_EQ(Take("1", "2", "provider:admin"), "-1 -1");
}

TEST(PassedSocketsTest, AnUnknownOrRepeatedNameIsAnError) {
  EXPECT_EQ(
      Take("", "1", "wspd.socket"),
      "a socket named \"wspd.socket\" was passed; FileDescriptorName= may "
      "be provider or admin");
  EXPECT_EQ(Take("", "2", "admin:admin"),
            "two sockets named \"admin\" were passed");
}

TEST(PassedSocketsTest, VariablesThatContradictEachOtherAreAnError) {
  EXPECT_EQ(Take("", "2", "provider"),
            "2 sockets were passed, $LISTEN_FDNAMES=provider has 1 names");
  EXPECT_TRUE(absl::StrContains(Take("", "1", ""), "named \"\" was passed"));
  for (const char* count : {"", "-1", "65", "two"}) {
    EXPECT_TRUE(absl::StrContains(Take("", count, "provider"),
                                  absl::StrCat("$LISTEN_FDS=", count, " say")))
        << count;
  }
}

TEST(PassedSocketsTest, ADescriptorThatIsNotOpenIsAnError) {
  EXPECT_TRUE(
      absl::StrContains(InProcess("", "1", "provider",
                                  [] {
                                    close(3);
                                    return Taken();
                                  }),
                        "on the passed socket \"provider\", descriptor 3"));
}

}  // namespace
}  // namespace wspd
