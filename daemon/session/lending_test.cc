// Connections that are lent to their client, as it sees them on the wire
// (proto/README.md, "Lent connections").
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "daemon/base/owned_fd.h"
#include "daemon/linux/socket_user.h"
#include "daemon/session/descriptor_sink.h"
#include "daemon/session/testing/session_client.h"
#include "daemon/testing/tcp_pair.h"
#include "daemon/winsock/wsa_error.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

constexpr uint64_t kSocket = 77;
constexpr uint32_t kMsgOob = 1;
constexpr int kSoonMs = 30000;

// Keeps the last descriptor.
class RecordingSink : public DescriptorSink {
 public:
  int SendDescriptor(uint64_t call_id, uint64_t /*cookie*/, int fd) override {
    absl::MutexLock lock(&mu_);
    if (error_ != 0) return error_;
    call_id_ = call_id;
    fd_ = OwnedFd(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    return 0;
  }
  void ReadOn() override {}
  void Close() override {}

  void FailWith(int error) {
    absl::MutexLock lock(&mu_);
    error_ = error;
  }
  OwnedFd Take(uint64_t call_id) {
    absl::MutexLock lock(&mu_);
    EXPECT_EQ(call_id_, call_id);
    return std::move(fd_);
  }

 private:
  absl::Mutex mu_;
  int error_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t call_id_ ABSL_GUARDED_BY(mu_) = 0;
  OwnedFd fd_ ABSL_GUARDED_BY(mu_);
};

class LendingTest : public testing::Test {
 protected:
  LendingTest() {
    EXPECT_TRUE(client_.attached().attachment->BindDescriptors(sink_));
  }

  uint32_t AskToLend(uint64_t socket_id, uint64_t* call_id = nullptr) {
    client_.Add(socket_id)->mutable_lend_socket();
    const uint64_t id = client_.Send();
    if (call_id != nullptr) *call_id = id;
    return client_.Await(id).linux_errno();
  }
  // A connection, and what the client has of it.
  void MakeLent() {
    peer_ = client_.MakeConnected(kSocket);
    uint64_t call_id = 0;
    ASSERT_EQ(AskToLend(kSocket, &call_id), 0u);
    lent_ = sink_->Take(call_id);
    ASSERT_TRUE(lent_.valid());
  }
  uint32_t ReportError(uint32_t linux_errno) {
    client_.Add(kSocket)->mutable_socket_error()->set_linux_errno(linux_errno);
    return client_.Run().wsa_error();
  }
  wsp::v1::Completion Receive(uint32_t flags = 0) {
    auto* request = client_.Add(kSocket)->mutable_recv();
    request->set_max_bytes(100);
    request->set_flags(flags);
    return client_.Run();
  }
  // As listings have the client's only socket.
  wsp::v1::Socket Listed() {
    std::vector<wsp::v1::Socket> sockets;
    client_.attached().attachment->DescribeSockets(false, &sockets);
    EXPECT_EQ(sockets.size(), 1u);
    return sockets.empty() ? wsp::v1::Socket() : sockets[0];
  }
  static uint64_t CookieOf(const OwnedFd& fd) {
    uint64_t cookie = 0;
    socklen_t size = sizeof(cookie);
    EXPECT_EQ(getsockopt(fd.get(), SOL_SOCKET, SO_COOKIE, &cookie, &size), 0);
    return cookie;
  }
  static int PortOf(const OwnedFd& fd) {
    sockaddr_in name{};
    socklen_t size = sizeof(name);
    getsockname(fd.get(), reinterpret_cast<sockaddr*>(&name), &size);
    return ntohs(name.sin_port);
  }
  static void Write(const OwnedFd& fd, const std::string& data, int flags = 0) {
    ASSERT_EQ(send(fd.get(), data.data(), data.size(), flags),
              static_cast<ssize_t>(data.size()));
  }
  // Of the client's descriptor or the peer's.
  static bool Await(const OwnedFd& fd, short events) {
    pollfd wait{fd.get(), events, 0};
    return poll(&wait, 1, kSoonMs) == 1 && (wait.revents & events) != 0;
  }

