#include "tests/bench/groups.h"

#include "tests/bench/bulk_rows.h"
#include "tests/bench/connection_rows.h"
#include "tests/bench/cpu_rows.h"
#include "tests/bench/datagram_rows.h"
#include "tests/bench/death_rows.h"
#include "tests/bench/echo_rows.h"
#include "tests/bench/event_rows.h"
#include "tests/bench/footprint_rows.h"
#include "tests/bench/idle_rows.h"
#include "tests/bench/lent_rows.h"

namespace wspd::bench {

std::vector<Group> AllGroups() {
  std::vector<Group> groups = {
      EchoGroup(),
      EchoWithReceivePendingGroup(),
      EchoWithSendsOutstandingGroup(),
      BulkBlockingGroup(),
      BulkOverlappedGroup(),
      ConnectionGroup(),
      DeathGroup(),
      IdleSocketGroup(),
      StartupGroup(),
      LibrarySizeGroup(),
      AddedToProcessGroup(),
      EchoBesideIdleSocketsGroup(),
      EchoBesideIdleClientsGroup(),
      DatagramSendGroup(),
      DatagramReceiveGroup(),
      CpuOfBulkGroup(),
      CpuOfCallsGroup(),
      EventGroup(),
  };
  for (const Group& group : LentGroups()) groups.push_back(group);
  return groups;
}

}  // namespace wspd::bench
