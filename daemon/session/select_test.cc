// WSPSelect and WSAPoll over real sockets, as a client sees them on the wire
// (reference, section 4.6).
#include <errno.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "daemon/session/testing/session_client.h"
#include "daemon/testing/tcp_pair.h"
#include "daemon/winsock/wsa_error.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using Ids = std::vector<uint64_t>;

constexpr uint64_t kSocket = 77;
constexpr uint64_t kOther = 78;
constexpr uint64_t kUnknown = 99;
constexpr uint32_t kFionbio = 0x8004667e;
constexpr auto kDatagram = wsp::v1::SocketRequest::TYPE_DATAGRAM;

Ids List(const google::protobuf::RepeatedField<uint64_t>& ids) {
  return Ids(ids.begin(), ids.end());
}

class SelectTest : public testing::Test {
 protected:
  struct Sets {
    Ids read;
    Ids write;
    Ids except;
  };

  // To be sent with what is set in addition.
  wsp::v1::SelectRequest* AddSelect(const Sets& sets, uint32_t timeout_ms = 0) {
    wsp::v1::Call* call = client_.Add(0);
    call->set_timeout_ms(timeout_ms);
    wsp::v1::SelectRequest* request = call->mutable_select();
    for (uint64_t id : sets.read) request->add_read(id);
    for (uint64_t id : sets.write) request->add_write(id);
    for (uint64_t id : sets.except) request->add_except(id);
    return request;
  }
  // A call that waits.
  uint64_t Begin(const Sets& sets) {
    AddSelect(sets);
    const uint64_t call = client_.Send();
    EXPECT_FALSE(client_.Has(call));
    return call;
  }
  wsp::v1::SelectResult Ready(uint64_t call) {
    const wsp::v1::Completion result = client_.Await(call);
    EXPECT_EQ(result.wsa_error(), 0);
    return result.select();
  }
  // What is ready now.
  wsp::v1::SelectResult Now(const Sets& sets) {
    AddSelect(sets)->set_no_wait(true);
    return Ready(client_.Send());
  }
  void ExpectNothing(const Sets& sets) {
    const wsp::v1::SelectResult ready = Now(sets);
    EXPECT_EQ(ready.read_size() + ready.write_size() + ready.except_size(), 0)
        << ready.ShortDebugString();
  }
  wsp::v1::SelectResult Poll(const Sets& sets, const Ids& others = {}) {
    wsp::v1::SelectRequest* request = AddSelect(sets);
    request->set_poll(true);
    request->set_no_wait(true);
    for (uint64_t id : others) request->add_others(id);
    return Ready(client_.Send());
  }
  void MakeNonBlocking(uint64_t socket_id) {
    auto* ioctl = client_.Add(socket_id)->mutable_ioctl();
    ioctl->set_code(kFionbio);
    ioctl->set_number(1);
    EXPECT_EQ(client_.Run().wsa_error(), 0);
  }
  // A new socket whose connect has failed.
  void MakeRefused(uint64_t socket_id) {
    int port;
    { port = ListenOnLoopback().port; }
    client_.MakeSocket(socket_id);
    EXPECT_EQ(client_.Connect(socket_id, port), kWsaConnRefused);
  }
  static void Send(const OwnedFd& peer, const std::string& data,
                   int flags = 0) {
    ASSERT_EQ(send(peer.get(), data.data(), data.size(), flags),
              static_cast<ssize_t>(data.size()));
  }
  static void Reset(OwnedFd peer) {
    const linger hard{1, 0};
    setsockopt(peer.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    peer.Reset();
  }

  SessionHarness harness_;
  SessionClient client_{&harness_};
};

// ------------------------------------------------------------- what is ready

TEST_F(SelectTest, AConnectedSocketIsWritableAndReadableWithData) {
  const OwnedFd peer = client_.MakeConnected(kSocket);
  const Sets all = {{kSocket}, {kSocket}, {kSocket}};
  wsp::v1::SelectResult ready = Now(all);
  EXPECT_EQ(List(ready.read()), Ids());
  EXPECT_EQ(List(ready.write()), Ids{kSocket});
  EXPECT_EQ(List(ready.except()), Ids());
  const uint64_t call = Begin({{kSocket}, {}, {kSocket}});
  Send(peer, "x");
  ready = Ready(call);
  EXPECT_EQ(List(ready.read()), Ids{kSocket});
  EXPECT_EQ(List(ready.except()), Ids());
}

TEST_F(SelectTest, AnUnconnectedSocketIsNotReady) {
  client_.MakeSocket(kSocket);
  ExpectNothing({{kSocket}, {kSocket}, {kSocket}});
  client_.Bind(kSocket);
  ExpectNothing({{kSocket}, {kSocket}, {kSocket}});
}

TEST_F(SelectTest, ADatagramSocketIsWritable) {
  client_.MakeSocket(kSocket, kDatagram);
  client_.Bind(kSocket);
  const wsp::v1::SelectResult ready = Now({{kSocket}, {kSocket}, {kSocket}});
  EXPECT_EQ(List(ready.read()), Ids());
  EXPECT_EQ(List(ready.write()), Ids{kSocket});
}

TEST_F(SelectTest, AListenerIsReadableWithAConnection) {
  const int port = client_.MakeListener(kSocket);
  const uint64_t call = Begin({{kSocket}, {kSocket}, {kSocket}});
  const OwnedFd peer = ConnectToLoopback(port);
  const wsp::v1::SelectResult ready = Ready(call);
  EXPECT_EQ(List(ready.read()), Ids{kSocket});
  EXPECT_EQ(List(ready.write()), Ids());
}

TEST_F(SelectTest, ADeferredConnectionIsThereToBeAccepted) {
  const int port = client_.MakeListener(kSocket);
  const OwnedFd peer = ConnectToLoopback(port);
  auto* accept = client_.Add(kSocket)->mutable_accept();
  accept->set_conditional(true);
  const uint64_t offer = client_.Run().accept().offer_id();
  const uint64_t call = Begin({{kSocket}, {}, {}});
  auto* decision = client_.Add(kSocket)->mutable_accept_decision();
  decision->set_offer_id(offer);
  decision->set_decision(wsp::v1::AcceptDecisionRequest::DECISION_DEFER);
  EXPECT_EQ(client_.Run().wsa_error(), 0);
  EXPECT_EQ(List(Ready(call).read()), Ids{kSocket});
}

TEST_F(SelectTest, AnEndIsReadable) {
  const OwnedFd peer = client_.MakeConnected(kSocket);
  const uint64_t call = Begin({{kSocket}, {}, {kSocket}});
  shutdown(peer.get(), SHUT_WR);
  const wsp::v1::SelectResult ready = Ready(call);
  EXPECT_EQ(List(ready.read()), Ids{kSocket});
  EXPECT_EQ(List(ready.except()), Ids());
}

TEST_F(SelectTest, AResetIsReadableAndWritable) {
  OwnedFd peer = client_.MakeConnected(kSocket);
  const uint64_t call = Begin({{kSocket}, {}, {kSocket}});
  Reset(std::move(peer));
  Ready(call);
  const wsp::v1::SelectResult ready = Now({{kSocket}, {kSocket}, {kSocket}});
  EXPECT_EQ(List(ready.read()), Ids{kSocket});
  EXPECT_EQ(List(ready.write()), Ids{kSocket});
  EXPECT_EQ(List(ready.except()), Ids());
  // The select has not taken the error.
  EXPECT_EQ(client_.Receive(kSocket, 1), kWsaConnReset);
}

TEST_F(SelectTest, UrgentDataIsAnExceptionUnlessItComesInLine) {
  const OwnedFd peer = client_.MakeConnected(kSocket);
  const uint64_t call = Begin({{kSocket}, {}, {kSocket}});
  Send(peer, "!", MSG_OOB);
  wsp::v1::SelectResult ready = Ready(call);
  EXPECT_EQ(List(ready.read()), Ids());
  EXPECT_EQ(List(ready.except()), Ids{kSocket});
  auto* option = client_.Add(kSocket)->mutable_set_sock_opt();
  option->set_level(0xffff);
  option->set_option(0x100);
  option->mutable_value()->set_number(1);
  EXPECT_EQ(client_.Run().wsa_error(), 0);
  ready = Now({{kSocket}, {}, {kSocket}});
  EXPECT_EQ(List(ready.read()), Ids{kSocket});
  EXPECT_EQ(List(ready.except()), Ids());
}

TEST_F(SelectTest, AConnectThatSucceedsIsWritable) {
  const TcpListener listener = ListenOnLoopback();
  client_.MakeSocket(kSocket);
  MakeNonBlocking(kSocket);
  // Also for one that waited when it was begun.
  const uint64_t call = Begin({{kSocket}, {kSocket}, {kSocket}});
  EXPECT_EQ(client_.Connect(kSocket, listener.port), kWsaWouldBlock);
  const wsp::v1::SelectResult ready = Ready(call);
  EXPECT_EQ(List(ready.read()), Ids());
  EXPECT_EQ(List(ready.write()), Ids{kSocket});
  EXPECT_EQ(List(ready.except()), Ids());
}

TEST_F(SelectTest, AConnectThatFailsIsAnException) {
  int port;
  { port = ListenOnLoopback().port; }
  client_.MakeSocket(kSocket);
  MakeNonBlocking(kSocket);
  const uint64_t call = Begin({{kSocket}, {kSocket}, {kSocket}});
  EXPECT_EQ(client_.Connect(kSocket, port), kWsaWouldBlock);
  wsp::v1::SelectResult ready = Ready(call);
  EXPECT_EQ(List(ready.read()), Ids());
  EXPECT_EQ(List(ready.write()), Ids());
  EXPECT_EQ(List(ready.except()), Ids{kSocket});
  // It stays so until it is tried again.
  ready = Now({{kSocket}, {kSocket}, {kSocket}});
  EXPECT_EQ(List(ready.except()), Ids{kSocket});
}

TEST_F(SelectTest, AFailedConnectOfABlockingSocketIsAnExceptionToo) {
  MakeRefused(kSocket);
  EXPECT_EQ(List(Now({{}, {}, {kSocket}}).except()), Ids{kSocket});
}

TEST_F(SelectTest, NetworkEventsAreLeftAlone) {
  const OwnedFd peer = client_.MakeConnected(kSocket);
  EXPECT_EQ(client_.EventSelect(kSocket, 1), 0);
  Send(peer, "x");
  EXPECT_EQ(client_.AwaitNotice().network_events(), 1);
  EXPECT_EQ(List(Now({{kSocket}, {}, {}}).read()), Ids{kSocket});
  EXPECT_FALSE(client_.HasNotice());
  EXPECT_EQ(client_.Enum(kSocket).network_events(), 1);
}

// ------------------------------------------------------------------ the sets

TEST_F(SelectTest, SetsKeepTheirOrderAndLoseRepetitions) {
  const OwnedFd one = client_.MakeConnected(kSocket);
  const OwnedFd other = client_.MakeConnected(kOther);
  Send(one, "x");
  Send(other, "x");
  const uint64_t call = [&] {
    AddSelect({{kSocket, kOther, kSocket}, {kOther, kSocket, kOther}, {}});
    return client_.Send();
  }();
  const wsp::v1::SelectResult ready = Ready(call);
  EXPECT_EQ(List(ready.read()), (Ids{kSocket, kOther}));
  EXPECT_EQ(List(ready.write()), (Ids{kOther, kSocket}));
}

TEST_F(SelectTest, AnUnknownSocketIsRefused) {
  const OwnedFd peer = client_.MakeConnected(kSocket);
  Send(peer, "x");
  AddSelect({{kSocket}, {kUnknown}, {}});
  EXPECT_EQ(client_.Run().wsa_error(), kWsaNotSock);
}

TEST_F(SelectTest, EmptySetsAreRefused) {
  AddSelect({});
  EXPECT_EQ(client_.Run().wsa_error(), kWsaInval);
}

TEST_F(SelectTest, OneOfAThousandWakes) {
  rlimit files{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
  files.rlim_cur = files.rlim_max;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
  constexpr uint64_t kFirst = 1000;
  std::vector<OwnedFd> peers;
  Ids all;
  for (uint64_t i = 0; i < 1000; ++i) {
    peers.push_back(client_.MakeConnected(kFirst + i));
    all.push_back(kFirst + i);
  }
  const uint64_t call = Begin({all, {}, all});
  Send(peers[500], "x");
  EXPECT_EQ(List(Ready(call).read()), Ids{kFirst + 500});
  // All at once.
  for (const OwnedFd& peer : peers) Send(peer, "x");
  harness_.DrainLoop();
  EXPECT_EQ(List(Now({all, {}, {}}).read()), all);
}

TEST_F(SelectTest, MoreThanMayBeWaitedForIsRefused) {
  const OwnedFd peer = client_.MakeConnected(kSocket);
  std::vector<OwnedFd> peers;
  Ids all;
  for (uint64_t i = 0; i < 256; ++i) {
    client_.MakeSocket(1000 + i);
    all.push_back(1000 + i);
  }
  std::vector<uint64_t> calls;
  for (int i = 0; i < 256; ++i) {
    AddSelect({all, {}, {}});
    calls.push_back(client_.Send());
  }
  EXPECT_FALSE(client_.Has(calls.back()));
  AddSelect({{kSocket}, {}, {}});
  EXPECT_EQ(client_.Run().wsa_error(), kWsaNoBufs);
  // One that needn't wait may come.
  EXPECT_EQ(List(Now({{}, {kSocket}, {}}).write()), Ids{kSocket});
  wsp::v1::ClientFrame cancel;
  cancel.add_cancels()->set_call_id(calls[0]);
  ASSERT_TRUE(SessionHarness::Send(client_.attached(), cancel).ok());
  EXPECT_EQ(client_.Await(calls[0]).wsa_error(), kWsaIntr);
  const uint64_t call = Begin({{kSocket}, {}, {}});
  Send(peer, "x");
  Ready(call);
}

TEST_F(SelectTest, MoreThanMayBeWaitedForIsRefusedEvenIfItDoesNotWait) {
  wsp::v1::SelectRequest* request = AddSelect({});
  request->set_poll(true);
  request->set_no_wait(true);
  for (uint64_t id = 1; id <= kMostSelectedSockets + 1; ++id) {
    request->add_others(id);
  }
  EXPECT_EQ(client_.Run().wsa_error(), kWsaNoBufs);
}

TEST_F(SelectTest, LargeOnesAreRefusedWhileTooMuchIsKept) {
  Ids unknown;
  for (uint64_t id = 1; id <= kMostSelectedSockets; ++id) {
    unknown.push_back(id);
  }
  // Half a MiB each, and nothing is acknowledged.
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Poll({}, unknown).invalid_size(),
              static_cast<int>(kMostSelectedSockets));
  }
  wsp::v1::SelectRequest* request = AddSelect({});
  request->set_poll(true);
  request->set_no_wait(true);
  for (uint64_t id : unknown) request->add_others(id);
  EXPECT_EQ(client_.Run().wsa_error(), kWsaNoBufs);
  EXPECT_EQ(List(Poll({}, {kUnknown}).invalid()), Ids{kUnknown});
}

