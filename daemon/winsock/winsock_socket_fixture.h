#ifndef WSPD_DAEMON_WINSOCK_WINSOCK_SOCKET_FIXTURE_H_
#define WSPD_DAEMON_WINSOCK_WINSOCK_SOCKET_FIXTURE_H_

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "daemon/base/owned_fd.h"
#include "daemon/event/event_loop.h"
#include "daemon/journal/event_journal.h"
#include "daemon/journal/event_reader.h"
#include "daemon/socket/lingerer.h"
#include "daemon/testing/tcp_pair.h"
#include "daemon/winsock/winsock_socket.h"
#include "daemon/wire/wire_reader.h"
#include "gtest/gtest.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {

inline constexpr uint64_t kSocket = 7;
inline constexpr uint32_t kFionbio = 0x8004667e;

// Stands for an attachment of a user's: keeps results and sockets.
class FakeCallSink : public CallSink {
 public:
  explicit FakeCallSink(uint32_t uid = 3) : uid_(uid) {}

  void Finish(uint64_t call_id, CallResult result) override {
    absl::MutexLock lock(&mu_);
    results_.emplace(call_id, std::move(result));
  }
  void ReportPending(uint64_t call_id) override {
    absl::MutexLock lock(&mu_);
    pending_.insert(call_id);
  }
  void FlushResults() override {}
  int AddSocket(uint64_t socket_id,
                std::shared_ptr<SocketDescriptor> socket) override {
    absl::MutexLock lock(&mu_);
    sockets_.emplace(socket_id, std::move(socket));
    return 0;
  }
  int ReserveSocket() override {
    if (reserved_ >= 2) return EMFILE;
    ++reserved_;
    return 0;
  }
  void ReleaseSockets(uint32_t count) override { reserved_ -= count; }
  std::shared_ptr<void> ReserveChangeRequest() override {
    return std::make_shared<int>();
  }
  std::shared_ptr<SocketDescriptor> FindSocket(
      uint64_t socket_id) const override {
    absl::MutexLock lock(&mu_);
    auto found = sockets_.find(socket_id);
    return found == sockets_.end() ? nullptr : found->second;
  }
  void QueueNetworkEvents(uint64_t) override { ++queued_events_; }
  void RemoveSocket(uint64_t socket_id) override {
    // Perhaps the last of it, which ends without the lock.
    std::shared_ptr<SocketDescriptor> removed;
    absl::MutexLock lock(&mu_);
    auto found = sockets_.find(socket_id);
    if (found == sockets_.end()) return;
    removed = std::move(found->second);
    sockets_.erase(found);
  }
  bool MayReceive() const override { return true; }
  Lingerer::Owner OwnerOf(uint64_t socket_id) const override {
    return {1, 2, uid_, socket_id};
  }

  bool Has(uint64_t call_id) {
    absl::MutexLock lock(&mu_);
    return results_.count(call_id) > 0;
  }
  // Whether it was reported that the call has to wait.
  bool IsPending(uint64_t call_id) {
    absl::MutexLock lock(&mu_);
    return pending_.count(call_id) > 0;
  }
  int queued_events() const { return queued_events_; }
  // Accepted connections that aren't sockets; at most 2.
  uint32_t reserved() const { return reserved_; }
  CallResult Await(uint64_t call_id) {
    absl::MutexLock lock(&mu_);
    auto there = [this, call_id]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return results_.count(call_id) > 0;
    };
    EXPECT_TRUE(mu_.AwaitWithTimeout(absl::Condition(&there), absl::Minutes(1)))
        << "call " << call_id << " never ended";
    return results_[call_id];
  }
  void AbortAll() {
    std::map<uint64_t, std::shared_ptr<SocketDescriptor>> sockets;
    {
      absl::MutexLock lock(&mu_);
      sockets.swap(sockets_);
    }
    for (auto& [id, socket] : sockets) socket->Abort();
  }

 private:
  const uint32_t uid_;
  std::atomic<uint32_t> reserved_{0};
  std::atomic<int> queued_events_{0};
  mutable absl::Mutex mu_;
  std::map<uint64_t, CallResult> results_ ABSL_GUARDED_BY(mu_);
  std::set<uint64_t> pending_ ABSL_GUARDED_BY(mu_);
  std::map<uint64_t, std::shared_ptr<SocketDescriptor>> sockets_
      ABSL_GUARDED_BY(mu_);
};

