// WSPBind, and the binds that other functions imply.
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <utility>

#include "daemon/network/broadcast_address.h"
#include "daemon/policy/action.h"
#include "daemon/policy/default_rules.h"
#include "daemon/winsock/address_codec.h"
#include "daemon/winsock/address_table.h"
#include "daemon/winsock/winsock_socket.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {
namespace {

AddressTable::Use UseOf(const SocketOptions& options) {
  if (options.exclusive_address) return AddressTable::Use::kExclusive;
  return options.reuse_address ? AddressTable::Use::kReuse
                               : AddressTable::Use::kDefault;
}

bool IsV6Only(int fd, int family) {
  int on = 0;
  socklen_t size = sizeof(on);
  return family == AF_INET6 &&
         getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, &size) == 0 && on != 0;
}

bool MayBroadcast(int fd) {
  int on = 0;
  socklen_t size = sizeof(on);
  return getsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, &size) == 0 && on != 0;
}

int BindKernel(int fd, const NetAddress& address) {
  return bind(fd, address.get(), address.size()) == 0 ? 0 : errno;
}

}  // namespace

void WinsockSocket::LetShare(int fd, int type, bool share) {
  const int on = share ? 1 : 0;
  // Of datagram sockets that both say so the kernel asks nobody whose they are:
  // a Linux program's would get what comes for another user's. SO_REUSEPORT it
  // keeps to sockets of one user, which all of these are, the daemon.
  if (type == SOCK_STREAM) {
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  }
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
}

// The kernel chooses a port that nobody has; only then may others have it, too.
WsaError WinsockSocket::BindToAnyPort(int fd, AddressTable* table,
                                      AddressTable::Bind* bind,
                                      AddressTable::Hold* hold) {
  if (const int error = BindKernel(fd, bind->address); error != 0) {
    return WsaError::FromErrno(error);
  }
  bind->address = NetAddress::LocalOf(fd);
  bool alone;
  *hold = table->TakeChosen(*bind, &alone);
  if (alone) LetShare(fd, bind->type, true);
  return 0;
}

WsaError WinsockSocket::BindToPort(int fd, AddressTable* table,
                                   const AddressTable::Bind& bind,
                                   AddressTable::Hold* hold, bool* anothers) {
  AddressTable::Hold taken;
  if (WsaError error = table->Take(bind, &taken, anothers); !error.ok())
    return error;
  LetShare(fd, bind.type, true);
  if (const int error = BindKernel(fd, bind.address); error != 0) {
    // So that a port of the kernel's choice would be one that nobody has.
    LetShare(fd, bind.type, false);
    return WsaError::FromErrno(error);
  }
  *hold = std::move(taken);
  return 0;
}

WsaError WinsockSocket::BindLocked(const SocketCall& call,
                                   const NetAddress& address, bool* anothers) {
  AddressTable::Bind bind{type_, address, false, UseOf(options_),
                          call.from()->owner().uid};
  AddressTable* const table = environment_->addresses.get();
  AddressTable::Hold hold;
  const WsaError error =
      engine_->WithFd([&](int fd) ABSL_NO_THREAD_SAFETY_ANALYSIS {
        // Where Linux asks only who sends there (section 2, WSPBind).
        if (type_ == SOCK_DGRAM && IsBroadcastAddress(address) &&
            !MayBroadcast(fd)) {
          return WsaError(kWsaAcces);
        }
        bind.v6_only = IsV6Only(fd, family_);
        WsaError result = address.port() == 0
                              ? BindToAnyPort(fd, table, &bind, &hold)
                              : BindToPort(fd, table, bind, &hold, anothers);
        // A stream comes to share with its listen.
        if (result.ok() && type_ == SOCK_DGRAM) LetFirstHaveLocked(fd);
        return result;
      });
  if (!error.ok()) return error;
  address_ = std::move(hold);
  bound_ = true;
  named_port_ = address.port() != 0;
  // With the port, if the kernel has chosen it.
  local_ = bind.address;
  NoteLocked(wsp::v1::JournalEvent::KIND_SOCKET_BOUND);
  return 0;
}

void WinsockSocket::LetFirstHaveLocked(int fd) const {
  if (!options_.reuse_address) return;
  sock_filter first = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog program = {1, &first};
  // Fails as long as the kernel knows of no other socket to share with; then
  // the other one's succeeds.
  (void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program,
                   sizeof(program));
}

void WinsockSocket::Bind(const SocketCall& call) {
  wsp::v1::BindRequest request;
  if (!call.Parse(&request)) return;
  NetAddress address;
  if (!DecodeAddress(request.address(), &address)) {
    return call.Finish(WsaError(kWsaInval));
  }
  WsaError error = WsaError::FromErrno(call.access().Bind(address));
  if (!error.ok()) return call.Finish(error);
  bool anothers = false;
  {
    absl::MutexLock lock(&mu_);
    if (address.family() != family_) {
      error = kWsaAfNoSupport;
    } else if (bound_ || !MayBindLocked()) {
      error = kWsaInval;
    } else {
      error = BindLocked(call, address, &anothers);
    }
  }
  if (anothers) {
    call.access().Refuse(kAnotherUsersAddress, Action::kBind, address,
                         error.linux_errno);
  }
  if (!error.ok()) return call.Finish(error);
  wsp::v1::BindResult message;
  EncodeAddress(engine_->WithFd(&NetAddress::LocalOf), message.mutable_local());
  CallResult result;
  result.body = message.SerializeAsString();
  call.Finish(std::move(result));
}

}  // namespace wspd
