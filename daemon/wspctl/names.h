#ifndef WSPD_DAEMON_WSPCTL_NAMES_H_
#define WSPD_DAEMON_WSPCTL_NAMES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "proto/wsp/v1/types.pb.h"

namespace wspd {

// Names for what the daemon knows by numbers: users, hosts and services, as
// this system's name service has them. Each is looked up once. What has no name
// keeps its number. Escaped, since anybody may name his own hosts.
//
// Not thread-safe.
class Names {
 public:
  // The name of an address, empty if there is none; may take long. Called on
  // threads of its own, also after the end of its Names.
  using HostLookup = std::function<std::string(const wsp::v1::SocketAddress&)>;

  explicit Names(HostLookup look_up_host = LookUpHost);
  ~Names();

  // Begins to look up the hosts of these addresses, many at a time, and waits
  // for them, at most so long. Those that come later are there later.
  void Find(const std::vector<const wsp::v1::SocketAddress*>& addresses,
            absl::Duration at_most);

  std::string User(uint32_t uid);
  // "host.example:https", of as much as is known by now.
  std::string Address(const wsp::v1::SocketAddress& address, int protocol);

 private:
  struct Hosts;

  static std::string LookUpHost(const wsp::v1::SocketAddress& address);
  static void Work(const std::shared_ptr<Hosts>& hosts);
  std::string Service(uint32_t port, int protocol);

  // Shared with the threads.
  const std::shared_ptr<Hosts> hosts_;
  std::map<uint32_t, std::string> users_;
  std::map<std::pair<uint32_t, int>, std::string> services_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_NAMES_H_
