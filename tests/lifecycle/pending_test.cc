// Every kind of call that may be pending, in each way to tell of its end, and
// blocking: what the final cleanup makes of it, what an earlier one doesn't,
// and, the opposite, what WSPCloseSocket does.
#include <memory>
#include <string>
#include <vector>

#include "client_stub/spi_client/apc.h"
#include "client_stub/spi_client/event.h"
#include "tests/lifecycle/pending_call.h"
#include "tests/lifecycle/pending_peers.h"
#include "tests/testing/network_namespace.h"
#include "tests/testing/process_files.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kInterrupted{WSAEINTR};

// Calls of one kind, one for each way to tell of its end.
class PendingSet {
 public:
  PendingSet(Spi* spi, Waiting waiting, Family family)
      : spi_(spi),
        waiting_(waiting),
        family_(family),
        peers_(waiting, family) {}

  // Routines belong to the calling thread.
  void Start() {
    for (const Telling telling : TellingsOf(waiting_)) {
      members_.push_back(
          std::make_unique<Member>(spi_, waiting_, family_, telling));
      Member* const member = members_.back().get();
      member->call.Prepare(peers_.endpoint());
      if (::testing::Test::HasFatalFailure()) return;
      peers_.Meet(member->call.own());
      if (member->call.blocks()) {
        threads_.Start(NameOf(waiting_),
                       [member] { member->result = member->call.Call(); });
      } else {
        EXPECT_EQ(member->call.Call(), kPending) << Name(*member);
      }
      peers_.MeetCall(member->call.own());
      member->call.AwaitMet();
    }
    ASSERT_TRUE(threads_.WaitUntilBlocked());
    ExpectPending();
  }

  void ExpectPending() {
    EXPECT_EQ(threads_.ended(), 0) << NameOf(waiting_);
    for (const auto& member : members_) {
      if (member->call.blocks()) continue;
      EXPECT_TRUE(member->call.is_pending()) << Name(*member);
      ExpectNotTold(*member);
    }
  }

  // Nobody is told of anything; only the OVERLAPPED shows it.
  void ExpectSilentlyCancelled() {
    threads_.JoinAll(seconds(10));
    for (const auto& member : members_) {
      if (member->call.blocks()) {
        EXPECT_EQ(member->result, kInterrupted) << NameOf(waiting_);
        continue;
      }
      EXPECT_EQ(member->call.status(), kStatusCancelled) << Name(*member);
      EXPECT_EQ(member->call.error(), DWORD{WSA_OPERATION_ABORTED})
          << Name(*member);
      ExpectNotTold(*member);
    }
  }

  // Each by its own way.
  void ExpectTold(DWORD error) {
    for (const auto& member : members_) {
      PendingCall& call = member->call;
      if (call.blocks()) continue;
      EXPECT_FALSE(call.is_pending()) << Name(*member);
      EXPECT_EQ(call.error(), error) << Name(*member);
      EXPECT_EQ(call.event_is_set(), call.telling() == Telling::kEvent)
          << Name(*member);
      EXPECT_EQ(call.routines(), call.telling() == Telling::kRoutine ? 1 : 0)
          << Name(*member);
      EXPECT_EQ(call.routine_error(),
                call.telling() == Telling::kRoutine ? error : 0)
          << Name(*member);
      EXPECT_EQ(call.TakePackets(), call.telling() == Telling::kPacket ? 1 : 0)
          << Name(*member);
      EXPECT_EQ(call.packet_error(),
                call.telling() == Telling::kPacket ? error : 0)
          << Name(*member);
    }
  }

  void Close() {
    for (const auto& member : members_) {
      EXPECT_EQ(member->call.Close(), kOk) << Name(*member);
    }
  }

  // Has all calls end well, and runs their routines.
  void Proceed() {
    EXPECT_TRUE(WaitUntil([&] {
      peers_.Proceed();
      spi_client::SleepAlertable(0);
      return threads_.ended() > 0 && AllTold();
    })) << NameOf(waiting_);
    threads_.JoinAll();
    for (const auto& member : members_) {
      if (!member->call.blocks()) continue;
      EXPECT_EQ(member->result, kOk) << NameOf(waiting_);
    }
  }

  // Whether who has an event, a routine or a port has been told.
  bool AllTold() const {
    bool all = true;
    for (const auto& member : members_) {
      all &= member->call.blocks() || IsTold(member->call);
    }
    return all;
  }

  void ExpectBlockingOnesFailed() {
    threads_.JoinAll(seconds(10));
    for (const auto& member : members_) {
      if (!member->call.blocks()) continue;
      EXPECT_FALSE(member->result.ok()) << NameOf(waiting_);
    }
  }

  PendingPeers& peers() { return peers_; }

 private:
  struct Member {
    Member(Spi* spi, Waiting waiting, Family family, Telling telling)
        : call(spi, waiting, family, telling) {}
    PendingCall call;
    // Of a call that blocks, when it is over.
    WsaCode result = kNoErrorGiven;
  };

