#include "tests/stress/datagram_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <string>

namespace wspd::testing {
namespace {

// Others want their turn, too.
constexpr int kMostAtOnce = 64;

}  // namespace

DatagramPeer::DatagramPeer(Ledger* ledger)
    : ledger_(ledger),
      fd_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                 IPPROTO_UDP)) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  auto* const name = reinterpret_cast<sockaddr*>(&address);
  if (!fd_.is_open() || bind(fd_.get(), name, length) != 0 ||
      getsockname(fd_.get(), name, &length) != 0) {
    perror("a socket for datagrams");
    abort();
  }
  port_ = ntohs(address.sin_port);
}

void DatagramPeer::OnReadable() {
  for (int i = 0; i < kMostAtOnce; ++i) {
    sockaddr_in from = {};
    socklen_t length = sizeof(from);
    auto* const name = reinterpret_cast<sockaddr*>(&from);
    std::string bytes(Datagram::kHeader + Datagram::kMostSize + 1, '\0');
    const ssize_t size =
        recvfrom(fd_.get(), &bytes[0], bytes.size(), 0, name, &length);
    if (size < 0 && errno == EAGAIN) return;
    // A client that is gone has refused an answer.
    if (size < 0 && (errno == ECONNREFUSED || errno == EINTR)) continue;
    if (size < 0) {
      perror("recvfrom");
      abort();
    }
    bytes.resize(static_cast<size_t>(size));
    Datagram datagram;
    std::string error =
        Datagram::Parse(bytes, Datagram::Way::kToPeer, false, &datagram);
    if (error.empty() && !seen_[datagram.record].Add(datagram.number)) {
      error = "a datagram came twice";
    }
    if (!error.empty()) {
      ledger_->Fault(datagram.record, "at the peer: " + error);
      continue;
    }
    ledger_->Add(Count::kDatagramsAtPeers);
    const std::string answer = datagram.ToBytes(Datagram::Way::kFromPeer);
    // It may be lost.
    (void)sendto(fd_.get(), answer.data(), answer.size(), MSG_NOSIGNAL, name,
                 length);
  }
}

}  // namespace wspd::testing
