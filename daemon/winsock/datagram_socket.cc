#include "daemon/winsock/datagram_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <utility>

#include "daemon/winsock/address_codec.h"
#include "daemon/winsock/group_request.h"
#include "proto/wire_fields.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {
namespace {

namespace wire = wsp::wire;

// Winsock's numbers.
constexpr uint32_t kJoinLeafSenderOnly = 1;
constexpr uint32_t kJoinLeafReceiverOnly = 2;
constexpr uint32_t kJoinLeafBoth = 4;

void SetFlag(int fd, int level, int option, int on) {
  setsockopt(fd, level, option, &on, sizeof(on));
}

// What Winsock has of a UDP socket, and Linux of one that asks for it.
void MakeAsWinsocks(int fd, int family) {
  // ICMP errors of all that is sent are queued, also on unconnected sockets.
  SetFlag(fd, IPPROTO_IP, IP_RECVERR, 1);
  // It gets what is for groups that it has joined itself. (An IPv6 socket may
  // come to receive over IPv4, too.)
  SetFlag(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
  // How a datagram came is known only if it was asked for before: who receives
  // it may ask, by MSG_BCAST and IP_RECEIVE_BROADCAST, when it is there.
  SetFlag(fd, IPPROTO_IP, IP_PKTINFO, 1);
  if (family != AF_INET6) return;
  SetFlag(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
  // Not before Linux 4.20, where one also gets what others on the machine have
  // joined.
  SetFlag(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
}

// On the interface to which the socket sends what is for groups: over IPv4,
// `interface`, as Winsock has it.
int JoinGroup(int fd, const NetAddress& group, in_addr interface) {
  if (group.family() == AF_INET) {
    const ip_mreqn request = MakeGroupRequest(group.v4().sin_addr, interface);
    return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request,
                      sizeof(request)) == 0
               ? 0
               : errno;
  }
  ipv6_mreq request{};
  request.ipv6mr_multiaddr = group.v6().sin6_addr;
  request.ipv6mr_interface = group.v6().sin6_scope_id;
  if (request.ipv6mr_interface == 0) {
    int index = 0;
    socklen_t size = sizeof(index);
    getsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, &size);
    request.ipv6mr_interface = static_cast<unsigned>(index);
  }
  return setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &request,
                    sizeof(request)) == 0
             ? 0
             : errno;
}

}  // namespace

DatagramSocket::DatagramSocket(std::shared_ptr<Socket> engine, int family,
                               const Environment* environment)
    : WinsockSocket(std::move(engine), family, SOCK_DGRAM, environment) {
  this->engine()->WithFd(
      [family](int fd) { return MakeAsWinsocks(fd, family); });
  this->engine()->SetReportsUnreachable(true);
}

bool DatagramSocket::HandleOwn(const SocketCall& call) {
  struct Entry {
    uint32_t request;
    void (DatagramSocket::*handler)(const SocketCall&);
  };
  // The most frequent first.
  static constexpr Entry kHandlers[] = {
      {wire::Call::kSendTo, &DatagramSocket::SendTo},
      {wire::Call::kRecvFrom, &DatagramSocket::ReceiveFrom},
      {wire::Call::kSend, &DatagramSocket::Send},
      {wire::Call::kRecv, &DatagramSocket::Receive},
      {wire::Call::kConnect, &DatagramSocket::Connect},
      {wire::Call::kShutdown, &DatagramSocket::Shutdown},
      {wire::Call::kJoinLeaf, &DatagramSocket::JoinLeaf},
      {wire::Call::kSocketError, &DatagramSocket::NoteError},
  };
  for (const Entry& entry : kHandlers) {
    if (entry.request != call->request) continue;
    (this->*entry.handler)(call);
    return true;
  }
  return false;
}

CallResult DatagramSocket::ResultOf(SocketDescriptor* /*from*/,
                                    const Operation& operation,
                                    Outcome outcome) {
  return operation.kind == Operation::Kind::kSendDatagram
             ? SendResult(operation, outcome)
             : ReceiveResult(operation, std::move(outcome));
}

void DatagramSocket::Describe(bool with_tcp, wsp::v1::Socket* out) const {
  WinsockSocket::Describe(with_tcp, out);
  absl::MutexLock lock(&mu_);
  if (!peer_.empty()) {
    out->set_state(wsp::v1::SOCKET_STATE_CONNECTED);
  } else {
    out->set_state(bound_ ? wsp::v1::SOCKET_STATE_BOUND
                          : wsp::v1::SOCKET_STATE_OPEN);
  }
}

int DatagramSocket::End(ForcedEnd how) {
  {
    absl::MutexLock lock(&mu_);
    NoteLocked(EventOf(how), ECONNABORTED, kByAdministrator);
  }
  return WinsockSocket::End(how);
}

// ------------------------------------------------------- binding, connecting

WsaError DatagramSocket::EnsureBoundLocked(const SocketCall& call) {
  return bound_ ? WsaError(0) : BindLocked(call, NetAddress::Any(family(), 0));
}

WsaError DatagramSocket::DisconnectLocked() {
  peer_ = NetAddress();
  if (std::exchange(peer_is_group_, false)) return 0;
  engine()->SetSource(NetAddress());
  const int error = engine()->WithFd([this](int fd) {
    const uint16_t port = NetAddress::LocalOf(fd).port();
    sockaddr nowhere{};
    nowhere.sa_family = AF_UNSPEC;
    if (connect(fd, &nowhere, sizeof(nowhere)) != 0) return errno;
    if (NetAddress::LocalOf(fd).port() == port) return 0;
    // Linux gives a port back that it chose itself, where Winsock stays bound.
    const NetAddress any = NetAddress::Any(family(), port);
    return bind(fd, any.get(), any.size()) == 0 ? 0 : errno;
  });
  return WsaError::FromErrno(error);
}

