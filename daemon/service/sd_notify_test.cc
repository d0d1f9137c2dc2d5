#include "daemon/service/sd_notify.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "daemon/base/owned_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::MatchesRegex;

// A service manager's end, at a path or an abstract "@name".
class Manager {
 public:
  explicit Manager(const std::string& name) {
    fd_.Reset(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, name.data(), name.size());
    if (name[0] == '@') address.sun_path[0] = '\0';
    EXPECT_EQ(bind(fd_.get(), reinterpret_cast<sockaddr*>(&address),
                   offsetof(sockaddr_un, sun_path) + name.size()),
              0);
    setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  ~Manager() { unsetenv("NOTIFY_SOCKET"); }

  std::string Receive() {
    char buffer[256];
    const ssize_t size = recv(fd_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
    return size < 0 ? "nothing" : std::string(buffer, size);
  }

 private:
  OwnedFd fd_;
};

TEST(SdNotifyTest, ReachesAnAbstractSocket) {
  Manager manager(absl::StrCat("@wspd-notify-test-", getpid()));
  EXPECT_TRUE(NotifyReady("serving\nthem").ok());
  EXPECT_EQ(manager.Receive(), "READY=1\nSTATUS=serving them");
  EXPECT_TRUE(NotifyStopping(absl::Seconds(7)).ok());
  EXPECT_EQ(manager.Receive(), "STOPPING=1\nEXTEND_TIMEOUT_USEC=7000000");
}

TEST(SdNotifyTest, SaysWhenItBeganToReload) {
  Manager manager(absl::StrCat("@wspd-notify-test-", getpid()));
  EXPECT_TRUE(NotifyReloading().ok());
  EXPECT_THAT(manager.Receive(),
              MatchesRegex("RELOADING=1\nMONOTONIC_USEC=[0-9]+"));
}

TEST(SdNotifyTest, AManagerThatIsBehindIsNotWaitedFor) {
  Manager manager(absl::StrCat("@wspd-notify-test-", getpid()));
  EXPECT_TRUE(NotifyWatchdog().ok());
  EXPECT_EQ(manager.Receive(), "WATCHDOG=1");
  // The queue of such a socket is short.
  absl::Status status;
  for (int i = 0; i < 10000 && status.ok(); ++i) status = NotifyWatchdog();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
}

TEST(SdNotifyTest, ReachesASocketFile) {
  char folder[] = "/tmp/wspd_notify_XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string path = absl::StrCat(folder, "/s");
  Manager manager(path);
  EXPECT_TRUE(NotifyStatus("3 clients\nREADY=1").ok());
  EXPECT_EQ(manager.Receive(), "STATUS=3 clients READY=1");
  unlink(path.c_str());
  rmdir(folder);
}

TEST(SdNotifyTest, WithoutAManagerNothingIsDone) {
  unsetenv("NOTIFY_SOCKET");
  EXPECT_TRUE(NotifyReady("").ok());
  setenv("NOTIFY_SOCKET", "", 1);
  EXPECT_TRUE(NotifyReady("").ok());
}

TEST(SdNotifyTest, ABadAddressIsAnError) {
  setenv("NOTIFY_SOCKET", "relative", 1);
  EXPECT_TRUE(absl::IsInvalidArgument(NotifyReady("")));
  setenv("NOTIFY_SOCKET", std::string(200, '/').c_str(), 1);
  EXPECT_TRUE(absl::IsInvalidArgument(NotifyReady("")));
  setenv("NOTIFY_SOCKET", "/nowhere/notify", 1);
  EXPECT_TRUE(absl::IsNotFound(NotifyReady("")));
  unsetenv("NOTIFY_SOCKET");
}

TEST(WatchdogLimitTest, IsTheManagersForThisProcess) {
  unsetenv("WATCHDOG_USEC");
  unsetenv("WATCHDOG_PID");
  EXPECT_EQ(WatchdogLimit().value(), absl::ZeroDuration());
  setenv("WATCHDOG_USEC", "30000000", 1);
  EXPECT_EQ(WatchdogLimit().value(), absl::Seconds(30));
  setenv("WATCHDOG_PID", absl::StrCat(getpid()).c_str(), 1);
  EXPECT_EQ(WatchdogLimit().value(), absl::Seconds(30));
  // Its parent's, which has left the variables in the environment.
  setenv("WATCHDOG_PID", absl::StrCat(getppid()).c_str(), 1);
  EXPECT_EQ(WatchdogLimit().value(), absl::ZeroDuration());
  setenv("WATCHDOG_PID", "me", 1);
  EXPECT_TRUE(absl::IsInvalidArgument(WatchdogLimit().status()));
  for (const char* bad : {"0", "-1", "soon", "99999999999999999999"}) {
    setenv("WATCHDOG_USEC", bad, 1);
    EXPECT_TRUE(absl::IsInvalidArgument(WatchdogLimit().status())) << bad;
  }
  unsetenv("WATCHDOG_USEC");
  unsetenv("WATCHDOG_PID");
}

}  // namespace
}  // namespace wspd
