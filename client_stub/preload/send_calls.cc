// The calls that send.
#include <errno.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "client_stub/preload/datagram_calls.h"
#include "client_stub/preload/exported.h"
#include "client_stub/preload/real_functions.h"
#include "client_stub/preload/relayed_descriptor.h"
#include "client_stub/preload/session_state.h"
#include "client_stub/preload/stream_connect.h"
#include "client_stub/preload/stream_send.h"
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
// `stream()` the same without SIGPIPE, `datagram(const relay::Name&)` what a
// datagram socket does, its result or a negative errno. Never of a plain one.
template <typename RealCall, typename Stream, typename Datagram>
ssize_t SendBy(int fd, int flags, RealCall real, Stream stream,
               Datagram datagram) {
  const Hint hint = HintOrFind(fd);
  if (hint == Hint::kPlain) return real();
  if (hint == Hint::kDatagram) {
    relay::Name name;
    return IsRelayed(fd, &name) ? ReturnLong(datagram(name)) : real();
  }
  return SendToStream(fd, hint, (flags & MSG_DONTWAIT) != 0,
                      (flags & MSG_NOSIGNAL) == 0, stream, real);
}

// What a call that knows no flags does: on a file, for which the number may
// stand by now, the call itself.
template <typename RealCall>
ssize_t OrReal(ssize_t sent, RealCall real) {
  return sent < 0 && errno == ENOTSOCK ? real() : sent;
}

ssize_t Write(int fd, const void* data, size_t size) {
  const auto real = [&] { return Real().write(fd, data, size); };
  return SendBy(
      fd, 0, real,
      [&] { return OrReal(Real().send(fd, data, size, MSG_NOSIGNAL), real); },
      [&](const relay::Name& name) {
        return DatagramSendTo(fd, name, data, size, 0, nullptr, 0);
      });
}

template <typename RealCall>
ssize_t WriteParts(int fd, const iovec* parts, int count, int flags,
                   RealCall real) {
  return SendBy(
      fd, flags, real,
      [&] {
        // What the kernel refuses it refuses by itself.
        if (count <= 0 || count > IOV_MAX) return real();
        msghdr message = {};
        message.msg_iov = const_cast<iovec*>(parts);
        message.msg_iovlen = static_cast<size_t>(count);
        return OrReal(Real().sendmsg(fd, &message, flags | MSG_NOSIGNAL), real);
      },
      [&](const relay::Name& name) {
        return DatagramWrite(fd, name, parts, count);
      });
}

ssize_t Send(int fd, const void* data, size_t size, int flags) {
  return SendBy(
      fd, flags, [&] { return Real().send(fd, data, size, flags); },
      [&] { return Real().send(fd, data, size, flags | MSG_NOSIGNAL); },
      [&](const relay::Name& name) {
        return DatagramSendTo(fd, name, data, size, flags, nullptr, 0);
      });
}

// MSG_FASTOPEN connects first. False: it failed, and errno says how.
bool ConnectForFastOpen(int fd, const sockaddr* to, socklen_t size) {
  relay::Name name;
  if (!IsOurs(fd, &name) || IsDatagram(name)) return true;
  const int error = ConnectStream(fd, name, to, size);
  if (error == 0) return true;
  errno = -error;
  return false;
}

ssize_t SendTo(int fd, const void* data, size_t size, int flags,
               const sockaddr* to, socklen_t to_size) {
  if (to == nullptr) return Send(fd, data, size, flags);
  if ((flags & MSG_FASTOPEN) != 0 && !ConnectForFastOpen(fd, to, to_size)) {
    return -1;
  }
  return SendBy(
      fd, flags,
      [&] { return Real().sendto(fd, data, size, flags, to, to_size); },
      [&] {
        // TCP takes no notice of the address; of anything else it is the
        // point.
        relay::Name name;
        const bool ours = IsRelayed(fd, &name);
        return Real().sendto(fd, data, size, flags | (ours ? MSG_NOSIGNAL : 0),
                             ours ? nullptr : to, ours ? 0 : to_size);
      },
      [&](const relay::Name& name) {
        return DatagramSendTo(fd, name, data, size, flags, to, to_size);
      });
}

// TCP takes no notice of an address and of most control messages, which the
// kernel does on the program's end.
bool IsRefusedForItsExtras(int error) {
  return error == EISCONN || error == EOPNOTSUPP || error == EINVAL ||
         error == EPERM;
}

ssize_t SendStreamMessage(int fd, const msghdr* message, int flags) {
  const ssize_t sent = Real().sendmsg(fd, message, flags | MSG_NOSIGNAL);
  if (sent >= 0 || !IsRefusedForItsExtras(errno)) return sent;
  const int refusal = errno;
  relay::Name name;
  msghdr bare;
  if (!IsRelayed(fd, &name) || !CopyIn(&bare, message, sizeof bare) ||
      (bare.msg_namelen == 0 && bare.msg_controllen == 0)) {
    errno = refusal;
    return -1;
  }
  bare.msg_name = nullptr;
  bare.msg_namelen = 0;
  bare.msg_control = nullptr;
  bare.msg_controllen = 0;
  return Real().sendmsg(fd, &bare, flags | MSG_NOSIGNAL);
}

