#include "daemon/server/socket_file.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class SocketFileTest : public ::testing::Test {
 protected:
  SocketFileTest() {
    char folder[] = "/tmp/wspd_file_XXXXXX";
    folder_ = mkdtemp(folder);
    options_.path = folder_ + "/run/s.sock";
  }
  ~SocketFileTest() override { std::filesystem::remove_all(folder_); }

  void MakeFolder() { std::filesystem::create_directory(folder_ + "/run"); }

  static bool CanConnect(const std::string& path) {
    OwnedFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path.c_str());
    return connect(fd.get(), reinterpret_cast<sockaddr*>(&address),
                   sizeof(address)) == 0;
  }

  static struct stat StatOf(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(lstat(path.c_str(), &status), 0) << path;
    return status;
  }

  // A socket file whose server has died, or still listens as long as `fd`
  // lives.
  OwnedFd BindByHand() {
    OwnedFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    snprintf(address.sun_path, sizeof address.sun_path, "%s",
             options_.path.c_str());
    EXPECT_EQ(
        bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)),
        0);
    EXPECT_EQ(listen(fd.get(), 1), 0);
    return fd;
  }

  std::string folder_;
  SocketFileOptions options_;
};

TEST_F(SocketFileTest, ListensInANewFolderAndCleansUp) {
  {
    const auto file = SocketFile::Create(options_);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_TRUE(CanConnect(options_.path));
    EXPECT_EQ(fcntl((*file)->listen_fd(), F_GETFD), FD_CLOEXEC);
    EXPECT_TRUE(fcntl((*file)->listen_fd(), F_GETFL) & O_NONBLOCK);
  }
  EXPECT_FALSE(std::filesystem::exists(options_.path));
  EXPECT_TRUE(SocketFile::Create(options_).ok()) << "again";
}

TEST_F(SocketFileTest, ModesDoNotDependOnTheUmask) {
  for (mode_t mask : {0, 0022, 0077, 0777}) {
    std::filesystem::remove_all(folder_ + "/run");
    for (mode_t mode : {0600, 0660, 0666}) {
      options_.mode = mode;
      const mode_t old = umask(mask);
      const auto file = SocketFile::Create(options_);
      umask(old);
      ASSERT_TRUE(file.ok()) << file.status();
      EXPECT_EQ(StatOf(options_.path).st_mode & 07777, mode);
      EXPECT_EQ(StatOf(folder_ + "/run").st_mode & 07777, 0755u);
    }
  }
}

TEST_F(SocketFileTest, ExistingFolderKeepsItsMode) {
  MakeFolder();
  chmod((folder_ + "/run").c_str(), 0700);
  ASSERT_TRUE(SocketFile::Create(options_).ok());
  EXPECT_EQ(StatOf(folder_ + "/run").st_mode & 07777, 0700u);
}

TEST_F(SocketFileTest, SetsTheGroup) {
  options_.group = 12;
  const auto file = SocketFile::Create(options_);
  if (absl::IsInvalidArgument(file.status()) ||
      absl::IsPermissionDenied(file.status())) {
    GTEST_SKIP() << "one group only here: " << file.status();
  }
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(StatOf(options_.path).st_gid, 12u);
  EXPECT_EQ(StatOf(options_.path).st_mode & 07777, 0660u);
}

TEST_F(SocketFileTest, SecondDaemonIsToldOfTheFirst) {
  int ready[2];
  ASSERT_EQ(pipe2(ready, O_CLOEXEC), 0);
  const pid_t first = fork();
  if (first == 0) {
    const auto file = SocketFile::Create(options_);
    (void)!write(ready[1], file.ok() ? "y" : "n", 1);
    for (;;) pause();
  }
  char answer = 0;
  ASSERT_EQ(read(ready[0], &answer, 1), 1);
  ASSERT_EQ(answer, 'y');

  const auto second = SocketFile::Create(options_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(
      second.status().message(),
      absl::StrCat("another wspd (pid ", first, ") serves ", options_.path));
  EXPECT_TRUE(CanConnect(options_.path)) << "the first goes on";

  // Killed, it leaves its file behind, and that is replaced.
  kill(first, SIGKILL);
  waitpid(first, nullptr, 0);
  EXPECT_TRUE(std::filesystem::exists(options_.path));
  const auto third = SocketFile::Create(options_);
  EXPECT_TRUE(third.ok()) << third.status();
  EXPECT_TRUE(CanConnect(options_.path));
  close(ready[0]);
  close(ready[1]);
}

TEST_F(SocketFileTest, ALiveServerWithoutALockIsLeftAlone) {
  MakeFolder();
  OwnedFd server = BindByHand();
  EXPECT_EQ(
      SocketFile::Create(options_).status().message(),
      absl::StrCat("another wspd (pid ", getpid(), ") serves ", options_.path));
  EXPECT_TRUE(CanConnect(options_.path));
}

TEST_F(SocketFileTest, AStaleSocketIsReplaced) {
  MakeFolder();
  BindByHand();
  EXPECT_FALSE(CanConnect(options_.path));
  const auto file = SocketFile::Create(options_);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(CanConnect(options_.path));
}

TEST_F(SocketFileTest, ExitLeavesAnothersFileAlone) {
  {
    const auto file = SocketFile::Create(options_);
    ASSERT_TRUE(file.ok()) << file.status();
    std::filesystem::remove(options_.path);
    std::ofstream(options_.path) << "mine";
  }
  EXPECT_TRUE(std::filesystem::exists(options_.path));
}

TEST_F(SocketFileTest, PathOf107BytesIsTheLongest) {
  MakeFolder();
  const std::string stem = folder_ + "/run/";
  options_.path = stem + std::string(kMaxSocketPathBytes - stem.size(), 'x');
  auto file = SocketFile::Create(options_);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(CanConnect(options_.path));
  options_.path += "x";
  file = SocketFile::Create(options_);
  EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(file.status().message()),
              AllOf(HasSubstr("at most 107 bytes"), HasSubstr("has 108")));
}

