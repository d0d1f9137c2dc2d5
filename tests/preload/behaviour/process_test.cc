// Sockets across fork, vfork, posix_spawn and exec, and after processes end.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/preload/behaviour/child.h"
#include "tests/preload/behaviour/echo_peer.h"
#include "tests/preload/behaviour/fixture.h"
#include "tests/testing/pattern.h"

namespace wspd::preload {
namespace {

class ProcessTest : public ConnectionTest {};
INSTANTIATE_FOR_CONNECTIONS(ProcessTest);

TEST_P(ProcessTest, ChildUsesTheConnection) {
  Child child([&] { EXPECT_TRUE(Talk(ours(), peer())); });
  EXPECT_TRUE(child.Succeeds());
  EXPECT_TRUE(Talk(ours(), peer()));
}

// Ours in the child is the same socket, in turn with the parent's.
TEST_P(ProcessTest, ParentAndChildTakeTurns) {
  Gate child_turn, parent_turn;
  Child child([&] {
    ASSERT_TRUE(child_turn.Wait());
    EXPECT_TRUE(SendAll(ours(), "child"));
    EXPECT_EQ(Receive(ours(), 3), "two");
    parent_turn.Open();
  });
  EXPECT_TRUE(SendAll(ours(), "parent"));
  EXPECT_TRUE(SendAll(peer(), "onetwothree"));
  EXPECT_EQ(Receive(ours(), 3), "one");
  child_turn.Open();
  ASSERT_TRUE(parent_turn.Wait());
  EXPECT_EQ(Receive(ours(), 5), "three");
  EXPECT_EQ(Receive(peer(), 11), "parentchild");
  EXPECT_TRUE(child.Succeeds());
}

TEST_P(ProcessTest, ChildsNamesAreTheSame) {
  const SocketAddress local = SocketAddress::LocalOf(ours());
  Child child([&] {
    EXPECT_EQ(SocketAddress::LocalOf(ours()), local);
    EXPECT_EQ(SocketAddress::RemoteOf(ours()), SocketAddress::LocalOf(peer()));
  });
  EXPECT_TRUE(child.Succeeds());
}

TEST_P(ProcessTest, ChildsEndLeavesTheConnection) {
  Child child([] {});
  EXPECT_TRUE(child.Succeeds());
  EXPECT_TRUE(Talk(ours(), peer()));
}

TEST_P(ProcessTest, ChildsCloseLeavesTheConnection) {
  Child child([&] { CloseOurs(); });
  EXPECT_TRUE(child.Succeeds());
  EXPECT_TRUE(Talk(ours(), peer()));
}

TEST_P(ProcessTest, ChildsDeathLeavesTheConnection) {
  Child child([] { pause(); });
  child.Kill(SIGKILL);
  EXPECT_NE(child.Wait(), -1);
  EXPECT_TRUE(Talk(ours(), peer()));
}

TEST_P(ProcessTest, ParentsCloseLeavesTheChildsConnection) {
  Gate closed;
  Child child([&] {
    ASSERT_TRUE(closed.Wait());
    EXPECT_TRUE(SendAll(ours(), Receive(ours(), 4)));
  });
  CloseOurs();
  closed.Open();
  EXPECT_TRUE(SendAll(peer(), "ping"));
  EXPECT_EQ(ReceiveToEnd(peer()), "ping");
  EXPECT_TRUE(child.Succeeds());
}

// shutdown() is the socket's, whoever calls it.
TEST_P(ProcessTest, ChildsShutdownEndsTheConnection) {
  Child child([&] { EXPECT_SUCCESS(shutdown(ours(), SHUT_WR)); });
  EXPECT_TRUE(child.Succeeds());
  EXPECT_TRUE(Ends(peer()));
  EXPECT_EQ(Call(send(ours(), "x", 1, MSG_NOSIGNAL)), Fails(EPIPE));
}

TEST_P(ProcessTest, ChildMakesConnections) {
  Child child([&] {
    const Connection made = MakeConnection(family(), origin());
    EXPECT_TRUE(Talk(made.ours.get(), made.peer.get()));
  });
  EXPECT_TRUE(child.Succeeds());
  const Connection next = MakeConnection(family(), origin());
  EXPECT_TRUE(Talk(next.ours.get(), next.peer.get()));
}

// Children of children, each with the first connection and one of its own.
TEST_P(ProcessTest, ChildrenOfChildren) {
  Child child([&] {
    Child grandchild([&] {
      Child last([&] {
        EXPECT_TRUE(Talk(ours(), peer()));
        const Connection made = MakeConnection(family(), origin());
        EXPECT_TRUE(Talk(made.ours.get(), made.peer.get()));
      });
      EXPECT_TRUE(last.Succeeds());
      EXPECT_TRUE(Talk(ours(), peer()));
    });
    EXPECT_TRUE(grandchild.Succeeds());
    const Connection made = MakeConnection(family(), origin());
    EXPECT_TRUE(Talk(made.ours.get(), made.peer.get()));
  });
  EXPECT_TRUE(child.Succeeds());
  EXPECT_TRUE(Talk(ours(), peer()));
}

// As daemons start: fork twice, a session of its own, the parents gone.
TEST_P(ProcessTest, Daemonises) {
  OwnedFd listener = OurListener(family());
  const SocketAddress address = SocketAddress::LocalOf(listener.get());
  Child child([&] {
    setsid();
    if (fork() != 0) _exit(0);
    EXPECT_SUCCESS(chdir("/"));
    const OwnedFd accepted = AcceptFrom(listener);
    const Connection own = MakeConnection(family(), origin());
    EXPECT_TRUE(Talk(own.ours.get(), own.peer.get()));
    SendAll(accepted.get(),
            HasFailure() ? "failed" : Receive(accepted.get(), 4));
  });
  EXPECT_TRUE(child.Succeeds());
  listener.Reset(-1);
  const OwnedFd peer = PeerSocket(family(), SOCK_STREAM);
  ASSERT_SUCCESS(connect(peer.get(), address.data(), address.size()));
  EXPECT_TRUE(SendAll(peer.get(), "ping"));
  EXPECT_EQ(ReceiveToEnd(peer.get()), "ping");
}

TEST_P(ProcessTest, ExecutedProgramUsesTheConnection) {
  const RoleCommand echo("echo", {std::to_string(ours())});
  Child child([&] { ExecRole(echo); });
  CloseOurs();
  EXPECT_TRUE(SendAll(peer(), "ping"));
  EXPECT_EQ(Receive(peer(), 4), "ping");
  shutdown(peer(), SHUT_WR);
  EXPECT_TRUE(Ends(peer()));
  EXPECT_TRUE(child.Succeeds());
}

TEST_P(ProcessTest, ExecutedProgramKnowsTheNames) {
  const RoleCommand names(
      "names", {std::to_string(ours()),
                std::to_string(SocketAddress::LocalOf(ours()).port()),
                std::to_string(SocketAddress::LocalOf(peer()).port())});
  Child child([&] { ExecRole(names); });
  EXPECT_TRUE(child.Succeeds());
}

TEST_P(ProcessTest, ExecClosesWhatIsMarked) {
  ASSERT_SUCCESS(fcntl(ours(), F_SETFD, FD_CLOEXEC));
  const RoleCommand closed("closed", {std::to_string(ours())});
  Child child([&] { ExecRole(closed); });
  EXPECT_TRUE(child.Succeeds());
  EXPECT_TRUE(Talk(ours(), peer()));
}

// A program that couldn't be executed leaves everything as it was.
TEST_P(ProcessTest, FailedExecLeavesTheConnection) {
  ASSERT_SUCCESS(fcntl(ours(), F_SETFD, FD_CLOEXEC));
  Child child([&] {
    EXPECT_EQ(Call(execl("/nonexistent", "nonexistent", nullptr)),
              Fails(ENOENT));
    EXPECT_TRUE(Talk(ours(), peer()));
  });
  EXPECT_TRUE(child.Succeeds());
}

TEST_P(ProcessTest, SpawnedProgramUsesTheConnection) {
  const RoleCommand echo("echo", {"7"});
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ours(), 7);
  pid_t pid = -1;
  ASSERT_EQ(
      posix_spawn(&pid, echo.path(), &actions, nullptr, echo.argv(), environ),
      0);
  posix_spawn_file_actions_destroy(&actions);
  Child child(pid);
  EXPECT_TRUE(SendAll(peer(), "ping"));
  EXPECT_EQ(Receive(peer(), 4), "ping");
  shutdown(peer(), SHUT_WR);
  EXPECT_TRUE(child.Succeeds());
}

TEST_P(ProcessTest, SpawnedProgramHasItOnStandardInput) {
  const RoleCommand filter("filter");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ours(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ours(), STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&actions, ours());
  pid_t pid = -1;
  ASSERT_EQ(posix_spawnp(&pid, filter.path(), &actions, nullptr, filter.argv(),
                         environ),
            0);
  posix_spawn_file_actions_destroy(&actions);
  Child child(pid);
  CloseOurs();
  EXPECT_TRUE(SendAll(peer(), "ping"));
  EXPECT_EQ(Receive(peer(), 4), "ping");
  shutdown(peer(), SHUT_WR);
  EXPECT_EQ(ReceiveToEnd(peer()), "");
  EXPECT_TRUE(child.Succeeds());
}

// A vfork child has descriptors of its own, though its memory is its parent's.
TEST_P(ProcessTest, VforkChildClosesOnlyItsOwn) {
  const int fd = ours();
  const pid_t pid = vfork();  // NOLINT: it is what is tested
  if (pid == 0) {
    close(fd);  // NOLINT: as programs do
    _exit(0);
  }
  Child child(pid);
  EXPECT_TRUE(child.Succeeds());
  EXPECT_TRUE(Talk(ours(), peer()));
  EXPECT_EQ(SocketAddress::RemoteOf(ours()), SocketAddress::LocalOf(peer()));
}

TEST_P(ProcessTest, VforkChildSweepsOnlyItsOwn) {
  const pid_t pid = vfork();  // NOLINT: it is what is tested
  if (pid == 0) {
    close_range(3, ~0u, 0);  // NOLINT: as programs do
    _exit(0);
  }
  Child child(pid);
  EXPECT_TRUE(child.Succeeds());
  EXPECT_TRUE(Talk(ours(), peer()));
  const Connection next = MakeConnection(family(), origin());
  EXPECT_TRUE(Talk(next.ours.get(), next.peer.get()));
}

TEST_P(ProcessTest, VforkChildMovesOnlyItsOwn) {
  const int fd = ours();
  const Connection other = MakeConnection(family(), origin());
  const int over = other.ours.get();
  const pid_t pid = vfork();  // NOLINT: it is what is tested
  if (pid == 0) {
    dup2(fd, over);  // NOLINT: as programs do
    close(fd);       // NOLINT: as programs do
    _exit(0);
  }
  Child child(pid);
  EXPECT_TRUE(child.Succeeds());
  EXPECT_TRUE(Talk(ours(), peer()));
  EXPECT_TRUE(Talk(other.ours.get(), other.peer.get()));
  EXPECT_EQ(SocketAddress::RemoteOf(over),
            SocketAddress::LocalOf(other.peer.get()));
}

TEST_P(ProcessTest, VforkChildExecutesAServer) {
  const RoleCommand echo("echo", {std::to_string(ours())});
  const pid_t pid = vfork();  // NOLINT: it is what is tested
  if (pid == 0) {
    execv(echo.path(), echo.argv());  // NOLINT: as programs do
    _exit(127);
  }
  Child child(pid);
  CloseOurs();
  EXPECT_TRUE(SendAll(peer(), "ping"));
  EXPECT_EQ(Receive(peer(), 4), "ping");
  shutdown(peer(), SHUT_WR);
  EXPECT_TRUE(child.Succeeds());
}

// A child made by the raw system call, behind every atfork handler.
TEST_P(ProcessTest, RawForkedChildUsesTheConnection) {
  const auto pid = static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
  if (pid == 0) {
    char byte = 0;
    const bool fine = recv(ours(), &byte, 1, 0) == 1 &&
                      send(ours(), &byte, 1, MSG_NOSIGNAL) == 1;
    syscall(SYS_exit_group, fine ? 0 : 1);
  }
  Child child(pid);
  EXPECT_TRUE(SendAll(peer(), "x"));
  EXPECT_EQ(Receive(peer(), 1), "x");
  EXPECT_TRUE(child.Succeeds());
}

TEST_P(ProcessTest, UnderscoreForkedChildUsesTheConnection) {
  const pid_t pid = _Fork();
  if (pid == 0) {
    char byte = 0;
    const bool fine = recv(ours(), &byte, 1, 0) == 1 &&
                      send(ours(), &byte, 1, MSG_NOSIGNAL) == 1;
    _exit(fine ? 0 : 1);
  }
  Child child(pid);
  EXPECT_TRUE(SendAll(peer(), "x"));
  EXPECT_EQ(Receive(peer(), 1), "x");
  EXPECT_TRUE(child.Succeeds());
}

// How a program ends that doesn't close: its data arrives, then the end.
struct End {
  const char* name;
};

constexpr End kEnds[] = {{"exit"}, {"_exit"}, {"return"}};

class FinishTest
    : public ::testing::TestWithParam<std::tuple<int, Origin, End>> {};

INSTANTIATE_TEST_SUITE_P(, FinishTest, ::testing::ValuesIn(WithBothEnds(kEnds)),
                         NameOf());

TEST_P(FinishTest, DataArrivesThenTheEnd) {
  const auto& [family, origin, end] = GetParam();
  Connection connection = MakeConnection(family, origin);
  const RoleCommand finish("finish",
                           {std::to_string(connection.ours.get()), end.name});
  Child child([&] { ExecRole(finish); });
  connection.ours.Reset(-1);
  EXPECT_EQ(ReceiveToEnd(connection.peer.get()), "last");
  EXPECT_TRUE(child.Succeeds());
}

// More than the peer's host takes at once: the rest goes after the death.
TEST_P(ProcessTest, DeathDeliversMegabytes) {
  Gate filled;
  int size_pipe[2];
  ASSERT_SUCCESS(pipe2(size_pipe, O_CLOEXEC));
  const OwnedFd size_out(size_pipe[0]), size_in(size_pipe[1]);
  Child child([&] {
    const size_t size = SendUntilFull(ours());
    ASSERT_EQ(write(size_in.get(), &size, sizeof(size)),
              static_cast<ssize_t>(sizeof(size)));
    pause();
  });
  CloseOurs();
  size_t size = 0;
  ASSERT_EQ(Call(read(size_out.get(), &size, sizeof(size))),
            Gives(sizeof(size)));
  child.Kill(SIGKILL);
  EXPECT_NE(child.Wait(), -1);
  const std::string received = ReceiveToEnd(peer());
  EXPECT_EQ(received.size(), size);
  EXPECT_EQ(testing::PatternError(received, 0), "");
}

// Unread bytes make it a reset, as close() would.
TEST_P(ProcessTest, DeathWithUnreadBytesIsAReset) {
  Child child([] { pause(); });
  EXPECT_TRUE(SendAll(peer(), "unread"));
  ASSERT_NE(WaitFor(ours(), POLLIN), 0);
  CloseOurs();
  child.Kill(SIGKILL);
  EXPECT_NE(child.Wait(), -1);
  EXPECT_TRUE(IsReset(peer()));
}

// Processes whose identity or view changes; these need root.
class RootTest : public ConnectionTest {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    ConnectionTest::SetUp();
  }
  // Not so in a user namespace that has one only, as sandboxes are.
  static bool HasOtherUsers() {
    FILE* const map = fopen("/proc/self/uid_map", "re");
    long inside = 0, outside = 0, count = 0;
    const int read = fscanf(map, "%ld %ld %ld", &inside, &outside, &count);
    fclose(map);
    return read == 3 && count > 1;
  }
};
INSTANTIATE_FOR_CONNECTIONS(RootTest);

