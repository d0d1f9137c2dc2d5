// WSPAccept with a condition function (4.7).
#include <thread>

#include "tests/conformance/stream_fixture.h"

namespace wspd::conformance {
namespace {

// What the function was called with, and what it is to answer.
struct Condition {
  int answer = CF_ACCEPT;
  int calls = 0;
  std::thread::id thread;
  SockAddr caller, callee;
  int caller_length = 0, callee_length = 0;
  bool has_qos = false, has_caller_data = false;
};

void CopyName(const WSABUF* from, SockAddr* name, int* length) {
  if (from == nullptr || from->buf == nullptr) return;
  *length = static_cast<int>(from->len);
  if (from->len > sizeof(sockaddr_storage)) return;
  memcpy(name->get(), from->buf, from->len);
  name->set_length(*length);
}

int CALLBACK Answer(LPWSABUF caller, LPWSABUF caller_data, LPQOS sqos,
                    LPQOS gqos, LPWSABUF callee, LPWSABUF, GROUP*,
                    DWORD_PTR context) {
  auto* const condition = reinterpret_cast<Condition*>(context);
  ++condition->calls;
  condition->thread = std::this_thread::get_id();
  CopyName(caller, &condition->caller, &condition->caller_length);
  CopyName(callee, &condition->callee, &condition->callee_length);
  condition->has_qos = sqos != nullptr || gqos != nullptr;
  condition->has_caller_data = caller_data != nullptr &&
                               caller_data->buf != nullptr &&
                               caller_data->len != 0;
  return condition->answer;
}

class AcceptConditionTest : public StreamTest {
 protected:
  void SetUp() override {
    StreamTest::SetUp();
    listening_ = NewListener(&name_);
  }
  PeerSocket NewPeer() {
    PeerSocket peer = PeerSocket::ConnectTo(name_.ToEndpoint());
    EXPECT_TRUE(peer.is_open());
    return peer;
  }
  WsaCode AcceptWith(int answer, SOCKET* s, SockAddr* from = nullptr) {
    condition_.answer = answer;
    return Accept(listening_, s, from, Answer,
                  reinterpret_cast<DWORD_PTR>(&condition_));
  }

