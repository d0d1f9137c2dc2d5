#ifndef WSPD_DAEMON_WSPCTL_COMMAND_H_
#define WSPD_DAEMON_WSPCTL_COMMAND_H_

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "daemon/wspctl/daemon_address.h"
#include "daemon/wspctl/names.h"
#include "daemon/wspctl/text_style.h"

namespace wspd {

// wspctl's exit codes, as --help states them.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitDenied = 2;
inline constexpr int kExitTimeout = 3;
inline constexpr int kExitUsage = 64;
inline constexpr int kExitConfig = 78;

// One option of a command: "--name" alone, or with a value, "--name VALUE" or
// "--name=VALUE".
struct Option {
  std::string name;   // with its dashes
  std::string value;  // what --help calls the value; empty: it has none
  std::string help;
  // Takes the value; "" if it has none. INVALID_ARGUMENT with a line for the
  // user.
  std::function<absl::Status(absl::string_view value)> take;
};

// What all commands share: which daemon is asked, and where the answer goes.
struct Console {
  // Which daemons; more than one only for commands that ask many.
  std::vector<DaemonAddress> daemons = std::vector<DaemonAddress>(1);
  bool json = false;
  TextStyle style;
  // Names in the place of numbers, in text; null: numbers.
  std::shared_ptr<Names> names;
  std::ostream* out = nullptr;
};

// One of wspctl's commands: made anew for a command line, given its options and
// words, then run once.
class Command {
 public:
  virtual ~Command() = default;

  // Those that only it has. Their functions set the command's fields.
  virtual std::vector<Option> options() { return {}; }

  // What stands behind the command's name and isn't an option, after all
  // options. INVALID_ARGUMENT with a line for the user.
  virtual absl::Status TakeWords(const std::vector<std::string>& words) {
    return RefuseWordsAfter(0, words);
  }

  // Whether it may ask several daemons, each on its own.
  virtual bool asks_many() const { return false; }

  // Prints on console.out and returns the exit code. An error is what to say
  // instead, with kExitFailed.
  virtual absl::StatusOr<int> Run(const Console& console) = 0;

 protected:
  // Of several daemons those that failed; what they say, a line each, and OK if
  // there are none.
  class Failures {
   public:
    void Add(const DaemonAddress& daemon, const absl::Status& status) {
      absl::StrAppend(&text_, text_.empty() ? "" : "\n", daemon.endpoint,
                      daemon.endpoint.empty() ? "" : ": ", status.message());
      last_ = status;
    }
    absl::Status ToStatus() const {
      return last_.ok() ? last_ : absl::Status(last_.code(), text_);
    }

   private:
    std::string text_;
    absl::Status last_;
  };

  static absl::Status RefuseWordsAfter(size_t most,
                                       const std::vector<std::string>& words) {
    if (words.size() <= most) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("what is \"", words[most], "\"?"));
  }
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_COMMAND_H_
