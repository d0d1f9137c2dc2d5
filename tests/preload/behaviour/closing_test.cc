// In whatever way the last descriptor of a connection goes, the peer sees what
// was sent and then the FIN, within 100 ms.
#include <fcntl.h>
#include <linux/io_uring.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <algorithm>
#include <functional>
#include <memory>

#include "tests/preload/behaviour/child.h"
#include "tests/preload/behaviour/descriptor_passing.h"
#include "tests/preload/behaviour/fixture.h"

namespace wspd::preload {
namespace {

// What a way to close leaves behind until the peer has seen the end.
using Aftermath = std::shared_ptr<void>;

// Closes `fd`, the last descriptor of its connection; the time when it did so
// is Closing::now.
struct Closing {
  int fd;
  Clock::time_point now;

  void Now() { now = Clock::now(); }
};

struct Way {
  const char* name;
  Aftermath (*close)(Closing& closing);
};

Aftermath ByClose(Closing& closing) {
  closing.Now();
  EXPECT_SUCCESS(close(closing.fd));
  return nullptr;
}

Aftermath ByRawClose(Closing& closing) {
  closing.Now();
  EXPECT_SUCCESS(syscall(SYS_close, closing.fd));
  return nullptr;
}

Aftermath ByCloseRange(Closing& closing) {
  closing.Now();
  EXPECT_SUCCESS(close_range(closing.fd, closing.fd, 0));
  return nullptr;
}

Aftermath ByRawCloseRange(Closing& closing) {
  closing.Now();
  EXPECT_SUCCESS(syscall(SYS_close_range, closing.fd, closing.fd, 0));
  return nullptr;
}

// The connection's descriptor is made the highest, so that the peer's stays.
Aftermath ByClosefrom(Closing& closing) {
  const int high = fcntl(closing.fd, F_DUPFD, 700);
  EXPECT_SUCCESS(high);
  close(closing.fd);
  closing.Now();
  closefrom(high);
  return nullptr;
}

Aftermath ByDup2Over(Closing& closing) {
  closing.Now();
  EXPECT_EQ(Call(dup2(STDERR_FILENO, closing.fd)), Gives(closing.fd));
  close(closing.fd);
  return nullptr;
}

Aftermath ByDup3Over(Closing& closing) {
  closing.Now();
  EXPECT_EQ(Call(dup3(STDERR_FILENO, closing.fd, O_CLOEXEC)),
            Gives(closing.fd));
  close(closing.fd);
  return nullptr;
}

Aftermath ByRawDup3Over(Closing& closing) {
  closing.Now();
  EXPECT_EQ(Call(syscall(SYS_dup3, STDERR_FILENO, closing.fd, 0)),
            Gives(closing.fd));
  close(closing.fd);
  return nullptr;
}

// A duplicate is as good as the original.
Aftermath ByCloseOfADuplicate(Closing& closing) {
  const int duplicate = dup(closing.fd);
  EXPECT_SUCCESS(duplicate);
  EXPECT_SUCCESS(close(closing.fd));
  closing.Now();
  EXPECT_SUCCESS(close(duplicate));
  return nullptr;
}

Aftermath ByFclose(Closing& closing) {
  FILE* const stream = fdopen(closing.fd, "r+");
  EXPECT_NE(stream, nullptr);
  closing.Now();
  EXPECT_SUCCESS(fclose(stream));
  return nullptr;
}

// freopen() with a name closes the socket and opens the file in its place.
Aftermath ByFreopen(Closing& closing) {
  FILE* const stream = fdopen(closing.fd, "r+");
  EXPECT_NE(stream, nullptr);
  closing.Now();
  FILE* const reopened = freopen("/dev/null", "r+", stream);
  EXPECT_NE(reopened, nullptr);
  return Aftermath(reopened,
                   [](void* file) { fclose(static_cast<FILE*>(file)); });
}

// By a program's end, which closes nothing by itself. The parent's descriptor
// goes first.
Aftermath ByEndOfAChild(Closing& closing, const std::function<void()>& end) {
  Gate gate;
  Child child([&] {
    EXPECT_TRUE(gate.Wait());
    end();
  });
  EXPECT_SUCCESS(close(closing.fd));
  closing.Now();
  gate.Open();
  child.Wait();
  return nullptr;
}

Aftermath ByUnderscoreExit(Closing& closing) {
  return ByEndOfAChild(closing, [] { _exit(0); });
}

Aftermath ByQuickExit(Closing& closing) {
  return ByEndOfAChild(closing, [] { quick_exit(0); });
}

Aftermath ByRawExit(Closing& closing) {
  return ByEndOfAChild(closing, [] { syscall(SYS_exit_group, 0); });
}

Aftermath ByAbort(Closing& closing) {
  return ByEndOfAChild(closing, [] {
    signal(SIGABRT, SIG_DFL);
    abort();
  });
}

Aftermath BySigkill(Closing& closing) {
  auto child = std::make_unique<Child>([] { pause(); });
  EXPECT_SUCCESS(close(closing.fd));
  closing.Now();
  child->Kill(SIGKILL);
  EXPECT_NE(child->Wait(), -1);
  return nullptr;
}

// The child has it still when the parent closes, and closes it last.
Aftermath ByCloseInAChild(Closing& closing) {
  const int fd = closing.fd;
  return ByEndOfAChild(closing, [fd] { EXPECT_SUCCESS(close(fd)); });
}

// A program that goes on, and hasn't got the descriptor.
Aftermath Holder(const std::function<pid_t(const RoleCommand&, int)>& start) {
  struct State {
    Gate gate;
    std::unique_ptr<Child> child;
  };
  auto state = std::make_shared<State>();
  // Kept across exec, unlike the gate's own descriptor.
  const int inherited = fcntl(state->gate.read_end(), F_DUPFD, 20);
  const RoleCommand hold("hold", {std::to_string(inherited)});
  state->child = std::make_unique<Child>(start(hold, inherited));
  close(inherited);
  return state;
}

Aftermath ByExec(Closing& closing) {
  EXPECT_SUCCESS(fcntl(closing.fd, F_SETFD, FD_CLOEXEC));
  Aftermath holder = Holder([](const RoleCommand& hold, int) {
    const pid_t pid = fork();
    if (pid == 0) ExecRole(hold);
    return pid;
  });
  closing.Now();
  EXPECT_SUCCESS(close(closing.fd));
  return holder;
}

// A program that posix_spawn() starts hasn't got the descriptor by its file
// actions, which `add` adds; the parent's goes last.
Aftermath BySpawn(
    Closing& closing,
    const std::function<void(posix_spawn_file_actions_t*, int)>& add) {
  Aftermath holder = Holder([&](const RoleCommand& hold, int inherited) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    add(&actions, inherited);
    pid_t pid = -1;
    EXPECT_EQ(
        posix_spawn(&pid, hold.path(), &actions, nullptr, hold.argv(), environ),
        0);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
  });
  closing.Now();
  EXPECT_SUCCESS(close(closing.fd));
  return holder;
}

Aftermath BySpawnFileAction(Closing& closing) {
  return BySpawn(closing, [&](posix_spawn_file_actions_t* actions, int) {
    posix_spawn_file_actions_addclose(actions, closing.fd);
  });
}

Aftermath BySpawnDup2Action(Closing& closing) {
  return BySpawn(closing, [&](posix_spawn_file_actions_t* actions, int) {
    posix_spawn_file_actions_adddup2(actions, STDERR_FILENO, closing.fd);
  });
}

Aftermath BySpawnClosefromAction(Closing& closing) {
  return BySpawn(
      closing, [](posix_spawn_file_actions_t* actions, int inherited) {
        posix_spawn_file_actions_adddup2(actions, inherited, STDIN_FILENO);
        posix_spawn_file_actions_addclosefrom_np(actions, 3);
        posix_spawn_file_actions_adddup2(actions, STDIN_FILENO, inherited);
      });
}

// A vfork child's descriptors are copies too.
Aftermath ByVforkAndExec(Closing& closing) {
  Aftermath holder = Holder([&](const RoleCommand& hold, int) {
    const int fd = closing.fd;
    const pid_t pid = vfork();  // NOLINT: it is what is tested
    if (pid == 0) {
      close(fd);  // NOLINT: as programs do
      execv(hold.path(), hold.argv());
      _exit(127);
    }
    return pid;
  });
  closing.Now();
  EXPECT_SUCCESS(close(closing.fd));
  return holder;
}

// The receiver of a passed descriptor has the last one.
Aftermath ByCloseOfAPassedOne(Closing& closing) {
  PassingPair pair;
  EXPECT_TRUE(pair.Send(closing.fd));
  EXPECT_SUCCESS(close(closing.fd));
  OwnedFd passed = pair.Receive();
  closing.Now();
  passed.Reset(-1);
  return nullptr;
}

// A passed descriptor that is never received goes with its message.
Aftermath ByLossInFlight(Closing& closing) {
  auto pair = std::make_unique<PassingPair>();
  EXPECT_TRUE(pair->Send(closing.fd));
  EXPECT_SUCCESS(close(closing.fd));
  closing.Now();
  pair.reset();
  return nullptr;
}

Aftermath ByShutdown(Closing& closing) {
  closing.Now();
  EXPECT_SUCCESS(shutdown(closing.fd, SHUT_WR));
  const int fd = closing.fd;
  return Aftermath(&closing, [fd](void*) { close(fd); });
}

// As the kernel's own thread of an epoll set: registered, and still gone.
Aftermath ByCloseWhileWatched(Closing& closing) {
  auto set = std::make_shared<OwnedFd>(epoll_create1(EPOLL_CLOEXEC));
  epoll_event event = {};
  event.events = EPOLLIN;
  EXPECT_SUCCESS(epoll_ctl(set->get(), EPOLL_CTL_ADD, closing.fd, &event));
  closing.Now();
  EXPECT_SUCCESS(close(closing.fd));
  return set;
}

// IORING_OP_CLOSE; SkipsWithout says whether the kernel has it.
Aftermath ByIoUring(Closing& closing);

const Way kWays[] = {
    {"Close", ByClose},
    {"RawClose", ByRawClose},
    {"CloseRange", ByCloseRange},
    {"RawCloseRange", ByRawCloseRange},
    {"Closefrom", ByClosefrom},
    {"Dup2Over", ByDup2Over},
    {"Dup3Over", ByDup3Over},
    {"RawDup3Over", ByRawDup3Over},
    {"CloseOfADuplicate", ByCloseOfADuplicate},
    {"Fclose", ByFclose},
    {"Freopen", ByFreopen},
    {"UnderscoreExit", ByUnderscoreExit},
    {"QuickExit", ByQuickExit},
    {"RawExit", ByRawExit},
    {"Abort", ByAbort},
    {"Sigkill", BySigkill},
    {"CloseInAChild", ByCloseInAChild},
    {"Exec", ByExec},
    {"SpawnFileAction", BySpawnFileAction},
    {"SpawnDup2Action", BySpawnDup2Action},
    {"SpawnClosefromAction", BySpawnClosefromAction},
    {"VforkAndExec", ByVforkAndExec},
    {"CloseOfAPassedOne", ByCloseOfAPassedOne},
    {"LossInFlight", ByLossInFlight},
    {"Shutdown", ByShutdown},
    {"CloseWhileWatched", ByCloseWhileWatched},
    {"IoUring", ByIoUring},
};

class Ring {
 public:
  Ring() : fd_(static_cast<int>(syscall(SYS_io_uring_setup, 1, &params_))) {
    if (!fd_.is_open()) return;
    submission_ = Map(IORING_OFF_SQ_RING, params_.sq_off.array + 64);
    completion_ =
        Map(IORING_OFF_CQ_RING, params_.cq_off.cqes + 2 * sizeof(io_uring_cqe));
    entries_ =
        static_cast<io_uring_sqe*>(Map(IORING_OFF_SQES, sizeof(io_uring_sqe)));
  }

