#include "daemon/policy/rule.h"

#include <algorithm>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"

namespace wspd {
namespace {

// Whether a condition is met.
enum class Met { kNo, kYes, kUnknown };

bool Has(const std::vector<IdRange>& ranges, uint32_t id) {
  return absl::c_any_of(ranges, [id](const IdRange& range) {
    return id >= range.first && id <= range.last;
  });
}

Met OfUid(const Rule& rule, const PolicySubject& subject) {
  if (rule.uids.empty()) return Met::kYes;
  return Has(rule.uids, subject.uid) ? Met::kYes : Met::kNo;
}

Met OfGroups(const Rule& rule, const PolicySubject& subject) {
  if (rule.gids.empty() || Has(rule.gids, subject.gid)) return Met::kYes;
  if (!subject.groups.has_value()) return Met::kUnknown;
  const bool found = absl::c_any_of(
      *subject.groups, [&rule](gid_t group) { return Has(rule.gids, group); });
  return found ? Met::kYes : Met::kNo;
}

Met OfCgroup(const Rule& rule, const PolicySubject& subject) {
  if (rule.cgroups.empty()) return Met::kYes;
  if (subject.cgroup.empty()) return Met::kUnknown;
  const bool found =
      absl::c_any_of(rule.cgroups, [&subject](const std::string& path) {
        return IsWithinCgroup(subject.cgroup, path);
      });
  return found ? Met::kYes : Met::kNo;
}

Met OfContainer(const Rule& rule, const PolicySubject& subject) {
  if (rule.containers.empty()) return Met::kYes;
  if (subject.cgroup.empty()) return Met::kUnknown;
  const bool found =
      absl::c_any_of(rule.containers, [&subject](const std::string& id) {
        return absl::StartsWith(subject.container, id);
      });
  return found ? Met::kYes : Met::kNo;
}

Met OfFile(const std::vector<FileId>& files,
           const absl::optional<FileId>& file) {
  if (files.empty()) return Met::kYes;
  if (!file.has_value()) return Met::kUnknown;
  return absl::c_linear_search(files, *file) ? Met::kYes : Met::kNo;
}

}  // namespace

bool AppliesTo(const Rule& rule, const PolicySubject& subject) {
  const Met conditions[] = {
      OfUid(rule, subject),
      OfGroups(rule, subject),
      OfCgroup(rule, subject),
      OfContainer(rule, subject),
      OfFile(rule.user_namespaces, subject.user_namespace),
      OfFile(rule.executables, subject.executable),
  };
  if (absl::c_linear_search(conditions, Met::kNo)) return false;
  return rule.verdict == Rule::Verdict::kDeny ||
         !absl::c_linear_search(conditions, Met::kUnknown);
}

}  // namespace wspd
