// A process that dies, however and whatever it is doing, is cleaned up as by
// its final WSPCleanup, and nobody else notices.
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "tests/testing/admin_view.h"
#include "tests/testing/child_process.h"
#include "tests/testing/echo_server.h"
#include "tests/testing/process_files.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/role.h"
#include "tests/testing/slowness.h"
#include "tests/testing/spawn.h"
#include "tests/testing/thread_group.h"
#include "tests/testing/unread_frames.h"

namespace wspd::testing {
namespace {

constexpr int kConnections = 4;
// Within which a death shows at the peers, on however busy a machine: much less
// than the grace time, which a client has whose stream breaks while it lives.
// How fast it is otherwise, the bench measures.
constexpr seconds kResetTime(20);
constexpr char kLongGrace[] = "grace_ms: 120000";

enum class Manner { kKill, kAbort, kExit, kForkedChildStays };
enum class Moment { kIdle, kBlocked, kTransfer, kMidFrame };

// The client that dies. Arguments: the peer's port, what it does meanwhile
// ("idle", "blocked", "transfer", "midframe": a transfer that waits for a
// word), and "fork" for a child that holds on to everything inherited until it
// is killed.
int Victim(Role& role) {
  const Endpoint peer = {Family::kIpv4,
                         static_cast<uint16_t>(std::stoi(role.arguments[0]))};
  const std::string& what = role.arguments[1];
  std::unique_ptr<Spi> spi = Spi::Load();
  WSPD_ROLE_CHECK(spi != nullptr, "load");
  WsaCode code = spi->Startup();
  WSPD_ROLE_CHECK(code.ok(), ToString(code));
  std::vector<SOCKET> sockets(kConnections);
  for (SOCKET& s : sockets) {
    code = spi->ConnectNew(peer, &s);
    WSPD_ROLE_CHECK(code.ok(), ToString(code));
  }
  std::string child = "0";
  if (role.arguments.size() > 2) {
    const pid_t pid = fork();
    if (pid == 0) {
      for (;;) pause();
    }
    child = std::to_string(pid);
  }
  if (what == "midframe") {
    role.parent.Send(child);
    role.parent.Receive();
  }
  ThreadGroup threads;
  for (const SOCKET s : sockets) {
    if (what == "blocked") {
      threads.Start("recv", [&, s] {
        std::string data;
        spi->Recv(s, 10, &data);
      });
    } else if (what != "idle") {
      threads.Start("send", [&, s] {
        const std::string chunk(1 << 20, 'x');
        while (spi->Send(s, chunk).ok()) {
        }
      });
    }
  }
  if (what == "blocked") threads.WaitUntilBlocked();
  if (what != "midframe") role.parent.Send(child);
  const std::string end = role.parent.Receive();
  if (end == "abort") {
    signal(SIGABRT, SIG_DFL);  // not a sanitizer's handler
    abort();
  }
  _exit(0);
}
const RoleRegistration kVictim("Victim", Victim);

// A victim, from its start to what its peers see of its end.
class DyingClient {
 public:
  DyingClient(DaemonProcess* daemon, PeerListener* listener, Manner manner,
              Moment moment)
      : daemon_(daemon),
        manner_(manner),
        moment_(moment),
        process_("Victim", Arguments(listener->endpoint())) {
    for (int i = 0; i < kConnections; ++i) {
      peers_.push_back(listener->Accept());
    }
    forked_ = process_.channel().Receive();
    EXPECT_NE(forked_, "");
  }
  ~DyingClient() {
    if (forked_ != "0" && !forked_.empty()) kill(std::stoi(forked_), SIGKILL);
  }

  pid_t pid() const { return process_.pid(); }

  // Has it get to its moment. The daemon is stopped afterwards if that is
  // kMidFrame.
  void ReachMoment() {
    if (moment_ == Moment::kTransfer) {
      for (PeerSocket& peer : peers_) {
        EXPECT_EQ(peer.Read(1 << 20).size(), 1u << 20);
      }
    }
    if (moment_ == Moment::kMidFrame) CutFrame();
  }

  // From now on the daemon runs.
  void Die() {
    switch (manner_) {
      case Manner::kKill:
      case Manner::kForkedChildStays:
        process_.Signal(SIGKILL);
        break;
      case Manner::kAbort:
        process_.channel().Send("abort");
        break;
      case Manner::kExit:
        process_.channel().Send("exit");
        break;
    }
    const int status = process_.Wait();
    EXPECT_EQ(status, manner_ == Manner::kAbort  ? SIGABRT
                      : manner_ == Manner::kExit ? 0
                                                 : SIGKILL)
        << DescribeStatus(status);
    if (moment_ == Moment::kMidFrame) daemon_->Resume();
  }

