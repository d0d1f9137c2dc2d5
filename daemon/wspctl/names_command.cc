#include "daemon/wspctl/names_command.h"

#include <cstdint>
#include <utility>

#include "absl/strings/string_view.h"
#include "daemon/wspctl/admin_client.h"
#include "daemon/wspctl/name_table.h"
#include "daemon/wspctl/values.h"

namespace wspd {
namespace {

// With all their addresses well below what gRPC's clients take, 4 MiB.
constexpr uint32_t kPageSize = 1000;

}  // namespace

NamesCommand::NamesCommand()
    : ListingCommand(NameTable(), &AdminClient::ListNames, kPageSize) {}

std::vector<Option> NamesCommand::options() {
  std::vector<Option> options = {
      {"--uid", "USERS", "of these, by name or number, separated by commas",
       [this](absl::string_view value) {
         const auto uids = ParseUsers(value);
         if (!uids.ok()) return uids.status();
         for (const uint32_t uid : *uids) request_.add_uids(uid);
         return absl::OkStatus();
       }},
      // The daemon says what is wrong with one of these.
      {"--host", "HOST",
       "such names, or canonical ones, as rules have them: example.com, "
       "*.example.com",
       [this](absl::string_view value) {
         request_.set_host(std::string(value));
         return absl::OkStatus();
       }},
      {"--address", "NETWORK",
       "found at an address there: ADDRESS or ADDRESS/BITS",
       [this](absl::string_view value) {
         request_.set_network(std::string(value));
         return absl::OkStatus();
       }},
  };
  for (Option& option : ListingOptions()) options.push_back(std::move(option));
  return options;
}

absl::Status NamesCommand::TakeWords(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    const auto pid = ParsePid(word);
    if (!pid.ok()) return pid.status();
    request_.add_pids(*pid);
  }
  return absl::OkStatus();
}

}  // namespace wspd
