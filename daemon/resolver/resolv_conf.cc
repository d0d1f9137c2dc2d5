#include "daemon/resolver/resolv_conf.h"

#include <algorithm>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace wspd {
namespace {

// The limits of resolv.conf(5).
constexpr int kMostSeconds = 30;
constexpr int kMostAttempts = 5;

void Take(absl::string_view option, absl::string_view name, int most,
          int* value) {
  int number;
  if (absl::ConsumePrefix(&option, name) && absl::SimpleAtoi(option, &number)) {
    *value = std::clamp(number, 1, most);
  }
}

}  // namespace

ResolvConf::ResolvConf(absl::string_view text) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
    if (words.empty() || words[0] != "options") continue;
    for (absl::string_view word : words) {
      Take(word, "timeout:", kMostSeconds, &timeout_seconds);
      Take(word, "attempts:", kMostAttempts, &attempts);
    }
  }
}

}  // namespace wspd
