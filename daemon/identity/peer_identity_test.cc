#include "daemon/identity/peer_identity.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "daemon/identity/process_key.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uid_t kNobody = 65534;
constexpr char kStopSelf[] = "kill -STOP $$";

// Becomes nobody for good; false where the user namespace doesn't let it.
bool BecomeNobody() { return setgid(kNobody) == 0 && setuid(kNobody) == 0; }

// A listening socket in a folder of its own.
class TestListener {
 public:
  TestListener() {
    char folder[] = "/tmp/wspd_peer_XXXXXX";
    folder_ = mkdtemp(folder);
    chmod(folder_.c_str(), 0755);
    address_.sun_family = AF_UNIX;
    snprintf(address_.sun_path, sizeof address_.sun_path, "%s/s",
             folder_.c_str());
    fd_.Reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(bind(fd_.get(), reinterpret_cast<sockaddr*>(&address_),
                   sizeof(address_)),
              0);
    EXPECT_EQ(chmod(address_.sun_path, 0666), 0);
    EXPECT_EQ(listen(fd_.get(), 16), 0);
  }
  ~TestListener() {
    unlink(address_.sun_path);
    rmdir(folder_.c_str());
  }

  // In the folder; whoever makes it removes it.
  std::string File(const std::string& name) const {
    return folder_ + "/" + name;
  }

  // A new connection of the calling process, kept over exec.
  int Connect() const {
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&address_),
                sizeof(address_)) != 0) {
      _exit(70);
    }
    return fd;
  }

  OwnedFd Accept() const {
    return OwnedFd(accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }

 private:
  std::string folder_;
  sockaddr_un address_{};
  OwnedFd fd_;
};

// A child process that runs `body` and then waits to be killed.
class Child {
 public:
  // `pid`: the one to have, 0 for any. errno and no child if that is refused.
  explicit Child(const std::function<void()>& body, pid_t pid = 0) {
    clone_args args{};
    args.exit_signal = SIGCHLD;
    if (pid != 0) {
      args.set_tid = reinterpret_cast<uint64_t>(&pid);
      args.set_tid_size = 1;
    }
    pid_ = static_cast<pid_t>(syscall(SYS_clone3, &args, sizeof(args)));
    if (pid_ == 0) {
      body();
      for (;;) pause();
    }
  }
  ~Child() { Kill(); }

  // Kills and reaps it.
  void Kill() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

bool KernelHasPidfs() {
  Child child([] {});
  OwnedFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, child.pid(), 0)));
  OwnedFd own(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
  struct stat a, b;
  fstat(pidfd.get(), &a);
  fstat(own.get(), &b);
  return a.st_ino != b.st_ino;
}

class PeerIdentityTest : public ::testing::TestWithParam<PidfdMethod> {
 protected:
  absl::StatusOr<Peer> Read(const OwnedFd& connection) {
    return ReadPeer(connection.get(), GetParam());
  }

  TestListener listener_;
};

TEST_P(PeerIdentityTest, SaysWhatTheKernelKnowsOfAChild) {
  Child child([this] {
    listener_.Connect();
    execl("/bin/sh", "sh", "-c", kStopSelf, "two words", "", nullptr);
  });
  OwnedFd connection = listener_.Accept();
  // It becomes the other program when it likes.
  absl::StatusOr<Peer> peer;
  do {
    peer = Read(connection);
    ASSERT_TRUE(peer.ok()) << peer.status();
  } while (
      !testing::Value(peer->identity.command_line,
                      ElementsAre("sh", "-c", kStopSelf, "two words", "")));
  const PeerIdentity& identity = peer->identity;
  EXPECT_EQ(identity.pid, child.pid());
  EXPECT_EQ(identity.uid, geteuid());
  EXPECT_EQ(identity.gid, getegid());
  EXPECT_EQ(identity.start_time_ticks, ReadStartTime(child.pid()).value());
  EXPECT_THAT(identity.executable, HasSubstr("sh"));
  EXPECT_TRUE(peer->pidfd.valid());
  EXPECT_TRUE(fcntl(peer->pidfd.get(), F_GETFD) & FD_CLOEXEC);

  std::string own_cgroup;
  std::ifstream cgroups("/proc/self/cgroup");
  for (std::string line; std::getline(cgroups, line);) {
    if (line.rfind("0::", 0) == 0) own_cgroup = line.substr(3);
  }
  EXPECT_EQ(identity.cgroup, own_cgroup);
  EXPECT_EQ(identity.user_namespace, ReadFileId("/proc/self/ns/user"));
  EXPECT_EQ(identity.executable_file, ReadFileId("/bin/sh"));
  std::vector<gid_t> groups(getgroups(0, nullptr));
  groups.resize(getgroups(static_cast<int>(groups.size()), groups.data()));
  ASSERT_TRUE(identity.groups.has_value());
  EXPECT_THAT(*identity.groups, testing::UnorderedElementsAreArray(groups));
}