// ------------------------------------------------------------------- its end

TEST_F(SelectTest, WhenItsTimeIsOverNothingIsReady) {
  const OwnedFd peer = client_.MakeConnected(kSocket);
  AddSelect({{kSocket}, {}, {kSocket}}, 10);
  const wsp::v1::SelectResult ready = Ready(client_.Send());
  EXPECT_EQ(ready.read_size() + ready.except_size(), 0);
}

TEST_F(SelectTest, OneThatIsReadyInTimeHasNoSecondEnd) {
  const OwnedFd peer = client_.MakeConnected(kSocket);
  AddSelect({{kSocket}, {}, {}}, 60 * 1000);
  const uint64_t call = client_.Send();
  Send(peer, "x");
  EXPECT_EQ(List(Ready(call).read()), Ids{kSocket});
}

TEST_F(SelectTest, ItCanBeCancelled) {
  const OwnedFd peer = client_.MakeConnected(kSocket);
  const uint64_t call = Begin({{kSocket}, {}, {}});
  wsp::v1::ClientFrame cancel;
  cancel.add_cancels()->set_call_id(call);
  ASSERT_TRUE(SessionHarness::Send(client_.attached(), cancel).ok());
  EXPECT_EQ(client_.Await(call).wsa_error(), kWsaIntr);
  // The socket is as it was.
  Send(peer, "x");
  EXPECT_EQ(client_.Receive(kSocket, 1), 0);
}

