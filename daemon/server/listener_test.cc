#include "daemon/server/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "daemon/base/descriptor_passing.h"
#include "daemon/server/socket_file.h"
#include "daemon/testing/send_descriptor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::HasSubstr;

// The descriptors that a listener handed on.
class Inbox {
 public:
  void Put(int fd) {
    absl::MutexLock lock(&mu_);
    fds_.emplace_back(fd);
  }
  OwnedFd Take() {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(
        +[](std::deque<OwnedFd>* fds) { return !fds->empty(); }, &fds_));
    OwnedFd fd = std::move(fds_.front());
    fds_.pop_front();
    return fd;
  }
  size_t size() {
    absl::MutexLock lock(&mu_);
    return fds_.size();
  }

 private:
  absl::Mutex mu_;
  std::deque<OwnedFd> fds_;
};

class ListenerTest : public ::testing::Test {
 protected:
  ListenerTest() {
    char folder[] = "/tmp/wspd_listen_XXXXXX";
    folder_ = mkdtemp(folder);
    chmod(folder_.c_str(), 0755);
    SocketFileOptions options;
    options.path = folder_ + "/s";
    options.mode = 0666;
    file_ = SocketFile::Create(options).value();
    loop_ = EventLoop::Create("test").value();
    table_ = std::make_unique<ConnectionTable>(loop_.get());
    options_.name = "test";
  }
  ~ListenerTest() override {
    if (listener_) listener_->Stop();
    file_.reset();
    std::filesystem::remove_all(folder_);
  }

  void Start() {
    listener_ =
        Listener::Start(options_, file_->listen_fd(), loop_.get(), table_.get(),
                        [this](int fd) { inbox_.Put(fd); })
            .value();
  }

  OwnedFd Connect() const {
    OwnedFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    snprintf(address.sun_path, sizeof address.sun_path, "%s",
             file_->path().c_str());
    EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&address),
                      sizeof(address)),
              0);
    return fd;
  }

  std::string folder_;
  std::unique_ptr<SocketFile> file_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<ConnectionTable> table_;
  Inbox inbox_;
  ListenerOptions options_;
  std::unique_ptr<Listener> listener_;
};

TEST_F(ListenerTest, HandsOnWithTheIdentityInTheTable) {
  Start();
  const OwnedFd client = Connect();
  const OwnedFd server = inbox_.Take();
  EXPECT_TRUE(fcntl(server.get(), F_GETFL) & O_NONBLOCK);
  EXPECT_EQ(fcntl(server.get(), F_GETFD), FD_CLOEXEC);
  const auto connection = table_->Find(absl::StrCat("fd:", server.get()));
  ASSERT_NE(connection, nullptr);
  EXPECT_EQ(connection->identity().pid, getpid());
  EXPECT_EQ(connection->identity().uid, geteuid());
  EXPECT_GE(connection->pidfd(), 0);
}

TEST_F(ListenerTest, NumbersAreHighAndNotSoonUsedAgain) {
  Start();
  int last = 0;
  for (int i = 0; i < 20; ++i) {
    const OwnedFd client = Connect();
    const OwnedFd server = inbox_.Take();
    EXPECT_GT(server.get(), last);
    EXPECT_GT(server.get(), 256);
    last = server.get();
    table_->Remove(absl::StrCat("fd:", server.get()));
  }
}

// Closing them could take as long as their sender likes.
TEST_F(ListenerTest, DescriptorsAreRefusedWhereTheKernelCan) {
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  const OwnedFd one(pair[0]), other(pair[1]);
  if (!SetDescriptorPassing(one.get(), false)) {
    GTEST_SKIP() << "only Linux from 6.16 on";
  }
  Start();
  const OwnedFd client = Connect();
  const OwnedFd server = inbox_.Take();
  EXPECT_EQ(SendDescriptor(client.get(), one.get()), -1);
  EXPECT_EQ(errno, EPERM);
  ASSERT_TRUE(SetDescriptorPassing(server.get(), true));
  EXPECT_EQ(SendDescriptor(client.get(), one.get()), 1);
}

TEST_F(ListenerTest, AcceptsAllThatAreQueued) {
  std::vector<OwnedFd> clients;
  for (int i = 0; i < 200; ++i) clients.push_back(Connect());
  Start();
  std::vector<OwnedFd> servers;
  for (int i = 0; i < 200; ++i) servers.push_back(inbox_.Take());
  EXPECT_EQ(table_->size(), 200u);
}

TEST_F(ListenerTest, TheTimeLimitComesFromTheOptions) {
  options_.attach_timeout = absl::Milliseconds(10);
  Start();
  const OwnedFd client = Connect();
  const OwnedFd server = inbox_.Take();
  char byte;
  EXPECT_EQ(recv(client.get(), &byte, 1, 0), 0);
}

TEST_F(ListenerTest, StoppedAcceptsNothing) {
  Start();
  const OwnedFd before = Connect();
  const OwnedFd server = inbox_.Take();
  listener_->Stop();
  const OwnedFd after = Connect();
  absl::Notification done;
  loop_->Post([&] { done.Notify(); });
  done.WaitForNotification();
  EXPECT_EQ(inbox_.size(), 0u);
  listener_->Stop();
}