// Sockets of one client, or of others that a test has beside it.
class WinsockSocketTest : public testing::Test {
 protected:
  ~WinsockSocketTest() override {
    sink_->AbortAll();
    lingerer_.ResetAll();
  }

  // A socket that the client has under `socket_id`.
  std::shared_ptr<SocketDescriptor> Make(uint64_t socket_id,
                                         int type = SOCK_STREAM) {
    return MakeFor(sink_, socket_id, type);
  }
  std::shared_ptr<SocketDescriptor> MakeFor(
      const std::shared_ptr<FakeCallSink>& client, uint64_t socket_id,
      int type) {
    std::shared_ptr<WinsockSocket> socket;
    EXPECT_EQ(WinsockSocket::Create(AF_INET, type, loop_.get(), &environment_,
                                    quota_, &socket),
              0);
    auto descriptor = std::make_shared<SocketDescriptor>(std::move(socket),
                                                         client, socket_id);
    client->AddSocket(socket_id, descriptor);
    descriptor->socket()->NoteOpened(*descriptor, 0);
    return descriptor;
  }

  // Begins `call` on `socket`; returns the call's id.
  uint64_t Begin(SocketDescriptor* socket, const wsp::v1::Call& request) {
    wsp::v1::Call message = request;
    message.set_call_id(next_call_++);
    auto bytes = std::make_shared<std::string>(message.SerializeAsString());
    Call call;
    call.call_id = message.call_id();
    call.overlapped = message.overlapped();
    call.report_pending = message.report_pending();
    call.timeout_ms = message.timeout_ms();
    call.request = message.request_case();
    const std::vector<iovec> pieces = {{&(*bytes)[0], bytes->size()}};
    WireReader reader(pieces);
    while (reader.Next()) {
      if (reader.field() == call.request) {
        call.body = reader.ReadBytes();
      } else {
        reader.Skip();
      }
    }
    call.frame_bytes = bytes->size();
    call.frame = std::move(bytes);
    socket->Handle(call);
    return call.call_id;
  }
  CallResult Run(SocketDescriptor* socket, const wsp::v1::Call& request) {
    auto* const client = static_cast<FakeCallSink*>(socket->sink().get());
    return client->Await(Begin(socket, request));
  }

  // Until the loop is through with what it has begun.
  void AwaitLoop() {
    absl::Notification done;
    loop_->Post([&done] { done.Notify(); });
    done.WaitForNotification();
  }

  static wsp::v1::Call ConnectCall(int port) {
    wsp::v1::Call call;
    auto* address = call.mutable_connect()->mutable_address()->mutable_ipv4();
    address->set_address(INADDR_LOOPBACK);
    address->set_port(port);
    return call;
  }
  static wsp::v1::Call ReceiveCall(uint32_t max_bytes) {
    wsp::v1::Call call;
    call.mutable_recv()->set_max_bytes(max_bytes);
    return call;
  }

  // Connects a new socket under kSocket; the peer's end in `*peer`.
  std::shared_ptr<SocketDescriptor> Connect(OwnedFd* peer) {
    const TcpListener listener = ListenOnLoopback();
    auto socket = Make(kSocket);
    EXPECT_EQ(Run(socket.get(), ConnectCall(listener.port)).wsa_error, 0);
    peer->Reset(accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
    return socket;
  }

  Lingerer::Options LingererOptions() {
    Lingerer::Options options;
    options.events = &events_;
    return options;
  }

  EventJournal events_;
  EventReader reader_{&events_};
  std::unique_ptr<EventLoop> loop_ = *EventLoop::Create("test");
  Lingerer lingerer_{LingererOptions()};
  const WinsockSocket::Environment environment_{&lingerer_, &events_};
  const std::shared_ptr<FakeCallSink> sink_ = std::make_shared<FakeCallSink>();
  // Of the sockets that are made; null: none.
  std::shared_ptr<RateQuota> quota_;
  std::atomic<uint64_t> next_call_{1000};
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WINSOCK_WINSOCK_SOCKET_FIXTURE_H_
