// Many threads of several processes connect, accept, send, receive, duplicate,
// shut down and close streams, by blocking calls, non-blocking ones by network
// events and WSPSelect, and overlapped ones with events and routines; are
// cancelled, cleaned up and killed; and an account of every byte is kept on
// both sides: nothing may be lost, doubled or moved. Beside them they exchange
// datagrams, which may be lost.
//
// WSPD_STRESS_SECONDS, WSPD_STRESS_THREADS and WSPD_STRESS_SOCKETS (of each
// thread) say how much; WSPD_STRESS_SEED repeats the choices of an earlier run,
// if not their order among the threads.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <random>
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "tests/stress/audit.h"
#include "tests/stress/client.h"
#include "tests/stress/ledger.h"
#include "tests/stress/peers.h"
#include "tests/testing/child_process.h"
#include "tests/testing/daemon_process.h"
#include "tests/testing/process_files.h"
#include "tests/testing/spawn.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

// How many processes besides the one that lives to the end, which has half of
// the threads; they share the other half.
constexpr int kMortals = 4;
constexpr uint64_t kLeastLifeMs = 300;
constexpr uint64_t kMostLifeMs = 4000;
// The machine is busy.
constexpr seconds kEndDeadline(120);
// How much longer it goes on until everything has been done that is counted.
constexpr seconds kMostLonger(60);

uint64_t Setting(const char* name, uint64_t by_default) {
  const char* const text = getenv(name);
  return text == nullptr ? by_default : std::stoull(text);
}

