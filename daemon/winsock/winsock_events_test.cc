// Network events of a socket of which the test says what is the case.
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "daemon/testing/tcp_pair.h"
#include "daemon/winsock/winsock_socket.h"
#include "daemon/wire/wire_reader.h"
#include "gtest/gtest.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {
namespace {

constexpr uint64_t kSocket = 7;

// Stands for an attachment that asks for nothing.
class IdleCallSink : public CallSink {
 public:
  void Finish(uint64_t, CallResult) override {}
  void ReportPending(uint64_t) override {}
  void FlushResults() override {}
  int AddSocket(uint64_t, std::shared_ptr<SocketDescriptor>) override {
    return 0;
  }
  int ReserveSocket() override { return 0; }
  void ReleaseSockets(uint32_t) override {}
  std::shared_ptr<void> ReserveChangeRequest() override { return nullptr; }
  std::shared_ptr<SocketDescriptor> FindSocket(uint64_t) const override {
    return nullptr;
  }
  void RemoveSocket(uint64_t) override {}
  void QueueNetworkEvents(uint64_t) override {}
  bool MayReceive() const override { return true; }
  Lingerer::Owner OwnerOf(uint64_t socket_id) const override {
    return {1, 2, 3, socket_id};
  }
};

// A look at it takes as long as the test wants, as a system call may.
class SlowSocket : public WinsockSocket {
 public:
  SlowSocket(std::shared_ptr<Socket> engine, const Environment* environment)
      : WinsockSocket(std::move(engine), AF_INET, SOCK_STREAM, environment) {}

  // The next look says when it begins, and waits until it may end.
  void HoldNextLook(absl::Notification* begun, absl::Notification* may_end) {
    absl::MutexLock lock(&mu_);
    begun_ = begun;
    may_end_ = may_end;
  }

  CallResult ResultOf(SocketDescriptor*, const Operation&, Outcome) override {
    return CallResult();
  }
  void ForgetWait(SocketDescriptor*) override {}
  int Lend(uid_t, OwnedFd*) override { return EPERM; }
  void OnOutcome(std::unique_ptr<Operation>, Outcome) override {}

 private:
  bool HandleOwn(const SocketCall&) override { return false; }
  bool MayBindLocked() const override { return false; }
  void FillViewLocked(SocketView*) const override {}
  bool CloseWouldBlockLocked() const override { return false; }
  void CancelWait(SocketDescriptor*, uint64_t) override {}
  void FinishClose(const SocketCall&, Remains) override {}
  void FinishAbort(Remains, const Lingerer::Owner&) override {}
  void FinishDrop(Remains, const Lingerer::Owner&) override {}
  void ReleaseHoldings(SocketDescriptor*, bool) override {}
  NetworkConditions ConditionsLocked() override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (begun_ != nullptr) {
      std::exchange(begun_, nullptr)->Notify();
      may_end_->WaitForNotification();
    }
    NetworkConditions now;
    now.holding = kFdWrite;
    return now;
  }
  SocketReadiness ReadinessLocked() override { return SocketReadiness(); }

  absl::Notification* begun_ ABSL_GUARDED_BY(mu_) = nullptr;
  absl::Notification* may_end_ ABSL_GUARDED_BY(mu_) = nullptr;
};

class WinsockEventsTest : public testing::Test {
 protected:
  WinsockEventsTest() {
    TcpPair pair = MakeTcpPair();
    peer_ = std::move(pair.peer);
    socket_ = std::make_shared<SlowSocket>(
        Socket::Adopt(std::move(pair.ours), loop_.get()), &environment_);
    descriptor_ = std::make_shared<SocketDescriptor>(socket_, sink_, kSocket);
  }
  ~WinsockEventsTest() override { descriptor_->Abort(); }

  void EventSelect(uint32_t events) {
    wsp::v1::EventSelectRequest request;
    request.set_network_events(events);
    request.set_registration(1);
    std::string bytes = request.SerializeAsString();
    const std::vector<iovec> pieces = {{&bytes[0], bytes.size()}};
    Call call;
    call.request = wsp::v1::Call::kEventSelect;
    call.body = WireReader(pieces);
    descriptor_->Handle(call);
  }

  std::unique_ptr<EventLoop> loop_ = *EventLoop::Create("test");
  Lingerer lingerer_{{}};
  const WinsockSocket::Environment environment_{&lingerer_};
  const std::shared_ptr<IdleCallSink> sink_ = std::make_shared<IdleCallSink>();
  OwnedFd peer_;
  std::shared_ptr<SlowSocket> socket_;
  std::shared_ptr<SocketDescriptor> descriptor_;
};

// Notices are taken with the results' lock of an attachment held: nobody who
// has something to finish may have to wait for a system call on a socket.
TEST_F(WinsockEventsTest, NoticesAreTakenWhileTheSocketIsLookedAt) {
  EventSelect(kFdWrite);
  absl::Notification looks;
  absl::Notification may_end;
  socket_->HoldNextLook(&looks, &may_end);
  std::thread looker([&] { socket_->OnStateChange(); });
  looks.WaitForNotification();
  std::vector<NetworkNotice> notices;
  bool repeats = false;
  absl::Notification taken;
  std::thread taker([&] {
    descriptor_->TakeNotices(&notices);
    repeats = descriptor_->RepeatNotices();
    taken.Notify();
  });
  EXPECT_TRUE(taken.WaitForNotificationWithTimeout(absl::Seconds(20)));
  may_end.Notify();
  looker.join();
  taker.join();
  ASSERT_EQ(notices.size(), 1);
  EXPECT_EQ(notices[0].network_events, kFdWrite);
  EXPECT_TRUE(repeats);
}

}  // namespace
}  // namespace wspd