// Of the calling thread, as capset(2) takes it.
bool KeepCapabilities(uint32_t low_half) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {{low_half, low_half, low_half}, {}};
  return syscall(SYS_capset, &header, data) == 0;
}

// Becomes nobody, with the capability for privileged ports.
bool BecomeNobodyWhoBindsLowPorts(bool ambient) {
  return prctl(PR_SET_KEEPCAPS, 1) == 0 && BecomeNobody() &&
         KeepCapabilities(1 << CAP_NET_BIND_SERVICE) &&
         (!ambient || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE,
                            CAP_NET_BIND_SERVICE, 0, 0) == 0);
}

TEST_P(PeerIdentityTest, LowPortsTakeTheCapabilityInThisUserNamespace) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const std::function<void()> bodies[] = {
      [] { KeepCapabilities(1 << CAP_NET_BIND_SERVICE); },
      [] { KeepCapabilities(1 << CAP_CHOWN); },
      // Where it has them all.
      [] {
        if (unshare(CLONE_NEWUSER) != 0) KeepCapabilities(0);
      },
      [] { BecomeNobodyWhoBindsLowPorts(true); },
      // As it would have by a program's file.
      [] {
        if (!BecomeNobodyWhoBindsLowPorts(false)) KeepCapabilities(0);
      },
  };
  std::vector<absl::optional<bool>> found;
  for (const auto& body : bodies) {
    Child child([&] {
      body();
      listener_.Connect();
    });
    OwnedFd connection = listener_.Accept();
    const auto peer = Read(connection);
    ASSERT_TRUE(peer.ok()) << peer.status();
    found.push_back(peer->identity.binds_low_ports);
  }
  EXPECT_THAT(found, ElementsAre(true, false, false, true, false));
}

// Whoever holds the connection then isn't it.
TEST_P(PeerIdentityTest, ASetUserIdProgramLendsItsCapabilitiesToNobody) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const std::string program = listener_.File("sleep");
  const std::string copy =
      "cp /bin/sleep " + program + " && chmod 4755 " + program;
  ASSERT_EQ(system(copy.c_str()), 0);
  Child child([&] {
    (void)BecomeNobody();
    listener_.Connect();
    execl(program.c_str(), "sleep", "1000", nullptr);
    _exit(71);
  });
  OwnedFd connection = listener_.Accept();
  // It becomes root when it likes; not where such programs do nothing.
  absl::StatusOr<Peer> peer;
  do {
    peer = Read(connection);
    ASSERT_TRUE(peer.ok()) << peer.status();
  } while (peer->identity.command_line.empty() ||
           peer->identity.command_line[0] != "sleep");
  unlink(program.c_str());
  if (peer->identity.uid != kNobody) GTEST_SKIP() << "one user only here";
  EXPECT_EQ(peer->identity.binds_low_ports, false);
}

TEST_P(PeerIdentityTest, HasAllGroupsHoweverMany) {
  std::vector<gid_t> groups(1000);
  for (size_t i = 0; i < groups.size(); ++i) groups[i] = 5000 + i;
  int told[2];
  ASSERT_EQ(pipe2(told, O_CLOEXEC), 0);
  Child child([&] {
    const char able = setgroups(groups.size(), groups.data()) == 0 ? 1 : 0;
    if (write(told[1], &able, 1) != 1) _exit(71);
    listener_.Connect();
  });
  const OwnedFd reader(told[0]);
  close(told[1]);
  char able = 0;
  ASSERT_EQ(read(reader.get(), &able, 1), 1);
  OwnedFd connection = listener_.Accept();
  if (able == 0) GTEST_SKIP() << "groups can't be chosen here";
  const auto peer = Read(connection);
  ASSERT_TRUE(peer.ok()) << peer.status();
  ASSERT_TRUE(peer->identity.groups.has_value());
  EXPECT_EQ(*peer->identity.groups, groups);
}

