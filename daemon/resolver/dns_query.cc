#include "daemon/resolver/dns_query.h"

#include <netdb.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>

#include <algorithm>
#include <utility>

#include "absl/time/time.h"
#include "daemon/base/log.h"

namespace wspd {
namespace {

LookupError ErrorOf(int status) {
  switch (status) {
    case ARES_SUCCESS:
      return LookupError::kNone;
    case ARES_ENOTFOUND:
    case ARES_EBADNAME:
      return LookupError::kHostNotFound;
    case ARES_ENODATA:
      return LookupError::kNoData;
    case ARES_ESERVFAIL:
    case ARES_ETIMEOUT:
    case ARES_ECONNREFUSED:
      return LookupError::kTryAgain;
    default:
      return LookupError::kNoRecovery;
  }
}

// c-ares wants its list of servers as linked nodes.
int SetServers(ares_channel channel, const std::vector<NetAddress>& servers) {
  std::vector<ares_addr_port_node> nodes(servers.size());
  for (size_t i = 0; i < servers.size(); ++i) {
    ares_addr_port_node& node = nodes[i];
    node.next = i + 1 < nodes.size() ? &nodes[i + 1] : nullptr;
    node.family = servers[i].family();
    if (node.family == AF_INET) {
      node.addr.addr4 = servers[i].v4().sin_addr;
    } else {
      memcpy(&node.addr.addr6, &servers[i].v6().sin6_addr,
             sizeof(node.addr.addr6));
    }
    node.udp_port = node.tcp_port = servers[i].port();
  }
  return ares_set_servers_ports(channel, nodes.data());
}

void AddAlias(const char* name, LookupAnswer* answer) {
  if (name == nullptr || answer->aliases.size() == kMostLookupAliases) return;
  std::vector<std::string>& aliases = answer->aliases;
  if (std::find(aliases.begin(), aliases.end(), name) == aliases.end()) {
    aliases.emplace_back(name);
  }
}

void AddAddress(const sockaddr* address, LookupAnswer* answer) {
  if (answer->addresses.size() == kMostLookupAddresses) return;
  LookupAnswer::Address entry;
  if (address->sa_family == AF_INET) {
    entry.address = NetAddress(*reinterpret_cast<const sockaddr_in*>(address));
  } else {
    entry.address = NetAddress(*reinterpret_cast<const sockaddr_in6*>(address));
  }
  answer->addresses.push_back(entry);
}

// The name that CNAME records lead to: one that none of them leads from.
std::string CanonicalName(const ares_addrinfo& result) {
  const auto leads_on = [&result](const char* name) {
    for (auto* other = result.cnames; other != nullptr; other = other->next) {
      if (other->alias != nullptr && strcasecmp(other->alias, name) == 0) {
        return true;
      }
    }
    return false;
  };
  for (auto* cname = result.cnames; cname != nullptr; cname = cname->next) {
    if (cname->name != nullptr && !leads_on(cname->name)) return cname->name;
  }
  return result.name == nullptr ? "" : result.name;
}

}  // namespace

// Holds the query's place with the loop, which may call it after the watch has
// ended.
class DnsQuery::SocketHandler : public EventHandler {
 public:
  SocketHandler(DnsQuery* query, int fd) : query_(query), fd_(fd) {}

  void Forget() { query_ = nullptr; }

