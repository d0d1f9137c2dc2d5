// The calls that receive.

// The C library's headers then have no inline functions by the same names.
#undef _FORTIFY_SOURCE

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>

#include "client_stub/preload/datagram_calls.h"
#include "client_stub/preload/exported.h"
#include "client_stub/preload/real_functions.h"
#include "client_stub/preload/received_rights.h"
#include "client_stub/preload/relayed_descriptor.h"
#include "client_stub/preload/stream_receive.h"
#include "client_stub/preload/stream_state.h"
#include "client_stub/preload/user_memory.h"

namespace wsp {
namespace {

ssize_t ReturnLong(long result) {
  if (result >= 0) return result;
  errno = static_cast<int>(-result);
  return -1;
}

// For each kind of descriptor what it needs: `real()` is the call itself,
// `datagram(const relay::Name&)` what a datagram socket does, its result or a
// negative errno. Never of a plain one.
template <typename RealCall, typename Datagram>
ssize_t ReceiveBy(int fd, bool dont_wait, RealCall real, Datagram datagram) {
  const Hint hint = HintOrFind(fd);
  if (hint == Hint::kPlain) return real();
  if (hint == Hint::kDatagram) {
    relay::Name name;
    return IsRelayed(fd, &name) ? ReturnLong(datagram(name)) : real();
  }
  return ReceiveFromStream(fd, hint, dont_wait, real);
}

// MSG_TRUNC and MSG_ERRQUEUE mean something on TCP that they don't on the
// program's end.
constexpr int kFlagsOfTcp = MSG_TRUNC | MSG_ERRQUEUE;

bool NeedsTcp(int fd, int flags) {
  relay::Name name;
  return (flags & kFlagsOfTcp) != 0 && IsOurs(fd, &name) && !IsDatagram(name);
}

ssize_t Read(int fd, void* buffer, size_t size) {
  if (size == 0 && HintOf(fd) == Hint::kOpenStream) {
    return Real().read(fd, buffer, size);
  }
  return ReceiveBy(
      fd, false, [&] { return Real().read(fd, buffer, size); },
      [&](const relay::Name& name) {
        const iovec part = {buffer, size};
        return DatagramRead(fd, name, &part, 1);
      });
}

ssize_t ReadParts(int fd, const iovec* parts, int count) {
  return ReceiveBy(
      fd, false, [&] { return Real().readv(fd, parts, count); },
      [&](const relay::Name& name) {
        return DatagramRead(fd, name, parts, count);
      });
}

ssize_t Receive(int fd, void* buffer, size_t size, int flags) {
  if (NeedsTcp(fd, flags)) {
    iovec part = {buffer, size};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    return ReceiveAsTcp(fd, &message, flags);
  }
  return ReceiveBy(
      fd, (flags & MSG_DONTWAIT) != 0,
      [&] { return Real().recv(fd, buffer, size, flags); },
      [&](const relay::Name& name) {
        return DatagramReceiveFrom(fd, name, buffer, size, flags, nullptr,
                                   nullptr);
      });
}

// TCP tells no sender.
void TellNoSender(int fd, socklen_t* size) {
  relay::Name name;
  if (!IsRelayed(fd, &name)) return;
  constexpr socklen_t kNone = 0;
  CopyOut(size, &kNone, sizeof kNone);
}

ssize_t ReceiveFrom(int fd, void* buffer, size_t size, int flags,
                    sockaddr* from, socklen_t* from_size) {
  if (from == nullptr || NeedsTcp(fd, flags)) {
    const ssize_t received = Receive(fd, buffer, size, flags);
    if (received >= 0 && from != nullptr) TellNoSender(fd, from_size);
    return received;
  }
  // The kernel has written a size where the caller wants it: so it can be
  // written there, without asking whether that is memory.
  bool told = false;
  bool is_stream = true;
  const ssize_t received = ReceiveBy(
      fd, (flags & MSG_DONTWAIT) != 0,
      [&] {
        const ssize_t got =
            Real().recvfrom(fd, buffer, size, flags, from, from_size);
        told = got >= 0;
        return got;
      },
      [&](const relay::Name& name) {
        is_stream = false;
        return DatagramReceiveFrom(fd, name, buffer, size, flags, from,
                                   from_size);
      });
  if (received < 0 || !is_stream) return received;
  relay::Name name;
  if (!told) {
    TellNoSender(fd, from_size);
  } else if (*from_size != 0 && IsRelayed(fd, &name)) {
    *from_size = 0;
  }
  return received;
}

// What the kernel said of a message that it took from a stream's end.
void TidyStreamMessage(int fd, msghdr* message) {
  ForgetReceivedDescriptors(*message);
  relay::Name name;
  if (message->msg_namelen > 0 && IsOurs(fd, &name) && !IsDatagram(name)) {
    message->msg_namelen = 0;
  }
}

ssize_t ReceiveMessage(int fd, msghdr* message, int flags) {
  if (NeedsTcp(fd, flags)) return ReceiveAsTcp(fd, message, flags);
  bool is_stream = true;
  const ssize_t received = ReceiveBy(
      fd, (flags & MSG_DONTWAIT) != 0,
      [&] { return Real().recvmsg(fd, message, flags); },
      [&](const relay::Name& name) {
        is_stream = false;
        return DatagramReceive(fd, name, message, flags);
      });
  if (received >= 0 && is_stream) TidyStreamMessage(fd, message);
  return received;
}

int ReceiveMessages(int fd, mmsghdr* messages, unsigned count, int flags,
                    timespec* timeout) {
  bool is_stream = true;
  const auto received = static_cast<int>(ReceiveBy(
      fd, (flags & MSG_DONTWAIT) != 0,
      [&]() -> ssize_t {
        const int got = Real().recvmmsg(fd, messages, count, flags, timeout);
        // As a single receive that has come to the end.
        return got > 0 && messages[0].msg_len == 0 ? 0 : got;
      },
      [&](const relay::Name& name) -> long {
        is_stream = false;
        return DatagramReceiveBatch(fd, name, messages, count, flags, timeout);
      }));
  if (!is_stream || received < 0) return received;
  // The end counts as a message.
  if (received == 0) return count > 0 ? 1 : 0;
  for (int i = 0; i < received; ++i) {
    TidyStreamMessage(fd, &messages[i].msg_hdr);
  }
  return received;
}

}  // namespace
}  // namespace wsp

