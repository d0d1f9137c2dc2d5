#ifndef WSPD_DAEMON_RESOLVER_DNS_QUERY_H_
#define WSPD_DAEMON_RESOLVER_DNS_QUERY_H_

#include <ares.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/event/event_loop.h"
#include "daemon/resolver/lookup.h"
#include "daemon/resolver/resolv_conf.h"
#include "daemon/socket/net_address.h"

namespace wspd {

// One question to DNS, on a c-ares channel of its own, so that it can be ended
// alone: servers, search domains and options are those of this moment. Nothing
// in it waits.
//
// Everything happens on the loop's thread.
class DnsQuery {
 public:
  struct Options {
    // Empty: those that `resolv_conf` names.
    std::vector<NetAddress> servers;
    std::string resolv_conf;
  };
  // May destroy the query.
  using Callback = std::function<void(LookupAnswer)>;

  DnsQuery(EventLoop* loop, Callback callback);
  // Without a callback if it is still under way.
  ~DnsQuery();

  DnsQuery(const DnsQuery&) = delete;
  DnsQuery& operator=(const DnsQuery&) = delete;

  // One of the two, once. They may call back before they return. `times` are
  // those of the file that the options name.
  // The addresses of `name`, of `family` or of both; aliases are what CNAME
  // records lead from.
  void FindHost(const Options& options, const ResolvConf& times,
                const std::string& name, int family);
  // The name of `address`.
  void FindName(const Options& options, const ResolvConf& times,
                const NetAddress& address);

 private:
  class SocketHandler;
  struct Watched {
    EventLoop::WatchId id;
    std::shared_ptr<SocketHandler> handler;
  };

  static void OnSocketState(void* self, ares_socket_t fd, int readable,
                            int writable);
  static void OnHost(void* self, int status, int timeouts,
                     ares_addrinfo* result);
  static void OnName(void* self, int status, int timeouts, hostent* host);

  bool Open(const Options& options, const ResolvConf& times);
  void WatchSocket(int fd, uint32_t events);
  void UnwatchSocket(int fd);
  void Process(int readable_fd, int writable_fd);
  // To be called last, after c-ares had its turn.
  void GoOn();

  EventLoop* const loop_;
  Callback callback_;
  ares_channel channel_ = nullptr;
  std::map<int, Watched> watched_;
  EventLoop::TimerId timer_ = 0;
  bool done_ = false;
  LookupAnswer answer_;
  // Of FindName.
  NetAddress address_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_RESOLVER_DNS_QUERY_H_
