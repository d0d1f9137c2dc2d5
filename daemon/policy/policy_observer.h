#ifndef WSPD_DAEMON_POLICY_POLICY_OBSERVER_H_
#define WSPD_DAEMON_POLICY_POLICY_OBSERVER_H_

#include <errno.h>
#include <sys/types.h>

#include <cstdint>

#include "absl/strings/string_view.h"
#include "daemon/policy/action.h"
#include "daemon/socket/net_address.h"
#include "proto/wsp/v1/types.pb.h"

namespace wspd {

// The socket that a question is about, as its own events name it.
struct PolicySocket {
  // PLANE_UNSPECIFIED: forwarded, or no socket's.
  wsp::v1::Plane plane = wsp::v1::PLANE_UNSPECIFIED;
  int protocol = 0;
  // 0: of none.
  uint64_t socket_id = 0;
  // 0: forwarded.
  uint64_t cookie = 0;
};

// Something that a rule or a default has denied, or is to be logged by. The
// views live as long as the call that brings them.
struct PolicyEvent {
  bool denied = false;
  // By what is denied whatever the rules say.
  bool by_default = false;
  // errno of what is denied.
  int error = EACCES;
  // 0: not known, or a client no more.
  uint64_t client_id = 0;
  pid_t pid = 0;
  uid_t uid = 0;
  Action action = Action::kConnect;
  // Of kAccept the listener.
  PolicySocket socket;
  // Empty: a name was asked for, or a privilege.
  NetAddress address;
  // Of kAccept, the connection's other end; else empty.
  NetAddress local;
  // Host order; of kAccept the local one.
  uint16_t port = 0;
  // The name that was asked for, or by which the address is known; may be
  // empty.
  absl::string_view host;
  // The rule's name; "otherwise" if none fitted; or that of the default
  // (default_rules.h).
  absl::string_view rule;
};

// Who is told of them. Thread-safe; called on the data path, with locks held:
// takes none but its own and waits for nothing.
class PolicyObserver {
 public:
  virtual ~PolicyObserver() = default;

  virtual void OnPolicyEvent(const PolicyEvent& event) = 0;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_POLICY_POLICY_OBSERVER_H_