  bool is_open() const { return fd_.is_open(); }

  // The result of closing `fd`.
  int Close(int fd) {
    *entries_ = {};
    entries_->opcode = IORING_OP_CLOSE;
    entries_->fd = fd;
    At(submission_, params_.sq_off.array) = 0;
    __atomic_store_n(&At(submission_, params_.sq_off.tail), 1,
                     __ATOMIC_RELEASE);
    EXPECT_EQ(Call(syscall(SYS_io_uring_enter, fd_.get(), 1, 1,
                           IORING_ENTER_GETEVENTS, nullptr, 0)),
              Gives(1));
    return reinterpret_cast<const io_uring_cqe*>(
               static_cast<char*>(completion_) + params_.cq_off.cqes)
        ->res;
  }

 private:
  // Left to the process' end.
  void* Map(off_t offset, size_t size) const {
    void* const place = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED,
                             fd_.get(), offset);
    EXPECT_NE(place, MAP_FAILED);
    return place;
  }
  static uint32_t& At(void* ring, uint32_t offset) {
    return *reinterpret_cast<uint32_t*>(static_cast<char*>(ring) + offset);
  }

  io_uring_params params_ = {};
  OwnedFd fd_;
  void* submission_ = nullptr;
  void* completion_ = nullptr;
  io_uring_sqe* entries_ = nullptr;
};