  std::string Name(const Member& member) const {
    return std::string(NameOf(waiting_)) + ", " + NameOf(member.call.telling());
  }
  void ExpectNotTold(Member& member) const {
    EXPECT_FALSE(member.call.event_is_set()) << Name(member);
    EXPECT_EQ(member.call.routines(), 0) << Name(member);
    EXPECT_EQ(member.call.TakePackets(), 0) << Name(member);
  }
  static bool IsTold(PendingCall& call) {
    if (call.is_pending()) return false;
    return call.telling() == Telling::kEvent     ? call.event_is_set()
           : call.telling() == Telling::kRoutine ? call.routines() > 0
           : call.telling() == Telling::kPacket  ? call.TakePackets() > 0
                                                 : true;
  }

  Spi* const spi_;
  const Waiting waiting_;
  const Family family_;
  PendingPeers peers_;
  std::vector<std::unique_ptr<Member>> members_;
  ThreadGroup threads_;  // goes first
};

// A provider started up in a fresh network.
class PendingFixture : public ProviderTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(EnterFreshNetwork());
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
  }

  // Time for something to come late.
  static void LetTimePass() {
    EXPECT_EQ(spi_client::SleepAlertable(20), 0u) << "a routine ran";
  }
};

class PendingTest : public PendingFixture,
                    public ::testing::WithParamInterface<WaitingKind> {
 protected:
  void SetUp() override {
    PendingFixture::SetUp();
    if (HasFatalFailure()) return;
    set_ = std::make_unique<PendingSet>(spi_.get(), GetParam().waiting,
                                        GetParam().family);
  }

  std::unique_ptr<PendingSet> set_;
};

TEST_P(PendingTest, FinalCleanupCancelsInSilence) {
  set_->Start();
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_EQ(spi_->Cleanup(), kOk);
  set_->ExpectSilentlyCancelled();
  // Also when what they have waited for comes.
  set_->peers().ExpectGone();
  LetTimePass();
  set_->ExpectSilentlyCancelled();
}

TEST_P(PendingTest, AnEarlierCleanupLeavesThemWaiting) {
  ASSERT_EQ(spi_->Startup(), kOk);
  set_->Start();
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_EQ(spi_->Cleanup(), kOk);
  LetTimePass();
  set_->ExpectPending();
  set_->Proceed();
  set_->ExpectTold(0);
}

TEST_P(PendingTest, CloseSocketTellsOfTheCancellation) {
  set_->Start();
  ASSERT_FALSE(HasFatalFailure());
  set_->Close();
  set_->ExpectBlockingOnesFailed();
  EXPECT_TRUE(WaitUntil([&] {
    spi_client::SleepAlertable(1);
    return set_->AllTold();
  }));
  set_->ExpectTold(WSA_OPERATION_ABORTED);
  // A cleanup afterwards tells nobody again.
  EXPECT_EQ(spi_->Cleanup(), kOk);
  LetTimePass();
  set_->ExpectTold(WSA_OPERATION_ABORTED);
  set_->peers().Leave();
}

INSTANTIATE_TEST_SUITE_P(Kinds, PendingTest,
                         ::testing::ValuesIn(WaitingKinds()),
                         [](const auto& info) { return NameOf(info.param); });

// ---------------------------------------------------------------- all together

class AllPendingTest : public PendingFixture {
 protected:
  // One set of each kind; the peers of all are there before the first call.
  void StartAll() {
    for (const Waiting waiting :
         {Waiting::kRecv, Waiting::kRecvFrom, Waiting::kSend, Waiting::kSendTo,
          Waiting::kIoctl, Waiting::kAcceptEx, Waiting::kAcceptExData,
          Waiting::kConnectEx, Waiting::kConnectExData}) {
      sets_.push_back(
          std::make_unique<PendingSet>(spi_.get(), waiting, Family::kIpv4));
    }
    for (const auto& set : sets_) {
      set->Start();
      ASSERT_FALSE(HasFatalFailure());
    }
  }

  std::vector<std::unique_ptr<PendingSet>> sets_;
};

TEST_F(AllPendingTest, OneFinalCleanupCancelsAllKindsInSilence) {
  StartAll();
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_EQ(spi_->Cleanup(), kOk);
  for (const auto& set : sets_) set->ExpectSilentlyCancelled();
  // The library could go; a late indication would find nobody there.
  EXPECT_TRUE(spi_->Unload());
  for (const std::string& file : MappedFiles()) {
    EXPECT_EQ(file.find("libwsp"), std::string::npos) << file;
  }
  for (const auto& set : sets_) set->peers().ExpectGone();
  LetTimePass();
  for (const auto& set : sets_) set->ExpectSilentlyCancelled();
}

TEST_F(AllPendingTest, AStartupRightAfterwardsHearsNothingOfThem) {
  StartAll();
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_EQ(spi_->Cleanup(), kOk);
  ASSERT_EQ(spi_->Startup(), kOk);
  // Its own calls read the connection on which something late would come.
  PeerListener listener;
  Connection connection = Connect(listener);
  for (const auto& set : sets_) set->peers().ExpectGone();
  ASSERT_TRUE(connection.peer.Write("new"));
  std::string data;
  EXPECT_EQ(spi_->RecvExactly(connection.socket, 3, &data), kOk);
  LetTimePass();
  for (const auto& set : sets_) set->ExpectSilentlyCancelled();
}

}  // namespace
}  // namespace wspd::testing
