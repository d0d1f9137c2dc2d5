// The calls that move bytes between a socket and something else.
#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/types.h>

#include "client_stub/preload/datagram_calls.h"
#include "client_stub/preload/exported.h"
#include "client_stub/preload/real_functions.h"
#include "client_stub/preload/relayed_descriptor.h"
#include "client_stub/preload/stream_receive.h"
#include "client_stub/preload/stream_send.h"

namespace wsp {
namespace {

ssize_t ReturnLong(long result) {
  if (result >= 0) return result;
  errno = static_cast<int>(-result);
  return -1;
}

// `datagram(const relay::Name&)`: the result for a datagram socket, or a
// negative errno.
template <typename RealCall, typename Datagram>
ssize_t TransferTo(int fd, bool dont_wait, RealCall real, Datagram datagram) {
  const Hint hint = HintOrFind(fd);
  if (hint == Hint::kPlain) return real();
  if (hint == Hint::kDatagram) {
    relay::Name name;
    return IsRelayed(fd, &name) ? ReturnLong(datagram(name)) : real();
  }
  return TransferToStream(fd, hint, dont_wait, real);
}

template <typename RealCall>
ssize_t TransferFrom(int fd, bool dont_wait, RealCall real) {
  const Hint hint = HintOrFind(fd);
  if (hint == Hint::kPlain) return real();
  if (hint == Hint::kDatagram) {
    relay::Name name;
    // As Linux before 6.5, whose pipes don't know datagrams.
    return IsRelayed(fd, &name) ? ReturnLong(-EINVAL) : real();
  }
  return ReceiveFromStream(fd, hint, dont_wait, real);
}

template <typename RealCall, typename Offset>
ssize_t SendFile(int out, int in, Offset* offset, size_t count, RealCall real) {
  return TransferTo(out, false, real, [&](const relay::Name& name) {
    static_assert(sizeof(Offset) == sizeof(off_t));
    return DatagramSendFile(out, name, in, offset, count);
  });
}

}  // namespace
}  // namespace wsp

WSP_INTERPOSED ssize_t sendfile(int out, int in, off_t* offset,
                                size_t count) noexcept {
  return wsp::SendFile(out, in, offset, count, [&] {
    return wsp::Real().sendfile(out, in, offset, count);
  });
}

WSP_INTERPOSED ssize_t sendfile64(int out, int in, off64_t* offset,
                                  size_t count) noexcept {
  return wsp::SendFile(out, in, offset, count, [&] {
    return wsp::Real().sendfile64(out, in, offset, count);
  });
}

WSP_INTERPOSED ssize_t splice(int in, off64_t* in_offset, int out,
                              off64_t* out_offset, size_t size,
                              unsigned flags) {
  const auto real = [&] {
    return wsp::Real().splice(in, in_offset, out, out_offset, size, flags);
  };
  const bool dont_wait = (flags & SPLICE_F_NONBLOCK) != 0;
  // One of them is a pipe.
  if (wsp::HintOrFind(in) != wsp::Hint::kPlain) {
    return wsp::TransferFrom(in, dont_wait, real);
  }
  return wsp::TransferTo(
      out, dont_wait, real, [&](const wsp::relay::Name& name) -> long {
        if (in_offset != nullptr || out_offset != nullptr) return -ESPIPE;
        return wsp::DatagramSplice(out, name, in, size, flags);
      });
}