TEST_F(SelectTest, ACloseWakesIt) {
  const OwnedFd peer = client_.MakeConnected(kSocket);
  const OwnedFd other = client_.MakeConnected(kOther);
  const uint64_t read = Begin({{kOther, kSocket}, {}, {kSocket}});
  const uint64_t except = Begin({{kOther}, {}, {kSocket}});
  EXPECT_EQ(client_.Close(kSocket), 0);
  EXPECT_EQ(List(Ready(read).read()), Ids{kSocket});
  EXPECT_EQ(client_.Await(except).wsa_error(), kWsaNotSock);
}

TEST_F(SelectTest, TheFinalCleanupEndsItUnanswered) {
  const OwnedFd peer = client_.MakeConnected(kSocket);
  const uint64_t call = Begin({{kSocket}, {}, {}});
  client_.Add(0)->mutable_cleanup();
  EXPECT_TRUE(client_.Run().cleanup().final());
  EXPECT_FALSE(client_.Has(call));
}

TEST_F(SelectTest, AResumeLeavesItPending) {
  const OwnedFd peer = client_.MakeConnected(kSocket);
  wsp::v1::ClientFrame frame;
  wsp::v1::Call* call = frame.add_calls();
  call->set_call_id(5);
  call->mutable_select()->add_read(kSocket);
  ASSERT_TRUE(SessionHarness::Send(client_.attached(), frame).ok());
  client_.Resume(0);
  ASSERT_TRUE(SessionHarness::Send(client_.attached(), frame).ok());
  EXPECT_FALSE(client_.Has(5));
  Send(peer, "x");
  EXPECT_EQ(List(Ready(5).read()), Ids{kSocket});
}

