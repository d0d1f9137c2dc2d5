#include "daemon/wspctl/names.h"

#include <netdb.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>

#include <cstring>
#include <deque>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "daemon/base/escape.h"
#include "daemon/wspctl/address_text.h"

namespace wspd {
namespace {

using ::wsp::v1::SocketAddress;

// A name service that doesn't answer holds up so many at once.
constexpr int kMostThreads = 32;

socklen_t ToSystem(const SocketAddress& address, sockaddr_storage* to) {
  *to = {};
  if (address.has_ipv4()) {
    auto* const v4 = reinterpret_cast<sockaddr_in*>(to);
    v4->sin_family = AF_INET;
    v4->sin_addr.s_addr = htonl(address.ipv4().address());
    return sizeof(*v4);
  }
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(to);
  if (address.ipv6().address().size() != sizeof(v6->sin6_addr)) return 0;
  v6->sin6_family = AF_INET6;
  memcpy(&v6->sin6_addr, address.ipv6().address().data(),
         sizeof(v6->sin6_addr));
  v6->sin6_scope_id = address.ipv6().scope_id();
  return sizeof(*v6);
}

// That of nobody in particular has no name.
bool IsAny(const SocketAddress& address) {
  return address.has_ipv4() ? address.ipv4().address() == 0
                            : address.ipv6().address() == std::string(16, '\0');
}

}  // namespace

// By the text of the address.
struct Names::Hosts {
  explicit Hosts(HostLookup lookup) : look_up(std::move(lookup)) {}

  const HostLookup look_up;
  absl::Mutex mu;
  std::deque<SocketAddress> waiting ABSL_GUARDED_BY(mu);
  // Known, being looked up, or waiting: then empty.
  absl::flat_hash_map<std::string, std::string> names ABSL_GUARDED_BY(mu);
  int unknown ABSL_GUARDED_BY(mu) = 0;
  int threads ABSL_GUARDED_BY(mu) = 0;
};

Names::Names(HostLookup look_up_host)
    : hosts_(std::make_shared<Hosts>(std::move(look_up_host))) {}

Names::~Names() {
  absl::MutexLock lock(&hosts_->mu);
  hosts_->waiting.clear();
}

std::string Names::LookUpHost(const SocketAddress& address) {
  sockaddr_storage system;
  const socklen_t size = ToSystem(address, &system);
  char name[NI_MAXHOST];
  if (size == 0 || getnameinfo(reinterpret_cast<sockaddr*>(&system), size, name,
                               sizeof(name), nullptr, 0, NI_NAMEREQD) != 0) {
    return "";
  }
  return name;
}

void Names::Work(const std::shared_ptr<Hosts>& hosts) {
  absl::MutexLock lock(&hosts->mu);
  while (!hosts->waiting.empty()) {
    const SocketAddress address = hosts->waiting.front();
    hosts->waiting.pop_front();
    hosts->mu.Unlock();
    std::string name = hosts->look_up(address);
    hosts->mu.Lock();
    hosts->names[FormatHost(address)] = std::move(name);
    --hosts->unknown;
  }
  --hosts->threads;
}

void Names::Find(const std::vector<const SocketAddress*>& addresses,
                 absl::Duration at_most) {
  absl::MutexLock lock(&hosts_->mu);
  for (const SocketAddress* address : addresses) {
    if (address->family_case() == SocketAddress::FAMILY_NOT_SET ||
        IsAny(*address) ||
        !hosts_->names.emplace(FormatHost(*address), "").second) {
      continue;
    }
    hosts_->waiting.push_back(*address);
    ++hosts_->unknown;
    if (hosts_->threads >= kMostThreads) continue;
    ++hosts_->threads;
    std::thread([hosts = hosts_] { Work(hosts); }).detach();
  }
  const auto all_known = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(hosts_->mu) {
    return hosts_->unknown == 0;
  };
  hosts_->mu.AwaitWithTimeout(absl::Condition(&all_known), at_most);
}

std::string Names::User(uint32_t uid) {
  const auto [known, added] = users_.try_emplace(uid);
  if (!added) return known->second;
  passwd entry;
  passwd* found = nullptr;
  std::vector<char> buffer(65536);
  getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
  known->second = found == nullptr ? absl::StrCat(uid) : Escape(found->pw_name);
  return known->second;
}

std::string Names::Service(uint32_t port, int protocol) {
  const auto [known, added] = services_.try_emplace({port, protocol});
  if (!added) return known->second;
  servent entry;
  servent* found = nullptr;
  std::vector<char> buffer(4096);
  getservbyport_r(htons(static_cast<uint16_t>(port)),
                  protocol == IPPROTO_UDP ? "udp" : "tcp", &entry,
                  buffer.data(), buffer.size(), &found);
  known->second = found == nullptr ? absl::StrCat(port) : Escape(found->s_name);
  return known->second;
}

std::string Names::Address(const SocketAddress& address, int protocol) {
  if (address.family_case() == SocketAddress::FAMILY_NOT_SET) {
    return FormatAddress(address);
  }
  std::string host = FormatHost(address);
  if (address.has_ipv6()) host = absl::StrCat("[", host, "]");
  {
    absl::MutexLock lock(&hosts_->mu);
    const auto found = hosts_->names.find(FormatHost(address));
    if (found != hosts_->names.end() && !found->second.empty()) {
      host = Escape(found->second);
    }
  }
  return absl::StrCat(host, ":", Service(PortOf(address), protocol));
}

}  // namespace wspd
