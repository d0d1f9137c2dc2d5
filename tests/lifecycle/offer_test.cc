// A connection that was offered to a condition function whose process dies
// before it has decided: another owner of the listener gets it, and without one
// it is reset.
#include <memory>
#include <string>

#include "tests/testing/child_process.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/role.h"
#include "tests/testing/socket_holder.h"
#include "tests/testing/thread_group.h"
#include "tests/testing/wait_until.h"

namespace wspd::testing {
namespace {

int CALLBACK NeverDecide(LPWSABUF, LPWSABUF, LPQOS, LPQOS, LPWSABUF, LPWSABUF,
                         GROUP*, DWORD_PTR role) {
  LineChannel& parent = reinterpret_cast<Role*>(role)->parent;
  parent.Send("offered");
  parent.Receive();
  return CF_ACCEPT;
}

// A client that dies in its condition function. It says where it listens; or
// its socket is the parent's, whose words "claim …" are those of SocketHolder.
int Undecided(Role& role) {
  std::unique_ptr<Spi> spi = Spi::Load();
  WSPD_ROLE_CHECK(spi != nullptr && spi->Startup().ok(), "startup");
  SOCKET listener = INVALID_SOCKET;
  Endpoint endpoint;
  const std::string info = role.parent.Receive();
  if (info == "own") {
    WSPD_ROLE_CHECK(spi->ListenNew(&listener, &endpoint).ok(), "listen");
    role.parent.Send(std::to_string(endpoint.port));
  } else {
    WSAPROTOCOL_INFOW shared = InfoFromText(info);
    WSPD_ROLE_CHECK(spi->SocketFrom(&shared, &listener).ok(), "claim");
    role.parent.Send("claimed");
  }
  SOCKET accepted = INVALID_SOCKET;
  const WsaCode code = spi->Accept(listener, &accepted, NeverDecide,
                                   reinterpret_cast<DWORD_PTR>(&role));
  WSPD_ROLE_CHECK(false, ToString(code));
  return 1;
}
const RoleRegistration kUndecided("Undecided", Undecided);

class OfferTest : public ProviderTest {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
    client_ = std::make_unique<ChildProcess>("Undecided");
  }
  void TearDown() override {
    client_.reset();
    ProviderTest::TearDown();
  }

  LineChannel& channel() { return client_->channel(); }

  // A listener of this process that the client has, too.
  void Share() {
    ASSERT_EQ(spi_->ListenNew(&listener_socket_, &endpoint_), kOk);
    WSAPROTOCOL_INFOW info = {};
    ASSERT_EQ(spi_->Duplicate(listener_socket_,
                              static_cast<DWORD>(client_->pid()), &info),
              kOk);
    channel().Send(TextOfInfo(info));
    ASSERT_EQ(channel().Receive(), "claimed");
  }
  PeerSocket ConnectAndAwaitOffer() {
    PeerSocket peer = PeerSocket::ConnectTo(endpoint_);
    EXPECT_TRUE(peer.is_open());
    EXPECT_EQ(channel().Receive(), "offered");
    return peer;
  }
  void ExpectIsPeerOf(SOCKET s, PeerSocket* peer, const std::string& text) {
    ASSERT_TRUE(peer->Write(text));
    std::string data;
    EXPECT_EQ(spi_->RecvExactly(s, text.size(), &data), kOk);
    EXPECT_EQ(data, text);
  }

  std::unique_ptr<ChildProcess> client_;
  SOCKET listener_socket_ = INVALID_SOCKET;
  Endpoint endpoint_;
};

TEST_F(OfferTest, IsResetWithTheListener) {
  channel().Send("own");
  endpoint_ = {Family::kIpv4,
               static_cast<uint16_t>(std::stoi(channel().Receive()))};
  PeerSocket peer = ConnectAndAwaitOffer();
  client_->Kill();
  EXPECT_EQ(peer.WaitForEnd(), Ending::kReset);
  // The listener goes, too, before or after.
  EXPECT_TRUE(WaitUntil([this] {
    int error = 0;
    return !PeerSocket::ConnectTo(endpoint_, &error).is_open();
  }));
}

TEST_F(OfferTest, GoesBackToTheOtherOwnerOfTheListener) {
  Share();
  ASSERT_FALSE(HasFatalFailure());
  PeerSocket first = ConnectAndAwaitOffer();
  PeerSocket second = PeerSocket::ConnectTo(endpoint_);
  ASSERT_TRUE(second.is_open());
  client_->Kill();
  // Its place in the queue may have gone to the one behind it, and nothing
  // else.
  SOCKET accepted[2];
  for (SOCKET& s : accepted) ASSERT_EQ(spi_->Accept(listener_socket_, &s), kOk);
  ASSERT_EQ(spi_->Send(accepted[0], "one of"), kOk);
  ASSERT_EQ(spi_->Send(accepted[1], "the two"), kOk);
  EXPECT_EQ(first.PeekEnd(), Ending::kStillOpen);
  EXPECT_EQ(second.PeekEnd(), Ending::kStillOpen);
  const std::string to_first = first.Read(6);
  const std::string to_second = second.Read(6);
  EXPECT_TRUE((to_first == "one of" && to_second == "the tw") ||
              (to_first == "the tw" && to_second == "one of"))
      << to_first << ", " << to_second;
}

// An accept of the other owner waits already.
TEST_F(OfferTest, WakesAnAcceptOfTheOtherOwner) {
  Share();
  ASSERT_FALSE(HasFatalFailure());
  PeerSocket peer = ConnectAndAwaitOffer();
  ThreadGroup threads;
  threads.Start("accept", [&] {
    SOCKET accepted = INVALID_SOCKET;
    EXPECT_EQ(spi_->Accept(listener_socket_, &accepted), kOk);
    ExpectIsPeerOf(accepted, &peer, "hello");
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_EQ(threads.ended(), 0) << "what is offered is nobody else's";
  client_->Kill();
  threads.JoinAll();
}

}  // namespace
}  // namespace wspd::testing
