#include "daemon/network/change_monitor.h"

#include <errno.h>
#include <net/if.h>
#include <sys/epoll.h>
#include <sys/socket.h>
// After what it needs and doesn't include.
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <utility>

#include "daemon/network/interface_addresses.h"

namespace wspd {
namespace {

constexpr uint32_t kEverything = kIpv4AddressesChanged | kIpv6AddressesChanged |
                                 kIpv4RoutesChanged | kIpv6RoutesChanged;
constexpr uint32_t kGroups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR |
                             RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR |
                             RTMGRP_IPV6_ROUTE;
constexpr int kFamilies[] = {AF_INET, AF_INET6};
constexpr uint32_t kAddressBits[] = {kIpv4AddressesChanged,
                                     kIpv6AddressesChanged};

// Interfaces and addresses: the lists may be others.
constexpr uint32_t kCompare = 1u << 31;

// What a message of the kernel's says. All that the groups bring begins with
// the family, but for those about links.
uint32_t ChangesOf(const nlmsghdr& message) {
  const auto family =
      static_cast<const rtgenmsg*>(NLMSG_DATA(const_cast<nlmsghdr*>(&message)))
          ->rtgen_family;
  const bool ipv4 = family == AF_INET;
  const bool ipv6 = family == AF_INET6;
  const uint32_t routes = (ipv4 ? uint32_t{kIpv4RoutesChanged} : 0) |
                          (ipv6 ? uint32_t{kIpv6RoutesChanged} : 0);
  switch (message.nlmsg_type) {
    case RTM_DELADDR:
      // Also if it is back by the time that one looks.
      return routes | kCompare | (ipv4 ? uint32_t{kIpv4AddressesChanged} : 0) |
             (ipv6 ? uint32_t{kIpv6AddressesChanged} : 0);
    case RTM_NEWADDR:
      return routes | kCompare;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return routes;
    case RTM_NEWLINK:
    case RTM_DELLINK:
      // IPv4's routes go with their interface without a word.
      return kIpv4RoutesChanged | kIpv6RoutesChanged | kCompare;
    default:
      return 0;
  }
}

std::string AddressesAsBytes(int family) {
  std::vector<InterfaceAddress> addresses;
  (void)ListInterfaceAddresses(family, &addresses);
  std::string bytes;
  for (const InterfaceAddress& entry : addresses) {
    if ((entry.flags & IFF_UP) == 0 || (entry.flags & IFF_LOOPBACK) != 0) {
      continue;
    }
    bytes.append(reinterpret_cast<const char*>(&entry.interface_index),
                 sizeof(entry.interface_index));
    bytes.append(reinterpret_cast<const char*>(entry.address.get()),
                 entry.address.size());
  }
  return bytes;
}

}  // namespace

std::shared_ptr<ChangeMonitor> ChangeMonitor::Create() {
  return std::shared_ptr<ChangeMonitor>(new ChangeMonitor());
}

int ChangeMonitor::Observe(const std::shared_ptr<ChangeObserver>& observer,
                           uint32_t changes, EventLoop* loop) {
  absl::MutexLock lock(&mu_);
  for (Entry& entry : entries_) {
    if (entry.key != observer.get()) continue;
    entry.changes = changes;
    return 0;
  }
  if (entries_.empty()) {
    if (const int error = StartLocked(loop); error != 0) return error;
  }
  entries_.push_back({observer.get(), observer, changes});
  return 0;
}

void ChangeMonitor::StopObserving(const ChangeObserver* observer) {
  absl::MutexLock lock(&mu_);
  auto found =
      std::find_if(entries_.begin(), entries_.end(),
                   [&](const Entry& entry) { return entry.key == observer; });
  if (found == entries_.end()) return;
  entries_.erase(found);
  if (entries_.empty()) StopLocked();
}

int ChangeMonitor::StartLocked(EventLoop* loop) {
  OwnedFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    NETLINK_ROUTE));
  if (!fd.valid()) return errno;
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = kGroups;
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) !=
      0) {
    return errno;
  }
  auto watch = loop->Watch(fd.get(), EPOLLIN, shared_from_this());
  if (!watch.ok()) return ENOMEM;
  loop_ = loop;
  netlink_ = std::move(fd);
  watch_ = *watch;
  // After the kernel began to tell, so that nothing comes between.
  for (int i = 0; i < 2; ++i) addresses_[i] = AddressesAsBytes(kFamilies[i]);
  return 0;
}

void ChangeMonitor::StopLocked() {
  loop_->Unwatch(watch_, netlink_.get());
  netlink_.Reset();
}

uint32_t ChangeMonitor::CompareAddressesLocked() {
  uint32_t changes = 0;
  for (int i = 0; i < 2; ++i) {
    std::string now = AddressesAsBytes(kFamilies[i]);
    if (now == addresses_[i]) continue;
    addresses_[i] = std::move(now);
    changes |= kAddressBits[i];
  }
  return changes;
}

uint32_t ChangeMonitor::ReadChangesLocked() {
  uint32_t changes = 0;
  alignas(nlmsghdr) char buffer[8192];
  for (;;) {
    const ssize_t size =
        recv(netlink_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    // More than there was room for: whatever it was.
    if (size < 0 && errno == ENOBUFS) {
      changes |= kEverything | kCompare;
      continue;
    }
    if (size <= 0) break;
    auto left = static_cast<unsigned>(size);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer);
         NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_len >= NLMSG_LENGTH(sizeof(rtgenmsg))) {
        changes |= ChangesOf(*message);
      }
    }
  }
  if ((changes & kCompare) != 0) changes |= CompareAddressesLocked();
  return changes & ~kCompare;
}

void ChangeMonitor::OnEvents(uint32_t /*events*/) {
  uint32_t changes;
  std::vector<std::shared_ptr<ChangeObserver>> observers;
  {
    absl::MutexLock lock(&mu_);
    if (!netlink_.valid()) return;
    changes = ReadChangesLocked();
    for (const Entry& entry : entries_) {
      if ((entry.changes & changes) == 0) continue;
      if (auto observer = entry.observer.lock()) {
        observers.push_back(std::move(observer));
      }
    }
  }
  for (const auto& observer : observers) observer->OnNetworkChange(changes);
}

}  // namespace wspd