  void ExpectResets() {
    const milliseconds time = TimeOf([&] {
      for (PeerSocket& peer : peers_) {
        EXPECT_EQ(peer.WaitForEnd(kResetTime), Ending::kReset);
      }
    });
    EXPECT_LT(time, kResetTime) << time.count() << " ms";
  }

 private:
  std::vector<std::string> Arguments(const Endpoint& peer) const {
    const char* const what = moment_ == Moment::kIdle       ? "idle"
                             : moment_ == Moment::kBlocked  ? "blocked"
                             : moment_ == Moment::kTransfer ? "transfer"
                                                            : "midframe";
    std::vector<std::string> arguments = {std::to_string(peer.port), what};
    if (manner_ == Manner::kForkedChildStays) arguments.push_back("fork");
    return arguments;
  }

  UnreadFrames Unread() const {
    return PeekUnreadFrames(daemon_->pid(), pid());
  }

  // What the victim hands to its connection piles up there, from the beginning
  // of a frame, until the daemon's window is used up, in the middle of one.
  void CutFrame() {
    EXPECT_TRUE(WaitUntil([&] { return IsQuiet(pid()); }));
    daemon_->Pause();
    EXPECT_EQ(Unread().bytes, 0u);
    process_.channel().Send("go");
    EXPECT_TRUE(
        WaitUntil([&] { return Unread().bytes > 0 && IsQuiet(pid()); }));
    EXPECT_TRUE(Unread().ends_within_frame);
  }

  DaemonProcess* const daemon_;
  const Manner manner_;
  const Moment moment_;
  ChildProcess process_;
  std::vector<PeerSocket> peers_;
  // The pid of its child, "0" if it has none.
  std::string forked_;
};

// A client that must not notice: it echoes all the while.
class Survivor {
 public:
  Survivor(Spi* spi, const Endpoint& echo) : spi_(spi) {
    EXPECT_EQ(spi->ConnectNew(echo, &socket_), kOk);
    thread_.Start("survivor", [this] { Run(); });
  }
  ~Survivor() {
    stop_ = true;
    thread_.JoinAll();
    EXPECT_EQ(spi_->Close(socket_), kOk);
    EXPECT_GT(rounds_, 0);
    ExpectServed();
  }
  // Makes no call until GoOn: a daemon that is stopped serves nobody.
  void Rest() {
    rest_ = true;
    EXPECT_TRUE(WaitUntil([this] { return rests_.load(); }));
  }
  void GoOn() { rest_ = false; }

 private:
  void Run() {
    while (!stop_) {
      rests_ = rest_.load();
      if (rests_) {
        std::this_thread::sleep_for(milliseconds(1));
        continue;
      }
      std::string data;
      const milliseconds time = TimeOf([&] {
        EXPECT_EQ(spi_->Send(socket_, "alive"), kOk);
        EXPECT_EQ(spi_->RecvExactly(socket_, 5, &data), kOk);
      });
      if (data != "alive") return;
      worst_ = std::max(worst_, time);
      ++rounds_;
    }
  }

  // The machine is granted one hiccup in all these tests: one each could be
  // what every death does.
  void ExpectServed() const {
    static bool had_hiccup = false;
    // A sanitizer slows the whole machine down.
    const milliseconds promptly((kMemoryTells ? 100 : 1000) * Slowness());
    const milliseconds bound = had_hiccup ? promptly : 10 * promptly;
    EXPECT_LT(worst_, bound) << worst_.count() << " ms without service";
    had_hiccup |= worst_ >= promptly;
  }

  Spi* const spi_;
  SOCKET socket_ = INVALID_SOCKET;
  ThreadGroup thread_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> rest_{false};
  std::atomic<bool> rests_{false};
  int rounds_ = 0;
  milliseconds worst_{0};
};

using Death = std::tuple<Manner, Moment, bool /* old pidfd */>;

class DeathTest : public ProviderTest,
                  public ::testing::WithParamInterface<Death> {
 protected:
  DeathTest()
      : ProviderTest([] {
          DaemonOptions options;
          options.times = kLongGrace;
          if (std::get<2>(GetParam())) options.flags = {"--test_old_pidfd"};
          return options;
        }()) {}

  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
  }