// ------------------------------------------------------------------ WSAPoll

TEST_F(SelectTest, PollTellsOfWhatIsNoSocket) {
  const OwnedFd peer = client_.MakeConnected(kSocket);
  const wsp::v1::SelectResult ready = Poll({{kSocket}, {kUnknown}, {}});
  EXPECT_EQ(List(ready.invalid()), Ids{kUnknown});
  EXPECT_EQ(List(ready.hung_up()), Ids());
}

TEST_F(SelectTest, PollTellsOfAnEndWhateverWasAskedFor) {
  const OwnedFd peer = client_.MakeConnected(kSocket);
  wsp::v1::SelectRequest* request = AddSelect({});
  request->set_poll(true);
  request->add_others(kSocket);
  const uint64_t call = client_.Send();
  Send(peer, "x");
  EXPECT_FALSE(client_.Has(call));
  shutdown(peer.get(), SHUT_WR);
  wsp::v1::SelectResult ready = Ready(call);
  EXPECT_EQ(List(ready.hung_up()), Ids{kSocket});
  EXPECT_EQ(List(ready.failed()), Ids());
  EXPECT_EQ(List(ready.read()), Ids());
  // Data is there beside the end, which by itself is none.
  ready = Poll({{kSocket}, {}, {}});
  EXPECT_EQ(List(ready.read()), Ids{kSocket});
  EXPECT_EQ(List(ready.hung_up()), Ids{kSocket});
  EXPECT_EQ(client_.Receive(kSocket, 1), 0);
  ready = Poll({{kSocket}, {}, {}});
  EXPECT_EQ(List(ready.read()), Ids());
  EXPECT_EQ(List(ready.hung_up()), Ids{kSocket});
  EXPECT_EQ(List(Now({{kSocket}, {}, {}}).read()), Ids{kSocket});
}

