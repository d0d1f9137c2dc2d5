#include "daemon/wspctl/help_text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace wspd {
namespace {

constexpr size_t kWidth = 80;
// Where explanations begin.
constexpr size_t kIndent = 17;

constexpr char kWhoMay[] =
    R"(
Root, the daemon's own user and the members of the configuration's admin_group
see everything and may reset, close, disconnect, drain, reload and set the log
level; others see their own processes.
)";

constexpr char kExitCodes[] =
    R"(
Exit status:
  0   it went well; for health: SERVING
  1   it failed, or there is no daemon; for health: anything else than SERVING
  2   policy test: denied
  3   drain: the time was up
  64  the command line is wrong
  78  check-config: it isn't
)";

// "  TERM           what it is", on as many lines as it takes.
std::string Explain(absl::string_view term, absl::string_view what) {
  std::string text;
  std::string line = absl::StrCat("  ", term);
  if (line.size() + 2 > kIndent) {
    text = absl::StrCat(line, "\n");
    line.clear();
  }
  line.resize(kIndent, ' ');
  bool first = true;
  for (const absl::string_view word : absl::StrSplit(what, ' ')) {
    if (!first && line.size() + 1 + word.size() > kWidth) {
      absl::StrAppend(&text, line, "\n");
      line.assign(kIndent, ' ');
      first = true;
    }
    absl::StrAppend(&line, first ? "" : " ", word);
    first = false;
  }
  return absl::StrCat(text, line, "\n");
}

std::string Explain(const std::vector<Option>& options) {
  std::string text;
  for (const Option& option : options) {
    absl::StrAppend(&text, Explain(absl::StrCat(option.name,
                                                option.value.empty() ? "" : " ",
                                                option.value),
                                   option.help));
  }
  return text;
}

std::string Term(const CommandEntry& entry) {
  return absl::StrCat(entry.name, entry.words.empty() ? "" : " ", entry.words);
}

}  // namespace

std::string HelpText(const std::vector<Option>& shared) {
  std::string text =
      "Usage: wspctl [OPTION...] COMMAND\n\nAsks a running wspd.\n\n"
      "Commands:\n";
  std::string special;
  for (const CommandEntry& entry : CommandTable()) {
    absl::StrAppend(&text, Explain(Term(entry), entry.help));
    const auto command = entry.make();
    const std::vector<Option> options = command->options();
    if (options.empty()) continue;
    absl::StrAppend(&special, "\nOptions of ", entry.name, ":\n",
                    Explain(options));
  }
  return absl::StrCat(text, "\nOptions:\n", Explain(shared), special, kWhoMay,
                      kExitCodes);
}

std::string HelpText(const CommandEntry& entry,
                     const std::vector<Option>& shared) {
  const auto command = entry.make();
  const std::vector<Option> options = command->options();
  std::string text = absl::StrCat("Usage: wspctl [OPTION...] ", Term(entry),
                                  "\n\n", Explain(entry.name, entry.help));
  if (!options.empty()) {
    absl::StrAppend(&text, "\nOptions of ", entry.name, ":\n",
                    Explain(options));
  }
  return absl::StrCat(text, "\nOptions:\n", Explain(shared));
}

}  // namespace wspd