  Manner manner() const { return std::get<0>(GetParam()); }
  Moment moment() const { return std::get<1>(GetParam()); }

  EchoServer echo_;
};

TEST_P(DeathTest, ResetsItsSocketsAndHarmsNobody) {
  Survivor survivor(spi_.get(), echo_.endpoint());
  const size_t descriptors = OpenDescriptors(daemon_.pid()).size();

  DyingClient client(&daemon_, &listener_, manner(), moment());
  if (moment() == Moment::kMidFrame) survivor.Rest();
  client.ReachMoment();
  client.Die();
  survivor.GoOn();
  client.ExpectResets();
  EXPECT_TRUE(WaitUntil([&] {
    return OpenDescriptors(daemon_.pid()).size() <= descriptors;
  })) << "descriptors are left in the daemon";
  AdminView admin(daemon_.admin_socket());
  EXPECT_FALSE(admin.FindClient(client.pid()).has_value());
  EXPECT_EQ(admin.GetTotals().clients, 1u) << "only the survivor is left";
  EXPECT_EQ(admin.GetTotals().clients_died, 1u);
}

constexpr const char* kMannerNames[] = {"Kill", "Abort", "Exit", "ForkedChild"};
constexpr const char* kMomentNames[] = {"Idle", "Blocked", "Transfer",
                                        "MidFrame"};

std::string DeathName(const ::testing::TestParamInfo<Death>& info) {
  const auto [manner, moment, old_pidfd] = info.param;
  return std::string(kMannerNames[static_cast<int>(manner)]) +
         kMomentNames[static_cast<int>(moment)] + (old_pidfd ? "OldPidfd" : "");
}

INSTANTIATE_TEST_SUITE_P(
    Ways, DeathTest,
    ::testing::Combine(::testing::Values(Manner::kKill, Manner::kAbort,
                                         Manner::kExit,
                                         Manner::kForkedChildStays),
                       ::testing::Values(Moment::kIdle, Moment::kBlocked,
                                         Moment::kTransfer, Moment::kMidFrame),
                       ::testing::Values(false)),
    DeathName);

// As on kernels that don't hand out a pidfd with the connection.
INSTANTIATE_TEST_SUITE_P(
    OldKernelsWays, DeathTest,
    ::testing::Combine(::testing::Values(Manner::kKill,
                                         Manner::kForkedChildStays),
                       ::testing::Values(Moment::kIdle, Moment::kTransfer),
                       ::testing::Values(true)),
    DeathName);

class ManyDeathsTest : public ProviderTest {
 protected:
  ManyDeathsTest() : ProviderTest(DaemonOptions{{}, "", kLongGrace}) {}

  // A death in every manner at every moment.
  void AllDeaths() {
    for (const Manner manner : {Manner::kKill, Manner::kAbort, Manner::kExit,
                                Manner::kForkedChildStays}) {
      for (const Moment moment : {Moment::kIdle, Moment::kBlocked,
                                  Moment::kTransfer, Moment::kMidFrame}) {
        DyingClient client(&daemon_, &listener_, manner, moment);
        client.ReachMoment();
        client.Die();
        client.ExpectResets();
      }
    }
  }
};

TEST_F(ManyDeathsTest, GiveTheDaemonItsMemoryBack) {
  constexpr int kWarmUp = 4;
  constexpr int kRounds = 8;
  const size_t descriptors = OpenDescriptors(daemon_.pid()).size();
  for (int i = 0; i < kWarmUp; ++i) AllDeaths();
  // Over 128 deaths a leak of 4 KiB each shows: a socket's buffers, a frame, a
  // client. Each thread's allocator may come to keep a mebibyte, in any of the
  // rounds, but once; a leak comes again.
  constexpr size_t kMostGrowth = 512 << 10;
  constexpr int kMostTries = 4;
  size_t growth = SIZE_MAX;
  for (int i = 0; i < kMostTries && growth >= kMostGrowth && !HasFailure();
       ++i) {
    const size_t memory = AnonymousMemory(daemon_.pid());
    for (int j = 0; j < kRounds && !HasFailure(); ++j) AllDeaths();
    EXPECT_TRUE(WaitUntil(
        [&] { return OpenDescriptors(daemon_.pid()).size() <= descriptors; }));
    if (!kMemoryTells) return;
    const size_t now = AnonymousMemory(daemon_.pid());
    growth = now - std::min(now, memory);
  }
  EXPECT_LT(growth, kMostGrowth);
}

}  // namespace
}  // namespace wspd::testing
