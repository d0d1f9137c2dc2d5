#include "client_stub/preload/linux_attachment.h"

#include <errno.h>

#include "client_stub/preload/kernel_calls.h"
#include "client_stub/preload/process.h"

namespace wsp {
namespace {

// Its answers are short.
constexpr size_t kReadBytes = 16 << 10;

Attachment::Options LinuxOptions() {
  Attachment::Options options;
  options.linux_personality = true;
  options.client_name = "libwsp_preload";
  options.read_bytes = kReadBytes;
  return options;
}

// Makes what the view names the buffer's own.
void Keep(ByteView* view, ByteBuffer* buffer) {
  buffer->clear();
  if (view->size > 0) buffer->assign(view->data, view->data + view->size);
  *view = {buffer->data(), buffer->size()};
}

}  // namespace

LinuxAttachment::LinuxAttachment(uint64_t first_call_id, OtherResults* others)
    : others_(others), attachment_(first_call_id, this, LinuxOptions()) {}

int64_t LinuxAttachment::TimeMs() { return kernel::NowMs(); }

int LinuxAttachment::Open(int64_t deadline_ms) {
  const int error = connection_.Open(deadline_ms);
  if (error != 0) return error;
  if (attachment_.Connect(&connection_, false) == IoStatus::kBroken ||
      Await(&attached_, deadline_ms, nullptr) != Answer::kResult) {
    return -ENETDOWN;
  }
  return 0;
}

Call* LinuxAttachment::NewCall(uint64_t socket_id) {
  CallHeader header;
  header.socket_id = socket_id;
  return attachment_.NewCall(this, header);
}

void LinuxAttachment::Begin(Call* call) {
  answered_ = false;
  call_id_ = call->id;
  Submit(call);
}

LinuxAttachment::Answer LinuxAttachment::Ask(Call* call, int64_t deadline_ms,
                                             const sigset_t* signals) {
  Begin(call);
  return AwaitAnswer(deadline_ms, signals);
}

bool LinuxAttachment::Send(Call* call, int64_t deadline_ms) {
  attachment_.Submit(call);
  for (;;) {
    if (attachment_.Flush() == IoStatus::kBroken) return false;
    if (!attachment_.WantsWrite()) return true;
    if (connection_.Await(true, deadline_ms, nullptr) !=
            DaemonConnection::Waited::kReady ||
        attachment_.Read() == IoStatus::kBroken) {
      return false;
    }
  }
}

bool LinuxAttachment::ReadWhatIsThere() {
  do {
    if (attachment_.Read() == IoStatus::kBroken) return false;
    // The end, too, behind what was there.
  } while (connection_.Await(false, 0, nullptr) ==
           DaemonConnection::Waited::kReady);
  return true;
}

LinuxAttachment::Answer LinuxAttachment::Await(const bool* done,
                                               int64_t deadline_ms,
                                               const sigset_t* signals) {
  const uint32_t generation = ProcessGeneration();
  while (!*done) {
    if (attachment_.Flush() == IoStatus::kBroken) return Answer::kLost;
    switch (connection_.Await(attachment_.WantsWrite(), deadline_ms, signals)) {
      case DaemonConnection::Waited::kTimeout:
        return Answer::kTimeout;
      case DaemonConnection::Waited::kInterrupted:
        // By a handler that may have closed everything, or forked: in the child
        // not even this object is there any more.
        if (ProcessGenerationAfterHandlers() != generation ||
            !connection_.IsIntact()) {
          return Answer::kLost;
        }
        continue;
      case DaemonConnection::Waited::kReady:
        break;
    }
    // What came before the end counts.
    if (attachment_.Read() == IoStatus::kBroken && !*done) {
      return Answer::kLost;
    }
  }
  return Answer::kResult;
}

void LinuxAttachment::OnResult(Call* call, const Completion& completion) {
  if (call->id != call_id_) {
    if (others_ != nullptr) others_->OnOtherResult(call->id, completion);
    return;
  }
  result_ = completion;
  Keep(&result_.data, &data_);
  Keep(&result_.linux_result.control, &control_);
  result_.body = {};
  answered_ = true;
}

}  // namespace wsp
