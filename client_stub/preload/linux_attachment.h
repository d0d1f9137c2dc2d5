#ifndef WSPD_CLIENT_STUB_PRELOAD_LINUX_ATTACHMENT_H_
#define WSPD_CLIENT_STUB_PRELOAD_LINUX_ATTACHMENT_H_

#include <signal.h>

#include <cstdint>

#include "client_stub/preload/daemon_connection.h"
#include "client_stub/transport/attachment.h"

namespace wsp {

// An attachment of the LINUX personality whose caller waits for each call.
// There is no thread and nothing to resume: a connection that is lost is the
// end, and whoever needs the daemon again makes another one. One thread at a
// time.
class LinuxAttachment final : private CallOwner, private Attachment::Observer {
 public:
  // Who hears of results that no caller waits for; views end with the call.
  class OtherResults {
   public:
    virtual void OnOtherResult(uint64_t call_id, const Completion& result) = 0;

   protected:
    ~OtherResults() = default;
  };

  // `others`, which may be null, outlives it.
  explicit LinuxAttachment(uint64_t first_call_id,
                           OtherResults* others = nullptr);

  LinuxAttachment(const LinuxAttachment&) = delete;
  LinuxAttachment& operator=(const LinuxAttachment&) = delete;

  // Connects and says hello. 0 or a negative errno, as
  // DaemonConnection::Open().
  int Open(int64_t deadline_ms);

  // Whether nobody else has the connection's number.
  bool IsIntact() const { return connection_.IsIntact(); }
  ByteView token() const { return attachment_.token(); }
  // Which planes are in force.
  bool relays() const { return attachment_.relays(); }
  bool lends() const { return attachment_.lends(); }
  bool takes_farewell() const { return attachment_.takes_farewell(); }
  // So many calls the daemon is handed before it has answered the first.
  uint32_t outstanding_calls() const {
    return attachment_.limits().outstanding_calls;
  }

  // A new call, to which the caller appends the request.
  Call* NewCall(uint64_t socket_id);

  // What came of a call.
  enum class Answer {
    kResult,   // the daemon has answered
    kLost,     // the connection is gone, or nonsense came
    kTimeout,  // no answer: the connection is of no use, either
  };
  // Submits the call, for AwaitAnswer(), which hands it to the kernel.
  void Begin(Call* call);
  // Waits for its result. `signals`: the mask while it waits, null: the
  // thread's own. A handler that runs meanwhile changes nothing.
  Answer AwaitAnswer(int64_t deadline_ms, const sigset_t* signals) {
    return Await(&answered_, deadline_ms, signals);
  }
  // Both.
  Answer Ask(Call* call, int64_t deadline_ms, const sigset_t* signals);

  // Submits the call and hands it to the kernel; its result is another one when
  // it comes. False: the connection is gone, or takes nothing until
  // `deadline_ms`.
  bool Send(Call* call, int64_t deadline_ms);
  // Another one that goes to the daemon in one message with what is submitted
  // before the kernel is handed something next. Its result is another one.
  void Submit(Call* call) { attachment_.Submit(call); }
  // Hands it over. What the kernel doesn't take at once goes later; if the
  // connection is gone, who waits notices.
  void SendSubmitted() { (void)attachment_.Flush(); }

  // Takes what has come. False: the connection is gone.
  bool ReadWhatIsThere();
  // Waits for other results until `*done`, which OnOtherResult() sets.
  Answer AwaitOthers(const bool* done, int64_t deadline_ms) {
    return Await(done, deadline_ms, nullptr);
  }

  // Of the last call that was waited for.
  uint64_t call_id() const { return call_id_; }
  const Completion& result() const { return result_; }
  // The same as the result's data.
  const ByteBuffer& data() const { return data_; }

 private:
  void OnResult(Call* call, const Completion& completion) override;
  void OnPending(Call*) override {}
  void OnAttached(bool, uint64_t) override { attached_ = true; }
  void OnRegistrationEnded(uint32_t) override {}
  void OnNetworkEvent(const NetworkEvent&) override {}
  void OnAbandonedCleanup(bool, uint64_t) override {}
  int64_t TimeMs() override;

  // Moves bytes until `*done`.
  Answer Await(const bool* done, int64_t deadline_ms, const sigset_t* signals);

  OtherResults* const others_;
  DaemonConnection connection_;
  Attachment attachment_;
  bool attached_ = false;
  bool answered_ = false;
  uint64_t call_id_ = 0;
  Completion result_;
  ByteBuffer data_;
  ByteBuffer control_;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_LINUX_ATTACHMENT_H_
