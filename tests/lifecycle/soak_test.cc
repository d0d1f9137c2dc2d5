// Clients come, transfer, and clean up or are killed, for as long as
// WSPD_SOAK_SECONDS says; the daemon ends as it began.
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/testing/admin_view.h"
#include "tests/testing/child_process.h"
#include "tests/testing/echo_server.h"
#include "tests/testing/pattern.h"
#include "tests/testing/process_files.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/role.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr int kClients = 4;
constexpr int kThreads = 3;
constexpr size_t kMostBytes = 256 << 10;
constexpr size_t kChunk = 32 << 10;

using Random = std::mt19937_64;

// Up to `most`, small numbers as often as large ones.
size_t AnySize(Random* random, size_t most) {
  size_t size = most;
  while (size > 1 && (*random)() % 4 != 0) size /= 2;
  return 1 + (*random)() % size;
}

// Sends and gets back a stream of bytes. Empty, or what went wrong.
std::string EchoOnce(Spi* spi, const Endpoint& echo, Random* random) {
  SOCKET s;
  WsaCode code = spi->ConnectNew(echo, &s);
  const uint64_t seed = (*random)();
  const size_t size = AnySize(random, kMostBytes);
  for (size_t at = 0; code.ok() && at < size; at += kChunk) {
    const size_t part = std::min(kChunk, size - at);
    std::string data;
    code = spi->Send(s, Pattern(at, part, seed));
    if (code.ok()) code = spi->RecvExactly(s, part, &data);
    if (!code.ok()) break;
    if (data.size() != part) return "the connection ended";
    std::string error = PatternError(data, at, seed);
    if (!error.empty()) return error;
  }
  // Some are left to the final cleanup.
  if (code.ok() && (*random)() % 4 != 0) code = spi->Close(s);
  return code.ok() ? "" : ToString(code);
}

// A few threads' traffic between a startup and the final cleanup.
void OneRegistration(Spi* spi, const Endpoint& echo, Random* random) {
  const WsaCode up = spi->Startup();
  WSPD_ROLE_CHECK(up.ok(), ToString(up));
  ThreadGroup threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.Start("echo", [spi, echo, seed = (*random)()] {
      Random own(seed);
      for (size_t left = AnySize(&own, 20); left > 0; --left) {
        const std::string error = EchoOnce(spi, echo, &own);
        WSPD_ROLE_CHECK(error.empty(), error);
      }
    });
  }
  threads.JoinAll();
  const WsaCode down = spi->Cleanup();
  WSPD_ROLE_CHECK(down.ok(), ToString(down));
}

// Goes on until it is told something, or killed. Arguments: the echo server's
// port, a seed.
int Soaker(Role& role) {
  const Endpoint echo = {Family::kIpv4,
                         static_cast<uint16_t>(std::stoi(role.arguments[0]))};
  Random random(std::stoull(role.arguments[1]));
  while (!role.parent.HasMessage()) {
    std::unique_ptr<Spi> spi = Spi::Load();
    WSPD_ROLE_CHECK(spi != nullptr, "load");
    for (size_t left = AnySize(&random, 8); left > 0; --left) {
      OneRegistration(spi.get(), echo, &random);
    }
    WSPD_ROLE_CHECK(spi->Unload(), "unload");
  }
  return 0;
}
const RoleRegistration kSoaker("Soaker", Soaker);

seconds Duration() {
  const char* const text = getenv("WSPD_SOAK_SECONDS");
  return seconds(text == nullptr ? 600 : std::stoi(text));
}

class SoakTest : public ProviderTest {
 protected:
  SoakTest() : random_(std::random_device()()) {}

  // Until the time is over: one life after the other, side by side.
  void RunClients(seconds duration) {
    ThreadGroup lives;
    for (int i = 0; i < kClients; ++i) {
      lives.Start("lives",
                  [this, end = Clock::now() + duration, seed = random_()] {
                    Random random(seed);
                    while (Clock::now() < end && !HasFailure())
                      OneLife(&random);
                  });
    }
    lives.JoinAll(duration + 2 * kDeadline);
  }

  void OneLife(Random* random) {
    ChildProcess client("Soaker", {std::to_string(echo_.endpoint().port),
                                   std::to_string((*random)())});
    std::this_thread::sleep_for(milliseconds((*random)() % 2000));
    const bool kill = (*random)() % 2 == 0;
    if (kill) {
      client.Signal(SIGKILL);
    } else {
      client.channel().Send("stop");
    }
    const int status = client.Wait();
    EXPECT_EQ(status, kill ? SIGKILL : 0);
    ++(kill ? killed_ : stopped_);
  }

  bool IsEmpty() {
    return AdminView(daemon_.admin_socket()).GetTotals().IsEmpty();
  }

  Random random_;
  EchoServer echo_;
  std::atomic<int> killed_{0};
  std::atomic<int> stopped_{0};
};

TEST_F(SoakTest, TheDaemonEndsAsItBegan) {
  // What it allocates once: threads' arenas, tables, gRPC's pools.
  const seconds duration = Duration();
  RunClients(std::max(duration / 10, seconds(5)));
  ASSERT_TRUE(WaitUntil([this] { return IsEmpty(); }));
  const size_t memory = AnonymousMemory(daemon_.pid());
  const size_t descriptors = OpenDescriptors(daemon_.pid()).size();
  const size_t threads = ThreadIds(daemon_.pid()).size();

  RunClients(duration);
  EXPECT_TRUE(WaitUntil([this] { return IsEmpty(); }))
      << AdminView(daemon_.admin_socket()).GetTotals();
  EXPECT_TRUE(WaitUntil([&] {
    return OpenDescriptors(daemon_.pid()).size() <= descriptors;
  })) << OpenDescriptors(daemon_.pid()).size()
      << " descriptors in the daemon instead of " << descriptors;
  // gRPC keeps a spare thread or two for a while.
  EXPECT_LE(ThreadIds(daemon_.pid()).size(), threads + 4);
  const size_t now = AnonymousMemory(daemon_.pid());
  printf(
      "%d clients killed, %d stopped; the daemon's memory %zu KiB, before "
      "%zu KiB\n",
      killed_.load(), stopped_.load(), now >> 10, memory >> 10);
  if (!kMemoryTells) return;
  EXPECT_LT(now, memory + (4 << 20));
}

}  // namespace
}  // namespace wspd::testing