TEST_F(ListenerTest, MayBeStoppedByItsOwnCallback) {
  absl::Notification stopped;
  listener_ =
      Listener::Start(options_, file_->listen_fd(), loop_.get(), table_.get(),
                      [&](int fd) {
                        inbox_.Put(fd);
                        listener_->Stop();
                        stopped.Notify();
                      })
          .value();
  const OwnedFd first = Connect();
  stopped.WaitForNotification();
  EXPECT_EQ(inbox_.size(), 1u);
}

TEST_F(ListenerTest, APeerThatHasEndedIsRefusedAndOthersGoOn) {
  // The connection lives on in a process that did not make it, until the
  // pipe's other end is closed.
  int hold[2];
  ASSERT_EQ(pipe2(hold, O_CLOEXEC), 0);
  OwnedFd release(hold[1]);
  const pid_t child = fork();
  if (child == 0) {
    (void)Connect().Release();
    release.Reset();
    char byte;
    if (fork() == 0) (void)!read(hold[0], &byte, 1);
    _exit(0);
  }
  close(hold[0]);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  Start();
  const OwnedFd client = Connect();
  const OwnedFd server = inbox_.Take();
  EXPECT_EQ(table_->Find(absl::StrCat("fd:", server.get()))->identity().pid,
            getpid());
  EXPECT_EQ(table_->size(), 1u);
}

TEST_F(ListenerTest, OtherUsersHaveALimitOfConnections) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  options_.max_connections_per_uid = 2;
  Start();
  int result[2];
  ASSERT_EQ(pipe2(result, O_CLOEXEC), 0);
  const pid_t child = fork();
  if (child == 0) {
    if (setgid(65534) != 0 || setuid(65534) != 0) _exit(0);
    const OwnedFd a = Connect();
    const OwnedFd b = Connect();
    const OwnedFd c = Connect();
    char byte;
    // Accepted in order: the third one is closed.
    const bool good = recv(c.get(), &byte, 1, 0) == 0 &&
                      recv(a.get(), &byte, 1, MSG_DONTWAIT) == -1 &&
                      recv(b.get(), &byte, 1, MSG_DONTWAIT) == -1;
    (void)!write(result[1], good ? "y" : "n", 1);
    _exit(0);
  }
  close(result[1]);
  char answer = 0;
  const ssize_t size = read(result[0], &answer, 1);
  close(result[0]);
  waitpid(child, nullptr, 0);
  if (size == 0) GTEST_SKIP() << "one user only here";
  EXPECT_EQ(answer, 'y');

  const OwnedFd mine[] = {Connect(), Connect(), Connect()};
  for (int i = 0; i < 5; ++i) inbox_.Take();
}

// Restores the limit of open files.
class OpenFileLimit {
 public:
  OpenFileLimit() { getrlimit(RLIMIT_NOFILE, &old_); }
  ~OpenFileLimit() { Restore(); }
  void Set(rlim_t limit) {
    rlimit lower = {limit, old_.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &lower), 0);
  }
  void Restore() { setrlimit(RLIMIT_NOFILE, &old_); }

 private:
  rlimit old_;
};

TEST_F(ListenerTest, OutOfDescriptorsPausesAndResumes) {
  Start();
  int log[2];
  ASSERT_EQ(pipe2(log, O_CLOEXEC), 0);
  const OwnedFd log_reader(log[0]);
  const OwnedFd saved_stderr(dup(STDERR_FILENO));
  dup2(log[1], STDERR_FILENO);
  close(log[1]);

  OpenFileLimit limit;
  const OwnedFd client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // Every number below the limit is in use.
  limit.Set(client.get() + 1);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  snprintf(address.sun_path, sizeof address.sun_path, "%s",
           file_->path().c_str());
  ASSERT_EQ(connect(client.get(), reinterpret_cast<sockaddr*>(&address),
                    sizeof(address)),
            0);
  char line[2048];
  const ssize_t size = read(log_reader.get(), line, sizeof(line));
  dup2(saved_stderr.get(), STDERR_FILENO);
  EXPECT_THAT(std::string(line, size),
              HasSubstr("accepting pauses listener=test cause=\"RESOURCE_"
                        "EXHAUSTED: accept4(): Too many open files\""));
  EXPECT_EQ(inbox_.size(), 0u);

  // It does not spin meanwhile.
  timespec before, after;
  clockid_t cpu;
  absl::Notification loop_thread;
  loop_->Post([&] {
    pthread_getcpuclockid(pthread_self(), &cpu);
    loop_thread.Notify();
  });
  loop_thread.WaitForNotification();
  clock_gettime(cpu, &before);
  absl::Notification later;
  loop_->RunAfter(absl::Milliseconds(250), [&] { later.Notify(); });
  later.WaitForNotification();
  clock_gettime(cpu, &after);
  EXPECT_LT(absl::TimeFromTimespec(after) - absl::TimeFromTimespec(before),
            absl::Milliseconds(50));

  limit.Restore();
  EXPECT_TRUE(inbox_.Take().valid()) << "nothing is lost";
}

}  // namespace
}  // namespace wspd
