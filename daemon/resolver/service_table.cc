#include "daemon/resolver/service_table.h"

#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace wspd {
namespace {

constexpr int kTypes[] = {SOCK_STREAM, SOCK_DGRAM};

std::string Key(absl::string_view name, int type) {
  return absl::StrCat(name, "/", type);
}

bool IsNumber(absl::string_view text) {
  return !text.empty() && absl::c_all_of(text, absl::ascii_isdigit);
}

bool ParsePort(absl::string_view text, uint16_t* port) {
  uint32_t number;
  if (!IsNumber(text) || !absl::SimpleAtoi(text, &number) || number > 0xffff) {
    return false;
  }
  *port = static_cast<uint16_t>(number);
  return true;
}

}  // namespace

ServiceTable::ServiceTable(absl::string_view text) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) AddLine(line);
}

void ServiceTable::AddLine(absl::string_view text) {
  text = text.substr(0, text.find('#'));
  const std::vector<absl::string_view> words =
      absl::StrSplit(text, absl::ByAnyChar(" \t\r\f\v"), absl::SkipEmpty());
  if (words.size() < 2) return;
  const std::pair<absl::string_view, absl::string_view> port_and_protocol =
      absl::StrSplit(words[1], absl::MaxSplits('/', 1));
  LookupService service;
  if (!ParsePort(port_and_protocol.first, &service.port)) return;
  if (port_and_protocol.second == "tcp") service.type = SOCK_STREAM;
  if (port_and_protocol.second == "udp") service.type = SOCK_DGRAM;
  if (service.type == 0) return;
  const size_t index = services_.size();
  by_key_.try_emplace(Key(absl::StrCat(service.port), service.type), index);
  for (size_t i = 0; i < words.size(); ++i) {
    if (i == 1 || IsNumber(words[i]) ||
        !absl::c_all_of(words[i], absl::ascii_isgraph)) {
      continue;
    }
    by_key_.try_emplace(Key(words[i], service.type), index);
    if (i > 1) service.aliases.emplace_back(words[i]);
  }
  service.name = std::string(words[0]);
  services_.push_back(std::move(service));
}

const LookupService* ServiceTable::FindOne(const std::string& key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : &services_[found->second];
}

std::vector<LookupService> ServiceTable::FindName(absl::string_view name,
                                                  int type) const {
  std::vector<LookupService> found;
  for (const int each : kTypes) {
    if (type != 0 && type != each) continue;
    const LookupService* service = FindOne(Key(name, each));
    if (service != nullptr) found.push_back(*service);
  }
  return found;
}

std::vector<LookupService> ServiceTable::FindPort(uint16_t port,
                                                  int type) const {
  std::vector<LookupService> found = FindName(absl::StrCat(port), type);
  for (const int each : kTypes) {
    if (type != 0 && type != each) continue;
    const bool known = absl::c_any_of(
        found, [each](const auto& service) { return service.type == each; });
    if (!known) {
      found.emplace_back();
      found.back().port = port;
      found.back().type = each;
    }
  }
  absl::c_sort(found,
               [](const auto& a, const auto& b) { return a.type < b.type; });
  return found;
}

std::vector<LookupService> ServiceTable::Find(absl::string_view service,
                                              int type) const {
  if (!IsNumber(service)) return FindName(service, type);
  uint16_t port;
  if (!ParsePort(service, &port)) return {};
  return FindPort(port, type);
}

}  // namespace wspd
