#include "tests/conformance/stream_fixture.h"

namespace wspd::conformance {

SOCKET StreamTest::NewConnecting() {
  PeerListener::Options options;
  options.family = family();
  options.backlog = 0;
  full_listener_ = std::make_unique<PeerListener>(options);
  full_listener_->FillBacklog();
  const SOCKET s = New();
  EXPECT_EQ(SetNonBlocking(s), kOk);
  EXPECT_EQ(Connect(s, SockAddr::Of(full_listener_->endpoint())),
            WsaCode{WSAEWOULDBLOCK});
  return s;
}

SOCKET StreamTest::NewRefused() {
  const SOCKET s = New();
  EXPECT_EQ(SetNonBlocking(s), kOk);
  EXPECT_EQ(Connect(s, SockAddr::Of(ClosedEndpoint(family()))),
            WsaCode{WSAEWOULDBLOCK});
  EXPECT_TRUE(WaitUntil([&] { return ErrorOf(s) != 0; }, milliseconds(kSoonMs)))
      << "the connect has no end";
  return s;
}

ConformanceTest::Pair StreamTest::NewReset() {
  Pair pair = NewConnection();
  pair.peer.Reset();
  std::string data;
  EXPECT_EQ(RecvText(pair.socket, 1, &data), WsaCode{WSAECONNRESET});
  return pair;
}

SockAddr StreamTest::NameOf(SOCKET s) {
  SockAddr name;
  EXPECT_EQ(GetSockName(s, &name), kOk);
  return name;
}

SockAddr StreamTest::PeerNameOf(SOCKET s) {
  SockAddr name;
  EXPECT_EQ(GetPeerName(s, &name), kOk);
  return name;
}

int StreamTest::ErrorOf(SOCKET s) {
  int value = -1;
  EXPECT_EQ(GetInt(s, SOL_SOCKET, SO_ERROR, &value), kOk);
  return value;
}

WsaCode StreamTest::WhileBlocked(const std::function<WsaCode()>& call,
                                 const std::function<void()>& meanwhile) {
  WsaCode result;
  ThreadGroup thread;
  thread.Start("the blocking call", [&] { result = call(); });
  EXPECT_TRUE(thread.WaitUntilBlocked());
  EXPECT_EQ(thread.ended(), 0) << "it doesn't block, but gives " << result;
  meanwhile();
  thread.JoinAll(milliseconds(kSoonMs));
  return result;
}

PeerListener& StreamTest::listener() {
  if (listener_ == nullptr) {
    listener_ = std::make_unique<PeerListener>(family());
  }
  return *listener_;
}

}  // namespace wspd::conformance
