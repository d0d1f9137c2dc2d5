#include "daemon/policy/rule_compiler.h"

#include <errno.h>

#include <cstring>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "daemon/config/group.h"
#include "daemon/config/user.h"

namespace wspd {
namespace {

constexpr size_t kMostNameBytes = 64;
constexpr size_t kLeastContainerDigits = 12;
constexpr size_t kMostContainerDigits = 64;

// Digits alone.
template <typename Number>
bool ParseNumber(absl::string_view text, Number* number) {
  return !text.empty() &&
         text.find_first_not_of("0123456789") == absl::string_view::npos &&
         absl::SimpleAtoi(text, number);
}

// One rule, field by field. Every Read...() adds to the rule or reports why
// not, as the end of a sentence that begins with the field's name.
class Compiler {
 public:
  Compiler(int index, std::vector<PolicyProblem>* problems)
      : index_(index), problems_(problems) {}

  Rule Compile(const Policy::Rule& from) {
    ReadName(from.name());
    ReadVerdict(from.verdict());
    ReadAll("uids", from.uids(), &Compiler::ReadUid);
    ReadAll("gids", from.gids(), &Compiler::ReadGid);
    ReadAll("cgroups", from.cgroups(), &Compiler::ReadCgroup);
    ReadAll("containers", from.containers(), &Compiler::ReadContainer);
    ReadAll("user_namespaces", from.user_namespaces(),
            &Compiler::ReadUserNamespace);
    ReadAll("executables", from.executables(), &Compiler::ReadExecutable);
    ReadActions(from);
    ReadAll("addresses", from.addresses(), &Compiler::ReadAddress);
    ReadAll("ports", from.ports(), &Compiler::ReadPorts);
    ReadAll("hosts", from.hosts(), &Compiler::ReadHost);
    return std::move(rule_);
  }

 private:
  using Values = google::protobuf::RepeatedPtrField<std::string>;

  // Says nothing if all is well.
  using Reader = std::string (Compiler::*)(const std::string&);

  void Report(const char* field, int index, std::string message) {
    problems_->push_back({index_, field, index, std::move(message)});
  }

  void ReadAll(const char* field, const Values& values, Reader reader) {
    for (int i = 0; i < values.size(); ++i) {
      const std::string wrong = (this->*reader)(values[i]);
      if (wrong.empty()) continue;
      Report(field, i, absl::StrCat("is \"", values[i], "\"; ", wrong));
    }
  }

  void ReadName(const std::string& name) {
    if (name.size() > kMostNameBytes) {
      Report("name", -1,
             absl::StrCat("has ", name.size(), " bytes; it may have ",
                          kMostNameBytes));
    }
    rule_.name = name.empty() ? absl::StrCat("rule ", index_ + 1) : name;
  }

  void ReadVerdict(Policy::Verdict verdict) {
    switch (verdict) {
      case Policy::ALLOW:
        rule_.verdict = Rule::Verdict::kAllow;
        return;
      case Policy::DENY:
        rule_.verdict = Rule::Verdict::kDeny;
        return;
      case Policy::LOG:
        rule_.verdict = Rule::Verdict::kLog;
        return;
      default:
        Report("verdict", -1, "is missing; it may be ALLOW, DENY or LOG");
    }
  }

  void ReadActions(const Policy::Rule& from) {
    if (from.actions_size() == 0) return;
    rule_.actions = 0;
    for (int i = 0; i < from.actions_size(); ++i) {
      const int action = from.actions(i);
      if (action <= 0 || action >= kRuleActions) {
        Report("actions", i,
               "isn't one; there are CONNECT, BIND, LISTEN, ACCEPT, SEND, "
               "RESOLVE and RAW");
        continue;
      }
      rule_.actions |= MaskOf(static_cast<Action>(action));
    }
  }

  // "A-B"; both the same for "A". False if it is neither.
  template <typename Number>
  static bool ParseRange(absl::string_view text, Number* first, Number* last) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(text, absl::MaxSplits('-', 1));
    const bool alone = parts.first.size() == text.size();
    return ParseNumber(parts.first, first) &&
           ParseNumber(alone ? parts.first : parts.second, last) &&
           *first <= *last;
  }

