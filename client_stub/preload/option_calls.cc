// getsockopt(), setsockopt() and ioctl(). What concerns the program's end is
// asked of the kernel, there; what the name says needs nobody; the rest the
// daemon asks the real socket.
#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>

#include "client_stub/preload/datagram_calls.h"
#include "client_stub/preload/exported.h"
#include "client_stub/preload/means.h"
#include "client_stub/preload/real_functions.h"
#include "client_stub/preload/relayed_calls.h"
#include "client_stub/preload/relayed_descriptor.h"
#include "client_stub/preload/stream_state.h"
#include "client_stub/preload/user_memory.h"

namespace wsp {
namespace {

// Options of SOL_SOCKET that say how long, and for how much, calls on the
// program's end wait, and what they do with urgent bytes. A listener's are
// those of the connections that it accepts.
bool IsOfTheEnd(int level, int option) {
  if (level != SOL_SOCKET) return false;
  switch (option) {
    case SO_RCVTIMEO_OLD:
    case SO_RCVTIMEO_NEW:
    case SO_SNDTIMEO_OLD:
    case SO_SNDTIMEO_NEW:
    case SO_RCVLOWAT:
    case SO_OOBINLINE:
      return true;
    default:
      return false;
  }
}

// What the kernel gives for an option that is an int.
int GiveNumber(int number, void* value, socklen_t* size) {
  int room;
  if (!CopyIn(&room, size, sizeof room)) return -EFAULT;
  if (room < 0) return -EINVAL;
  const auto given = static_cast<socklen_t>(
      std::min<size_t>(static_cast<size_t>(room), sizeof number));
  return CopyOut(value, &number, given) && CopyOut(size, &given, sizeof given)
             ? 0
             : -EFAULT;
}

// SO_ERROR, or a negative errno.
int PendingError(int fd, const relay::Name& name) {
  if (IsDatagram(name)) {
    const int error = TakeDatagramError(fd);
    if (error != 0) return error;
    int pending;
    const int asked =
        GetRelayedNumber(fd, name, SOL_SOCKET, SO_ERROR, &pending);
    return asked < 0 ? asked : pending;
  }
  if (!May(Means::kAsk)) return 0;
  // An open stream's error is behind its end.
  if (OpenIfConnected(fd) && !HasHungUp(fd)) return 0;
  if (TellsOfLostConnect(fd)) return ENETDOWN;
  RelayedState state;
  const int asked = FindStreamState(fd, name, &state);
  if (asked == -ENETDOWN) return ENETDOWN;
  return asked < 0 ? asked : state.error;
}

int GetOption(int fd, const relay::Name& name, int level, int option,
              void* value, socklen_t* size) {
  if (level == SOL_SOCKET) {
    switch (option) {
      case SO_TYPE:
        return GiveNumber(IsDatagram(name) ? SOCK_DGRAM : SOCK_STREAM, value,
                          size);
      case SO_DOMAIN:
        return GiveNumber(name.family, value, size);
      case SO_PROTOCOL:
        return GiveNumber(name.protocol, value, size);
      case SO_ERROR: {
        const int error = PendingError(fd, name);
        return error < 0 ? error : GiveNumber(error, value, size);
      }
      default:
        break;
    }
  }
  if (IsOfTheEnd(level, option)) {
    return Real().getsockopt(fd, level, option, value, size) == 0 ? 0 : -errno;
  }
  return GetRelayedOption(fd, name, level, option, value, size);
}

int SetOption(int fd, const relay::Name& name, int level, int option,
              const void* value, socklen_t size) {
  if (IsOfTheEnd(level, option)) {
    if (Real().setsockopt(fd, level, option, value, size) != 0) return -errno;
    if (OpenIfConnected(fd)) return 0;
  }
  const int error = SetRelayedOption(fd, name, level, option, value, size);
  if (error == 0 && IsDatagram(name)) ForgetDatagramSends(name.number);
  return error;
}

// Of those that tell of interfaces, each about one by a struct ifreq.
bool IsOfInterfaces(unsigned long request) {
  switch (request) {
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
    case SIOCGIFMAP:
    case SIOCGIFTXQLEN:
      return true;
    default:
      return false;
  }
}

// SIOCINQ, of which FIONREAD is another name.
int CountReadable(int fd, const relay::Name& name, void* argument) {
  if (IsDatagram(name)) {
    const int bytes = DatagramBytesReadable(fd);
    if (bytes < 0) return bytes;
    return CopyOut(argument, &bytes, sizeof bytes) ? 0 : -EFAULT;
  }
  if (HintOf(fd) == Hint::kListener) return -EINVAL;
  return Real().ioctl(fd, SIOCINQ, argument) == 0 ? 0 : -errno;
}

// What only the daemon can say. False: the kernel's on the program's end.
bool Control(int fd, unsigned long request, void* argument, int* result) {
  relay::Name name;
  size_t size = sizeof(int);
  switch (request) {
    case SIOCINQ:
      if (!IsOurs(fd, &name)) return false;
      *result = CountReadable(fd, name, argument);
      return true;
    case SIOCOUTQ:
    case SIOCOUTQNSD:
      break;
    default:
      if (!IsOfInterfaces(request)) return false;
      size = sizeof(ifreq);
      break;
  }
  if (!IsOurs(fd, &name)) return false;
  *result = ControlRelayed(fd, name, request, argument, size);
  return true;
}

}  // namespace
}  // namespace wsp

WSP_INTERPOSED int getsockopt(int fd, int level, int option, void* value,
                              socklen_t* size) noexcept {
  wsp::relay::Name name;
  if (!wsp::IsOurs(fd, &name)) {
    return wsp::Real().getsockopt(fd, level, option, value, size);
  }
  return wsp::ReturnOrSetErrno(
      wsp::GetOption(fd, name, level, option, value, size));
}

WSP_INTERPOSED int setsockopt(int fd, int level, int option, const void* value,
                              socklen_t size) noexcept {
  wsp::relay::Name name;
  if (!wsp::IsOurs(fd, &name)) {
    return wsp::Real().setsockopt(fd, level, option, value, size);
  }
  return wsp::ReturnOrSetErrno(
      wsp::SetOption(fd, name, level, option, value, size));
}

// Every request's argument, if it has one, fits a pointer.
WSP_INTERPOSED int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list arguments;
  va_start(arguments, request);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  int result;
  if (!wsp::IsPlain(fd) && wsp::Control(fd, request, argument, &result)) {
    return wsp::ReturnOrSetErrno(result);
  }
  return wsp::Real().ioctl(fd, request, argument);
}
