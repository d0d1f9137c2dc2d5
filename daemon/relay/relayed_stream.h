#ifndef WSPD_DAEMON_RELAY_RELAYED_STREAM_H_
#define WSPD_DAEMON_RELAY_RELAYED_STREAM_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "daemon/relay/accept_queue.h"
#include "daemon/relay/byte_flow.h"
#include "daemon/relay/relayed_socket.h"

namespace wspd {

// A relayed stream socket: unconnected, then a connection or a listener, to its
// end (proto/README.md, "Relayed sockets").
//
// Both ends are watched for edges: the link for bytes once there is a
// connection, and for room while that is waited for. It would be an edge for
// each byte of the filler, and for each time that the program reads.
class RelayedStream : public RelayedSocket {
 public:
  using RelayedSocket::RelayedSocket;
  ~RelayedStream() override;

  int Start() override;

  // RelayedSocket.
  int Connect(const NetAddress& address, uint32_t filler,
              bool* in_progress) override;
  void RefuseConnect(uint32_t filler) override;
  void NoteUnawaitedConnect(int error) override;
  int Listen(int backlog) override;
  int State(int filler_change, wsp::v1::LinuxStateResult* result) override;
  int TakeError(int* pending) override;
  void CloseIfLeft(int* looks) override;
  void OnListenerLeft() override { unaccepted_.store(true); }
  int Shutdown(int how) override;
  int End(ForcedEnd how) override;
  int CountUnsent(int* bytes) override;
  void SetProgramOption(int name, const std::string& value) override;
  void OnLingerSet() override;

  // RelayHandler.
  void OnEvents(RelayEnd end, uint32_t events) override;
  void OnTurn() override;

 private:
  using LinuxState = wsp::v1::LinuxStateResult;