WSP_INTERPOSED ssize_t read(int fd, void* buffer, size_t size) {
  if (wsp::IsPlain(fd)) return wsp::Real().read(fd, buffer, size);
  return wsp::Read(fd, buffer, size);
}

WSP_INTERPOSED ssize_t __read_chk(int fd, void* buffer, size_t size,
                                  size_t room) {
  // Which ends the program.
  if (size > room || wsp::IsPlain(fd)) {
    return wsp::Real().read_chk(fd, buffer, size, room);
  }
  return wsp::Read(fd, buffer, size);
}

WSP_INTERPOSED ssize_t readv(int fd, const iovec* parts, int count) {
  if (wsp::IsPlain(fd)) return wsp::Real().readv(fd, parts, count);
  return wsp::ReadParts(fd, parts, count);
}

WSP_INTERPOSED ssize_t recv(int fd, void* buffer, size_t size, int flags) {
  if (wsp::IsPlain(fd)) return wsp::Real().recv(fd, buffer, size, flags);
  return wsp::Receive(fd, buffer, size, flags);
}

WSP_INTERPOSED ssize_t __recv_chk(int fd, void* buffer, size_t size,
                                  size_t room, int flags) {
  if (size > room || wsp::IsPlain(fd)) {
    return wsp::Real().recv_chk(fd, buffer, size, room, flags);
  }
  return wsp::Receive(fd, buffer, size, flags);
}

WSP_INTERPOSED ssize_t recvfrom(int fd, void* buffer, size_t size, int flags,
                                sockaddr* from, socklen_t* from_size) {
  if (wsp::IsPlain(fd)) {
    return wsp::Real().recvfrom(fd, buffer, size, flags, from, from_size);
  }
  return wsp::ReceiveFrom(fd, buffer, size, flags, from, from_size);
}

WSP_INTERPOSED ssize_t __recvfrom_chk(int fd, void* buffer, size_t size,
                                      size_t room, int flags, sockaddr* from,
                                      socklen_t* from_size) {
  if (size > room || wsp::IsPlain(fd)) {
    return wsp::Real().recvfrom_chk(fd, buffer, size, room, flags, from,
                                    from_size);
  }
  return wsp::ReceiveFrom(fd, buffer, size, flags, from, from_size);
}

WSP_INTERPOSED ssize_t recvmsg(int fd, msghdr* message, int flags) {
  if (wsp::IsPlain(fd)) {
    const ssize_t received = wsp::Real().recvmsg(fd, message, flags);
    if (received >= 0) wsp::ForgetReceivedDescriptors(*message);
    return received;
  }
  return wsp::ReceiveMessage(fd, message, flags);
}

WSP_INTERPOSED int recvmmsg(int fd, mmsghdr* messages, unsigned count,
                            int flags, timespec* timeout) {
  if (wsp::IsPlain(fd)) {
    const int received =
        wsp::Real().recvmmsg(fd, messages, count, flags, timeout);
    for (int i = 0; i < received; ++i) {
      wsp::ForgetReceivedDescriptors(messages[i].msg_hdr);
    }
    return received;
  }
  return wsp::ReceiveMessages(fd, messages, count, flags, timeout);
}

// Sockets have no offsets; -1 stands for none.

WSP_INTERPOSED ssize_t preadv2(int fd, const iovec* parts, int count,
                               off_t offset, int flags) {
  const auto real = [&] {
    return wsp::Real().preadv2(fd, parts, count, offset, flags);
  };
  if (offset != -1 || wsp::IsPlain(fd)) return real();
  return wsp::ReceiveBy(fd, (flags & RWF_NOWAIT) != 0, real,
                        [&](const wsp::relay::Name& name) {
                          return wsp::DatagramRead(fd, name, parts, count);
                        });
}

WSP_INTERPOSED ssize_t preadv64v2(int fd, const iovec* parts, int count,
                                  off64_t offset, int flags) {
  return preadv2(fd, parts, count, offset, flags);
}
