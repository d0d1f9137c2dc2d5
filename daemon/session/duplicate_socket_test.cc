// WSPDuplicateSocket from the session's side: tickets and what they bring.
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "daemon/identity/peer_identity.h"
#include "daemon/session/registry.h"
#include "daemon/session/testing/session_harness.h"
#include "daemon/testing/tcp_pair.h"
#include "daemon/winsock/wsa_error.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using wsp::v1::Completion;

constexpr uint64_t kSocket = 77;
constexpr uint64_t kOther = 88;
constexpr uint32_t kFlags = 0x81;

// A process that only exists.
class Child {
 public:
  Child() : pid_(fork()) {
    if (pid_ == 0) {
      for (;;) pause();
    }
  }
  ~Child() { End(); }
  void End() {
    if (pid_ == 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

Peer PeerOf(pid_t pid, uid_t uid = getuid()) {
  Peer peer;
  peer.identity.pid = pid;
  peer.identity.uid = uid;
  peer.identity.start_time_ticks = *ReadStartTime(pid);
  return peer;
}

// What two processes do with the sockets of one daemon.
class DuplicateSocketTest : public testing::Test {
 protected:
  // One of them, attached and started up.
  struct Client {
    SessionHarness::Attached session;
    uint64_t last_call = 1000;
  };

  explicit DuplicateSocketTest(absl::Duration ticket_time = absl::Hours(1))
      : control_(*EventLoop::Create("control")),
        lingerer_({}),
        environment_({control_.get()}, &lingerer_, nullptr, ticket_time) {
    Registry::Options options;
    options.limits.tickets_per_client = 4;
    options.limits.sockets_per_client = 8;
    registry_ = std::make_unique<Registry>(options, control_.get(),
                                           &environment_, &lingerer_);
    source_ = Attach(PeerOf(getpid()));
    target_ = Attach(PeerOf(child_.pid()));
  }

  Client Attach(Peer peer) {
    wsp::v1::Hello hello;
    hello.mutable_version()->set_major(1);
    hello.set_personality(wsp::v1::PERSONALITY_WINSOCK);
    Client client;
    client.session.stream = std::make_shared<RecordingStream>();
    auto attached =
        registry_->Attach(std::move(peer), hello, 0, client.session.stream);
    EXPECT_TRUE(attached.ok()) << attached.status();
    client.session.attachment = *attached;
    client.session.stream->NextFrame();
    client.session.attachment->OnWritten(client.session.stream.get());
    wsp::v1::Call startup;
    startup.mutable_startup()->set_version_requested(0x0202);
    EXPECT_EQ(Run(&client, startup).wsa_error(), 0);
    return client;
  }

  // Returns the call's id.
  uint64_t Begin(Client* client, wsp::v1::Call call) {
    call.set_call_id(++client->last_call);
    wsp::v1::ClientFrame frame;
    *frame.add_calls() = call;
    EXPECT_TRUE(SessionHarness::Send(client->session, frame).ok());
    return call.call_id();
  }
  Completion Run(Client* client, wsp::v1::Call call) {
    return SessionHarness::Await(client->session,
                                 Begin(client, std::move(call)));
  }
  static wsp::v1::Call CallOn(uint64_t socket_id) {
    wsp::v1::Call call;
    call.set_socket_id(socket_id);
    return call;
  }

  // A connection under kSocket; returns the peer's end.
  OwnedFd Connect(Client* client) {
    const TcpListener listener = ListenOnLoopback();
    wsp::v1::Call call = CallOn(kSocket);
    call.mutable_socket()->set_family(wsp::v1::SocketRequest::FAMILY_IPV4);
    call.mutable_socket()->set_type(wsp::v1::SocketRequest::TYPE_STREAM);
    call.mutable_socket()->set_flags(kFlags);
    EXPECT_EQ(Run(client, call).wsa_error(), 0);
    call = CallOn(kSocket);
    auto* address = call.mutable_connect()->mutable_address()->mutable_ipv4();
    address->set_address(0x7f000001);
    address->set_port(listener.port);
    EXPECT_EQ(Run(client, call).wsa_error(), 0);
    return OwnedFd(accept(listener.fd.get(), nullptr, nullptr));
  }

  Completion Duplicate(Client* client, uint32_t process_id) {
    wsp::v1::Call call = CallOn(kSocket);
    call.mutable_duplicate_socket()->set_process_id(process_id);
    return Run(client, call);
  }
  uint32_t TicketFor(pid_t pid) {
    const Completion result = Duplicate(&source_, pid);
    EXPECT_EQ(result.wsa_error(), 0);
    EXPECT_NE(result.duplicate_socket().ticket(), 0);
    return result.duplicate_socket().ticket();
  }
  Completion Claim(Client* client, uint32_t ticket,
                   uint64_t socket_id = kOther) {
    wsp::v1::Call call = CallOn(socket_id);
    call.mutable_socket()->set_ticket(ticket);
    return Run(client, call);
  }
  Completion Close(Client* client, uint64_t socket_id) {
    wsp::v1::Call call = CallOn(socket_id);
    call.mutable_close_socket();
    return Run(client, call);
  }
  Completion Cleanup(Client* client) {
    wsp::v1::Call call;
    call.mutable_cleanup();
    return Run(client, call);
  }
  Completion Receive(Client* client, uint64_t socket_id) {
    wsp::v1::Call call = CallOn(socket_id);
    call.mutable_recv()->set_max_bytes(100);
    return Run(client, call);
  }
  void ExpectReceives(Client* client, uint64_t socket_id, const OwnedFd& peer) {
    ASSERT_EQ(write(peer.get(), "data", 4), 4);
    EXPECT_EQ(Receive(client, socket_id).recv().data(), "data");
  }
  static void ExpectReset(const OwnedFd& peer) {
    int error = 0;
    ReadBytes(peer.get(), 1, &error);
    EXPECT_EQ(error, ECONNRESET);
  }
  static void ExpectOrderlyEnd(const OwnedFd& peer) {
    int error = 0;
    EXPECT_EQ(ReadBytes(peer.get(), 1, &error), "");
    EXPECT_EQ(error, 0);
  }
  static uint32_t TicketsOf(const Client& client) {
    return client.session.attachment->client()->usage().tickets;
  }

  Child child_;
  const std::unique_ptr<EventLoop> control_;
  Lingerer lingerer_;
  SessionEnvironment environment_;
  std::unique_ptr<Registry> registry_;
  Client source_, target_;
};

TEST_F(DuplicateSocketTest, TheTargetHasTheSameSocket) {
  const OwnedFd peer = Connect(&source_);
  const uint32_t ticket = TicketFor(child_.pid());
  const Completion claimed = Claim(&target_, ticket);
  EXPECT_EQ(claimed.wsa_error(), 0);
  EXPECT_EQ(claimed.socket().flags(), kFlags);
  EXPECT_FALSE(claimed.socket().nonblocking());
  ExpectReceives(&target_, kOther, peer);
  ExpectReceives(&source_, kSocket, peer);
  EXPECT_EQ(TicketsOf(source_), 0);
  EXPECT_EQ(environment_.tickets()->size(), 0);
}

TEST_F(DuplicateSocketTest, ATicketIsGoodOnce) {
  const OwnedFd peer = Connect(&source_);
  const uint32_t ticket = TicketFor(child_.pid());
  EXPECT_EQ(Claim(&target_, ticket).wsa_error(), 0);
  EXPECT_EQ(Claim(&target_, ticket, kOther + 1).wsa_error(), kWsaInval);
}

TEST_F(DuplicateSocketTest, ATicketIsGoodForItsProcessOnly) {
  const OwnedFd peer = Connect(&source_);
  const Child stranger;
  Client other = Attach(PeerOf(stranger.pid()));
  const uint32_t ticket = TicketFor(child_.pid());
  EXPECT_EQ(Claim(&other, ticket).wsa_error(), kWsaInval);
  EXPECT_EQ(Claim(&source_, ticket).wsa_error(), kWsaInval);
  EXPECT_EQ(Claim(&target_, ticket ^ 1).wsa_error(), kWsaInval);
  EXPECT_EQ(Claim(&target_, ticket).wsa_error(), 0);
}

TEST_F(DuplicateSocketTest, ALaterProcessOfThatPidIsAnotherOne) {
  const OwnedFd peer = Connect(&source_);
  const uint32_t ticket = TicketFor(child_.pid());
  Peer later = PeerOf(child_.pid());
  ++later.identity.start_time_ticks;
  Client other = Attach(std::move(later));
  EXPECT_EQ(Claim(&other, ticket).wsa_error(), kWsaInval);
}

TEST_F(DuplicateSocketTest, ATicketIsGoodForItsUserOnly) {
  const OwnedFd peer = Connect(&source_);
  const Child stranger;
  const uint32_t ticket = TicketFor(stranger.pid());
  Client other = Attach(PeerOf(stranger.pid(), getuid() + 1));
  EXPECT_EQ(Claim(&other, ticket).wsa_error(), kWsaInval);
}

TEST_F(DuplicateSocketTest, AProcessOfAnotherUserGetsNone) {
  const Child stranger;
  Client foreign = Attach(PeerOf(stranger.pid(), getuid() + 1));
  const OwnedFd peer = Connect(&foreign);
  const Completion result = Duplicate(&foreign, child_.pid());
  EXPECT_EQ(result.wsa_error(), kWsaInval);
  EXPECT_EQ(result.linux_errno(), EPERM);
}

TEST_F(DuplicateSocketTest, AProcessThatIsNotThereGetsNone) {
  const OwnedFd peer = Connect(&source_);
  const pid_t gone = child_.pid();
  child_.End();
  for (const uint32_t pid :
       {static_cast<uint32_t>(gone), 0x80000001u, 0x7fffffffu}) {
    const Completion result = Duplicate(&source_, pid);
    EXPECT_EQ(result.wsa_error(), kWsaInval) << pid;
    EXPECT_EQ(result.linux_errno(), ESRCH) << pid;
  }
  EXPECT_EQ(TicketsOf(source_), 0);
}

TEST_F(DuplicateSocketTest, AProcessMayNameItselfByZero) {
  const OwnedFd peer = Connect(&source_);
  const uint32_t ticket = TicketFor(0);
  EXPECT_EQ(Claim(&target_, ticket).wsa_error(), kWsaInval);
  EXPECT_EQ(Claim(&source_, ticket).wsa_error(), 0);
  EXPECT_EQ(Close(&source_, kSocket).wsa_error(), 0);
  ExpectReceives(&source_, kOther, peer);
}

TEST_F(DuplicateSocketTest, AStructureOfAnotherKindIsInvalid) {
  const OwnedFd peer = Connect(&source_);
  const uint32_t ticket = TicketFor(child_.pid());
  using Request = wsp::v1::SocketRequest;
  const auto claim = [&](Request::Family family, Request::Type type) {
    wsp::v1::Call call = CallOn(kOther);
    call.mutable_socket()->set_ticket(ticket);
    call.mutable_socket()->set_family(family);
    call.mutable_socket()->set_type(type);
    return Run(&target_, call).wsa_error();
  };
  EXPECT_EQ(claim(Request::FAMILY_IPV6, Request::TYPE_STREAM), kWsaInval);
  EXPECT_EQ(claim(Request::FAMILY_IPV4, Request::TYPE_DATAGRAM), kWsaInval);
  EXPECT_EQ(claim(Request::FAMILY_IPV4, Request::TYPE_UNSPECIFIED), kWsaInval);
  // It isn't used up by that.
  EXPECT_EQ(claim(Request::FAMILY_IPV4, Request::TYPE_STREAM), 0);
}

TEST_F(DuplicateSocketTest, AClaimThatFailsDoesNotUseItUp) {
  const OwnedFd peer = Connect(&source_);
  const uint32_t ticket = TicketFor(child_.pid());
  EXPECT_EQ(Claim(&target_, ticket, 0).wsa_error(), kWsaInval);
  for (uint64_t id = 1; id <= 8; ++id) {
    wsp::v1::Call call = CallOn(id);
    call.mutable_socket()->set_family(wsp::v1::SocketRequest::FAMILY_IPV4);
    call.mutable_socket()->set_type(wsp::v1::SocketRequest::TYPE_STREAM);
    EXPECT_EQ(Run(&target_, call).wsa_error(), 0);
  }
  EXPECT_EQ(Claim(&target_, ticket).wsa_error(), kWsaMfile);
  EXPECT_EQ(Close(&target_, 1).wsa_error(), 0);
  EXPECT_EQ(Claim(&target_, ticket).wsa_error(), 0);
  ExpectReceives(&target_, kOther, peer);
}

TEST_F(DuplicateSocketTest, UnclaimedTicketsHaveALimit) {
  const OwnedFd peer = Connect(&source_);
  uint32_t last = 0;
  for (int i = 0; i < 4; ++i) last = TicketFor(child_.pid());
  EXPECT_EQ(Duplicate(&source_, child_.pid()).wsa_error(), kWsaNoBufs);
  EXPECT_EQ(Claim(&target_, last).wsa_error(), 0);
  TicketFor(child_.pid());
}

TEST_F(DuplicateSocketTest, AnUnknownSocketIsNone) {
  EXPECT_EQ(Duplicate(&source_, child_.pid()).wsa_error(), kWsaNotSock);
}

TEST_F(DuplicateSocketTest, ATicketKeepsTheSocketWhenItsSourceCloses) {
  const OwnedFd peer = Connect(&source_);
  const uint32_t ticket = TicketFor(child_.pid());
  EXPECT_EQ(Close(&source_, kSocket).wsa_error(), 0);
  EXPECT_EQ(Claim(&target_, ticket).wsa_error(), 0);
  ExpectReceives(&target_, kOther, peer);
  EXPECT_EQ(Close(&target_, kOther).wsa_error(), 0);
  ExpectOrderlyEnd(peer);
}

TEST_F(DuplicateSocketTest, UnclaimedTicketsEndWithTheirSource) {
  const OwnedFd peer = Connect(&source_);
  const uint32_t ticket = TicketFor(child_.pid());
  EXPECT_TRUE(Cleanup(&source_).cleanup().final());
  ExpectReset(peer);
  EXPECT_EQ(Claim(&target_, ticket).wsa_error(), kWsaInval);
  EXPECT_EQ(TicketsOf(source_), 0);
}

TEST_F(DuplicateSocketTest, CleanupOfOneLeavesTheOtherItsSocket) {
  const OwnedFd peer = Connect(&source_);
  const uint32_t ticket = TicketFor(child_.pid());
  EXPECT_EQ(Claim(&target_, ticket).wsa_error(), 0);
  ASSERT_EQ(write(peer.get(), "queued", 6), 6);
  EXPECT_TRUE(Cleanup(&source_).cleanup().final());
  EXPECT_EQ(Receive(&target_, kOther).recv().data(), "queued");
  ExpectReceives(&target_, kOther, peer);
  EXPECT_TRUE(Cleanup(&target_).cleanup().final());
  ExpectReset(peer);
}

TEST_F(DuplicateSocketTest, EachHolderIsListed) {
  const OwnedFd peer = Connect(&source_);
  const uint32_t ticket = TicketFor(child_.pid());
  EXPECT_EQ(registry_->ListSockets(InventoryFilter()).size(), 1);
  EXPECT_EQ(Claim(&target_, ticket).wsa_error(), 0);
  uint64_t ids = 0;
  for (const wsp::v1::Socket& socket :
       registry_->ListSockets(InventoryFilter())) {
    EXPECT_EQ(socket.pid(),
              socket.socket_id() == kSocket ? getpid() : child_.pid());
    EXPECT_EQ(socket.state(), wsp::v1::SOCKET_STATE_CONNECTED);
    ids += socket.socket_id();
  }
  EXPECT_EQ(ids, kSocket + kOther);
}

TEST_F(DuplicateSocketTest, TheModeIsShared) {
  const OwnedFd peer = Connect(&source_);
  const uint32_t first = TicketFor(child_.pid());
  const uint32_t second = TicketFor(child_.pid());
  EXPECT_EQ(Claim(&target_, first).wsa_error(), 0);
  wsp::v1::Call ioctl = CallOn(kOther);
  ioctl.mutable_ioctl()->set_code(0x8004667e);  // FIONBIO
  ioctl.mutable_ioctl()->set_number(1);
  EXPECT_EQ(Run(&target_, ioctl).wsa_error(), 0);
  EXPECT_EQ(Receive(&source_, kSocket).wsa_error(), kWsaWouldBlock);
  EXPECT_TRUE(Claim(&target_, second, kOther + 1).socket().nonblocking());
}

TEST_F(DuplicateSocketTest, ATimeLimitIsShared) {
  const OwnedFd peer = Connect(&source_);
  EXPECT_EQ(Claim(&target_, TicketFor(child_.pid())).wsa_error(), 0);
  wsp::v1::Call option = CallOn(kOther);
  option.mutable_set_sock_opt()->set_level(0xffff);
  option.mutable_set_sock_opt()->set_option(0x1006);  // SO_RCVTIMEO
  option.mutable_set_sock_opt()->mutable_value()->set_number(10);
  EXPECT_EQ(Run(&target_, option).wsa_error(), 0);
  EXPECT_EQ(Receive(&source_, kSocket).wsa_error(), kWsaTimedOut);
}

TEST_F(DuplicateSocketTest, NothingIsSentBehindAGap) {
  const OwnedFd peer = Connect(&source_);
  wsp::v1::Call ioctl = CallOn(kSocket);
  ioctl.mutable_ioctl()->set_code(0x8004667e);  // FIONBIO
  ioctl.mutable_ioctl()->set_number(1);
  EXPECT_EQ(Run(&source_, ioctl).wsa_error(), 0);
  const std::string chunk(64 << 10, 'a');
  uint64_t sent = 0;
  const auto send = [&](uint64_t offset, const std::string& data) {
    wsp::v1::Call call = CallOn(kSocket);
    call.mutable_send()->set_stream_offset(offset);
    call.mutable_send()->set_data(data);
    Completion result = Run(&source_, call);
    sent += result.send().bytes_sent();
    return result;
  };
  // Until one is cut short, or takes nothing.
  uint64_t offset = 0;
  do {
    offset += chunk.size();
  } while (send(offset - chunk.size(), chunk).send().bytes_sent() ==
           chunk.size());
  EXPECT_LT(sent, offset);
  // The peer makes room, but what was on its way behind the gap goes not.
  const std::string first = ReadBytes(peer.get(), sent);
  EXPECT_EQ(send(offset, chunk).wsa_error(), kWsaWouldBlock);
  // Who knows of it goes on, as does whoever says nothing of offsets.
  const uint64_t before = sent;
  EXPECT_EQ(send(sent, "bcd").send().bytes_sent(), 3);
  EXPECT_EQ(send(0, "efg").send().bytes_sent(), 3);
  EXPECT_EQ(first, std::string(before, 'a'));
  EXPECT_EQ(ReadBytes(peer.get(), 6), "bcdefg");
}

class ExpiringTicketTest : public DuplicateSocketTest {
 protected:
  ExpiringTicketTest() : DuplicateSocketTest(absl::Milliseconds(1)) {}

  void AwaitNoTickets() {
    const absl::Time end = absl::Now() + absl::Minutes(1);
    while (environment_.tickets()->size() > 0 && absl::Now() < end) {
      absl::SleepFor(absl::Milliseconds(1));
    }
    EXPECT_EQ(environment_.tickets()->size(), 0);
  }
};

TEST_F(ExpiringTicketTest, NobodyCanClaimItAnyMore) {
  const OwnedFd peer = Connect(&source_);
  const uint32_t ticket = TicketFor(child_.pid());
  AwaitNoTickets();
  EXPECT_EQ(Claim(&target_, ticket).wsa_error(), kWsaInval);
  ExpectReceives(&source_, kSocket, peer);
}

TEST_F(ExpiringTicketTest, WhatItsSourceClosedEndsOrderly) {
  const OwnedFd peer = Connect(&source_);
  TicketFor(child_.pid());
  EXPECT_EQ(Close(&source_, kSocket).wsa_error(), 0);
  ExpectOrderlyEnd(peer);
  AwaitNoTickets();
}

}  // namespace
}  // namespace wspd
