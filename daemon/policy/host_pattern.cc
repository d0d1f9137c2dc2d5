#include "daemon/policy/host_pattern.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"

namespace wspd {
namespace {

constexpr size_t kMostHostBytes = 253;

bool IsHostCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' ||
         c == '_' || c == '.';
}

}  // namespace

absl::optional<HostPattern> ParseHostPattern(absl::string_view text) {
  HostPattern pattern;
  if (text == "*") {
    pattern.kind = HostPattern::Kind::kAny;
    return pattern;
  }
  if (absl::ConsumePrefix(&text, "*.")) {
    pattern.kind = HostPattern::Kind::kBelow;
  }
  pattern.name = CanonicalHost(text);
  if (pattern.name.empty() || pattern.name.size() > kMostHostBytes ||
      pattern.name.front() == '.' || absl::StrContains(pattern.name, "..")) {
    return absl::nullopt;
  }
  for (const char c : pattern.name) {
    if (!IsHostCharacter(c)) return absl::nullopt;
  }
  return pattern;
}

std::string CanonicalHost(absl::string_view name) {
  while (absl::ConsumeSuffix(&name, ".")) {
  }
  return absl::AsciiStrToLower(name);
}

bool Matches(const HostPattern& pattern, absl::string_view host) {
  switch (pattern.kind) {
    case HostPattern::Kind::kAny:
      return true;
    case HostPattern::Kind::kExact:
      return host == pattern.name;
    case HostPattern::Kind::kBelow:
      return host.size() > pattern.name.size() + 1 &&
             absl::EndsWith(host, pattern.name) &&
             host[host.size() - pattern.name.size() - 1] == '.';
  }
  return false;
}

}  // namespace wspd
