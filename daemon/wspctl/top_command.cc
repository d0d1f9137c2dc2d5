#include "daemon/wspctl/top_command.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "daemon/base/escape.h"
#include "daemon/wspctl/admin_client.h"
#include "daemon/wspctl/screen.h"
#include "daemon/wspctl/top_sample.h"
#include "daemon/wspctl/values.h"

namespace wspd {
namespace {

constexpr double kLeastInterval = 0.1;
constexpr double kMostInterval = 3600;

// Asks again and again, over a new connection once one has broken: a daemon may
// be restarted.
class Sampler {
 public:
  explicit Sampler(DaemonAddress daemon) : daemon_(std::move(daemon)) {}

  absl::StatusOr<TopSample> Take() {
    if (client_ == nullptr) {
      auto client = AdminClient::Connect(daemon_);
      if (!client.ok()) return client.status();
      client_ = *std::move(client);
    }
    auto sample = TakeTopSample(client_.get());
    if (!sample.ok()) client_ = nullptr;
    return sample;
  }

 private:
  const DaemonAddress daemon_;
  std::unique_ptr<AdminClient> client_;
};

}  // namespace

std::vector<Option> TopCommand::options() {
  return {
      {"--interval", "SECONDS", "looks so often; default: 1",
       [this](absl::string_view value) { return TakeInterval(value); }},
      {"--once", "",
       "prints one table, of two looks, as it does where there is no terminal",
       [this](absl::string_view) {
         once_ = true;
         return absl::OkStatus();
       }},
      {"--sockets", "", "begins with sockets, else with clients",
       [this](absl::string_view) {
         choice_.kind = TopView::Kind::kSockets;
         return absl::OkStatus();
       }},
      {"--sort", "KEY", absl::StrJoin(TopKeyNames(), ", "),
       [this](absl::string_view value) { return TakeSort(value); }},
      {"--filter", "TEXT", "begins with only those rows that have it",
       [this](absl::string_view value) {
         choice_.filter = std::string(value);
         return absl::OkStatus();
       }},
  };
}

absl::Status TopCommand::TakeInterval(absl::string_view seconds) {
  double number = 0;
  if (!absl::SimpleAtod(seconds, &number) || !(number >= kLeastInterval) ||
      !(number <= kMostInterval)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", seconds, "\" is not an interval, which is ",
                     kLeastInterval, " to ", kMostInterval, " seconds"));
  }
  interval_ = absl::Seconds(number);
  return absl::OkStatus();
}

absl::Status TopCommand::TakeSort(absl::string_view name) {
  const auto& names = TopKeyNames();
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] != name) continue;
    choice_.key = static_cast<TopKey>(i);
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("nothing is sorted by \"",
                                                 name, "\"; there are ",
                                                 absl::StrJoin(names, ", ")));
}

absl::Status TopCommand::TakeWords(const std::vector<std::string>& words) {
  return RefuseWordsAfter(0, words);
}

absl::StatusOr<int> TopCommand::RunOnce(const Console& console) {
  Sampler sampler(console.daemons.front());
  TopView view(choice_, console.names.get());
  for (int i = 0; i < 2; ++i) {
    if (i > 0) absl::SleepFor(interval_);
    auto sample = sampler.Take();
    if (!sample.ok()) return sample.status();
    view.Show(*std::move(sample));
  }
  *console.out << (console.json ? view.Json() : view.Text(console.style));
  return kExitOk;
}

absl::StatusOr<int> TopCommand::RunOnScreen(const Console& console) {
  Sampler sampler(console.daemons.front());
  TopView view(choice_, console.names.get());
  // Before the screen is taken over, for the sake of an error's line.
  auto sample = sampler.Take();
  if (!sample.ok()) return sample.status();
  view.Show(*std::move(sample));
  int signal = 0;
  {
    auto screen = Screen::Open(STDIN_FILENO, STDOUT_FILENO);
    if (!screen.ok()) return screen.status();
    // Nobody sets this clock.
    using Clock = std::chrono::steady_clock;
    const auto interval = absl::ToChronoNanoseconds(interval_);
    Clock::time_point next = Clock::now() + interval;
    for (bool goes_on = true; goes_on;) {
      const absl::Status drawn =
          (*screen)->Draw(view.Screen((*screen)->size(), console.style.color));
      if (!drawn.ok()) break;
      const Screen::Input input =
          (*screen)->Wait(absl::FromChrono(next - Clock::now()));
      for (const std::string& key : input.keys) {
        goes_on = goes_on && view.HandleKey(key);
      }
      signal = input.signal;
      if (signal != 0 || input.ended) break;
      if (!goes_on || Clock::now() < next) continue;
      sample = sampler.Take();
      if (sample.ok()) {
        view.Show(*std::move(sample));
      } else {
        view.SetProblem(Escape(sample.status().message()));
      }
      next = Clock::now() + interval;
    }
  }
  // ^C is a way to end it; by others the caller sees that they were.
  if (signal != 0 && signal != SIGINT) raise(signal);
  return kExitOk;
}

absl::StatusOr<int> TopCommand::Run(const Console& console) {
  const bool on_screen = !once_ && !console.json && console.style.width > 0 &&
                         SizeOfTerminal(STDIN_FILENO).has_value();
  return on_screen ? RunOnScreen(console) : RunOnce(console);
}

}  // namespace wspd