  SOCKET listening_ = INVALID_SOCKET;
  SockAddr name_;
  Condition condition_;
  SOCKET s_ = INVALID_SOCKET;
};
WSPD_FOR_BOTH_FAMILIES(AcceptConditionTest);

// ----------------------------------------------------- how it is called

// 4.7: runs in the caller's thread, with its context.
TEST_P(AcceptConditionTest, RunsOnceInTheCallersThread) {
  PeerSocket peer = NewPeer();
  ASSERT_EQ(AcceptWith(CF_ACCEPT, &s_), kOk);
  EXPECT_EQ(condition_.calls, 1);
  EXPECT_EQ(condition_.thread, std::this_thread::get_id());
}

// 4.7: CallerId.buf is a sockaddr.
TEST_P(AcceptConditionTest, CallerIsThePeer) {
  PeerSocket peer = NewPeer();
  ASSERT_EQ(AcceptWith(CF_ACCEPT, &s_), kOk);
  EXPECT_EQ(condition_.caller_length, AddressLength(family()));
  EXPECT_EQ(condition_.caller, PeerNameOf(s_));
}

// 4.7: CalleeId is the local address.
TEST_P(AcceptConditionTest, CalleeIsTheLocalAddress) {
  PeerSocket peer = NewPeer();
  ASSERT_EQ(AcceptWith(CF_ACCEPT, &s_), kOk);
  EXPECT_EQ(condition_.callee_length, AddressLength(family()));
  EXPECT_EQ(condition_.callee, name_);
}

// 4.7: CallerData and QoS are NULL when not supported.
TEST_P(AcceptConditionTest, NoCallerDataAndNoQos) {
  PeerSocket peer = NewPeer();
  ASSERT_EQ(AcceptWith(CF_ACCEPT, &s_), kOk);
  EXPECT_FALSE(condition_.has_caller_data);
  EXPECT_FALSE(condition_.has_qos);
}

TEST_P(AcceptConditionTest, IsNotCalledWithoutAConnection) {
  ASSERT_EQ(SetNonBlocking(listening_), kOk);
  EXPECT_EQ(AcceptWith(CF_ACCEPT, &s_), WsaCode{WSAEWOULDBLOCK});
  EXPECT_EQ(condition_.calls, 0);
}

TEST_P(AcceptConditionTest, IsNotCalledOnWhatDoesNotListen) {
  EXPECT_EQ(Accept(New(), &s_, nullptr, Answer,
                   reinterpret_cast<DWORD_PTR>(&condition_)),
            WsaCode{WSAEINVAL});
  EXPECT_EQ(condition_.calls, 0);
}

TEST_P(AcceptConditionTest, IsCalledWhenAConnectionComes) {
  PeerSocket peer;
  EXPECT_EQ(WhileBlocked([&] { return AcceptWith(CF_ACCEPT, &s_); },
                         [&] { peer = NewPeer(); }),
            kOk);
  EXPECT_EQ(condition_.calls, 1);
}

// --------------------------------------------------------- CF_ACCEPT

TEST_P(AcceptConditionTest, AcceptGivesTheConnection) {
  PeerSocket peer = NewPeer();
  ASSERT_EQ(AcceptWith(CF_ACCEPT, &s_), kOk);
  ASSERT_EQ(SendText(s_, "hello"), kOk);
  EXPECT_EQ(peer.Read(5), "hello");
}

TEST_P(AcceptConditionTest, AcceptFillsTheName) {
  PeerSocket peer = NewPeer();
  SockAddr from;
  ASSERT_EQ(AcceptWith(CF_ACCEPT, &s_, &from), kOk);
  EXPECT_EQ(from, condition_.caller);
}

// --------------------------------------------------------- CF_REJECT

// 4.7: refused to the peer, WSAECONNREFUSED.
TEST_P(AcceptConditionTest, RejectIsRefused) {
  PeerSocket peer = NewPeer();
  EXPECT_EQ(AcceptWith(CF_REJECT, &s_), WsaCode{WSAECONNREFUSED});
  EXPECT_EQ(condition_.calls, 1);
}

// 4.7: the stack has completed the handshake: CF_REJECT can only reset.
TEST_P(AcceptConditionTest, RejectResetsThePeer) {
  PeerSocket peer = NewPeer();
  ASSERT_EQ(AcceptWith(CF_REJECT, &s_), WsaCode{WSAECONNREFUSED});
  EXPECT_EQ(peer.WaitForEnd(), Ending::kReset);
}

// 4.7: addr is filled in regardless of the decision.
TEST_P(AcceptConditionTest, RejectFillsTheName) {
  PeerSocket peer = NewPeer();
  SockAddr from;
  ASSERT_EQ(AcceptWith(CF_REJECT, &s_, &from), WsaCode{WSAECONNREFUSED});
  EXPECT_EQ(from, condition_.caller);
}

TEST_P(AcceptConditionTest, RejectTakesOnlyTheFirst) {
  PeerSocket first = NewPeer(), second = NewPeer();
  ASSERT_EQ(AcceptWith(CF_REJECT, &s_), WsaCode{WSAECONNREFUSED});
  ASSERT_EQ(Accept(listening_, &s_), kOk);
  ASSERT_EQ(SendText(s_, "x"), kOk);
  EXPECT_EQ(second.Read(1), "x");
}

// --------------------------------------------------------- CF_DEFER

// 4.7: WSATRY_AGAIN.
TEST_P(AcceptConditionTest, DeferSaysTryAgain) {
  PeerSocket peer = NewPeer();
  EXPECT_EQ(AcceptWith(CF_DEFER, &s_), WsaCode{WSATRY_AGAIN});
  EXPECT_EQ(peer.PeekEnd(), Ending::kStillOpen);
}

// 4.7: CF_DEFER, then accept without callback gets the same connection.
TEST_P(AcceptConditionTest, DeferredIsTakenByThePlainAccept) {
  PeerSocket first = NewPeer(), second = NewPeer();
  ASSERT_EQ(AcceptWith(CF_DEFER, &s_), WsaCode{WSATRY_AGAIN});
  ASSERT_EQ(Accept(listening_, &s_), kOk);
  EXPECT_EQ(PeerNameOf(s_), condition_.caller);
  ASSERT_EQ(SendText(s_, "x"), kOk);
  EXPECT_EQ(first.Read(1), "x");
}

// 4.7: stays queued (front) and is offered again.
TEST_P(AcceptConditionTest, DeferredIsOfferedAgain) {
  PeerSocket first = NewPeer(), second = NewPeer();
  ASSERT_EQ(AcceptWith(CF_DEFER, &s_), WsaCode{WSATRY_AGAIN});
  const SockAddr caller = condition_.caller;
  ASSERT_EQ(AcceptWith(CF_DEFER, &s_), WsaCode{WSATRY_AGAIN});
  EXPECT_EQ(condition_.caller, caller);
  ASSERT_EQ(AcceptWith(CF_ACCEPT, &s_), kOk);
  EXPECT_EQ(condition_.caller, caller);
  EXPECT_EQ(condition_.calls, 3);
}

TEST_P(AcceptConditionTest, DeferredMayBeRejected) {
  PeerSocket peer = NewPeer();
  ASSERT_EQ(AcceptWith(CF_DEFER, &s_), WsaCode{WSATRY_AGAIN});
  ASSERT_EQ(AcceptWith(CF_REJECT, &s_), WsaCode{WSAECONNREFUSED});
  EXPECT_EQ(peer.WaitForEnd(), Ending::kReset);
}

TEST_P(AcceptConditionTest, DeferFillsTheName) {
  PeerSocket peer = NewPeer();
  SockAddr from;
  ASSERT_EQ(AcceptWith(CF_DEFER, &s_, &from), WsaCode{WSATRY_AGAIN});
  EXPECT_EQ(from, condition_.caller);
}

TEST_P(AcceptConditionTest, DeferredIsAcceptedWithoutBlocking) {
  PeerSocket peer = NewPeer();
  ASSERT_EQ(AcceptWith(CF_DEFER, &s_), WsaCode{WSATRY_AGAIN});
  ASSERT_EQ(SetNonBlocking(listening_), kOk);
  EXPECT_EQ(Accept(listening_, &s_), kOk);
}

// What the peer sends meanwhile is not lost.
TEST_P(AcceptConditionTest, DeferredConnectionKeepsItsData) {
  PeerSocket peer = NewPeer();
  ASSERT_EQ(AcceptWith(CF_DEFER, &s_), WsaCode{WSATRY_AGAIN});
  ASSERT_TRUE(peer.Write("early"));
  ASSERT_EQ(Accept(listening_, &s_), kOk);
  std::string data;
  ASSERT_EQ(RecvExactly(s_, 5, &data), kOk);
  EXPECT_EQ(data, "early");
}

// 2: closing the listener resets what it has not accepted.
TEST_P(AcceptConditionTest, DeferredEndsWithTheListener) {
  PeerSocket peer = NewPeer();
  ASSERT_EQ(AcceptWith(CF_DEFER, &s_), WsaCode{WSATRY_AGAIN});
  ASSERT_EQ(Close(listening_), kOk);
  EXPECT_EQ(peer.WaitForEnd(), Ending::kReset);
}

// --------------------------------------------------------- anything else

// 2, 4.7: rubbish → WSAEINVAL.
TEST_P(AcceptConditionTest, OtherAnswersAreInvalid) {
  PeerSocket first = NewPeer(), second = NewPeer();
  EXPECT_EQ(AcceptWith(3, &s_), WsaCode{WSAEINVAL});
  EXPECT_EQ(AcceptWith(-1, &s_), WsaCode{WSAEINVAL});
}

// 2: WSAEFAULT (addrlen too small), whatever the function would say.
TEST_P(AcceptConditionTest, LittleRoomForTheNameIsAFault) {
  PeerSocket peer = NewPeer();
  SockAddr from;
  int length = 1;
  EXPECT_EQ(AcceptRaw(listening_, &s_, from.get(), &length, Answer,
                      reinterpret_cast<DWORD_PTR>(&condition_)),
            WsaCode{WSAEFAULT});
}

}  // namespace
}  // namespace wspd::conformance