Aftermath ByIoUring(Closing& closing) {
  Ring ring;
  EXPECT_TRUE(ring.is_open());
  closing.Now();
  EXPECT_EQ(ring.Close(closing.fd), 0);
  return nullptr;
}

bool HasIoUring() { return Ring().is_open(); }

using ClosingParameter = std::tuple<int, Origin, Way>;

class ClosingTest : public ::testing::TestWithParam<ClosingParameter> {};

INSTANTIATE_TEST_SUITE_P(, ClosingTest,
                         ::testing::ValuesIn(WithBothEnds(kWays)), NameOf());

constexpr milliseconds kSoon(100);
constexpr int kTries = 5;

// From the close to the end that the peer sees.
Clock::duration TimeToTheEnd(int family, Origin origin, const Way& way) {
  Connection connection = MakeConnection(family, origin);
  EXPECT_TRUE(SendAll(connection.ours.get(), "last words"));
  EXPECT_EQ(Receive(connection.peer.get(), 10), "last words");
  Closing closing = {connection.ours.Release(), {}};
  const Aftermath aftermath = way.close(closing);
  EXPECT_TRUE(Ends(connection.peer.get()));
  return Clock::now() - closing.now;
}

// A busy machine may be late by itself, so one of a few tries has to be soon.
TEST_P(ClosingTest, PeerSeesTheEndSoon) {
  const auto& [family, origin, way] = GetParam();
  if (way.close == ByIoUring && !HasIoUring()) {
    GTEST_SKIP() << "no io_uring here";
  }
  Clock::duration shortest = kDeadline;
  for (int i = 0; i < kTries && shortest > kSoon && !HasFailure(); ++i) {
    shortest = std::min(shortest, TimeToTheEnd(family, origin, way));
  }
  EXPECT_LE(shortest, kSoon);
}

// What was sent just before comes first.
TEST_P(ClosingTest, PeerGetsWhatWasSent) {
  const auto& [family, origin, way] = GetParam();
  if (way.close == ByIoUring && !HasIoUring()) {
    GTEST_SKIP() << "no io_uring here";
  }
  Connection connection = MakeConnection(family, origin);
  const std::string data(100'000, 'x');
  EXPECT_TRUE(SendAll(connection.ours.get(), data));
  Closing closing = {connection.ours.Release(), {}};
  const Aftermath aftermath = way.close(closing);
  EXPECT_EQ(ReceiveToEnd(connection.peer.get()), data);
}

}  // namespace
}  // namespace wspd::preload
