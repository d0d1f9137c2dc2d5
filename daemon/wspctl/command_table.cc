#include "daemon/wspctl/command_table.h"

#include "daemon/wspctl/client_commands.h"
#include "daemon/wspctl/control_commands.h"
#include "daemon/wspctl/daemon_commands.h"
#include "daemon/wspctl/names_command.h"
#include "daemon/wspctl/policy_command.h"
#include "daemon/wspctl/socket_end_commands.h"
#include "daemon/wspctl/sockets_command.h"
#include "daemon/wspctl/top_command.h"
#include "daemon/wspctl/watch_command.h"

namespace wspd {
namespace {

template <typename T>
std::unique_ptr<Command> Make() {
  return std::make_unique<T>();
}

}  // namespace

const std::vector<CommandEntry>& CommandTable() {
  static const auto* const table = new std::vector<CommandEntry>{
      {"clients", "[PID...]", "the attached processes, or such",
       Make<ClientsCommand>},
      {"client", "PID", "all of one of them, with its sockets and names",
       Make<ClientCommand>},
      {"sockets", "[PID]", "their sockets, or those of one process",
       Make<SocketsCommand>},
      {"names", "[PID...]",
       "the hosts' names that they, or such processes, have looked up, and "
       "what "
       "the daemon found: of each the last 256",
       Make<NamesCommand>},
      {"top", "",
       "what is busiest, on the whole terminal, every second; ? says by which "
       "keys it is sorted and searched",
       Make<TopCommand>},
      {"reset", "SOCKET",
       "resets a socket, whoever has it: SOCKET as \"sockets\" shows it, if "
       "that isn't the only one of its number as CLIENT/SOCKET",
       Make<ResetCommand>},
      {"close", "SOCKET",
       "the same in order: what its program has sent is still delivered, and "
       "the peer of a connection gets its end; not of one that a Linux program "
       "is lent",
       Make<CloseCommand>},
      {"disconnect", "PID",
       "ends a client as its last WSPCleanup would, and its streams",
       Make<DisconnectCommand>},
      {"drain", "",
       "takes no new clients and sockets from now on, and waits until there "
       "are none any more; goes on when it is interrupted, until --cancel",
       Make<DrainCommand>},
      {"reload", "", "has the configuration read again; says what has changed",
       Make<ReloadCommand>},
      {"log-level", "[LEVEL]",
       "what is logged, or sets it: ERROR, WARNING, INFO or DEBUG; until the "
       "next reload or restart",
       Make<LogLevelCommand>},
      {"watch", "[PID]", "what happens to them, until it is interrupted",
       Make<WatchCommand>},
      {"info", "", "the daemon: version, sockets, counters, limits",
       Make<InfoCommand>},
      {"health", "[SERVICE]",
       "whether it takes new work, or such a service answers, wsp.v1.Admin",
       Make<HealthCommand>},
      {"policy", "test ACTION ADDRESS:PORT",
       "whether somebody may connect, bind, listen, accept, send or resolve "
       "(ADDRESS or a host's name) there, and by which rule; about others than "
       "oneself for who sees all clients",
       Make<PolicyCommand>},
      {"check-config", "FILE",
       "whether it is a configuration that wspd takes; asks no daemon",
       Make<CheckConfigCommand>},
      {"version", "", "wspctl's own version; asks no daemon",
       Make<VersionCommand>},
  };
  return *table;
}

}  // namespace wspd