TEST_F(SocketFileTest, AFileInItsPlaceIsRefused) {
  MakeFolder();
  std::ofstream(options_.path) << "precious";
  const auto file = SocketFile::Create(options_);
  EXPECT_EQ(file.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(file.status().message()), HasSubstr("is no socket"));
  EXPECT_TRUE(std::filesystem::exists(options_.path));
}

TEST_F(SocketFileTest, ASymbolicLinkIsRefused) {
  MakeFolder();
  std::filesystem::create_symlink("/nowhere", options_.path);
  const auto file = SocketFile::Create(options_);
  EXPECT_EQ(file.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(file.status().message()),
              HasSubstr("is a symbolic link"));
}

TEST_F(SocketFileTest, ALinkAsLockIsRefused) {
  MakeFolder();
  std::filesystem::create_symlink(folder_ + "/target", options_.path + ".lock");
  EXPECT_FALSE(SocketFile::Create(options_).ok());
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/target"));
}

TEST_F(SocketFileTest, AMissingFolderAboveIsAnError) {
  options_.path = folder_ + "/a/b/s.sock";
  const auto file = SocketFile::Create(options_);
  EXPECT_EQ(file.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(file.status().message()),
              HasSubstr("mkdir(" + folder_ + "/a/b)"));
}

TEST_F(SocketFileTest, AnEmptyPathIsAnError) {
  options_.path = "";
  EXPECT_EQ(SocketFile::Create(options_).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(SocketFileTest, APassedSocketIsServedAndItsFileLeft) {
  MakeFolder();
  OwnedFd passed = BindByHand();
  const OwnedFd managers(dup(passed.get()));
  {
    const auto file =
        SocketFile::Adopt("provider", options_.path, std::move(passed));
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_TRUE(fcntl((*file)->listen_fd(), F_GETFL) & O_NONBLOCK);
  }
  EXPECT_TRUE(CanConnect(options_.path)) << "the manager keeps it";
  // Again, by the next daemon.
  EXPECT_TRUE(
      SocketFile::Adopt("provider", options_.path, OwnedFd(dup(managers.get())))
          .ok());
}

TEST_F(SocketFileTest, APassedSocketOfAnotherKindIsRefused) {
  MakeFolder();
  const auto told = [this](OwnedFd fd) {
    const auto status =
        SocketFile::Adopt("admin", options_.path, std::move(fd)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  const std::string no_stream =
      "the passed socket \"admin\" is no Unix stream socket";
  EXPECT_EQ(told(OwnedFd(open("/dev/null", O_RDONLY | O_CLOEXEC))), no_stream);
  EXPECT_EQ(told(OwnedFd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0))),
            no_stream);
  EXPECT_EQ(told(OwnedFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))),
            no_stream);
  EXPECT_EQ(told(OwnedFd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0))),
            "the passed socket \"admin\" doesn't listen; Accept= has to be no");
  const std::string actual = options_.path;
  OwnedFd elsewhere = BindByHand();
  options_.path += "2";
  EXPECT_EQ(told(std::move(elsewhere)),
            absl::StrCat("the passed socket \"admin\" listens at ", actual,
                         ", the configuration says ", options_.path,
                         "; make them the same"));
  OwnedFd nowhere(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(listen(nowhere.get(), 1), -1);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // The kernel chooses an abstract name.
  ASSERT_EQ(bind(nowhere.get(), reinterpret_cast<sockaddr*>(&address),
                 sizeof(sa_family_t)),
            0);
  ASSERT_EQ(listen(nowhere.get(), 1), 0);
  EXPECT_THAT(told(std::move(nowhere)), HasSubstr("listens at the abstract @"));
}

}  // namespace
}  // namespace wspd