WsaError DatagramSocket::ConnectLocked(const SocketCall& call,
                                       const NetAddress& address) {
  if (address.family() != family()) return kWsaAfNoSupport;
  if (address.is_any() || address.port() == 0) return kWsaAddrNotAvail;
  if (WsaError error = EnsureBoundLocked(call); !error.ok()) return error;
  if (!peer_.empty()) {
    // Else the kernel would go on sending from the address that led to the
    // peer before.
    if (WsaError error = DisconnectLocked(); !error.ok()) return error;
  }
  const int error = engine()->WithFd([&address](int fd) {
    return connect(fd, address.get(), address.size()) == 0 ? 0 : errno;
  });
  if (error != 0) return WsaError::FromErrno(error);
  peer_ = address;
  engine()->SetSource(address);
  return 0;
}

void DatagramSocket::Connect(const SocketCall& call) {
  wsp::v1::ConnectRequest request;
  if (!call.Parse(&request)) return;
  NetAddress address;
  if (request.has_address() && !DecodeAddress(request.address(), &address)) {
    return call.Finish(WsaError(kWsaInval));
  }
  // No address, or one that is all zero, takes the peer away.
  const bool disconnects =
      address.empty() || (address.is_any() && address.port() == 0);
  WsaError error = 0;
  if (!disconnects) {
    error = WsaError::FromErrno(call.access().Connect(address, true));
    if (!error.ok()) return call.Finish(error);
  }
  CallResult result;
  {
    absl::MutexLock lock(&mu_);
    if (!disconnects) {
      error = ConnectLocked(call, address);
    } else if (!peer_.empty()) {
      error = DisconnectLocked();
    }
    // A call that fails is no asynchronous failure (reference, section 5.4).
    if (error.ok()) {
      so_error_ = 0;
      wsp::v1::ConnectResult message;
      local_ = engine()->WithFd(&NetAddress::LocalOf);
      EncodeAddress(local_, message.mutable_local());
      result.body = message.SerializeAsString();
      if (!disconnects) {
        NoteLocked(wsp::v1::JournalEvent::KIND_SOCKET_CONNECTED);
      }
    }
  }
  if (!error.ok()) return call.Finish(error);
  if (!disconnects) RecordConnected();
  call.Finish(std::move(result));
}

// The kernel isn't told: it refuses on an unconnected socket (reference,
// section 5.2), and would end receives that wait.
void DatagramSocket::Shutdown(const SocketCall& call) {
  wsp::v1::ShutdownRequest request;
  if (!call.Parse(&request)) return;
  const auto how = request.how();
  if (how < wsp::v1::ShutdownRequest::HOW_RECEIVE ||
      how > wsp::v1::ShutdownRequest::HOW_BOTH) {
    return call.Finish(WsaError(kWsaInval));
  }
  {
    absl::MutexLock lock(&mu_);
    if (how != wsp::v1::ShutdownRequest::HOW_SEND) receive_shut_ = true;
    if (how != wsp::v1::ShutdownRequest::HOW_RECEIVE) send_shut_ = true;
  }
  NotifyObservers();
  call.Finish(CallResult());
}

void DatagramSocket::JoinLeaf(const SocketCall& call) {
  wsp::v1::JoinLeafRequest request;
  if (!call.Parse(&request)) return;
  NetAddress group;
  const uint32_t flags = request.flags();
  if (!DecodeAddress(request.address(), &group) ||
      (flags != kJoinLeafSenderOnly && flags != kJoinLeafReceiverOnly &&
       flags != kJoinLeafBoth)) {
    return call.Finish(WsaError(kWsaInval));
  }
  WsaError error = 0;
  // The port is of what is sent: to join a group is to join it at any.
  if (flags != kJoinLeafSenderOnly) {
    error =
        WsaError::FromErrno(call.access().Connect(group.WithPort(0), false));
  }
  if (error.ok() && flags != kJoinLeafReceiverOnly) {
    error = WsaError::FromErrno(call.access().Connect(group, true));
  }
  if (!error.ok()) return call.Finish(error);
  {
    absl::MutexLock lock(&mu_);
    if (group.family() != family()) {
      error = kWsaAfNoSupport;
    } else if (!group.is_multicast()) {
      error = kWsaAddrNotAvail;
    } else {
      error = EnsureBoundLocked(call);
    }
    if (error.ok() && flags != kJoinLeafSenderOnly) {
      error = WsaError::FromErrno(
          engine()->WithFd([&](int fd) ABSL_NO_THREAD_SAFETY_ANALYSIS {
            return JoinGroup(fd, group, in_addr{options_.multicast_interface});
          }));
    }
    if (error.ok() && flags != kJoinLeafReceiverOnly) {
      if (!peer_.empty()) error = DisconnectLocked();
      peer_ = group;
      peer_is_group_ = true;
      if (error.ok()) {
        NoteLocked(wsp::v1::JournalEvent::KIND_SOCKET_CONNECTED);
      }
    }
  }
  if (error.ok()) RecordConnected();
  call.Finish(error);
}

void DatagramSocket::OptionsChangedLocked() {
  engine()->SetReceivesBroadcasts(options_.receives_broadcasts);
}

void DatagramSocket::FinishClose(const SocketCall& call, Remains remains) {
  const SocketDescriptor& from = *call.from();
  from.sink()->RemoveSocket(from.socket_id());
  GiveUp(std::move(remains));
  NoteClosed(&from);
  call.Finish(CallResult());
}

}  // namespace wspd
