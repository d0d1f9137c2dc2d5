#include "daemon/wspctl/wspctl.h"

#include "absl/status/statusor.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "daemon/base/escape.h"
#include "daemon/wspctl/command_line.h"

namespace wspd {
namespace {

absl::StatusOr<int> Run(const CommandLine& line) {
  if (line.command != nullptr) return line.command->Run(line.console);
  *line.console.out << line.help;
  return kExitOk;
}

}  // namespace

int RunWspctl(const std::vector<std::string>& arguments,
              const Surroundings& around, std::ostream& out,
              std::ostream& err) {
  auto line = ParseCommandLine(arguments, around);
  if (!line.ok()) {
    err << "wspctl: " << line.status().message() << "\nTry wspctl --help.\n";
    return kExitUsage;
  }
  line->console.out = &out;
  const auto code = Run(*line);
  out << std::flush;
  if (!code.ok()) {
    // Its lines are ours, what is in them may be anything.
    for (const absl::string_view text :
         absl::StrSplit(code.status().message(), '\n')) {
      err << (text.data() == code.status().message().data() ? "wspctl: " : "")
          << Escape(text) << "\n";
    }
    return kExitFailed;
  }
  if (!out) {
    err << "wspctl: can't write\n";
    return kExitFailed;
  }
  return *code;
}

}  // namespace wspd
