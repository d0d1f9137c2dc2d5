#include "daemon/resolver/host_table.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace wspd {
namespace {

std::string Key(absl::string_view name) {
  absl::ConsumeSuffix(&name, ".");
  return absl::AsciiStrToLower(name);
}

std::string Key(const NetAddress& address) {
  if (address.family() == AF_INET) {
    const in_addr& bytes = address.v4().sin_addr;
    return std::string(reinterpret_cast<const char*>(&bytes), sizeof(bytes));
  }
  const in6_addr& bytes = address.v6().sin6_addr;
  return std::string(reinterpret_cast<const char*>(&bytes), sizeof(bytes));
}

bool IsPrintable(absl::string_view name) {
  return std::all_of(name.begin(), name.end(), absl::ascii_isgraph);
}

void AddOnce(const std::string& name, std::vector<std::string>* names) {
  if (std::find(names->begin(), names->end(), name) == names->end()) {
    names->push_back(name);
  }
}

}  // namespace

NetAddress ParseNumericAddress(absl::string_view text) {
  const std::string copy(text);
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  if (inet_pton(AF_INET, copy.c_str(), &v4.sin_addr) == 1) {
    return NetAddress(v4);
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  if (inet_pton(AF_INET6, copy.c_str(), &v6.sin6_addr) == 1) {
    return NetAddress(v6);
  }
  return NetAddress();
}

HostTable::HostTable(absl::string_view text) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) AddLine(line);
}

void HostTable::AddLine(absl::string_view text) {
  text = text.substr(0, text.find('#'));
  const std::vector<std::string> words =
      absl::StrSplit(text, absl::ByAnyChar(" \t\r\f\v"), absl::SkipEmpty());
  if (words.size() < 2) return;
  Line line;
  line.address = ParseNumericAddress(words[0]);
  if (line.address.empty()) return;
  std::copy_if(words.begin() + 1, words.end(), std::back_inserter(line.names),
               IsPrintable);
  if (line.names.empty()) return;
  const size_t index = lines_.size();
  for (const std::string& name : line.names) {
    std::vector<size_t>& lines = by_name_[Key(name)];
    if (lines.empty() || lines.back() != index) lines.push_back(index);
  }
  by_address_.try_emplace(Key(line.address), index);
  lines_.push_back(std::move(line));
}

bool HostTable::FindName(absl::string_view name, int family, Host* host) const {
  const auto found = by_name_.find(Key(name));
  if (found == by_name_.end()) return false;
  for (const size_t index : found->second) {
    const Line& line = lines_[index];
    if (family != AF_UNSPEC && line.address.family() != family) continue;
    if (host->addresses.empty()) host->canonical_name = line.names[0];
    host->addresses.push_back(line.address);
    for (const std::string& other : line.names) {
      if (other != host->canonical_name) AddOnce(other, &host->aliases);
    }
  }
  return !host->addresses.empty();
}

bool HostTable::FindAddress(const NetAddress& address, Host* host) const {
  const auto found = by_address_.find(Key(address));
  if (found == by_address_.end()) return false;
  const Line& line = lines_[found->second];
  host->canonical_name = line.names[0];
  host->aliases.assign(line.names.begin() + 1, line.names.end());
  host->addresses = {line.address};
  return true;
}

}  // namespace wspd
