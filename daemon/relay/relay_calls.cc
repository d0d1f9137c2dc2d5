#include "daemon/relay/relay_calls.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
// After what it needs and doesn't include.
#include <linux/sockios.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "daemon/policy/action.h"
#include "daemon/policy/default_rules.h"
#include "daemon/policy/source_addresses.h"
#include "daemon/relay/datagram_message.h"
#include "daemon/relay/relay_options.h"
#include "daemon/winsock/address_codec.h"

namespace wspd {
namespace {

using wsp::v1::LinuxCallRequest;
using wsp::v1::LinuxCallResult;

constexpr size_t kMostValueBytes = 4096;

// False: it is there and impossible. None is an empty address.
bool TakeAddress(bool present, const wsp::v1::SocketAddress& from,
                 NetAddress* to) {
  return !present || DecodeAddress(from, to);
}

int Bind(const wsp::v1::LinuxBind& request, const SocketAccess& access,
         RelayedSocket* socket) {
  NetAddress address;
  if (!request.has_address() || !DecodeAddress(request.address(), &address)) {
    return EINVAL;
  }
  if (const int denied = access.Bind(address); denied != 0) return denied;
  bool anothers = false;
  const int error = socket->Bind(address, &anothers);
  if (!anothers) return error;
  return access.Refuse(kAnotherUsersAddress, Action::kBind, address, error);
}

int Connect(const wsp::v1::LinuxConnect& request, const SocketAccess& access,
            RelayedSocket* socket, LinuxCallResult* result) {
  NetAddress address;
  int refused = 0;
  if (!TakeAddress(request.has_address(), request.address(), &address)) {
    refused = EAFNOSUPPORT;
  } else if (!address.empty()) {
    const bool datagram = socket->info().kind.type == SOCK_DGRAM;
    refused = access.Connect(address, datagram);
  }
  int error = refused;
  bool in_progress = false;
  if (refused != 0) {
    socket->RefuseConnect(request.filler());
  } else {
    error = socket->Connect(address, request.filler(), &in_progress);
  }
  if (error == 0) result->mutable_connect()->set_in_progress(in_progress);
  if (request.unawaited()) socket->NoteUnawaitedConnect(error);
  return error;
}

int Listen(const wsp::v1::LinuxListen& request, const SocketAccess& access,
           RelayedSocket* socket) {
  NetAddress local;
  const int error = socket->UseReal([&local](int fd) {
    local = NetAddress::LocalOf(fd);
    return 0;
  });
  if (error != 0) return error;
  const int denied = local.empty() ? 0 : access.Listen(local);
  return denied != 0 ? denied : socket->Listen(request.backlog());
}

// Of the real socket; 0: none, or it has ended.
uint16_t PortOf(RelayedSocket* socket) {
  uint16_t port = 0;
  (void)socket->UseReal([&port](int fd) {
    port = NetAddress::LocalOf(fd).port();
    return 0;
  });
  return port;
}

// Whether a control block may go with a datagram of the socket, as far as that
// is told: what else is wrong Send() says.
int CheckWithDatagram(const std::string& control, const SocketAccess& access,
                      RelayedSocket* socket) {
  if (control.empty() || socket->info().kind.type != SOCK_DGRAM) return 0;
  if (CheckControl(control.data(), control.size()) == EPERM) {
    return access.Refuse(kPrivilegedControl, Action::kPrivilege, NetAddress(),
                         EPERM);
  }
  return CheckSources(access, control, [socket] { return PortOf(socket); });
}

int Send(const wsp::v1::LinuxSend& request, const SocketAccess& access,
         RelayedSocket* socket, LinuxCallResult* result) {
  NetAddress to;
  if (!TakeAddress(request.has_to(), request.to(), &to)) return EINVAL;
  int denied = to.empty() ? 0 : access.Send(to);
  if (denied == 0)
    denied = CheckWithDatagram(request.control(), access, socket);
  return denied != 0 ? denied : socket->Send(request, result->mutable_send());
}

int Name(const wsp::v1::LinuxName& request, RelayedSocket* socket,
         LinuxCallResult* result) {
  NetAddress address;
  const int error = socket->UseReal([&](int fd) {
    socklen_t size = NetAddress::kMostBytes;
    const int failed = request.peer()
                           ? getpeername(fd, address.Buffer(), &size)
                           : getsockname(fd, address.Buffer(), &size);
    if (failed != 0) return errno;
    return 0;
  });
  if (error != 0) return error;
  // One of datagrams may have been given it by sending.
  if (!request.peer() && socket->info().kind.type == SOCK_DGRAM) {
    socket->NotePort(address.port());
  }
  EncodeAddress(address, result->mutable_name()->mutable_address());
  return 0;
}

int GetError(RelayedSocket* socket, size_t length, std::string* value) {
  int pending = 0;
  if (const int error = socket->TakeError(&pending); error != 0) return error;
  value->assign(reinterpret_cast<const char*>(&pending), sizeof(pending));
  if (value->size() > length) value->resize(length);
  return 0;
}

int GetOption(const wsp::v1::LinuxGetOption& request, RelayedSocket* socket,
              LinuxCallResult* result) {
  if (request.length() > kMostValueBytes ||
      request.value().size() > kMostValueBytes) {
    return EINVAL;
  }
  std::string* const value = result->mutable_get_option()->mutable_value();
  if (request.level() == SOL_SOCKET && request.name() == SO_ERROR) {
    return GetError(socket, request.length(), value);
  }
  if (!IsReadable(request.level(), request.name())) return ENOPROTOOPT;
  *value = request.value();
  value->resize(request.length());
  socklen_t length = request.length();
  const int error =
      socket->GetOption(request.level(), request.name(), &(*value)[0], &length);
  value->resize(std::min<size_t>(length, value->size()));
  return error;
}

int SetOption(const wsp::v1::LinuxSetOption& request,
              const SocketAccess& access, RelayedSocket* socket) {
  const std::string& value = request.value();
  if (value.size() > kMostValueBytes) return EINVAL;
  switch (RuleOfSetting(request.level(), request.name(), value.data(),
                        value.size())) {
    case OptionRule::kUnknown:
      return ENOPROTOOPT;
    case OptionRule::kRefused:
      return EPERM;
    case OptionRule::kPrivileged:
      return access.Refuse(PrivilegedOption(request.level(), request.name()),
                           Action::kPrivilege, NetAddress(), EPERM);
    case OptionRule::kProgramsOwn:
      socket->SetProgramOption(request.name(), value);
      return 0;
    case OptionRule::kReal:
      break;
  }
  // Joining is connecting, as by WSPJoinLeaf.
  const NetAddress group = JoinedGroup(request.level(), request.name(), value);
  int denied = group.empty() ? 0 : access.Connect(group, false);
  if (denied != 0) return denied;
  const NetAddress source = GroupSource(request.level(), request.name(), value);
  if (!source.empty() && access.AsksAboutSources()) {
    denied = access.Source(source.WithPort(PortOf(socket)));
  }
  if (denied != 0) return denied;
  const int error = socket->SetOption(request.level(), request.name(), value);
  if (error == 0 && request.level() == SOL_SOCKET &&
      request.name() == SO_LINGER) {
    socket->OnLingerSet();
  }
  return error;
}

// Bytes that the argument of an ioctl has; 0: it isn't one that programs get
// an answer to.
size_t ArgumentBytes(uint64_t request) {
  switch (request) {
    case SIOCINQ:
    case SIOCOUTQ:
    case SIOCOUTQNSD:
    case SIOCATMARK:
      return sizeof(int);
    case SIOCGIFNAME:
    case SIOCGIFINDEX:
    case SIOCGIFFLAGS:
    case SIOCGIFADDR:
    case SIOCGIFDSTADDR:
    case SIOCGIFBRDADDR:
    case SIOCGIFNETMASK:
    case SIOCGIFMETRIC:
    case SIOCGIFMTU:
    case SIOCGIFHWADDR:
    case SIOCGIFTXQLEN:
    case SIOCGIFMAP:
      return sizeof(ifreq);
    case SIOCGIFCONF:
      // A pointer to the list: only the list travels.
      return kMostValueBytes;
    default:
      return 0;
  }
}

// SIOCGIFCONF: the value is the list, as long as the caller has room.
int ListInterfaces(int fd, std::string* value) {
  ifconf list{};
  list.ifc_len = static_cast<int>(value->size());
  list.ifc_buf = value->empty() ? nullptr : &(*value)[0];
  if (ioctl(fd, SIOCGIFCONF, &list) != 0) return errno;
  // Without room it says how much would be needed.
  value->resize(
      std::min<size_t>(static_cast<size_t>(list.ifc_len), kMostValueBytes));
  return 0;
}

// Of a name that the kernel doesn't know it would load a module, with the
// daemon's privilege; what it knows is asked for without one.
bool IsInterface(const std::string& request) {
  const std::string name = request.substr(0, IFNAMSIZ);
  const std::string device =
      name.substr(0, std::min(name.find('\0'), name.find(':')));
  struct if_nameindex* const all = if_nameindex();
  if (all == nullptr) return false;
  bool found = false;
  for (const struct if_nameindex* one = all; one->if_name != nullptr; ++one) {
    found |= device == one->if_name;
  }
  if_freenameindex(all);
  return found;
}

int Ioctl(const wsp::v1::LinuxIoctl& request, RelayedSocket* socket,
          LinuxCallResult* result) {
  const size_t bytes = ArgumentBytes(request.request());
  if (bytes == 0) return ENOTTY;
  if (request.value().size() > kMostValueBytes) return EINVAL;
  std::string* const value = result->mutable_ioctl()->mutable_value();
  *value = request.value();
  if (request.request() == SIOCGIFCONF) {
    return socket->UseReal([&](int fd) { return ListInterfaces(fd, value); });
  }
  value->resize(bytes);
  if (bytes == sizeof(ifreq) && request.request() != SIOCGIFNAME &&
      !IsInterface(*value)) {
    return ENODEV;
  }
  if (request.request() == SIOCOUTQ) {
    int unsent = 0;
    const int error = socket->CountUnsent(&unsent);
    memcpy(&(*value)[0], &unsent, sizeof(unsent));
    return error;
  }
  return socket->UseReal([&](int fd) {
    const int answer = ioctl(fd, request.request(), &(*value)[0]);
    if (answer < 0) return errno;
    result->mutable_ioctl()->set_result(answer);
    return 0;
  });
}

int State(const wsp::v1::LinuxState& request, RelayedSocket* socket,
          LinuxCallResult* result) {
  return socket->State(request.filler_change(), result->mutable_state());
}

int Shutdown(const wsp::v1::LinuxShutdown& request, RelayedSocket* socket) {
  if (request.how() != SHUT_RD && request.how() != SHUT_WR &&
      request.how() != SHUT_RDWR) {
    return EINVAL;
  }
  return socket->Shutdown(request.how());
}

}  // namespace

int RunRelayCall(const LinuxCallRequest& request,
                 const ClientAccess& client_access, RelayedSocket* socket,
                 LinuxCallResult* result) {
  const SocketAccess access(client_access, socket->InQuestion());
  switch (request.request_case()) {
    case LinuxCallRequest::kBind:
      return Bind(request.bind(), access, socket);
    case LinuxCallRequest::kConnect:
      return Connect(request.connect(), access, socket, result);
    case LinuxCallRequest::kListen:
      return Listen(request.listen(), access, socket);
    case LinuxCallRequest::kName:
      return Name(request.name(), socket, result);
    case LinuxCallRequest::kGetOption:
      return GetOption(request.get_option(), socket, result);
    case LinuxCallRequest::kSetOption:
      return SetOption(request.set_option(), access, socket);
    case LinuxCallRequest::kIoctl:
      return Ioctl(request.ioctl(), socket, result);
    case LinuxCallRequest::kState:
      return State(request.state(), socket, result);
    case LinuxCallRequest::kShutdown:
      return Shutdown(request.shutdown(), socket);
    case LinuxCallRequest::kSend:
      return Send(request.send(), access, socket, result);
    case LinuxCallRequest::kReceiveError:
      return socket->ReceiveError(request.receive_error(),
                                  result->mutable_receive_error());
    case LinuxCallRequest::REQUEST_NOT_SET:
      return EINVAL;
  }
  return EINVAL;
}

}  // namespace wspd
