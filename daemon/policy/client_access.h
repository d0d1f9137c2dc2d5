#ifndef WSPD_DAEMON_POLICY_CLIENT_ACCESS_H_
#define WSPD_DAEMON_POLICY_CLIENT_ACCESS_H_

#include <errno.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "daemon/policy/action.h"
#include "daemon/policy/policy_observer.h"
#include "daemon/policy/published.h"
#include "daemon/policy/resolved_hosts.h"
#include "daemon/policy/rule_set.h"
#include "daemon/policy/subject.h"
#include "daemon/socket/net_address.h"

namespace wspd {

// The number of the client that a process is now; 0: of none. Others change it.
using ClientNumber = std::shared_ptr<const std::atomic<uint64_t>>;

// What one process may do, by the rules in force: where everything asks that
// takes an address from a client. Denials are told to the observer.
//
// Thread-safe. Without rules that deny or log anything, an answer costs one
// branch; with them no lock and no allocation, unless something is denied or
// logged.
class ClientAccess {
 public:
  // Who may do everything.
  static const std::shared_ptr<const ClientAccess>& Unrestricted();

  // All functions but Raw() give 0 or EACCES; `address` isn't empty. `socket`
  // is what asks, for those who are told; SocketAccess has it always.

  // `datagram`: what is connected isn't asked about when it sends.
  int Connect(const NetAddress& address, bool datagram,
              const PolicySocket& socket = {}) const {
    return free() ? 0 : CheckConnect(address, datagram, socket);
  }
  // Nor what the user could not bind without the daemon: see MayBindPort().
  int Bind(const NetAddress& address, const PolicySocket& socket = {}) const;
  int Listen(const NetAddress& address, const PolicySocket& socket = {}) const {
    return free() ? 0 : Check(Action::kListen, address, socket);
  }
  // `accepted`: the connection's descriptor, from `peer`.
  int Accept(const NetAddress& peer, int accepted,
             const PolicySocket& listener = {}) const {
    return free() ? 0 : CheckAccept(peer, accepted, listener);
  }
  int Send(const NetAddress& address, const PolicySocket& socket = {}) const {
    return free() ? 0 : Check(Action::kSend, address, socket);
  }
  // Whether Source() has to be asked: a rule is about binding.
  bool AsksAboutSources() const;
  // The source that a datagram is to have, with its socket's port: as binding
  // there, but for the port, which the socket has already.
  int Source(const NetAddress& address, const PolicySocket& socket) const {
    return free() ? 0 : Check(Action::kBind, address, socket);
  }
  // EPERM: raw sockets are made for nobody. By the rule that denies them, or
  // else by the default.
  int Raw(int family, const PolicySocket& socket) const;
  int ResolveHost(absl::string_view name) const {
    return free() ? 0 : CheckHost(name);
  }
  int ResolveAddress(const NetAddress& address) const {
    return free() ? 0 : Check(Action::kResolve, address, {});
  }

  // A socket for ICMP echoes: see MayHaveEchoes(). No rule is about that.
  int Echoes(const PolicySocket& socket) const;
  // Tells that a default (default_rules.h) refuses something, and returns
  // `error`.
  int Refuse(absl::string_view rule, Action action, const NetAddress& address,
             const PolicySocket& socket, int error) const;

  // The daemon has found `addresses` for the client by these names, the one
  // that it asked for and the canonical one. Remembered whether or not a rule
  // names any host yet.
  void NoteResolved(absl::Span<const absl::string_view> names,
                    absl::Span<const NetAddress> addresses) const;

  // Whether nothing is denied to the process, so that it may be lent sockets.
  bool is_unrestricted() const;

  const PolicySubject& subject() const { return subject_; }

 private:
  friend class PolicyStore;

  ClientAccess(PolicySubject subject, pid_t pid, ClientNumber client_id,
               std::shared_ptr<ResolvedHosts> hosts, PolicyObserver* observer)
      : subject_(std::move(subject)),
        pid_(pid),
        client_id_(std::move(client_id)),
        hosts_(std::move(hosts)),
        observer_(observer) {}

  bool free() const { return !rules_.has_value(); }

  int CheckConnect(const NetAddress& address, bool datagram,
                   const PolicySocket& socket) const;
  int CheckAccept(const NetAddress& peer, int accepted,
                  const PolicySocket& listener) const;
  // `local`: of kAccept.
  int Check(Action action, const NetAddress& address,
            const PolicySocket& socket, const NetAddress& local = {}) const;
  int CheckHost(absl::string_view name) const;
  // Tells what is to be told of a decision. 0 or EACCES.
  int Conclude(const ClientRules& rules, const Decision& decision,
               PolicyEvent event) const;
  // Fills in whose the event is, and tells it.
  void Tell(bool denied, absl::string_view rule, PolicyEvent* event) const;

  const PolicySubject subject_;
  const pid_t pid_;
  // May be null.
  const ClientNumber client_id_;
  const std::shared_ptr<ResolvedHosts> hosts_;
  PolicyObserver* const observer_;
  // Null where nothing is denied or logged.
  Published<ClientRules> rules_;
};

// What a process may do by one of its sockets: ClientAccess's functions. A
// value; lives no longer than what it was made from.
class SocketAccess {
 public:
  SocketAccess(const ClientAccess& access, const PolicySocket& socket)
      : access_(&access), socket_(socket) {}

  int Connect(const NetAddress& address, bool datagram) const {
    return access_->Connect(address, datagram, socket_);
  }
  int Bind(const NetAddress& address) const {
    return access_->Bind(address, socket_);
  }
  int Listen(const NetAddress& address) const {
    return access_->Listen(address, socket_);
  }
  int Accept(const NetAddress& peer, int accepted) const {
    return access_->Accept(peer, accepted, socket_);
  }
  int Send(const NetAddress& address) const {
    return access_->Send(address, socket_);
  }
  bool AsksAboutSources() const { return access_->AsksAboutSources(); }
  int Source(const NetAddress& address) const {
    return access_->Source(address, socket_);
  }
  int Refuse(absl::string_view rule, Action action, const NetAddress& address,
             int error) const {
    return access_->Refuse(rule, action, address, socket_, error);
  }

 private:
  const ClientAccess* access_;
  PolicySocket socket_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_POLICY_CLIENT_ACCESS_H_
