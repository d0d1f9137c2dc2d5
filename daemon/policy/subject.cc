#include "daemon/policy/subject.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace wspd {
namespace {

constexpr size_t kIdDigits = 64;

bool IsId(absl::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return false;
  }
  return text.size() == kIdDigits;
}

}  // namespace

PolicySubject SubjectOf(const PeerIdentity& identity) {
  PolicySubject subject;
  subject.uid = identity.uid;
  subject.gid = identity.gid;
  subject.groups = identity.groups;
  subject.cgroup = identity.cgroup;
  subject.container = ContainerOf(identity.cgroup);
  subject.user_namespace = identity.user_namespace;
  subject.executable = identity.executable_file;
  subject.binds_low_ports = identity.binds_low_ports;
  return subject;
}

std::string ContainerOf(absl::string_view cgroup) {
  for (absl::string_view component : absl::StrSplit(cgroup, '/')) {
    absl::ConsumeSuffix(&component, ".scope");
    if (component.size() < kIdDigits) continue;
    const size_t begin = component.size() - kIdDigits;
    // "libpod-ID", but nothing that happens to end so.
    if (begin > 0 && component[begin - 1] != '-') continue;
    const absl::string_view id = component.substr(begin);
    if (IsId(id)) return absl::AsciiStrToLower(id);
  }
  return "";
}

bool IsWithinCgroup(absl::string_view cgroup, absl::string_view path) {
  return absl::StartsWith(cgroup, path) &&
         (cgroup.size() == path.size() || cgroup[path.size()] == '/');
}

}  // namespace wspd
