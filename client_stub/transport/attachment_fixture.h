#ifndef WSPD_CLIENT_STUB_TRANSPORT_ATTACHMENT_FIXTURE_H_
#define WSPD_CLIENT_STUB_TRANSPORT_ATTACHMENT_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "client_stub/transport/attachment.h"
#include "client_stub/transport/fake_daemon.h"

namespace wsp {

inline constexpr uint64_t kFirstId = UINT64_MAX - 2;  // ids wrap around
inline constexpr uint32_t kChunk = 64 << 10;

inline ByteView View(const std::string& bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

class Owner final : public CallOwner {
 public:
  void OnResult(Call* call, const Completion& completion) override {
    ids.push_back(call->id);
    errors.push_back(completion.wsa_error);
    bytes_sent += completion.bytes_sent;
    data.append(reinterpret_cast<const char*>(completion.data.data),
                completion.data.size);
  }
  void OnPending(Call*) override { ++pending; }

  std::vector<uint64_t> ids;
  std::vector<uint32_t> errors;
  uint64_t bytes_sent = 0;
  std::string data;
  int pending = 0;
};

class Watcher final : public Attachment::Observer {
 public:
  void OnAttached(bool value, uint64_t count) override {
    ++attached;
    resumed = value;
    startups = count;
  }
  void OnRegistrationEnded(uint32_t value) override { reason = value; }
  void OnNetworkEvent(const NetworkEvent& value) override { event = value; }
  void OnAbandonedCleanup(bool value, uint64_t count) override {
    ++abandoned_cleanups;
    final = value;
    startups = count;
  }

  int64_t TimeMs() override { return time_ms; }

  int64_t time_ms = 1000;
  int attached = 0;
  bool resumed = false;
  uint64_t startups = 0;
  uint32_t reason = 0;
  NetworkEvent event;
  int abandoned_cleanups = 0;
  bool final = false;
};

// An attachment and the daemon at the other end of its connection.
class AttachmentTest : public testing::Test {
 protected:
  AttachmentTest() {
    attachment_.AddLane(&lane_);
    lane_.socket_id = 4;
  }

  void TearDown() override { attachment_.RemoveLane(&lane_); }

  // A new connection, welcomed.
  void Attach(bool resumed = false) {
    Reconnect();
    Exchange();
    ASSERT_EQ(daemon_->frames.size(), 1u);
    hello_ = Take().hello();
    Welcome(resumed);
  }

  void Reconnect() {
    attachment_.Disconnect();
    pipe_ = std::make_unique<FakePipe>();
    daemon_ = std::make_unique<FakeDaemon>(pipe_.get());
    sequence_ = 0;
    ASSERT_NE(attachment_.Connect(pipe_.get(), true), IoStatus::kBroken);
  }

  void Welcome(bool resumed) {
    v1::ServerFrame frame;
    auto* welcome = frame.mutable_welcome();
    welcome->mutable_version()->set_major(1);
    welcome->set_attachment_token("token");
    welcome->set_resumed(resumed);
    welcome->set_startups(2);
    welcome->mutable_limits()->set_socket_send_credit_bytes(4 * kChunk);
    welcome->mutable_limits()->set_outstanding_calls(outstanding_calls_);
    daemon_->Send(frame);
    Exchange();
  }

  // Moves bytes both ways until nothing happens any more.
  void Exchange() {
    for (int i = 0; i < 50; ++i) {
      status_ = attachment_.Flush();
      if (status_ == IoStatus::kBroken) return;
      daemon_->Read();
      status_ = attachment_.Read();
      if (status_ == IoStatus::kBroken) return;
    }
  }

  v1::ClientFrame Take() {
    if (daemon_->frames.empty()) {
      ADD_FAILURE() << "no frame was sent";
      return {};
    }
    v1::ClientFrame frame = daemon_->frames.front();
    daemon_->frames.pop_front();
    return frame;
  }

  // All calls of all frames that came.
  std::vector<v1::Call> TakeCalls() {
    std::vector<v1::Call> calls;
    while (!daemon_->frames.empty()) {
      const v1::ClientFrame frame = Take();
      calls.insert(calls.end(), frame.calls().begin(), frame.calls().end());
    }
    return calls;
  }

  v1::Completion* Result(v1::ServerFrame* frame, uint64_t id) {
    v1::Completion* completion = frame->add_completions();
    completion->set_call_id(id);
    completion->set_sequence(++sequence_);
    return completion;
  }

  void Answer(uint64_t id, uint32_t error = 0) {
    v1::ServerFrame frame;
    Result(&frame, id)->set_wsa_error(error);
    daemon_->Send(frame);
    Exchange();
  }

  void AnswerCleanup(uint64_t id, uint64_t startups) {
    v1::ServerFrame frame;
    auto* cleanup = Result(&frame, id)->mutable_cleanup();
    cleanup->set_startups(startups);
    cleanup->set_final(startups == 0);
    daemon_->Send(frame);
    Exchange();
  }

  void AnswerSend(uint64_t id, uint32_t bytes) {
    v1::ServerFrame frame;
    Result(&frame, id)->mutable_send()->set_bytes_sent(bytes);
    daemon_->Send(frame);
    Exchange();
  }

  Call* SubmitListen() {
    Call* call = attachment_.NewCall(&owner_, {});
    AppendListen(&call->bytes, 1);
    attachment_.Submit(call);
    return call;
  }

  // A job over `bytes`, which the test keeps.
  std::unique_ptr<SendJob> Job(const std::string& bytes, ByteView* buffer) {
    auto job = std::make_unique<SendJob>();
    *buffer = View(bytes);
    job->owner = &owner_;
    job->buffers = buffer;
    job->buffer_count = 1;
    job->total = bytes.size();
    return job;
  }

  Owner owner_;
  Watcher watcher_;
  SendLane lane_;
  std::unique_ptr<FakePipe> pipe_;
  std::unique_ptr<FakeDaemon> daemon_;
  Attachment attachment_{kFirstId, &watcher_};
  v1::Hello hello_;
  uint64_t sequence_ = 0;
  uint32_t outstanding_calls_ = 8192;
  IoStatus status_ = IoStatus::kDone;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_TRANSPORT_ATTACHMENT_FIXTURE_H_