  SessionHarness harness_;
  SessionClient client_{&harness_};
  const std::shared_ptr<RecordingSink> sink_ =
      std::make_shared<RecordingSink>();
  OwnedFd peer_;
  OwnedFd lent_;
};

TEST_F(LendingTest, ClientAndDaemonHaveTheSameConnection) {
  MakeLent();
  Write(lent_, "hello");
  EXPECT_EQ(ReadBytes(peer_.get(), 5), "hello");
  Write(peer_, "there");
  EXPECT_EQ(Receive().recv().data(), "there");
}

TEST_F(LendingTest, OnlyWhatIsUsableAndOneClientsIsLent) {
  client_.MakeSocket(kSocket);
  EXPECT_EQ(AskToLend(kSocket), uint32_t{ENOTCONN});
  client_.MakeListener(78);
  EXPECT_EQ(AskToLend(78), uint32_t{ENOTCONN});
  client_.MakeSocket(79, wsp::v1::SocketRequest::TYPE_DATAGRAM);
  EXPECT_EQ(AskToLend(79), uint32_t{EINVAL});
  EXPECT_EQ(AskToLend(80), uint32_t{ENOTSOCK});
  const OwnedFd peer = client_.MakeConnected(81);
  client_.Add(81)->mutable_duplicate_socket();
  ASSERT_EQ(client_.Run().wsa_error(), 0u);
  EXPECT_EQ(AskToLend(81), uint32_t{EPERM});
}

TEST_F(LendingTest, NeedsTheDescriptorConnection) {
  peer_ = client_.MakeConnected(kSocket);
  sink_->FailWith(ENOBUFS);
  EXPECT_EQ(AskToLend(kSocket), uint32_t{ENOBUFS});
  client_.attached().attachment->UnbindDescriptors(sink_.get());
  EXPECT_EQ(AskToLend(kSocket), uint32_t{ENOTCONN});
}

// The client's descriptor goes on existing.
TEST_F(LendingTest, CloseIsOrderlyForThePeer) {
  MakeLent();
  ASSERT_EQ(client_.Close(kSocket), 0u);
  int error = 0;
  EXPECT_EQ(ReadBytes(peer_.get(), 1, &error), "");
  EXPECT_EQ(error, 0);
}

TEST_F(LendingTest, CleanupResetsIt) {
  MakeLent();
  client_.Add(0)->mutable_cleanup();
  ASSERT_EQ(client_.Run().wsa_error(), 0u);
  int error = 0;
  EXPECT_EQ(ReadBytes(peer_.get(), 1, &error), "");
  EXPECT_EQ(error, ECONNRESET);
}

TEST_F(LendingTest, ErrorThatTheClientWasToldIsKnown) {
  MakeLent();
  EXPECT_EQ(ReportError(ECONNRESET), 0u);
  EXPECT_EQ(Receive().wsa_error(), kWsaConnReset);
}

TEST_F(LendingTest, OtherErrorsEndNothing) {
  MakeLent();
  EXPECT_EQ(ReportError(EFAULT), 0u);
  EXPECT_EQ(ReportError(0), kWsaInval);
  EXPECT_EQ(ReportError(4096), kWsaInval);
  Write(peer_, "hello");
  EXPECT_EQ(Receive().recv().data(), "hello");
}

TEST_F(LendingTest, ErrorsOfWhatIsNotLentAreTheDaemonsToFind) {
  peer_ = client_.MakeConnected(kSocket);
  EXPECT_EQ(ReportError(ECONNRESET), kWsaInval);
}

// The client was told of the reset, and hasn't said so yet.
TEST_F(LendingTest, ResetIsNoOrderlyEndThoughTheClientWasTold) {
  MakeLent();
  const linger hard{1, 0};
  setsockopt(peer_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
  peer_.Reset();
  ASSERT_TRUE(Await(lent_, POLLERR));
  char byte;
  ASSERT_EQ(recv(lent_.get(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_EQ(Receive().wsa_error(), kWsaConnReset);
}

TEST_F(LendingTest, UrgentByteIsLeftWhileTheClientReceives) {
  MakeLent();
  Write(peer_, "ab!", MSG_OOB);
  ASSERT_TRUE(Await(lent_, POLLPRI));
  client_.Add(kSocket)->mutable_ioctl()->set_code(0x4004667f);  // FIONREAD
  EXPECT_EQ(client_.Run().ioctl().number(), 2u);
  EXPECT_TRUE(Await(lent_, POLLPRI));
  const wsp::v1::Completion received = Receive();
  EXPECT_EQ(received.recv().data(), "ab");
  EXPECT_TRUE(received.recv().recalled());
  EXPECT_EQ(Receive(kMsgOob).recv().data(), "!");
}

TEST_F(LendingTest, DatagramsAreLentOnceTheyAreBound) {
  client_.MakeSocket(kSocket, wsp::v1::SocketRequest::TYPE_DATAGRAM);
  const int port = client_.Bind(kSocket);
  uint64_t call_id = 0;
  ASSERT_EQ(AskToLend(kSocket, &call_id), 0u);
  lent_ = sink_->Take(call_id);
  EXPECT_EQ(PortOf(lent_), port);
  EXPECT_EQ(ReportError(ECONNREFUSED), 0u);
  EXPECT_EQ(ReportError(0), kWsaInval);
}

uid_t UserOf(const OwnedFd& fd) {
  struct stat status {};
  EXPECT_EQ(fstat(fd.get(), &status), 0);
  return status.st_uid;
}

// A port that the client has named is shared, while the daemon looks after it,
// by its user's sockets alone. The client may go on with what it was lent.
TEST(LendingToUserTest, WhatIsLeftOfASharedPortIsItsUsers) {
  const uid_t user = geteuid() + 4711;
  if (!CanGiveToUser(user)) GTEST_SKIP() << "takes CAP_CHOWN";
  SessionHarness harness(SessionLimits(), nullptr, {}, user);
  const auto sink = std::make_shared<RecordingSink>();
  const TcpListener tcp = ListenOnLoopback();
  for (const bool by_close : {true, false}) {
    SessionClient client(&harness);
    ASSERT_TRUE(client.attached().attachment->BindDescriptors(sink));
    client.MakeSocket(kSocket, wsp::v1::SocketRequest::TYPE_DATAGRAM);
    auto* const address =
        client.Add(kSocket)->mutable_bind()->mutable_address()->mutable_ipv4();
    address->set_address(INADDR_LOOPBACK);
    // One that is free, for datagrams most likely, too.
    address->set_port(tcp.port);
    ASSERT_EQ(client.Run().wsa_error(), 0u);
    client.Add(kSocket)->mutable_lend_socket();
    const uint64_t call_id = client.Send();
    ASSERT_EQ(client.Await(call_id).linux_errno(), 0u);
    const OwnedFd lent = sink->Take(call_id);
    EXPECT_EQ(UserOf(lent), geteuid());
    if (by_close) {
      EXPECT_EQ(client.Close(kSocket), 0u);
      EXPECT_EQ(UserOf(lent), user);
    }
    client.Add(0)->mutable_cleanup();
    client.Run();
    EXPECT_EQ(UserOf(lent), user);
  }
}

// The kernel has told the client alone, who says nothing.
TEST_F(LendingTest, IcmpErrorThatTheClientWasToldReceivesAreToldToo) {
  client_.MakeSocket(kSocket, wsp::v1::SocketRequest::TYPE_DATAGRAM);
  client_.MakeSocket(78, wsp::v1::SocketRequest::TYPE_DATAGRAM);
  const int nobodys_port = client_.Bind(78);
  ASSERT_EQ(client_.Close(78), 0u);
  ASSERT_EQ(client_.Connect(kSocket, nobodys_port), 0u);
  uint64_t call_id = 0;
  ASSERT_EQ(AskToLend(kSocket, &call_id), 0u);
  lent_ = sink_->Take(call_id);
  Write(lent_, "x");
  ASSERT_TRUE(Await(lent_, POLLERR));
  char byte;
  ASSERT_EQ(recv(lent_.get(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, ECONNREFUSED);
  EXPECT_EQ(Receive().wsa_error(), kWsaConnReset);
}

TEST_F(LendingTest, DatagramsWithAnErrorForTheNextReceiveAreNotLentBefore) {
  client_.MakeSocket(kSocket, wsp::v1::SocketRequest::TYPE_DATAGRAM);
  client_.MakeSocket(78, wsp::v1::SocketRequest::TYPE_DATAGRAM);
  const int nobodys_port = client_.Bind(78);
  ASSERT_EQ(client_.Close(78), 0u);
  ASSERT_EQ(client_.Connect(kSocket, nobodys_port), 0u);
  // The second send finds what the first one drew.
  for (int i = 0; i < 2; ++i) {
    client_.Add(kSocket)->mutable_send()->set_data("x");
    ASSERT_EQ(client_.Run().wsa_error(), 0u);
  }
  EXPECT_EQ(AskToLend(kSocket), uint32_t{EAGAIN});
  while (Receive().wsa_error() == kWsaConnReset) {
    if (AskToLend(kSocket) == 0) return;
  }
  FAIL() << "never lent";
}

TEST_F(LendingTest, ReceiveWithoutUrgentDataRecallsNothing) {
  MakeLent();
  Write(peer_, "ab");
  EXPECT_FALSE(Receive().recv().recalled());
}

// As with rules: what it has it keeps.
TEST_F(LendingTest, WhomRatesComeToApplyToIsLentNoMore) {
  MakeLent();
  harness_.owners()->SetLimits({}, {1000000, 0});
  client_.MakeConnected(kSocket + 1);
  EXPECT_EQ(AskToLend(kSocket + 1), static_cast<uint32_t>(EPERM));
  Write(lent_, "still");
  EXPECT_EQ(ReadBytes(peer_.get(), 5), "still");
  harness_.owners()->SetLimits({}, {});
  EXPECT_EQ(AskToLend(kSocket + 1), 0u);
}

// ---- listings

TEST_F(LendingTest, ConnectionIsListedAsLentOnceItsClientHasIt) {
  peer_ = client_.MakeConnected(kSocket);
  client_.Add(kSocket)->mutable_send()->set_data("calls");
  ASSERT_EQ(client_.Run().wsa_error(), 0u);
  EXPECT_EQ(Listed().plane(), wsp::v1::PLANE_UNSPECIFIED);
  EXPECT_EQ(Listed().cookie(), 0u);
  EXPECT_EQ(Listed().sends(), 1u);
  EXPECT_FALSE(Listed().operations_unknown());
  uint64_t call_id = 0;
  ASSERT_EQ(AskToLend(kSocket, &call_id), 0u);
  lent_ = sink_->Take(call_id);
  Write(lent_, " and writes");
  EXPECT_EQ(ReadBytes(peer_.get(), 16), "calls and writes");
  const wsp::v1::Socket socket = Listed();
  EXPECT_EQ(socket.plane(), wsp::v1::PLANE_LENT);
  EXPECT_EQ(socket.cookie(), CookieOf(lent_));
  EXPECT_EQ(socket.socket_id(), kSocket);
  EXPECT_EQ(socket.bytes_sent(), 16u);
  EXPECT_FALSE(socket.bytes_unknown());
  EXPECT_TRUE(socket.operations_unknown());
  EXPECT_EQ(socket.sends(), 0u);
  EXPECT_GT(socket.active_at_ns(), 0);
}

TEST_F(LendingTest, WhatNoDescriptorWasSentOfIsListedAsForwarded) {
  peer_ = client_.MakeConnected(kSocket);
  sink_->FailWith(ENOBUFS);
  EXPECT_EQ(AskToLend(kSocket), uint32_t{ENOBUFS});
  EXPECT_EQ(Listed().plane(), wsp::v1::PLANE_UNSPECIFIED);
  EXPECT_FALSE(Listed().operations_unknown());
}

TEST_F(LendingTest, ResetFromHereLeavesNoCountsOfALentConnection) {
  MakeLent();
  Write(lent_, "counted");
  EXPECT_EQ(ReadBytes(peer_.get(), 7), "counted");
  EXPECT_EQ(Listed().bytes_sent(), 7u);
  client_.Add(kSocket)->mutable_shutdown()->set_how(
      wsp::v1::ShutdownRequest::HOW_ABORT);
  ASSERT_EQ(client_.Run().wsa_error(), 0u);
  EXPECT_TRUE(Listed().bytes_unknown());
  EXPECT_EQ(Listed().active_at_ns(), 0);
  EXPECT_EQ(Listed().plane(), wsp::v1::PLANE_LENT);
}

// What the daemon's own calls have moved isn't all any more.
TEST_F(LendingTest, NothingIsKnownOfWhatLentDatagramsMove) {
  client_.MakeSocket(kSocket, wsp::v1::SocketRequest::TYPE_DATAGRAM);
  const int port = client_.Bind(kSocket);
  ASSERT_EQ(client_.Connect(kSocket, port), 0u);
  client_.Add(kSocket)->mutable_send()->set_data("abc");
  ASSERT_EQ(client_.Run().wsa_error(), 0u);
  ASSERT_EQ(Receive().recv().data(), "abc");
  EXPECT_EQ(Listed().plane(), wsp::v1::PLANE_UNSPECIFIED);
  EXPECT_EQ(Listed().bytes_sent(), 3u);
  EXPECT_EQ(Listed().receives(), 1u);
  EXPECT_GT(Listed().active_at_ns(), 0);
  uint64_t call_id = 0;
  ASSERT_EQ(AskToLend(kSocket, &call_id), 0u);
  lent_ = sink_->Take(call_id);
  const wsp::v1::Socket socket = Listed();
  EXPECT_EQ(socket.plane(), wsp::v1::PLANE_LENT);
  EXPECT_EQ(socket.cookie(), CookieOf(lent_));
  EXPECT_EQ(socket.state(), wsp::v1::SOCKET_STATE_CONNECTED);
  EXPECT_EQ(socket.local().ipv4().port(), static_cast<uint32_t>(port));
  EXPECT_TRUE(socket.bytes_unknown());
  EXPECT_EQ(socket.bytes_sent(), 0u);
  EXPECT_EQ(socket.bytes_received(), 0u);
  EXPECT_TRUE(socket.operations_unknown());
  EXPECT_EQ(socket.sends(), 0u);
  EXPECT_EQ(socket.receives(), 0u);
  EXPECT_EQ(socket.active_at_ns(), 0);
}

TEST_F(LendingTest, WhatLingersWasLent) {
  MakeLent();
  const uint64_t cookie = CookieOf(lent_);
  ASSERT_EQ(client_.Close(kSocket), 0u);
  const auto lingering = harness_.lingerer()->List();
  ASSERT_EQ(lingering.size(), 1u);
  EXPECT_EQ(lingering[0].owner.plane(), wsp::v1::PLANE_LENT);
  EXPECT_EQ(lingering[0].owner.lent_cookie, cookie);
}

TEST_F(LendingTest, SocketForAnotherConnectionIsForwardedAgain) {
  MakeLent();
  const uint64_t cookie = CookieOf(lent_);
  client_.Add(kSocket)->mutable_disconnect_ex()->set_reuse(true);
  ASSERT_EQ(client_.Run().wsa_error(), 0u);
  EXPECT_EQ(Listed().plane(), wsp::v1::PLANE_UNSPECIFIED);
  EXPECT_EQ(Listed().cookie(), 0u);
  EXPECT_FALSE(Listed().operations_unknown());
  const auto lingering = harness_.lingerer()->List();
  ASSERT_EQ(lingering.size(), 1u);
  EXPECT_EQ(lingering[0].owner.lent_cookie, cookie);
}

}  // namespace
}  // namespace wspd
