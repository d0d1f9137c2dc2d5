#ifndef WSPD_DAEMON_SERVER_ATTACH_STREAM_H_
#define WSPD_DAEMON_SERVER_ATTACH_STREAM_H_

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "daemon/server/connection.h"
#include "daemon/server/connection_table.h"
#include "daemon/server/turn_queue.h"
#include "daemon/session/attachment.h"
#include "daemon/session/frame_stream.h"
#include "daemon/session/registry.h"
#include "proto/wsp/v1/provider.grpc.pb.h"

namespace wspd {

// One Attach stream on gRPC's completion queues. Messages stay ByteBuffers:
// payload is neither parsed nor copied.
//
// Everything but Write() and End() runs on the thread of its queue. It owns
// itself from Expect() until its last tag has come back.
class AttachStream : public FrameStream,
                     public std::enable_shared_from_this<AttachStream> {
 public:
  // The Attach method with raw messages; the only one of the provider server.
  using Service =
      wsp::v1::Provider::WithRawMethod_Attach<wsp::v1::Provider::Service>;

  // Counts the streams that exist. A completion queue may be shut down only
  // when there are none, since any of them may start another operation on it.
  class Population {
   public:
    void Add() {
      absl::MutexLock lock(&mu_);
      ++streams_;
    }
    void Remove() {
      absl::MutexLock lock(&mu_);
      --streams_;
    }
    void AwaitNone() {
      absl::MutexLock lock(&mu_);
      auto none = [this]()
                      ABSL_NO_THREAD_SAFETY_ANALYSIS { return streams_ == 0; };
      mu_.Await(absl::Condition(&none));
    }

   private:
    absl::Mutex mu_;
    int streams_ ABSL_GUARDED_BY(mu_) = 0;
  };

  // A completion queue, and what its thread has yet to do.
  struct Queue {
    std::unique_ptr<grpc::ServerCompletionQueue> events;
    // Streams whose frames aren't through; each has a tag under way for it.
    TurnQueue<AttachStream*> turns;
  };

  // What all streams share; outlives them.
  struct Context {
    Service* service;
    ConnectionTable* connections;
    Registry* registry;
    Population* population;
    // For tests of resumption: after so many frames the connection is broken;
    // 0: never.
    uint64_t break_after_frames = 0;
  };

  // Waits for the next client on `queue`.
  static void Expect(const Context* context, Queue* queue);

  ~AttachStream() override;

  // What goes through the completion queue, but for kTurn, which a turn is.
  struct Tag {
    enum class Event {
      kStart,
      kRead,
      kWrite,
      kTurn,
      kRate,
      kFinish,
      kGiveUp,
      kDone
    };
    AttachStream* stream;
    Event event;
  };
  void OnEvent(Tag::Event event, bool ok);

  // Whose it is; 0: nobody's yet.
  uint64_t client_id() const {
    return attachment_ == nullptr ? 0 : attachment_->client_id();
  }

  // FrameStream.
  void Write(OutgoingFrame frame) override;
  void End(const absl::Status& status) override;

 private:
  AttachStream(const Context* context, Queue* queue);

  void OnStart();
  void OnRead();
  void OnWritten(bool ok);
  // The first frame; an error ends the stream.
  absl::Status Greet(const IncomingFrame& frame);
  // Works on the frame as long as it is this stream's turn.
  void RunCalls();
  // Whether it has to wait for its client's rate of calls; it will have a turn
  // then.
  bool WaitsForRate();
  // The rest of the frame has to wait for another.
  void AwaitTurn();
  void StartRead();
  // The client ended the stream, or it broke.
  void OnClientGone();
  void LetGoOfConnection();
  // The client doesn't read the last frame.
  void GiveUp();
  void FinishLocked(const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  IncomingFrame TakeFrame();

  // Counts tags that are under way; the last one to return frees the stream.
  void AddTagLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { ++tags_; }
  void ReturnTag();

  const Context* const context_;
  Queue* const queue_;
  grpc::ServerContext server_context_;
  grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer> stream_;
  Tag start_{this, Tag::Event::kStart};
  Tag read_{this, Tag::Event::kRead};
  Tag write_{this, Tag::Event::kWrite};
  Tag rate_{this, Tag::Event::kRate};
  Tag finish_{this, Tag::Event::kFinish};
  Tag give_up_{this, Tag::Event::kGiveUp};
  Tag done_{this, Tag::Event::kDone};
  grpc::Alarm end_alarm_;
  grpc::Alarm rate_alarm_;
  grpc::ByteBuffer read_buffer_;
  std::shared_ptr<Connection> connection_;
  std::shared_ptr<Attachment> attachment_;
  uint64_t frames_ = 0;
  // Short ones, of the frame that is worked on.
  int turns_of_frame_ = 0;
  bool client_gone_ = false;
  // connection_ counts it among its Attaches.
  bool counts_as_attach_ = false;

  absl::Mutex mu_;
  int tags_ ABSL_GUARDED_BY(mu_) = 0;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool finishing_ ABSL_GUARDED_BY(mu_) = false;
  // The end is to be sent when the write under way is through.
  bool end_wanted_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status end_status_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<AttachStream> self_ ABSL_GUARDED_BY(mu_);
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SERVER_ATTACH_STREAM_H_