TEST_F(SelectTest, PollTellsOfAReset) {
  OwnedFd peer = client_.MakeConnected(kSocket);
  wsp::v1::SelectRequest* request = AddSelect({{}, {}, {kSocket}});
  request->set_poll(true);
  const uint64_t call = client_.Send();
  EXPECT_FALSE(client_.Has(call));
  Reset(std::move(peer));
  const wsp::v1::SelectResult ready = Ready(call);
  EXPECT_EQ(List(ready.hung_up()), Ids{kSocket});
  EXPECT_EQ(List(ready.failed()), Ids{kSocket});
  EXPECT_EQ(List(ready.except()), Ids());
  EXPECT_EQ(List(Poll({{kSocket}, {}, {}}).read()), Ids());
}

TEST_F(SelectTest, PollTellsOfAFailedConnect) {
  MakeRefused(kSocket);
  const wsp::v1::SelectResult ready = Poll({{kSocket}, {kSocket}, {kSocket}});
  EXPECT_EQ(List(ready.read()), Ids());
  EXPECT_EQ(List(ready.write()), Ids{kSocket});
  EXPECT_EQ(List(ready.except()), Ids());
  EXPECT_EQ(List(ready.hung_up()), Ids{kSocket});
  EXPECT_EQ(List(ready.failed()), Ids{kSocket});
}

TEST_F(SelectTest, PollFindsACloseInvalid) {
  const OwnedFd peer = client_.MakeConnected(kSocket);
  wsp::v1::SelectRequest* request = AddSelect({{kSocket}, {}, {}});
  request->set_poll(true);
  const uint64_t call = client_.Send();
  EXPECT_FALSE(client_.Has(call));
  EXPECT_EQ(client_.Close(kSocket), 0);
  EXPECT_EQ(List(Ready(call).invalid()), Ids{kSocket});
}

}  // namespace
}  // namespace wspd
