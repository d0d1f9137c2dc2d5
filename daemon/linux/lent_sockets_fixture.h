#ifndef WSPD_DAEMON_LINUX_LENT_SOCKETS_FIXTURE_H_
#define WSPD_DAEMON_LINUX_LENT_SOCKETS_FIXTURE_H_

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "daemon/base/owned_fd.h"
#include "daemon/event/event_loop.h"
#include "daemon/identity/peer_identity.h"
#include "daemon/identity/process_key.h"
#include "daemon/journal/event_journal.h"
#include "daemon/journal/event_reader.h"
#include "daemon/linux/lent_listing.h"
#include "daemon/linux/lent_sockets.h"
#include "daemon/linux/linux_socket.h"
#include "daemon/linux/socket_owners.h"
#include "daemon/testing/tcp_pair.h"
#include "gtest/gtest.h"

namespace wspd {

// What the kernel does on a thread of its own has no other event.
inline bool Await(const std::function<bool()>& condition) {
  const absl::Time end = absl::Now() + absl::Seconds(30);
  while (!condition()) {
    if (absl::Now() > end) return false;
    absl::SleepFor(absl::Milliseconds(1));
  }
  return true;
}

inline PeerIdentity Process(pid_t pid) {
  PeerIdentity identity;
  identity.pid = pid;
  identity.uid = geteuid();
  identity.start_time_ticks = 1;
  return identity;
}

// Sockets lent to processes that a test makes up.
class LentSocketsTest : public testing::Test {
 protected:
  using Request = wsp::v1::LinuxSocketRequest;

  struct Lent {
    OwnedFd fd;
    LentSocket entry;
  };

  void Start(LentSockets::Options options = LentSockets::Options()) {
    options.events = &events_;
    table_ = LentSockets::Create(options, loop_.get());
    owner_ = OwnerOf(42);
  }

  std::shared_ptr<SocketOwner> OwnerOf(pid_t pid) {
    const PeerIdentity identity = Process(pid);
    return owners_->Of(ProcessKey::Of(identity, ""), identity);
  }

  // A socket that isn't in the table yet.
  Lent Make(Request::Family family, Request::Type type, int protocol = 0) {
    Request request;
    request.set_family(family);
    request.set_type(type);
    request.set_protocol(protocol);
    Lent lent;
    lent.entry.socket_id = ++last_id_;
    error_ = MakeLinuxSocket(request, owner_, &lent.fd, &lent.entry);
    return lent;
  }

  void Add(const Lent& lent) {
    EXPECT_EQ(lent.entry.owner->Count(UINT32_MAX, 0), 0);
    table_->Add(lent.entry);
  }

  Lent Lend(Request::Family family, Request::Type type, int protocol = 0) {
    Lent lent = Make(family, type, protocol);
    EXPECT_EQ(error_, 0);
    Add(lent);
    return lent;
  }

  // A TCP connection of a lent socket; the peer's end is the caller's.
  Lent Connect(OwnedFd* peer) {
    const TcpListener listener = ListenOnLoopback();
    Lent lent = Lend(Request::FAMILY_IPV4, Request::TYPE_STREAM);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(listener.port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(lent.fd.get(), reinterpret_cast<sockaddr*>(&address),
                      sizeof(address)),
              0);
    peer->Reset(accept(listener.fd.get(), nullptr, nullptr));
    return lent;
  }

  bool AwaitSize(size_t size) {
    return Await([&] { return table_->size() == size; });
  }

  std::map<uint64_t, wsp::v1::Socket> Listing(bool with_tcp) {
    InventoryFilter filter;
    filter.with_tcp = with_tcp;
    std::vector<wsp::v1::Socket> sockets;
    DescribeLentSockets(*table_, filter, &sockets);
    std::map<uint64_t, wsp::v1::Socket> by_id;
    for (auto& socket : sockets) by_id[socket.socket_id()] = socket;
    return by_id;
  }

  wsp::v1::Socket Find(const Lent& lent, bool with_tcp = false) {
    return Listing(with_tcp)[lent.entry.socket_id];
  }

  EventJournal events_;
  EventReader reader_{&events_};
  const std::unique_ptr<EventLoop> loop_ = *EventLoop::Create("lent");
  std::shared_ptr<LentSockets> table_;
  const std::shared_ptr<SocketOwners> owners_ = SocketOwners::Create();
  std::shared_ptr<SocketOwner> owner_;
  uint64_t last_id_ = 0;
  int error_ = 0;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_LINUX_LENT_SOCKETS_FIXTURE_H_