void AllowManyFiles() {
  rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = limit.rlim_max;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

size_t OpenSockets(pid_t pid) {
  const std::map<int, std::string> all = OpenDescriptors(pid);
  return static_cast<size_t>(
      std::count_if(all.begin(), all.end(), [](const auto& descriptor) {
        return descriptor.second.compare(0, 7, "socket:") == 0;
      }));
}

DaemonOptions Options() {
  DaemonOptions options;
  // Not a line for each socket.
  options.flags = {"--log_level=INFO"};
  // Limits are for others; a sanitizer's processes are slow.
  options.times = "attach_ms: 60000 grace_ms: 60000";
  options.config =
      "limits { sockets_per_client: 20000 lingering_per_client: 20000 "
      "lingering_per_uid: 100000 }";
  return options;
}

class StressTest : public ::testing::Test {
 protected:
  StressTest()
      : seed_(Setting("WSPD_STRESS_SEED", std::random_device()())),
        threads_(static_cast<int>(Setting("WSPD_STRESS_THREADS", 16))),
        sockets_(static_cast<int>(Setting("WSPD_STRESS_SOCKETS", 25))),
        daemon_(Options()),
        ledger_path_(daemon_.dir().File("ledger")),
        ledger_(ledger_path_),
        random_(seed_) {
    printf("WSPD_STRESS_SEED=%llu\n", static_cast<unsigned long long>(seed_));
    fflush(stdout);
  }

  ClientOptions NewClient(int threads, bool cleans_up, uint64_t seed) {
    ClientOptions options;
    options.ledger_path = ledger_path_;
    options.datagram_port = peers_->datagram_port();
    options.peer_ports = peers_->ports();
    options.threads = threads;
    options.sockets = sockets_;
    options.seed = seed;
    options.cleans_up = cleans_up;
    return options;
  }

  bool GoesOn(Clock::time_point end) const {
    const Clock::time_point now = Clock::now();
    if (now < end) return true;
    if (now > end + kMostLonger) return false;
    for (int i = 0; i < static_cast<int>(Count::kCount); ++i) {
      if (ledger_.Get(static_cast<Count>(i)) == 0) return true;
    }
    return false;
  }

  // One process after the other, of which most are killed.
  void LiveMortally(Clock::time_point end, uint64_t seed) {
    std::mt19937_64 random(seed);
    while (GoesOn(end) && ledger_.faults() == 0 && !HasFailure()) {
      ChildProcess client = StartClient(
          NewClient(std::max(1, threads_ / 2 / kMortals), true, random()));
      EXPECT_EQ(client.channel().Receive(), "running");
      std::this_thread::sleep_for(
          milliseconds(kLeastLifeMs + random() % (kMostLifeMs - kLeastLifeMs)));
      if (random() % 3 == 0) {
        StopClient(&client);
      } else {
        {
          std::lock_guard<std::mutex> lock(mutex_);
          killed_.insert(client.pid());
        }
        client.Signal(SIGKILL);
        EXPECT_EQ(client.Wait(), SIGKILL);
      }
    }
  }

  void StopClient(ChildProcess* client) {
    client->channel().Send("stop");
    int status = -1;
    const Clock::time_point end = Clock::now() + kEndDeadline;
    while (status == -1 && Clock::now() < end) status = client->Wait();
    EXPECT_EQ(status, 0) << "a client: " << DescribeStatus(status);
  }

  void RunClients(seconds duration) {
    ChildProcess steady =
        StartClient(NewClient(std::max(1, threads_ / 2), false, random_()));
    EXPECT_EQ(steady.channel().Receive(), "running");
    const Clock::time_point end = Clock::now() + duration;
    ThreadGroup mortals;
    for (int i = 0; i < kMortals; ++i) {
      mortals.Start("mortals",
                    [this, end, seed = random_()] { LiveMortally(end, seed); });
    }
    mortals.JoinAll(duration + kMostLonger + 2 * kEndDeadline);
    ledger_.Hurry();
    StopClient(&steady);
  }

  void Print(const AuditTotals& totals) const {
    printf(
        "%u connections, %u of them exact to the peer, %u from it; %.1f MiB "
        "to peers, %.1f MiB from them\n%zu clients killed",
        totals.connections, totals.exact, totals.ends_seen,
        static_cast<double>(totals.bytes_to_peers) / (1 << 20),
        static_cast<double>(totals.bytes_from_peers) / (1 << 20),
        killed_.size());
    for (int i = 0; i < static_cast<int>(Count::kCount); ++i) {
      const Count count = static_cast<Count>(i);
      printf(", %llu %s", static_cast<unsigned long long>(ledger_.Get(count)),
             CountName(count));
    }
    printf("\n");
  }

  const uint64_t seed_;
  const int threads_;
  const int sockets_;
  DaemonProcess daemon_;
  const std::string ledger_path_;
  Ledger ledger_;
  std::mt19937_64 random_;
  std::unique_ptr<Peers> peers_;
  std::mutex mutex_;
  std::set<pid_t> killed_;
};

TEST_F(StressTest, EveryByteIsAccountedFor) {
  AllowManyFiles();
  ASSERT_TRUE(daemon_.Start());
  setenv("WSPD_SOCKET", daemon_.provider_socket().c_str(), 1);
  const size_t sockets = OpenSockets(daemon_.pid());
  peers_ = std::make_unique<Peers>(ledger_path_, random_());
  ASSERT_FALSE(peers_->ports().empty());

  RunClients(seconds(Setting("WSPD_STRESS_SECONDS", 4)));
  EXPECT_EQ(peers_->Finish(), 0) << "connections never ended for their peers";

  const AuditTotals totals = Audit(&ledger_, killed_);
  Print(totals);
  EXPECT_EQ(ledger_.faults(), 0u) << "of seed " << seed_;
  // It has been under stress.
  EXPECT_GT(totals.exact, 0u);
  EXPECT_GT(totals.ends_seen, 0u);
  EXPECT_GT(killed_.size(), 0u);
  for (int i = 0; i < static_cast<int>(Count::kCount); ++i) {
    const Count count = static_cast<Count>(i);
    EXPECT_GT(ledger_.Get(count), 0u) << CountName(count);
  }

  EXPECT_TRUE(WaitUntil([&] { return OpenSockets(daemon_.pid()) <= sockets; }))
      << OpenSockets(daemon_.pid()) << " sockets in the daemon instead of "
      << sockets;
  EXPECT_EQ(daemon_.Stop(), 0);
}

}  // namespace
}  // namespace wspd::testing
