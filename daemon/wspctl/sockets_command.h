#ifndef WSPD_DAEMON_WSPCTL_SOCKETS_COMMAND_H_
#define WSPD_DAEMON_WSPCTL_SOCKETS_COMMAND_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/wspctl/admin_client.h"
#include "daemon/wspctl/command.h"
#include "daemon/wspctl/socket_table.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// Which sockets, by options that commands share: fills a request for them.
std::vector<Option> SocketFilterOptions(wsp::v1::ListSocketsRequest* request);

// `sockets [PID]`: fetches and prints page by page, so that neither side holds
// more at a time.
class SocketsCommand : public Command {
 public:
  std::vector<Option> options() override;
  absl::Status TakeWords(const std::vector<std::string>& words) override;
  bool asks_many() const override { return true; }
  absl::StatusOr<int> Run(const Console& console) override;

  // What it asks for.
  const wsp::v1::ListSocketsRequest& request() const { return request_; }
  const std::vector<std::string>& fields() const { return fields_; }

 private:
  // What one daemon has: the page that was read last, and where the next one
  // comes from.
  struct Pages {
    std::unique_ptr<AdminClient> client;
    wsp::v1::ListSocketsResponse page;
  };

  static absl::StatusOr<Pages> FirstPage(
      const DaemonAddress& daemon, const wsp::v1::ListSocketsRequest& request);
  // All pages; `request` is that for the first one.
  static absl::Status Print(const DaemonAddress& daemon, const Console& console,
                            wsp::v1::ListSocketsRequest request, Pages* pages,
                            SocketPrinter* printer);

  wsp::v1::ListSocketsRequest request_;
  std::vector<std::string> fields_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_SOCKETS_COMMAND_H_
