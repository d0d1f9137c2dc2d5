// A process that dies, however and whatever it is doing, is cleaned up as by
// its final WSPCleanup, and nobody else notices.
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <tuple>
#include <vector>

#include "tests/testing/admin_view.h"
#include "tests/testing/child_process.h"
#include "tests/testing/echo_server.h"
#include "tests/testing/process_files.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/role.h"
#include "tests/testing/spawn.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr int kConnections = 4;

enum class Manner { kKill, kAbort, kExit, kForkedChildStays };
enum class Moment { kIdle, kBlocked, kTransfer, kMidFrame };

// The client that dies. Arguments: the peer's port, what it does meanwhile
// ("idle", "blocked", "transfer"), and "fork" for a child that holds on to
// everything inherited until it is killed.
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
  ThreadGroup threads;
  for (const SOCKET s : sockets) {
    if (what == "blocked") {
      threads.Start("recv", [&, s] {
        std::string data;
        spi->Recv(s, 10, &data);
      });
    } else if (what == "transfer") {
      threads.Start("send", [&, s] {
        const std::string chunk(1 << 20, 'x');
        while (spi->Send(s, chunk).ok()) {
        }
      });
    }
  }
  if (what == "blocked") threads.WaitUntilBlocked();
  role.parent.Send(child);
  const std::string end = role.parent.Receive();
  if (end == "abort") {
    signal(SIGABRT, SIG_DFL);  // not a sanitizer's handler
    abort();
  }
  _exit(0);
}
const RoleRegistration kVictim("Victim", Victim);

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
    EXPECT_LT(worst_, seconds(2)) << worst_.count() << " ms without service";
  }
  // The daemon doesn't serve anybody while it is stopped.
  void Forgive() { forgiven_ = true; }

 private:
  void Run() {
    while (!stop_) {
      std::string data;
      const milliseconds time = TimeOf([&] {
        EXPECT_EQ(spi_->Send(socket_, "alive"), kOk);
        EXPECT_EQ(spi_->RecvExactly(socket_, 5, &data), kOk);
      });
      if (data != "alive") return;
      if (!forgiven_) worst_ = std::max(worst_, time);
      ++rounds_;
    }
  }

  Spi* const spi_;
  SOCKET socket_ = INVALID_SOCKET;
  ThreadGroup thread_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> forgiven_{false};
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
          if (std::get<2>(GetParam())) options.flags = {"--test_old_pidfd"};
          return options;
        }()) {}

  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
  }

  Manner manner() const { return std::get<0>(GetParam()); }
  Moment moment() const { return std::get<1>(GetParam()); }

  std::vector<std::string> VictimArguments() const {
    const char* const what = moment() == Moment::kIdle      ? "idle"
                             : moment() == Moment::kBlocked ? "blocked"
                                                            : "transfer";
    std::vector<std::string> arguments = {
        std::to_string(listener_.endpoint().port), what};
    if (manner() == Manner::kForkedChildStays) arguments.push_back("fork");
    return arguments;
  }

  void Die(ChildProcess* victim) {
    switch (manner()) {
      case Manner::kKill:
      case Manner::kForkedChildStays:
        victim->Signal(SIGKILL);
        break;
      case Manner::kAbort:
        victim->channel().Send("abort");
        break;
      case Manner::kExit:
        victim->channel().Send("exit");
        break;
    }
    const int status = victim->Wait();
    EXPECT_EQ(status, manner() == Manner::kAbort  ? SIGABRT
                      : manner() == Manner::kExit ? 0
                                                  : SIGKILL)
        << DescribeStatus(status);
  }

  EchoServer echo_;
};

TEST_P(DeathTest, ResetsItsSocketsAndHarmsNobody) {
  Survivor survivor(spi_.get(), echo_.endpoint());
  const size_t descriptors = OpenDescriptors(daemon_.pid()).size();

  ChildProcess victim("Victim", VictimArguments());
  std::vector<PeerSocket> peers;
  for (int i = 0; i < kConnections; ++i) peers.push_back(listener_.Accept());
  const std::string forked = victim.channel().Receive();
  ASSERT_NE(forked, "");
  if (moment() == Moment::kTransfer) {
    for (PeerSocket& peer : peers)
      ASSERT_EQ(peer.Read(1 << 20).size(), 1u << 20);
  }
  if (moment() == Moment::kMidFrame) {
    // What the victim hands to its connection now piles up there until it fits
    // no more, which is in the middle of a frame.
    survivor.Forgive();
    daemon_.Pause();
    const pid_t pid = victim.pid();
    EXPECT_TRUE(WaitUntil([&] { return IsQuiet(pid); }));
  }
  Die(&victim);
  if (moment() == Moment::kMidFrame) daemon_.Resume();
  for (PeerSocket& peer : peers) {
    EXPECT_EQ(peer.WaitForEnd(seconds(10)), Ending::kReset);
  }
  EXPECT_TRUE(WaitUntil([&] {
    return OpenDescriptors(daemon_.pid()).size() <= descriptors;
  })) << "descriptors are left in the daemon";
  AdminView admin(daemon_.admin_socket());
  EXPECT_FALSE(admin.FindClient(victim.pid()).has_value());
  EXPECT_EQ(admin.GetTotals().clients, 1u) << "only the survivor is left";
  EXPECT_EQ(admin.GetTotals().clients_died, 1u);
  if (forked != "0") kill(std::stoi(forked), SIGKILL);
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

class ManyDeathsTest : public ProviderTest {};

TEST_F(ManyDeathsTest, GiveTheDaemonItsMemoryBack) {
  constexpr int kWarmUp = 20;
  constexpr int kDeaths = 100;
  const size_t descriptors = OpenDescriptors(daemon_.pid()).size();
  size_t memory = 0;
  for (int i = 0; i < kDeaths; ++i) {
    if (i == kWarmUp) memory = AnonymousMemory(daemon_.pid());
    ChildProcess victim("Victim", {std::to_string(listener_.endpoint().port),
                                   i % 2 == 0 ? "transfer" : "blocked"});
    std::vector<PeerSocket> peers;
    for (int j = 0; j < kConnections; ++j) peers.push_back(listener_.Accept());
    ASSERT_NE(victim.channel().Receive(), "");
    victim.Kill();
    for (PeerSocket& peer : peers) {
      ASSERT_EQ(peer.WaitForEnd(seconds(10)), Ending::kReset);
    }
  }
  EXPECT_TRUE(WaitUntil(
      [&] { return OpenDescriptors(daemon_.pid()).size() <= descriptors; }));
  if (!kMemoryTells) return;
  // The allocator keeps some of what a transfer takes; a client's own would
  // be several times this over so many deaths.
  EXPECT_LT(AnonymousMemory(daemon_.pid()), memory + (8 << 20));
}

}  // namespace
}  // namespace wspd::testing
