#include "tests/stress/client.h"

#include <atomic>
#include <memory>
#include <random>

#include "tests/stress/ledger.h"
#include "tests/stress/worker.h"
#include "tests/testing/role.h"
#include "tests/testing/spi.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr uint64_t kLeastGenerationMs = 200;
constexpr uint64_t kMostGenerationMs = 2000;
constexpr uint64_t kMostBetweenCancelsUs = 2000;
constexpr seconds kEndDeadline(120);

// Ends blocking calls of the workers, any and any time.
class Canceller {
 public:
  Canceller(const std::vector<std::unique_ptr<Worker>>* workers, uint64_t seed)
      : workers_(workers), random_(seed) {
    thread_.Start("canceller", [this] { Run(); });
  }
  ~Canceller() {
    stop_ = true;
    thread_.JoinAll(kEndDeadline);
  }

 private:
  void Run() {
    while (!stop_) {
      std::this_thread::sleep_for(
          std::chrono::microseconds(random_() % kMostBetweenCancelsUs));
      Caller& caller = (*workers_)[random_() % workers_->size()]->caller();
      if (random_() % 32 == 0) {
        caller.Close();
      } else {
        caller.Cancel();
      }
    }
  }

  const std::vector<std::unique_ptr<Worker>>* const workers_;
  Random random_;
  std::atomic<bool> stop_{false};
  ThreadGroup thread_;
};

class Client {
 public:
  Client(Role* role, const ClientOptions& options)
      : role_(role),
        options_(options),
        ledger_(options.ledger_path, true),
        random_(options.seed),
        spi_(Spi::Load()) {
    WSPD_ROLE_CHECK(spi_ != nullptr, "load");
  }

  int Run() {
    role_->parent.Send("running");
    while (!OneGeneration()) {
    }
    WSPD_ROLE_CHECK(spi_->Unload(), "unload");
    return 0;
  }

 private:
  // From the startup to the final cleanup. Whether it was the last.
  bool OneGeneration() {
    const WsaCode up = spi_->Startup();
    WSPD_ROLE_CHECK(up.ok(), ToString(up));
    Orders orders;
    std::vector<std::unique_ptr<Worker>> workers;
    for (int i = 0; i < options_.threads; ++i) {
      workers.push_back(std::make_unique<Worker>(
          spi_.get(), &ledger_, &orders, options_.peer_ports,
          options_.datagram_port, options_.sockets, random_()));
    }
    ThreadGroup threads;
    for (const auto& worker : workers) {
      threads.Start("worker", [&worker] { worker->Run(); });
    }
    bool told = false;
    {
      const Canceller canceller(&workers, random_());
      told = AwaitOrder();
      // A final cleanup comes amid all calls, a stop ends them.
      if (!told) CleanUpAmidCalls(&orders);
    }
    orders.Stop();
    threads.JoinAll(kEndDeadline);
    if (told) CleanUp();
    const WsaCode code = spi_->Cleanup();
    WSPD_ROLE_CHECK(code == WsaCode{WSANOTINITIALISED}, ToString(code));
    return told;
  }

  // False if it is time for a cleanup instead.
  bool AwaitOrder() {
    const Clock::duration most =
        options_.cleans_up
            ? Clock::duration(milliseconds(
                  kLeastGenerationMs +
                  random_() % (kMostGenerationMs - kLeastGenerationMs)))
            : std::chrono::hours(1);
    return WaitUntil([this] { return role_->parent.HasMessage(); }, most);
  }

  void CleanUpAmidCalls(Orders* orders) {
    orders->BeginCleanup();
    CleanUp();
    orders->EndCleanup();
    ledger_.Add(Count::kCleanups);
  }

  void CleanUp() {
    const WsaCode code = spi_->Cleanup();
    WSPD_ROLE_CHECK(code.ok(), ToString(code));
  }

  Role* const role_;
  const ClientOptions options_;
  Ledger ledger_;
  Random random_;
  const std::unique_ptr<Spi> spi_;
};

// Arguments: the fields of ClientOptions, the ports last.
int RunClient(Role& role) {
  const std::vector<std::string>& arguments = role.arguments;
  ClientOptions options;
  options.ledger_path = arguments[0];
  options.threads = std::stoi(arguments[1]);
  options.sockets = std::stoi(arguments[2]);
  options.seed = std::stoull(arguments[3]);
  options.cleans_up = arguments[4] == "1";
  options.datagram_port = static_cast<uint16_t>(std::stoi(arguments[5]));
  for (size_t i = 6; i < arguments.size(); ++i) {
    options.peer_ports.push_back(
        static_cast<uint16_t>(std::stoi(arguments[i])));
  }
  return Client(&role, options).Run();
}
const RoleRegistration kClient("StressClient", RunClient);

}  // namespace

ChildProcess StartClient(const ClientOptions& options) {
  std::vector<std::string> arguments = {options.ledger_path,
                                        std::to_string(options.threads),
                                        std::to_string(options.sockets),
                                        std::to_string(options.seed),
                                        options.cleans_up ? "1" : "0",
                                        std::to_string(options.datagram_port)};
  for (const uint16_t port : options.peer_ports) {
    arguments.push_back(std::to_string(port));
  }
  return ChildProcess("StressClient", arguments);
}

}  // namespace wspd::testing
