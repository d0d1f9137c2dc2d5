#ifndef WSPD_DAEMON_WSPCTL_NAMES_COMMAND_H_
#define WSPD_DAEMON_WSPCTL_NAMES_COMMAND_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/wspctl/admin_client.h"
#include "daemon/wspctl/command.h"
#include "daemon/wspctl/name_table.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// `names [PID...]`: fetches and prints page by page.
class NamesCommand : public Command {
 public:
  std::vector<Option> options() override;
  absl::Status TakeWords(const std::vector<std::string>& words) override;
  bool asks_many() const override { return true; }
  absl::StatusOr<int> Run(const Console& console) override;

  // What it asks for.
  const wsp::v1::ListNamesRequest& request() const { return request_; }

 private:
  // What one daemon has: the page that was read last, and where the next one
  // comes from.
  struct Pages {
    std::unique_ptr<AdminClient> client;
    wsp::v1::ListNamesResponse page;
  };

  static absl::StatusOr<Pages> FirstPage(
      const DaemonAddress& daemon, const wsp::v1::ListNamesRequest& request);
  // All pages; `request` is that for the first one.
  static absl::Status Print(const DaemonAddress& daemon, const Console& console,
                            wsp::v1::ListNamesRequest request, Pages* pages,
                            NamePrinter* printer);

  wsp::v1::ListNamesRequest request_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_NAMES_COMMAND_H_