  void OnEvents(uint32_t events) override {
    if (query_ == nullptr) return;
    // An error shows when the socket is read.
    const bool readable = (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;
    const bool writable = (events & EPOLLOUT) != 0;
    query_->Process(readable ? fd_ : ARES_SOCKET_BAD,
                    writable ? fd_ : ARES_SOCKET_BAD);
  }

 private:
  DnsQuery* query_;
  const int fd_;
};

DnsQuery::DnsQuery(EventLoop* loop, Callback callback)
    : loop_(loop), callback_(std::move(callback)) {}

DnsQuery::~DnsQuery() {
  // Its callbacks find done_ set.
  done_ = true;
  if (channel_ != nullptr) ares_destroy(channel_);
  if (timer_ != 0) loop_->CancelTimer(timer_);
  while (!watched_.empty()) UnwatchSocket(watched_.begin()->first);
}

bool DnsQuery::Open(const Options& options, const ResolvConf& times) {
  ares_options settings{};
  std::string resolv_conf = options.resolv_conf;
  char only_dns[] = "b";
  settings.lookups = only_dns;
  settings.resolvconf_path = resolv_conf.data();
  settings.sock_state_cb = &OnSocketState;
  settings.sock_state_cb_data = this;
  settings.timeout = times.timeout_seconds;
  settings.tries = times.attempts;
  int status = ares_init_options(&channel_, &settings,
                                 ARES_OPT_LOOKUPS | ARES_OPT_RESOLVCONF |
                                     ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUT |
                                     ARES_OPT_TRIES);
  if (status == ARES_SUCCESS && !options.servers.empty()) {
    status = SetServers(channel_, options.servers);
  }
  if (status == ARES_SUCCESS) return true;
  Log(LogLevel::kWarning, "no DNS query", {{"cause", ares_strerror(status)}});
  answer_ = LookupError::kNoRecovery;
  done_ = true;
  return false;
}

void DnsQuery::FindHost(const Options& options, const ResolvConf& times,
                        const std::string& name, int family) {
  if (Open(options, times)) {
    ares_addrinfo_hints hints{};
    // The order is the SPI client's business.
    hints.ai_flags = ARES_AI_CANONNAME | ARES_AI_NOSORT;
    hints.ai_family = family;
    ares_getaddrinfo(channel_, name.c_str(), nullptr, &hints, &OnHost, this);
  }
  GoOn();
}

void DnsQuery::FindName(const Options& options, const ResolvConf& times,
                        const NetAddress& address) {
  address_ = address;
  if (Open(options, times)) {
    const bool v4 = address.family() == AF_INET;
    const void* bytes = &address.v6().sin6_addr;
    if (v4) bytes = &address.v4().sin_addr;
    ares_gethostbyaddr(channel_, bytes, v4 ? sizeof(in_addr) : sizeof(in6_addr),
                       address.family(), &OnName, this);
  }
  GoOn();
}

void DnsQuery::OnHost(void* self, int status, int, ares_addrinfo* result) {
  auto* query = static_cast<DnsQuery*>(self);
  if (!query->done_) {
    query->done_ = true;
    LookupAnswer& answer = query->answer_;
    answer.error = ErrorOf(status);
    if (status == ARES_SUCCESS && result != nullptr) {
      answer.canonical_name = CanonicalName(*result);
      for (auto* cname = result->cnames; cname; cname = cname->next) {
        AddAlias(cname->alias, &answer);
      }
      for (auto* node = result->nodes; node; node = node->ai_next) {
        AddAddress(node->ai_addr, &answer);
      }
    }
  }
  if (result != nullptr) ares_freeaddrinfo(result);
}

void DnsQuery::OnName(void* self, int status, int, hostent* host) {
  auto* query = static_cast<DnsQuery*>(self);
  if (query->done_) return;
  query->done_ = true;
  LookupAnswer& answer = query->answer_;
  answer.error = ErrorOf(status);
  if (status != ARES_SUCCESS || host == nullptr) return;
  answer.canonical_name = host->h_name;
  for (char** alias = host->h_aliases; *alias != nullptr; ++alias) {
    if (answer.canonical_name != *alias) AddAlias(*alias, &answer);
  }
  answer.addresses.emplace_back();
  answer.addresses.back().address = query->address_;
}

// ------------------------------------------------------------- the loop

void DnsQuery::OnSocketState(void* self, ares_socket_t fd, int readable,
                             int writable) {
  auto* query = static_cast<DnsQuery*>(self);
  uint32_t events = 0;
  if (readable != 0) events |= EPOLLIN;
  if (writable != 0) events |= EPOLLOUT;
  if (events == 0) {
    query->UnwatchSocket(fd);
  } else {
    query->WatchSocket(fd, events);
  }
}

void DnsQuery::WatchSocket(int fd, uint32_t events) {
  absl::Status status;
  const auto found = watched_.find(fd);
  if (found != watched_.end()) {
    status = loop_->Rearm(found->second.id, fd, events);
  } else {
    auto handler = std::make_shared<SocketHandler>(this, fd);
    auto id = loop_->Watch(fd, events, handler);
    status = id.status();
    if (id.ok()) watched_.emplace(fd, Watched{*id, std::move(handler)});
  }
  // The query then ends by its time limit.
  if (!status.ok()) {
    Log(LogLevel::kWarning, "DNS socket not watched",
        {{"cause", status.message()}});
  }
}

void DnsQuery::UnwatchSocket(int fd) {
  const auto found = watched_.find(fd);
  if (found == watched_.end()) return;
  loop_->Unwatch(found->second.id, fd);
  found->second.handler->Forget();
  watched_.erase(found);
}

void DnsQuery::Process(int readable_fd, int writable_fd) {
  ares_process_fd(channel_, readable_fd, writable_fd);
  GoOn();
}

void DnsQuery::GoOn() {
  if (timer_ != 0) loop_->CancelTimer(std::exchange(timer_, 0));
  if (done_) {
    const Callback callback = std::move(callback_);
    LookupAnswer answer = std::move(answer_);
    callback(std::move(answer));
    return;
  }
  timeval wait;
  if (ares_timeout(channel_, nullptr, &wait) == nullptr) return;
  timer_ = loop_->RunAfter(absl::DurationFromTimeval(wait), [this] {
    timer_ = 0;
    Process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  });
}

}  // namespace wspd