  LinuxState::State StateLocked() const override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return state_;
  }
  bool IsClosedLocked() const override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return gone_;
  }

  // RelayedSocket.
  void OnProgramGoneLocked() override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnTimeLocked() override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  int BeginToListen(int backlog, uint16_t* port);
  // `room`: also for room, which a connection under way tells its end by.
  int WatchRealLocked(bool room) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // ---- connecting (relayed_stream_connect.cc)

  int BeginConnectLocked(const NetAddress& address, bool* in_progress)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Begins an attempt that had to wait for its client's quota, if it may now.
  // On the loop's thread.
  void TakeTurnLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Takes a connection or its attempt back.
  int DissolveLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Looks whether the attempt has ended.
  void CheckConnectLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void FailConnectLocked(int error) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // For operators; the peer is none any more.
  void NoteFailureLocked(int error) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnConnectedLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // More of the filler is there, or to come; less if negative.
  void ExpectFillerLocked(int64_t change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The same as an attempt begins: nothing else can be on the link by then, so
  // that what is there is filler, too, of one whose call never came.
  void ExpectFirstFillerLocked(uint32_t filler)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Takes off the link what is there of the filler.
  void DrainFillerLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The same, and expects no more: nobody waits for the attempt to end.
  void EndFillerLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  int TakeErrorLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // ---- the loop's thread

  // The real socket has an error, perhaps one that no direction comes across.
  void NoteRealErrorLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void WorkLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Moves what can be moved.
  void PumpLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Whether the flow may be run now: else `*wake` is when, if that is earlier.
  static bool MayRun(const ByteFlow& flow, absl::Duration wait,
                     absl::Duration* wake);
  // True: there is more.
  bool PumpToRealLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool PumpToProgramLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void AcceptLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Nothing more comes from the program: the end is passed on.
  void OnProgramEndedLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Nothing more comes from the real socket, with an error or without.
  void OnRealEndedLocked(int error) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The connection is no more: the program sees the end of both directions, and
  // asks for the error.
  // `reason` is for operators.
  void BreakLocked(int error, absl::string_view reason,
                   ForcedEnd how = ForcedEnd::kReset)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // An administrator ends a connection in order (relayed_stream_end.cc).
  void ConcludeLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // And it hasn't come to its end.
  bool IsConcludingLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return concluded_ && !(to_real_ended_ && to_program_ended_);
  }
  // Its time is over, and TCP has all that was sent: nobody waits any more for
  // the peer's end.
  void LeavePeerLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  int DissolveRealLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The same where it has to be, with the real socket closed if need be.
  void CutRealLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Whether this was accepted and never by a program. None: its listener's
  // thread is about to say.
  std::optional<bool> IsUnacceptedLocked() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The program's end is closed and everything is out.
  void CloseLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void StopLingering() ABSL_NO_THREAD_SAFETY_ANALYSIS;
  // Has the real socket's close reset the connection.
  void LingerNotAtAllLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ResetLocked(absl::string_view reason) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // What the link is watched for besides hang-ups.
  void SetLinkEventsLocked(bool bytes, bool room)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void WatchRealForRoomLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Drops what is there.
  void DrainLinkLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void DeferLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The loop's buffer, or less of it: what is left over of it is kept.
  ByteFlow::Buffer BufferLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Counts for the user what is kept.
  void CountKeptLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  ByteFlow to_real_ ABSL_GUARDED_BY(mu_);
  ByteFlow to_program_ ABSL_GUARDED_BY(mu_);
  // What accepted connections inherit, and the real socket can't have.
  ProgramOptions program_options_ ABSL_GUARDED_BY(mu_);
  // Set once it listens.
  std::unique_ptr<AcceptQueue> accepts_ ABSL_GUARDED_BY(mu_);
  LinuxState::State state_ ABSL_GUARDED_BY(mu_) = LinuxState::STATE_UNCONNECTED;
  // errno that the program is yet to hear of.
  int error_ ABSL_GUARDED_BY(mu_) = 0;
  // What sending to the real socket failed with; it is told when everything
  // that the peer had sent before is delivered.
  int send_error_ ABSL_GUARDED_BY(mu_) = 0;
  // The real socket is in the loop's set.
  bool watches_real_ ABSL_GUARDED_BY(mu_) = false;
  // Where to, by an attempt that hasn't begun; empty: none.
  NetAddress connects_to_ ABSL_GUARDED_BY(mu_);
  // An attempt has failed since connect() was last called.
  bool connect_failed_ ABSL_GUARDED_BY(mu_) = false;
  // An attempt has ended well and no call has said so.
  bool connect_untold_ ABSL_GUARDED_BY(mu_) = false;
  // No bytes go that way any more: the end is passed on, or it is broken.
  bool to_real_ended_ ABSL_GUARDED_BY(mu_) = false;
  bool to_program_ended_ ABSL_GUARDED_BY(mu_) = false;
  // Nothing can be sent to the real socket any more.
  bool broken_ ABSL_GUARDED_BY(mu_) = false;
  // Both directions of the link are shut down, by whomever: it is to be seen
  // whether the program's end is closed.
  bool hung_up_ ABSL_GUARDED_BY(mu_) = false;
  // It is.
  bool gone_ ABSL_GUARDED_BY(mu_) = false;
  // By an administrator, in order: the program has been told of the end, and
  // what it had sent goes its way.
  bool concluded_ ABSL_GUARDED_BY(mu_) = false;
  // SO_LINGER of the program's: a close resets.
  bool aborts_ ABSL_GUARDED_BY(mu_) = false;
  // SO_LINGER is on: the kernel would make the daemon wait.
  bool lingers_ ABSL_GUARDED_BY(mu_) = false;
  // A listener waits until something may be there again.
  bool pauses_ ABSL_GUARDED_BY(mu_) = false;
  // What the user has been counted for.
  size_t kept_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  // What the link and the real socket are watched for.
  uint32_t link_events_ ABSL_GUARDED_BY(mu_) = 0;
  bool real_room_ ABSL_GUARDED_BY(mu_) = false;
  bool deferred_ ABSL_GUARDED_BY(mu_) = false;
  // The listener has ended with connections that nobody had taken.
  std::atomic<bool> unaccepted_{false};
};

}  // namespace wspd

#endif  // WSPD_DAEMON_RELAY_RELAYED_STREAM_H_
