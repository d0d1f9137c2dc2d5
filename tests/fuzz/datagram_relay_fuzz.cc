// Feeds a relayed datagram socket with whatever a program might write on its
// end, or send by calls. The input is a sequence of messages, each behind its
// length (16 bits, little endian); its first byte says what the real socket is.

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>

#include "daemon/base/owned_fd.h"
#include "daemon/relay/datagram_relay.h"
#include "proto/wsp/v1/linux.pb.h"
#include "tests/fuzz/isolation.h"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  wspd::EnterEmptyNetwork();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  int ends[2];
  if (size == 0 ||
      socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return 0;
  }
  wspd::OwnedFd program(ends[0]);
  const wspd::OwnedFd end(ends[1]);
  const wspd::OwnedFd real(socket(data[0] % 2 == 0 ? AF_INET : AF_INET6,
                                  SOCK_DGRAM | SOCK_CLOEXEC, 0));
  std::atomic<size_t> user_bytes{0};
  wspd::DatagramRelay relay(real.get(), end.get(), &user_bytes);
  ++data;
  --size;
  while (size >= 2) {
    const size_t length = std::min<size_t>(data[0] | data[1] << 8, size - 2);
    (void)send(program.get(), data + 2, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    wsp::v1::LinuxSend request;
    uint32_t sent = 0;
    if (request.ParseFromArray(data + 2, static_cast<int>(length))) {
      (void)relay.Send(request, &sent);
    }
    relay.Run(EPOLLIN, EPOLLIN);
    data += 2 + length;
    size -= 2 + length;
  }
  program.Reset();
  for (int i = 0; i < 100 && !relay.ended(); ++i) {
    relay.Run(EPOLLOUT, EPOLLIN | EPOLLHUP);
  }
  return 0;
}