// Descriptors that go along with it may be of sockets.
void SettleBeforeGiving(const msghdr* message) {
  msghdr copy;
  if (HasConnectsToSettle() && CopyIn(&copy, message, sizeof copy) &&
      copy.msg_controllen != 0) {
    SettleSocketSession();
  }
}

ssize_t SendMessage(int fd, const msghdr* message, int flags) {
  msghdr copy;
  if ((flags & MSG_FASTOPEN) != 0 && CopyIn(&copy, message, sizeof copy) &&
      copy.msg_name != nullptr &&
      !ConnectForFastOpen(fd, static_cast<const sockaddr*>(copy.msg_name),
                          copy.msg_namelen)) {
    return -1;
  }
  return SendBy(
      fd, flags, [&] { return Real().sendmsg(fd, message, flags); },
      [&] { return SendStreamMessage(fd, message, flags); },
      [&](const relay::Name& name) -> long {
        if (!CopyIn(&copy, message, sizeof copy)) return -EFAULT;
        return DatagramSend(fd, name, copy, flags);
      });
}

ssize_t SendStreamMessages(int fd, mmsghdr* messages, unsigned count,
                           int flags) {
  const int sent = Real().sendmmsg(fd, messages, count, flags | MSG_NOSIGNAL);
  if (sent >= 0 || !IsRefusedForItsExtras(errno)) return sent;
  // The first was refused; those behind it are the next call's.
  const ssize_t size = SendStreamMessage(fd, &messages[0].msg_hdr, flags);
  if (size < 0) return -1;
  messages[0].msg_len = static_cast<unsigned>(size);
  return 1;
}

}  // namespace
}  // namespace wsp

WSP_INTERPOSED ssize_t write(int fd, const void* data, size_t size) {
  if (wsp::IsPlain(fd)) return wsp::Real().write(fd, data, size);
  return wsp::Write(fd, data, size);
}

WSP_INTERPOSED ssize_t writev(int fd, const iovec* parts, int count) {
  const auto real = [&] { return wsp::Real().writev(fd, parts, count); };
  if (wsp::IsPlain(fd)) return real();
  return wsp::WriteParts(fd, parts, count, 0, real);
}

WSP_INTERPOSED ssize_t send(int fd, const void* data, size_t size, int flags) {
  if (wsp::IsPlain(fd)) return wsp::Real().send(fd, data, size, flags);
  return wsp::Send(fd, data, size, flags);
}

WSP_INTERPOSED ssize_t sendto(int fd, const void* data, size_t size, int flags,
                              const sockaddr* to, socklen_t to_size) {
  if (wsp::IsPlain(fd)) {
    return wsp::Real().sendto(fd, data, size, flags, to, to_size);
  }
  return wsp::SendTo(fd, data, size, flags, to, to_size);
}

WSP_INTERPOSED ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  wsp::SettleBeforeGiving(message);
  if (wsp::IsPlain(fd)) return wsp::Real().sendmsg(fd, message, flags);
  return wsp::SendMessage(fd, message, flags);
}

WSP_INTERPOSED int sendmmsg(int fd, mmsghdr* messages, unsigned count,
                            int flags) {
  const auto real = [&]() -> ssize_t {
    return wsp::Real().sendmmsg(fd, messages, count, flags);
  };
  for (unsigned i = 0; i < count && wsp::HasConnectsToSettle(); ++i) {
    wsp::SettleBeforeGiving(&messages[i].msg_hdr);
  }
  if (wsp::IsPlain(fd)) return static_cast<int>(real());
  return static_cast<int>(wsp::SendBy(
      fd, flags, real,
      [&] { return wsp::SendStreamMessages(fd, messages, count, flags); },
      [&](const wsp::relay::Name& name) -> long {
        return wsp::DatagramSendBatch(fd, name, messages, count, flags);
      }));
}

// Sockets have no offsets; -1 stands for none.

WSP_INTERPOSED ssize_t pwritev2(int fd, const iovec* parts, int count,
                                off_t offset, int flags) {
  const auto real = [&] {
    return wsp::Real().pwritev2(fd, parts, count, offset, flags);
  };
  if (offset != -1 || (flags & ~RWF_NOWAIT) != 0 || wsp::IsPlain(fd)) {
    return real();
  }
  return wsp::WriteParts(fd, parts, count,
                         (flags & RWF_NOWAIT) != 0 ? MSG_DONTWAIT : 0, real);
}

WSP_INTERPOSED ssize_t pwritev64v2(int fd, const iovec* parts, int count,
                                   off64_t offset, int flags) {
  return pwritev2(fd, parts, count, offset, flags);
}
