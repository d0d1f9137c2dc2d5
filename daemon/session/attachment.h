#ifndef WSPD_DAEMON_SESSION_ATTACHMENT_H_
#define WSPD_DAEMON_SESSION_ATTACHMENT_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "daemon/session/client.h"
#include "daemon/session/descriptor_sink.h"
#include "daemon/session/environment.h"
#include "daemon/session/frame_stream.h"
#include "daemon/session/pending_lookups.h"
#include "daemon/session/pending_selects.h"
#include "daemon/session/relay_grants.h"
#include "daemon/winsock/call.h"
#include "daemon/winsock/socket_descriptor.h"
#include "proto/wsp/v1/admin.pb.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {

// One attachment of a client: its sockets, its calls, and the results that the
// client has not acknowledged (proto/README.md). Outlives the stream that it is
// on, so that it can be resumed on another.
//
// Thread-safe. Lock order: run_mu_, then Client, then mu_; no socket is called
// with mu_ held but for its notices.
class Attachment : public CallSink,
                   public std::enable_shared_from_this<Attachment> {
 public:
  // `hello` was checked by the caller. `access`: what the process that made
  // this may do, as it was then.
  Attachment(std::shared_ptr<Client> client, std::string token,
             const wsp::v1::Hello& hello, const SessionEnvironment* environment,
             std::shared_ptr<const ClientAccess> access =
                 ClientAccess::Unrestricted());
  ~Attachment() override;

  const std::string& token() const { return token_; }
  Client* client() const { return client_.get(); }
  const std::shared_ptr<Client>& shared_client() const { return client_; }
  // PERSONALITY_LINUX: no startup count, no sockets of the daemon's, no grace.
  bool is_linux() const { return personality_ == wsp::v1::PERSONALITY_LINUX; }
  const ClientAccess& access() const override { return *access_; }
  // Whether CAPABILITY_RELAYED and CAPABILITY_LENT are in force.
  bool relays() const { return planes_.relayed; }
  bool lends() const { return planes_.lent; }

  // Takes over `stream`, instead of one that it may have had (which is ended),
  // and writes `welcome`. `ack_sequence` acknowledges results of the stream
  // before. Results that are not acknowledged wait to be asked for again.
  // NOT_FOUND if the attachment was retired.
  absl::Status Bind(std::shared_ptr<FrameStream> stream, uint64_t ack_sequence,
                    const wsp::v1::Welcome& welcome);

  // The stream has ended. False if it was not the present one.
  bool Unbind(const FrameStream* stream);
  bool bound() const;

  // Whether something is there that a resumed stream could go on with.
  bool worth_keeping() const;

  // Takes a client frame: the acknowledgement is done, cancellations and calls
  // wait for RunCalls(). An error is misuse and ends the client. `first` is the
  // frame that carried hello, whose acknowledgement went to Bind().
  // A frame of a stream that is not the present one any more is dropped: the
  // client repeats its calls on the new one.
  absl::Status BeginFrame(const FrameStream* stream, IncomingFrame frame,
                          bool first);

  // How much of a frame is worked on before others have their turn: at least
  // one call, and no more when any of these is reached.
  struct Turn {
    size_t calls;
    size_t bytes;
    std::chrono::microseconds time;
  };
  // Some calls take more than others, if a client sees to that.
  static constexpr Turn kTurn{64, 256 << 10, std::chrono::milliseconds(2)};
  // While another client would be kept waiting: a large call, or several small
  // ones. Beside it what a turn costs is little, and others' calls are not held
  // up by more than a part of what they take anyway.
  static constexpr Turn kShortTurn{64, 64 << 10, std::chrono::microseconds(8)};

  // Does as many of the frame's cancellations and calls as `turn` says. True:
  // there are more, call again. Results are written when the frame is done, and
  // before that whenever as much was done as kTurn says: each frame of them
  // costs more than several calls do.
  absl::StatusOr<bool> RunCalls(const FrameStream* stream,
                                const Turn& turn = kTurn);
  // Has those written that there are: it will be a while until RunCalls() is
  // called again.
  void WriteResults();
  // Its client's, of which RunCalls() takes the calls that it has done; to wait
  // for them is its caller's affair. Null: none ever. Ends with this.
  RateQuota* quota() const { return client_->quota().get(); }

  // What was last written has gone out.
  void OnWritten(const FrameStream* stream);

  // Ends everything that is pending without a result, resets the sockets, and
  // forgets all calls but `except_call`, and all startups. Cleanups still get
  // their answers, and these are kept until they are acknowledged. The client
  // is not registered any more. Returns whether receives that kept results held
  // back may go on, for Client::ResumeReceives().
  bool DropAll(uint64_t except_call);
  // The same for good: nothing runs here any more, whatever the stream brings.
  bool Retire();
  void ReportRegistrationEnded(wsp::v1::RegistrationEnded::Reason reason);

  // Ends the present stream, if any.
  void EndStream(const absl::Status& status);

  // Whether a registration has ended here and none has begun since: only the
  // end of the stream is awaited.
  bool finished() const { return finished_.load(std::memory_order_relaxed); }

  // Startups less cleanups of this attachment; may be negative. With the
  // client's lock held.
  int64_t net_startups() const { return net_startups_; }
  // `call_id` counts.
  void AddStartups(int64_t startups, uint64_t call_id);
  // Whether the call is still to be answered.
  bool IsPending(uint64_t call_id) const;

  void ResumeReceives();

  // Takes a descriptor connection, instead of one that it may have had (which
  // is closed). False if the attachment was retired.
  bool BindDescriptors(std::shared_ptr<DescriptorSink> sink);
  // The connection has ended; ignored if it isn't the present one.
  void UnbindDescriptors(const DescriptorSink* sink);
  // Null: none.
  std::shared_ptr<DescriptorSink> descriptors() const;

  // The client says that its process is about to leave in good order, or that
  // it `stays` after all. False if CAPABILITY_FAREWELL isn't in force.
  bool TakeFarewell(bool stays);

  // The client has shown a descriptor, `fd`, by which it says that it has a
  // right to the relayed socket `number`. Returns errno: EBADF if that isn't
  // its program's end.
  int AdoptSocket(uint64_t number, int fd);

  // Adds to the client's entry what its attachments know.
  void Describe(wsp::v1::Client* out) const;
  void DescribeSockets(bool with_tcp, std::vector<wsp::v1::Socket>* out) const;

  // CallSink.
  void Finish(uint64_t call_id, CallResult result) override;
  void ReportPending(uint64_t call_id) override;
  void FlushResults() override;
  int AddSocket(uint64_t socket_id,
                std::shared_ptr<SocketDescriptor> descriptor) override;
  int ReserveSocket() override;
  void ReleaseSockets(uint32_t count) override;
  std::shared_ptr<void> ReserveChangeRequest() override;
  std::shared_ptr<SocketDescriptor> FindSocket(
      uint64_t socket_id) const override;
  void RemoveSocket(uint64_t socket_id) override;
  void QueueNetworkEvents(uint64_t socket_id) override;
  bool MayReceive() const override;
  Lingerer::Owner OwnerOf(uint64_t socket_id) const override;
  uint64_t client_id() const { return client_->id(); }
  // What the client calls itself, cut: any bytes.
  const std::string& client_name() const { return client_name_; }

 private:
  // A call from its arrival until its result is acknowledged.
  struct CallRecord {
    // When it came, as SessionMetrics::Now() has it.
    int64_t came_at_ns = 0;
    uint32_t request = 0;
    // As SessionMetrics counts it.
    uint32_t function = 0;
    uint64_t socket_id = 0;
    // Send payload that counts against the credits.
    uint32_t credit = 0;
    bool done = false;
    // In one of the queues of results to be written.
    bool queued = false;
    // Its number in the present stream; 0: not written to it.
    uint64_t sequence = 0;
    CallResult result;
  };
  struct SocketEntry {
    std::shared_ptr<SocketDescriptor> descriptor;
    // Send payload of unanswered calls, in bytes.
    uint32_t queued_bytes = 0;
    // In one of the lists of sockets with notices.
    bool has_notices = false;
  };

  std::vector<std::shared_ptr<SocketDescriptor>> Descriptors() const;
  // A line at level DEBUG.
  void LogSocket(absl::string_view event, uint64_t socket_id) const;
  absl::Status Acknowledge(uint64_t sequence);
  void CancelCall(uint64_t call_id);
  static absl::Status ParseCancel(WireReader reader, uint64_t* call_id);
  bool IsPresent(const FrameStream* stream) const;
  absl::Status RunCall(WireReader reader, int64_t now_ns)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_mu_);
  static absl::Status ParseCall(WireReader reader, Call* call);
  // Enters the call in the books. `*run` is false if the result is there or on
  // its way already.
  absl::Status Admit(const Call& call, int64_t now_ns, bool* run,
                     std::shared_ptr<SocketDescriptor>* descriptor);
  // `*verdict` may be kRefused.
  absl::Status ChargeCredit(const Call& call, CallRecord* record,
                            Client::Verdict* verdict)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The call is above a limit. `descriptor` may be null.
  void RefuseLocked(const Call& call, CallRecord* record,
                    SocketDescriptor* descriptor)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Dispatch(const Call& call, SocketDescriptor* descriptor);
  // The same for PERSONALITY_LINUX.
  void DispatchLinux(const Call& call);
  void MakeLinuxSocket(const Call& call);
  // On the plane that was asked for, if the client may have such a socket.
  // Returns errno.
  int MakePermittedSocket(const Call& call,
                          const wsp::v1::LinuxSocketRequest& request,
                          DescriptorSink* sink,
                          wsp::v1::LinuxSocketResult* result);
  // Makes a socket and gives it to the client, by `sink`; errno.
  int LendSocket(const Call& call, const wsp::v1::LinuxSocketRequest& request,
                 DescriptorSink* sink, wsp::v1::LinuxSocketResult* result);
  int RelaySocket(const Call& call, const wsp::v1::LinuxSocketRequest& request,
                  DescriptorSink* sink, wsp::v1::LinuxSocketResult* result);
  void CallRelayedSocket(const Call& call);
  // Null if there is none, or the client has no right to it.
  std::shared_ptr<RelayedSocket> FindRelayed(uint64_t number) const;

  // Gives the client a descriptor of a connection of its, and keeps its own.
  void LendConnection(const Call& call, SocketDescriptor* descriptor);
  // errno.
  int LendConnection(uint64_t call_id, SocketDescriptor* descriptor,
                     uint64_t* cookie);

  // Calls that are on no socket, or make one.
  void Startup(const Call& call);
  void Cleanup(const Call& call);
  void MakeSocket(const Call& call);
  // WSPSocket with the ticket of a WSPDuplicateSocket.
  void ClaimSocket(const Call& call, const wsp::v1::SocketRequest& request);
  void DuplicateSocket(const Call& call, SocketDescriptor* descriptor);
  // Gives the attachment a hold on `socket`; errno as AddSocket().
  int AddDescriptor(uint64_t socket_id, std::shared_ptr<WinsockSocket> socket);
  // What a WSPSocket ends with that failed, or not, with `error`.
  static CallResult SocketError(int error);
  void CancelBlockingCall(const Call& call);
  void LookUp(const Call& call);
  void Select(const Call& call);

  // What a kept result costs.
  static uint64_t KeptBytes(const CallResult& result);
  void ForgetLocked(uint64_t call_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Takes out of written_ what no acknowledgement is awaited for.
  void SweepWrittenLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void QueueLocked(uint64_t call_id, CallRecord* record)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Writes the next frame if there is something to write and none on its way.
  void WriteNext();
  OutgoingFrame BuildFrameLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void AppendCompletionLocked(uint64_t call_id, OutgoingFrame* frame)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void AppendEndingLocked(OutgoingFrame* frame)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Notices of network events (proto/README.md, "Readiness and network
  // events").
  void AppendNoticesLocked(OutgoingFrame* frame)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Whether the client can't know the socket yet.
  bool IsUnknownLocked(const SocketDescriptor& descriptor) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void RepeatNoticesLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ForgetNoticesLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::shared_ptr<Client> client_;
  const std::string token_;
  const std::string client_name_;
  const wsp::v1::ProtocolVersion version_;
  const wsp::v1::Personality personality_;
  const SessionEnvironment* const environment_;
  const std::shared_ptr<const ClientAccess> access_;
  const OfferedPlanes planes_;
  // Whether CAPABILITY_FAREWELL is in force.
  const bool says_farewell_;
  PendingLookups lookups_;
  PendingSelects selects_;
  // Guarded by the client's lock.
  int64_t net_startups_ = 0;
  std::atomic<bool> finished_{false};
  std::atomic<int64_t> last_call_at_ns_{0};

  // Held while a frame is worked on, so that a resume comes before or after.
  absl::Mutex run_mu_ ABSL_ACQUIRED_BEFORE(mu_);
  // The frame whose cancellations and calls are being done.
  IncomingFrame frame_ ABSL_GUARDED_BY(run_mu_);
  std::vector<uint64_t> cancels_to_run_ ABSL_GUARDED_BY(run_mu_);
  size_t next_cancel_ ABSL_GUARDED_BY(run_mu_) = 0;
  std::vector<WireReader> calls_to_run_ ABSL_GUARDED_BY(run_mu_);
  size_t next_call_ ABSL_GUARDED_BY(run_mu_) = 0;
  // What was run of it since its results were last written.
  struct Unwritten {
    size_t calls = 0;
    size_t bytes = 0;
    int64_t since_ns = 0;
  };
  Unwritten unwritten_ ABSL_GUARDED_BY(run_mu_);

  mutable absl::Mutex mu_;
  std::shared_ptr<FrameStream> stream_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<DescriptorSink> descriptors_ ABSL_GUARDED_BY(mu_);
  RelayGrants relay_grants_ ABSL_GUARDED_BY(mu_);
  bool retired_ ABSL_GUARDED_BY(mu_) = false;
  // A frame is on its way; the next waits for OnWritten().
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  // Calls of a frame are being run, and perhaps more of them in a moment;
  // results gather until then.
  bool running_calls_ ABSL_GUARDED_BY(mu_) = false;
  absl::flat_hash_map<uint64_t, std::unique_ptr<CallRecord>> calls_
      ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<uint64_t, SocketEntry> sockets_ ABSL_GUARDED_BY(mu_);
  // Results to be written, by call id: without payload, and with.
  std::deque<uint64_t> control_queue_ ABSL_GUARDED_BY(mu_);
  std::deque<uint64_t> payload_queue_ ABSL_GUARDED_BY(mu_);
  std::vector<uint64_t> pending_notices_ ABSL_GUARDED_BY(mu_);
  // Sockets with notices to be written, and those whose notices wait for the
  // result in which the client hears of the socket.
  std::deque<uint64_t> notice_queue_ ABSL_GUARDED_BY(mu_);
  std::vector<uint64_t> held_notices_ ABSL_GUARDED_BY(mu_);
  // The end of a registration that the client may not have heard of yet; the
  // last one says it all.
  struct Ending {
    wsp::v1::RegistrationEnded::Reason reason;
    // To be written in the next frame.
    bool due = true;
    // The first result behind it on the present stream: who has read that one
    // has read this.
    uint64_t next_sequence = UINT64_MAX;
    // The first startup here that counted afterwards, 0 for none: who knows
    // that one's result has heard of the end, on whatever stream.
    uint64_t startup = 0;
  };
  absl::optional<Ending> ended_ ABSL_GUARDED_BY(mu_);
  // Results that were written to the present stream and not acknowledged, in
  // their order, and the number of the last one that was written.
  struct Written {
    uint64_t sequence;
    uint64_t call_id;
  };
  std::deque<Written> written_ ABSL_GUARDED_BY(mu_);
  uint64_t last_sequence_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SESSION_ATTACHMENT_H_