TEST(ReadFileIdTest, SaysNothingOfWhatIsNotThere) {
  EXPECT_FALSE(ReadFileId("/nowhere/at/all").has_value());
  EXPECT_EQ(errno, ENOENT);
}

TEST_P(PeerIdentityTest, ConnectionsOfOneProcessHaveOneKey) {
  Child child([this] {
    listener_.Connect();
    listener_.Connect();
  });
  OwnedFd first = listener_.Accept();
  OwnedFd second = listener_.Accept();
  Child other([this] { listener_.Connect(); });
  OwnedFd third = listener_.Accept();
  const auto key = [this](const OwnedFd& connection) {
    return ProcessKey::Of(Read(connection).value().identity, "");
  };
  EXPECT_EQ(key(first), key(second));
  EXPECT_NE(key(first), key(third));
}

TEST_P(PeerIdentityTest, PidfdTellsOfDeathThoughAChildHoldsTheConnection) {
  int grandchild_pipe[2];
  ASSERT_EQ(pipe2(grandchild_pipe, O_CLOEXEC), 0);
  Child child([&] {
    listener_.Connect();
    const pid_t grandchild = fork();
    if (grandchild == 0)
      for (;;) pause();
    (void)!write(grandchild_pipe[1], &grandchild, sizeof(grandchild));
  });
  OwnedFd connection = listener_.Accept();
  pid_t grandchild;
  ASSERT_EQ(read(grandchild_pipe[0], &grandchild, sizeof(grandchild)),
            static_cast<ssize_t>(sizeof(grandchild)));
  auto peer = Read(connection);
  ASSERT_TRUE(peer.ok()) << peer.status();
  EXPECT_FALSE(HasEnded(peer->pidfd.get()));

  child.Kill();
  pollfd entry = {peer->pidfd.get(), POLLIN, 0};
  EXPECT_EQ(poll(&entry, 1, 10000), 1);
  EXPECT_TRUE(HasEnded(peer->pidfd.get()));
  entry = {connection.get(), POLLIN, 0};
  EXPECT_EQ(poll(&entry, 1, 0), 0) << "the connection is still open";
  EXPECT_EQ(Read(connection).status().code(), absl::StatusCode::kNotFound);

  kill(grandchild, SIGKILL);
  close(grandchild_pipe[0]);
  close(grandchild_pipe[1]);
}

TEST_P(PeerIdentityTest, PeerThatEndedBeforehandIsNotFound) {
  Child child([this] { listener_.Connect(); });
  OwnedFd connection = listener_.Accept();
  child.Kill();
  const auto peer = Read(connection);
  EXPECT_EQ(peer.status().code(), absl::StatusCode::kNotFound) << peer.status();
}

TEST_P(PeerIdentityTest, AnotherUsersProcessUnderTheSamePidIsNotFound) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  Child first([this] { listener_.Connect(); });
  OwnedFd connection = listener_.Accept();
  const pid_t pid = first.pid();
  first.Kill();
  int ready[2];
  ASSERT_EQ(pipe2(ready, O_CLOEXEC), 0);
  Child second(
      [&] {
        if (!BecomeNobody()) _exit(70);
        (void)!write(ready[1], "", 1);
      },
      pid);
  if (second.pid() != pid) GTEST_SKIP() << "can't choose a pid here";
  close(ready[1]);
  char byte;
  const bool is_nobody = read(ready[0], &byte, 1) == 1;
  close(ready[0]);
  if (!is_nobody) GTEST_SKIP() << "one user only here";
  EXPECT_EQ(Read(connection).status().code(), absl::StatusCode::kNotFound);
}

