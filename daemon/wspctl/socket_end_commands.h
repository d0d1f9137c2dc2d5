#ifndef WSPD_DAEMON_WSPCTL_SOCKET_END_COMMANDS_H_
#define WSPD_DAEMON_WSPCTL_SOCKET_END_COMMANDS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/wspctl/admin_client.h"
#include "daemon/wspctl/command.h"
#include "daemon/wspctl/values.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// Ends a socket as `sockets` shows it: "[CLIENT/]NUMBER" or
// "[CLIENT/]sk:COOKIE", number and cookie in hexadecimal digits. Shows it as it
// was before.
class SocketEndCommand : public Command {
 public:
  absl::Status TakeWords(const std::vector<std::string>& words) override;
  absl::StatusOr<int> Run(const Console& console) override;

  // Which one is meant.
  const SocketName& name() const { return name_; }

 protected:
  // Asks for it, and says what the socket was.
  virtual absl::StatusOr<wsp::v1::Socket> End(AdminClient* client) const = 0;

 private:
  SocketName name_;
};

// `reset SOCKET`
class ResetCommand : public SocketEndCommand {
 private:
  absl::StatusOr<wsp::v1::Socket> End(AdminClient* client) const override;
};

// `close SOCKET`
class CloseCommand : public SocketEndCommand {
 private:
  absl::StatusOr<wsp::v1::Socket> End(AdminClient* client) const override;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_SOCKET_END_COMMANDS_H_