// After chroot the daemon's socket has no name any more. The peer process has
// none either, so its sockets are made before.
TEST_P(RootTest, ConnectsAfterChroot) {
  const OwnedFd listener = PeerListener(family());
  const SocketAddress address = SocketAddress::LocalOf(listener.get());
  char empty[] = "/tmp/preload_chroot.XXXXXX";
  ASSERT_NE(mkdtemp(empty), nullptr);
  Child child([&] {
    ASSERT_SUCCESS(chroot(empty));
    ASSERT_SUCCESS(chdir("/"));
    const OwnedFd made = OurSocket(family(), SOCK_STREAM);
    ASSERT_SUCCESS(connect(made.get(), address.data(), address.size()));
    EXPECT_TRUE(Talk(made.get(), AcceptFrom(listener).get()));
    EXPECT_TRUE(Talk(ours(), peer()));
  });
  EXPECT_TRUE(child.Succeeds());
  rmdir(empty);
}

// chroot FAMILY FOLDER: its first socket comes after chroot.
int ConnectInChroot(const Arguments& arguments) {
  const int family = stoi(arguments.at(0));
  const OwnedFd listener = PeerListener(family);
  const SocketAddress address = SocketAddress::LocalOf(listener.get());
  if (chroot(arguments.at(1).c_str()) != 0) return 2;
  const OwnedFd made(socket(family, SOCK_STREAM, 0));
  if (connect(made.get(), address.data(), address.size()) != 0) return 3;
  const OwnedFd peer(accept(listener.get(), nullptr, nullptr));
  char byte = 'x';
  return send(made.get(), &byte, 1, 0) == 1 &&
                 recv(peer.get(), &byte, 1, 0) == 1
             ? 0
             : 4;
}
const RoleRegistration kChroot("chroot", ConnectInChroot);

