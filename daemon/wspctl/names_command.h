#ifndef WSPD_DAEMON_WSPCTL_NAMES_COMMAND_H_
#define WSPD_DAEMON_WSPCTL_NAMES_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "daemon/wspctl/command.h"
#include "daemon/wspctl/listing_command.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// `names [PID...]`.
class NamesCommand
    : public ListingCommand<wsp::v1::ListNamesRequest,
                            wsp::v1::ListNamesResponse, wsp::v1::LookedUpName> {
 public:
  NamesCommand();

  std::vector<Option> options() override;
  absl::Status TakeWords(const std::vector<std::string>& words) override;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_NAMES_COMMAND_H_
