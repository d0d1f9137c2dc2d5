#include "daemon/wspctl/client_commands.h"

#include "absl/time/clock.h"
#include "daemon/wspctl/admin_client.h"
#include "daemon/wspctl/format.h"

namespace wspd {

absl::StatusOr<int> ClientsCommand::Run(const Console& console) {
  auto client = AdminClient::Connect(console.socket);
  if (!client.ok()) return client.status();
  const auto response = (*client)->ListClients();
  if (!response.ok()) return response.status();
  *console.out << (console.json ? FormatClientsJson(*response)
                                : FormatClients(*response, absl::Now()));
  return kExitOk;
}

}  // namespace wspd