TEST_P(PeerIdentityTest, SaysTheIdsOfAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  int result[2];
  ASSERT_EQ(pipe2(result, O_CLOEXEC), 0);
  Child child([&] {
    const bool is_nobody = BecomeNobody();
    listener_.Connect();
    (void)!write(result[1], &is_nobody, sizeof(is_nobody));
  });
  OwnedFd connection = listener_.Accept();
  bool is_nobody = false;
  ASSERT_EQ(read(result[0], &is_nobody, sizeof(is_nobody)), 1);
  close(result[0]);
  close(result[1]);
  if (!is_nobody) GTEST_SKIP() << "one user only here";
  const auto peer = Read(connection);
  ASSERT_TRUE(peer.ok()) << peer.status();
  EXPECT_EQ(peer->identity.uid, kNobody);
  EXPECT_EQ(peer->identity.gid, kNobody);
}

// A reader in a pid namespace of its own sees nothing of its parents.
TEST_P(PeerIdentityTest, PeerOutsideOfThePidNamespaceHasPid0) {
  const int keep = listener_.Connect();
  OwnedFd connection = listener_.Accept();
  clone_args args{};
  args.exit_signal = SIGCHLD;
  args.flags = CLONE_NEWPID;
  const pid_t reader =
      static_cast<pid_t>(syscall(SYS_clone3, &args, sizeof(args)));
  if (reader < 0) GTEST_SKIP() << "no pid namespaces here";
  if (reader == 0) {
    const auto peer = Read(connection);
    const bool good = peer.ok() && peer->identity.pid == 0 &&
                      peer->identity.uid == geteuid() &&
                      peer->identity.executable.empty() &&
                      peer->identity.command_line.empty() &&
                      (peer->identity.pidfd_inode != 0 ||
                       ProcessKey::NeedsToken(peer->identity));
    _exit(good ? 0 : 1);
  }
  int status;
  ASSERT_EQ(waitpid(reader, &status, 0), reader);
  EXPECT_EQ(status, 0);
  close(keep);
}

TEST_P(PeerIdentityTest, NotAUnixSocketIsTheKernelsError) {
  OwnedFd pipe_end(open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_THAT(std::string(Read(pipe_end).status().message()),
              HasSubstr("SO_PEERCRED"));
}

INSTANTIATE_TEST_SUITE_P(Methods, PeerIdentityTest,
                         ::testing::Values(PidfdMethod::kBest,
                                           PidfdMethod::kPidfdOpen),
                         [](const auto& info) {
                           return info.param == PidfdMethod::kBest
                                      ? "Best"
                                      : "PidfdOpen";
                         });

TEST(PidfdMethodTest, OnlyTheBestOneUsesTheInode) {
  TestListener listener;
  const int keep = listener.Connect();
  OwnedFd connection = listener.Accept();
  const auto best = ReadPeer(connection.get(), PidfdMethod::kBest);
  ASSERT_TRUE(best.ok()) << best.status();
  EXPECT_EQ(best->identity.pidfd_inode != 0, KernelHasPidfs());
  const auto old = ReadPeer(connection.get(), PidfdMethod::kPidfdOpen);
  ASSERT_TRUE(old.ok()) << old.status();
  EXPECT_EQ(old->identity.pidfd_inode, 0u);
  close(keep);
}

TEST(ReadStartTimeTest, StaysTheSameAndDiffersFromNothing) {
  EXPECT_EQ(ReadStartTime(getpid()).value(), ReadStartTime(getpid()).value());
  EXPECT_EQ(ReadStartTime(-1).status().code(), absl::StatusCode::kNotFound);
}

TEST(CommandLineTest, IsBounded) {
  TestListener listener;
  const std::string longer(2 * kMaxCommandLineBytes, 'x');
  Child child([&] {
    listener.Connect();
    execl("/bin/sh", "sh", "-c", kStopSelf, longer.c_str(), nullptr);
  });
  OwnedFd connection = listener.Accept();
  absl::StatusOr<Peer> peer;
  do {
    peer = ReadPeer(connection.get(), PidfdMethod::kBest);
    ASSERT_TRUE(peer.ok()) << peer.status();
  } while (peer->identity.command_line.empty() ||
           peer->identity.command_line[0] != "sh");
  size_t total = 0;
  for (const auto& argument : peer->identity.command_line) {
    total += argument.size() + 1;
  }
  EXPECT_LE(total, kMaxCommandLineBytes + 1);
}

}  // namespace
}  // namespace wspd
