#include "daemon/wspctl/names_command.h"

#include <cstdint>
#include <utility>

#include "absl/strings/string_view.h"
#include "daemon/wspctl/admin_client.h"
#include "daemon/wspctl/name_table.h"

namespace wspd {
namespace {

// With all their addresses well below what gRPC's clients take, 4 MiB.
constexpr uint32_t kPageSize = 1000;

}  // namespace

NamesCommand::NamesCommand()
    : ListingCommand(NameTable(), &AdminClient::ListNames, kPageSize) {}

std::vector<Option> NamesCommand::options() {
  std::vector<Option> options = {
      UsersOption(&request_),
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
  return TakePids(words, &request_);
}

}  // namespace wspd