  static std::string ReadId(
      const std::string& text,
      absl::StatusOr<uint32_t> (*resolve)(absl::string_view),
      std::vector<IdRange>* ranges) {
    IdRange range;
    if (ParseRange(text, &range.first, &range.last)) {
      ranges->push_back(range);
      return "";
    }
    const auto id = resolve(text);
    if (id.ok()) {
      ranges->push_back({*id, *id});
      return "";
    }
    return absl::StrCat(
        "it may be a name, a number, or a range \"1000-1999\" (",
        id.status().message(), ")");
  }

  std::string ReadUid(const std::string& text) {
    return ReadId(text, &ResolveUser, &rule_.uids);
  }

  std::string ReadGid(const std::string& text) {
    return ReadId(text, &ResolveGroup, &rule_.gids);
  }

  std::string ReadCgroup(const std::string& text) {
    if (text.empty() || text.front() != '/') return "it must begin with /";
    absl::string_view path = text;
    while (absl::ConsumeSuffix(&path, "/")) {
    }
    rule_.cgroups.emplace_back(path);
    return "";
  }

  std::string ReadContainer(const std::string& text) {
    if (text.size() < kLeastContainerDigits ||
        text.size() > kMostContainerDigits ||
        text.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
      return "it must be 12 to 64 hexadecimal digits";
    }
    rule_.containers.push_back(absl::AsciiStrToLower(text));
    return "";
  }

  std::string ReadUserNamespace(const std::string& text) {
    const auto own = ReadFileId("/proc/self/ns/user");
    if (!own) return absl::StrCat("/proc/self/ns/user: ", strerror(errno));
    FileId space = *own;
    uint64_t inode = 0;
    if (text != "daemon") {
      if (!ParseNumber(text, &inode)) {
        return "it may be \"daemon\" or the number in /proc/PID/ns/user";
      }
      // All are files of the same nsfs.
      space.inode = inode;
    }
    rule_.user_namespaces.push_back(space);
    return "";
  }

  std::string ReadExecutable(const std::string& text) {
    if (text.empty() || text.front() != '/') return "it must begin with /";
    const auto file = ReadFileId(text);
    if (!file) return absl::StrCat("stat() says: ", strerror(errno));
    rule_.executables.push_back(*file);
    return "";
  }

  std::string ReadAddress(const std::string& text) {
    const auto prefix = ParsePrefix(text);
    if (!prefix) {
      return "it may be an address or \"192.0.2.0/24\", without bits beyond "
             "the length";
    }
    rule_.addresses.push_back(*prefix);
    return "";
  }

  std::string ReadPorts(const std::string& text) {
    uint32_t first = 0;
    uint32_t last = 0;
    if (!ParseRange(text, &first, &last) || last > UINT16_MAX) {
      return "it may be a number up to 65535 or a range \"1-1023\"";
    }
    rule_.ports.push_back(
        {static_cast<uint16_t>(first), static_cast<uint16_t>(last)});
    return "";
  }

  std::string ReadHost(const std::string& text) {
    const auto pattern = ParseHostPattern(text);
    if (!pattern) {
      return "it may be \"www.example.com\", \"*.example.com\" or \"*\", in "
             "ASCII";
    }
    rule_.hosts.push_back(*pattern);
    return "";
  }

  const int index_;
  std::vector<PolicyProblem>* const problems_;
  Rule rule_;
};

}  // namespace

std::vector<Rule> CompileRules(const Policy& policy,
                               std::vector<PolicyProblem>* problems) {
  std::vector<Rule> rules;
  if (policy.rules_size() > kMostRules) {
    problems->push_back({-1, "rules", -1,
                         absl::StrCat("are ", policy.rules_size(),
                                      "; there may be ", kMostRules)});
    return rules;
  }
  if (policy.otherwise() < Policy::VERDICT_UNSPECIFIED ||
      policy.otherwise() > Policy::DENY) {
    problems->push_back({-1, "otherwise", -1, "may be ALLOW or DENY"});
  }
  rules.reserve(policy.rules_size());
  for (int i = 0; i < policy.rules_size(); ++i) {
    rules.push_back(Compiler(i, problems).Compile(policy.rules(i)));
  }
  return rules;
}

}  // namespace wspd
