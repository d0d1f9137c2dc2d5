#ifndef WSPD_DAEMON_SESSION_TESTING_SESSION_HARNESS_H_
#define WSPD_DAEMON_SESSION_TESTING_SESSION_HARNESS_H_

#include <unistd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "daemon/event/event_loop.h"
#include "daemon/linux/lent_sockets.h"
#include "daemon/policy/policy_store.h"
#include "daemon/session/attachment.h"
#include "daemon/session/client.h"
#include "daemon/session/environment.h"
#include "daemon/session/frame_stream.h"
#include "daemon/socket/lingerer.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {

// A stream that keeps what is written to it. Thread-safe.
class RecordingStream : public FrameStream {
 public:
  void Write(OutgoingFrame frame) override;
  void End(const absl::Status& status) override;

  // The next frame; fails the program after a minute without one.
  wsp::v1::ServerFrame NextFrame();
  bool HasFrame() const;
  bool ended() const;
  absl::Status end_status() const;

 private:
  mutable absl::Mutex mu_;
  std::vector<std::string> frames_ ABSL_GUARDED_BY(mu_);
  size_t next_ ABSL_GUARDED_BY(mu_) = 0;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status end_status_ ABSL_GUARDED_BY(mu_);
};

// A frame as the transport would hand it on, in pieces of `piece_bytes`.
IncomingFrame CutFrame(const std::string& bytes, size_t piece_bytes);

// The session layer of one client process without a transport.
class SessionHarness {
 public:
  // A resolver has to outlive it. The process is the test's own, as if it were
  // of `uid`.
  explicit SessionHarness(const SessionLimits& limits = SessionLimits(),
                          Resolver* resolver = nullptr,
                          const UserLimits& user_limits = {},
                          uid_t uid = geteuid());
  ~SessionHarness();

  // A new attachment of the client, bound to a stream of its own.
  struct Attached {
    std::shared_ptr<Attachment> attachment;
    std::shared_ptr<RecordingStream> stream;
  };
  Attached Attach(
      wsp::v1::Personality personality = wsp::v1::PERSONALITY_WINSOCK);
  // Binds to a new stream, as a resume does.
  std::shared_ptr<RecordingStream> Resume(const Attached& attached,
                                          uint64_t ack_sequence);

  // Sends a frame and runs its calls.
  static absl::Status Send(const Attached& attached,
                           const wsp::v1::ClientFrame& frame);
  static absl::Status SendBytes(const Attached& attached,
                                const std::string& bytes, size_t piece_bytes);

  // Completions until `call_id`'s, which is returned; frees the stream to go on
  // after each frame.
  static wsp::v1::Completion Await(const Attached& attached, uint64_t call_id);

  // Returns when the sockets' loop has worked on what it was told before.
  void DrainLoop();

  Client* client() { return client_.get(); }
  LimitsInForce* limits() { return limits_.get(); }
  SocketOwners* owners() { return environment_.owners(); }
  Lingerer* lingerer() { return &lingerer_; }
  // At first without rules.
  PolicyStore* policy() { return policy_.get(); }

 private:
  const std::unique_ptr<EventLoop> loop_;
  Lingerer lingerer_;
  const std::shared_ptr<LentSockets> lent_sockets_;
  const std::shared_ptr<PolicyStore> policy_;
  SessionEnvironment environment_;
  const std::shared_ptr<LimitsInForce> limits_;
  const std::shared_ptr<Client> client_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SESSION_TESTING_SESSION_HARNESS_H_
