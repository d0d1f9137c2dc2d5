#include "daemon/config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "daemon/base/owned_fd.h"
#include "daemon/config/config_rules.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"

namespace wspd {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::TextFormat;

// For as many rules as a policy may have.
constexpr size_t kMaxFileBytes = 16 << 20;

// How many letters to change, add or remove between two words.
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t change = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({change, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

// "did you mean X?" or "there are X, Y and Z".
std::string Suggest(const Descriptor& type, absl::string_view wrong) {
  std::vector<std::string> names;
  for (int i = 0; i < type.field_count(); ++i) {
    names.push_back(type.field(i)->name());
  }
  const auto best = std::min_element(
      names.begin(), names.end(), [&](const auto& a, const auto& b) {
        return EditDistance(a, wrong) < EditDistance(b, wrong);
      });
  if (EditDistance(*best, wrong) <= std::max<size_t>(2, wrong.size() / 3)) {
    return absl::StrCat("did you mean \"", *best, "\"?");
  }
  return absl::StrCat("there are ", absl::StrJoin(names, ", "));
}

// Protobuf's words on an unknown field, with what would be right added:
//   Message type "wspd.Config.Limits" has no field named "socket_per_client".
std::string Improve(const std::string& message) {
  const std::vector<std::string> parts = absl::StrSplit(message, '"');
  if (parts.size() != 5 || !absl::StrContains(parts[2], "has no field named")) {
    return message;
  }
  const Descriptor* type =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
          parts[1]);
  if (type == nullptr) return message;
  return absl::StrCat("there is no field \"", parts[3], "\" here; ",
                      Suggest(*type, parts[3]));
}

// Collects "FILE:LINE:COLUMN: message".
class Errors : public google::protobuf::io::ErrorCollector {
 public:
  explicit Errors(std::string file) : file_(std::move(file)) {}

  // Counts from 0; negative where there is no place.
  void AddError(int line, int column, const std::string& message) override {
    Add(line, column, Improve(message));
  }

  void Add(int line, int column, const std::string& message) {
    if (line < 0) {
      lines_.push_back(absl::StrCat(file_, ": ", message));
    } else {
      lines_.push_back(
          absl::StrCat(file_, ":", line + 1, ":", column + 1, ": ", message));
    }
  }

  absl::Status ToStatus() const {
    if (lines_.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrJoin(lines_, "\n"));
  }

 private:
  const std::string file_;
  std::vector<std::string> lines_;
};

std::string PathOf(absl::string_view section, absl::string_view field) {
  return section.empty() ? std::string(field)
                         : absl::StrCat(section, ".", field);
}

// What a problem is about, as its message begins.
std::string PathOf(const Config& config, const ConfigProblem& problem) {
  if (problem.rule < 0) return PathOf(problem.section, problem.field);
  const std::string& name = config.policy().rules(problem.rule).name();
  return absl::StrCat(problem.section, " rule ", problem.rule + 1,
                      name.empty() ? "" : absl::StrCat(" (", name, ")"), ": ",
                      problem.field);
}

// Where a field stands in the text; line -1 if it doesn't.
TextFormat::ParseLocation Locate(const TextFormat::ParseInfoTree& root,
                                 absl::string_view section,
                                 absl::string_view field) {
  const Descriptor* type = Config::descriptor();
  const TextFormat::ParseInfoTree* tree = &root;
  if (!section.empty()) {
    const FieldDescriptor* nested = type->FindFieldByName(std::string(section));
    tree = tree->GetTreeForNested(nested, -1);
    if (tree == nullptr) return TextFormat::ParseLocation();
    type = nested->message_type();
  }
  const FieldDescriptor* descriptor = type->FindFieldByName(std::string(field));
  return tree->GetLocation(descriptor, descriptor->is_repeated() ? 0 : -1);
}

// The same of a problem: of a rule whose field isn't there, the rule.
TextFormat::ParseLocation Locate(const TextFormat::ParseInfoTree& root,
                                 const ConfigProblem& problem) {
  if (problem.rule < 0) return Locate(root, problem.section, problem.field);
  const FieldDescriptor* policy =
      Config::descriptor()->FindFieldByName(problem.section);
  const FieldDescriptor* rules =
      policy->message_type()->FindFieldByName("rules");
  const TextFormat::ParseInfoTree* tree = root.GetTreeForNested(policy, -1);
  if (tree == nullptr) return TextFormat::ParseLocation();
  const TextFormat::ParseInfoTree* rule =
      tree->GetTreeForNested(rules, problem.rule);
  if (rule != nullptr) {
    const auto place = rule->GetLocation(
        rules->message_type()->FindFieldByName(problem.field), problem.index);
    if (place.line >= 0) return place;
  }
  return tree->GetLocation(rules, problem.rule);
}

// A 0 that was written down would silently become the default.
void CheckZeros(const Config& config, const TextFormat::ParseInfoTree& tree,
                Errors* errors) {
  for (const NumberRule& rule : NumberRules()) {
    if (rule.section == "threads") continue;
    const auto place = Locate(tree, rule.section, rule.field);
    const auto& section = config.GetReflection()->GetMessage(
        config,
        Config::descriptor()->FindFieldByName(std::string(rule.section)));
    const FieldDescriptor* field =
        section.GetDescriptor()->FindFieldByName(std::string(rule.field));
    if (place.line >= 0 &&
        section.GetReflection()->GetUInt32(section, field) == 0 &&
        rule.min > 0) {
      errors->Add(
          place.line, place.column,
          absl::StrCat(PathOf(rule.section, rule.field), " is 0; it may be ",
                       rule.min, " to ", rule.max));
    }
  }
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  OwnedFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    return absl::ErrnoToStatus(errno, absl::StrCat("open(", path, ")"));
  }
  std::string content;
  char buffer[4096];
  ssize_t size;
  while ((size = read(fd.get(), buffer, sizeof(buffer))) != 0) {
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) {
      return absl::ErrnoToStatus(errno, absl::StrCat("read(", path, ")"));
    }
    content.append(buffer, size);
    if (content.size() > kMaxFileBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": has more than ", kMaxFileBytes, " bytes"));
    }
  }
  return content;
}

}  // namespace

absl::StatusOr<Config> LoadConfig(const std::string& file) {
  auto text = ReadFile(file);
  if (!text.ok()) return text.status();
  return ParseConfig(*text, file);
}

absl::StatusOr<Config> ParseConfig(absl::string_view text,
                                   const std::string& name) {
  Errors errors(name);
  TextFormat::ParseInfoTree tree;
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  parser.WriteLocationsTo(&tree);
  Config config;
  if (!parser.ParseFromString(std::string(text), &config)) {
    return errors.ToStatus();
  }
  CheckZeros(config, tree, &errors);
  FillDefaults(&config);
  for (const ConfigProblem& problem : FindProblems(config)) {
    const auto place = Locate(tree, problem);
    errors.Add(place.line, place.column,
               absl::StrCat(PathOf(config, problem), " ", problem.message));
  }
  if (auto status = errors.ToStatus(); !status.ok()) return status;
  return config;
}

Config DefaultConfig() {
  Config config;
  FillDefaults(&config);
  return config;
}

absl::Status ValidateConfig(const Config& config) {
  const std::vector<ConfigProblem> problems = FindProblems(config);
  if (problems.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrJoin(problems, "\n", [&](std::string* out, const auto& problem) {
        absl::StrAppend(out, PathOf(config, problem), " ", problem.message);
      }));
}

}  // namespace wspd
