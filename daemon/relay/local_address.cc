#include "daemon/relay/local_address.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace wspd {
namespace {

// Above SOCK_*, for protocols whose ports are neither TCP's nor UDP's.
constexpr int kOtherPorts = 0x100;

int PortsOf(const LinuxSocketKind& kind) {
  switch (kind.protocol) {
    case IPPROTO_TCP:
    case IPPROTO_MPTCP:
      return SOCK_STREAM;
    case IPPROTO_UDP:
      return SOCK_DGRAM;
    default:
      return kOtherPorts | kind.protocol;
  }
}

int GetFlag(int fd, int level, int name) {
  int value = 0;
  socklen_t size = sizeof(value);
  return getsockopt(fd, level, name, &value, &size) == 0 ? value : 0;
}

bool HasPort(int fd) { return NetAddress::LocalOf(fd).port() != 0; }

int BindKernel(int fd, const NetAddress& address) {
  return bind(fd, address.get(), address.size()) == 0 ? 0 : errno;
}

}  // namespace

LocalAddress::LocalAddress(AddressTable* table, const LinuxSocketKind& kind,
                           uid_t uid)
    : table_(table), kind_(kind), uid_(uid) {}

// ----------------------------------------------------------------- options

bool LocalAddress::IsSharing(int level, int name) {
  return level == SOL_SOCKET && (name == SO_REUSEADDR || name == SO_REUSEPORT);
}

LocalAddress::Sharing LocalAddress::Wanted(int fd) const {
  if (kind_.type == SOCK_DGRAM) return wanted_;
  return {GetFlag(fd, SOL_SOCKET, SO_REUSEADDR),
          GetFlag(fd, SOL_SOCKET, SO_REUSEPORT)};
}

void LocalAddress::Share(int fd, const Sharing& sharing) {
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &sharing.address,
             sizeof(sharing.address));
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &sharing.port, sizeof(sharing.port));
}

int LocalAddress::SetSharing(int fd, int name, const std::string& value) {
  // The kernel's own word on it, in any case.
  if (setsockopt(fd, SOL_SOCKET, name, value.data(),
                 static_cast<socklen_t>(value.size())) != 0) {
    return errno;
  }
  if (kind_.type != SOCK_DGRAM) return 0;
  (name == SO_REUSEADDR ? wanted_.address : wanted_.port) =
      GetFlag(fd, SOL_SOCKET, name);
  if (!shares_) Share(fd, {});
  return 0;
}

void LocalAddress::CorrectSharing(int name, void* value, size_t size) const {
  if (kind_.type != SOCK_DGRAM) return;
  const int wanted = name == SO_REUSEADDR ? wanted_.address : wanted_.port;
  memcpy(value, &wanted, std::min(size, sizeof(wanted)));
}

// --------------------------------------------------------------- addresses

AddressTable::Bind LocalAddress::EntryOf(int fd,
                                         const NetAddress& address) const {
  // Of IPv4 there is no such option.
  const bool v6_only = GetFlag(fd, IPPROTO_IPV6, IPV6_V6ONLY) != 0;
  return {PortsOf(kind_), address, v6_only, AddressTable::Use::kLinux, uid_};
}

int LocalAddress::Bind(int fd, const NetAddress& address, bool* anothers) {
  if (anothers != nullptr) *anothers = false;
  // For the kernel to say so.
  if (HasPort(fd)) return BindKernel(fd, address);
  return address.port() == 0 ? BindToAnyPort(fd, address)
                             : BindToPort(fd, address, anothers);
}

int LocalAddress::BindToPort(int fd, const NetAddress& address,
                             bool* anothers) {
  AddressTable::Hold taken;
  if (!address.is_multicast() &&
      !table_->Take(EntryOf(fd, address), &taken, anothers).ok()) {
    return EADDRINUSE;
  }
  if (kind_.type == SOCK_DGRAM) Share(fd, wanted_);
  if (const int error = BindKernel(fd, address); error != 0) {
    if (kind_.type == SOCK_DGRAM) Share(fd, {});
    return error;
  }
  shares_ = true;
  hold_ = std::move(taken);
  return 0;
}

int LocalAddress::BindToAnyPort(int fd, const NetAddress& address) {
  const Sharing wanted = Wanted(fd);
  Share(fd, {});
  const int error = BindKernel(fd, address);
  // None yet: IP_BIND_ADDRESS_NO_PORT.
  shares_ = error == 0 && HasPort(fd);
  const bool alone = !shares_ || TakeChosen(fd);
  if (alone && (shares_ || kind_.type != SOCK_DGRAM)) Share(fd, wanted);
  return error;
}

bool LocalAddress::TakeChosen(int fd) {
  const NetAddress local = NetAddress::LocalOf(fd);
  bool alone = true;
  if (!local.is_multicast()) {
    hold_ = table_->TakeChosen(EntryOf(fd, local), &alone);
  }
  return alone;
}

int LocalAddress::Listen(int fd, int backlog) {
  // One that has no address gets one.
  const bool chooses = !HasPort(fd);
  const Sharing wanted = chooses ? Wanted(fd) : Sharing{};
  if (chooses) Share(fd, {});
  const int error = listen(fd, backlog) == 0 ? 0 : errno;
  bool alone = true;
  if (error == 0 && (chooses || hold_ == nullptr)) alone = TakeChosen(fd);
  if (chooses && alone) Share(fd, wanted);
  return error;
}

void LocalAddress::Look(int fd) {
  if (HasPort(fd)) return;
  hold_.reset();
  // The next one may come by sending.
  if (kind_.type == SOCK_DGRAM && std::exchange(shares_, false)) Share(fd, {});
}

}  // namespace wspd