// The same without a socket before.
TEST_P(RootTest, FirstConnectsAfterChroot) {
  char empty[] = "/tmp/preload_chroot.XXXXXX";
  ASSERT_NE(mkdtemp(empty), nullptr);
  const RoleCommand role("chroot", {std::to_string(family()), empty});
  Child child([&] { ExecRole(role); });
  EXPECT_TRUE(child.Succeeds());
  rmdir(empty);
}

// What servers do after binding.
TEST_P(RootTest, ConnectsAfterDroppingPrivileges) {
  if (!HasOtherUsers()) GTEST_SKIP() << "no other user here";
  const OwnedFd listener = PeerListener(family());
  const SocketAddress address = SocketAddress::LocalOf(listener.get());
  Child child([&] {
    // The group stays: by it a daemon's socket is open to its clients.
    ASSERT_SUCCESS(setresuid(65534, 65534, 65534));
    EXPECT_TRUE(Talk(ours(), peer()));
    const OwnedFd made = OurSocket(family(), SOCK_STREAM);
    ASSERT_SUCCESS(connect(made.get(), address.data(), address.size()));
    EXPECT_TRUE(Talk(made.get(), AcceptFrom(listener).get()));
  });
  EXPECT_TRUE(child.Succeeds());
}

TEST_P(RootTest, PrivilegedPortsGoWithThePrivileges) {
  if (!HasOtherUsers()) GTEST_SKIP() << "no other user here";
  int lowest = 0;
  FILE* const limit =
      fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
  ASSERT_NE(limit, nullptr);
  ASSERT_EQ(fscanf(limit, "%d", &lowest), 1);
  fclose(limit);
  if (lowest <= 87) GTEST_SKIP() << "no port is privileged here";
  Child child([&] {
    ASSERT_SUCCESS(setresuid(65534, 65534, 65534));
    const OwnedFd made = OurSocket(family(), SOCK_STREAM);
    const SocketAddress low = SocketAddress::Loopback(family(), 87);
    EXPECT_EQ(Call(bind(made.get(), low.data(), low.size())), Fails(EACCES));
  });
  EXPECT_TRUE(child.Succeeds());
}

// In a network namespace without anything the connections there are go on.
TEST_P(RootTest, ConnectionOutlivesTheNamespace) {
  Child child([&] {
    if (unshare(CLONE_NEWNET) != 0) return;  // not allowed here
    EXPECT_TRUE(Talk(ours(), peer()));
    EXPECT_EQ(SocketAddress::RemoteOf(ours()), SocketAddress::LocalOf(peer()));
  });
  EXPECT_TRUE(child.Succeeds());
}

}  // namespace
}  // namespace wspd::preload
