#include "client_stub/preload/name_session.h"

#include <errno.h>
#include <linux/futex.h>

#include "client_stub/base/random_number.h"
#include "client_stub/preload/credentials.h"
#include "client_stub/preload/kernel_calls.h"
#include "client_stub/preload/linux_attachment.h"
#include "client_stub/preload/name_slots.h"
#include "client_stub/preload/process.h"
#include "client_stub/preload/socket_session.h"

namespace wsp {
namespace {

// Longer than the daemon asks its servers for.
constexpr int kAnswerPatienceMs = 60000;

// Attachments that no lookup uses.
constexpr int kMostKept = 4;

// Codes of LookupResult's comment (proto/wsp/v1/provider.proto).
constexpr uint32_t kWsaHostNotFound = 11001;
constexpr uint32_t kWsaNoRecovery = 11003;
constexpr uint32_t kWsaNoData = 11004;
constexpr uint32_t kWsaInvalid = 10022;

NameError ErrorOf(uint32_t wsa_error) {
  switch (wsa_error) {
    case 0:
      return NameError::kNone;
    case kWsaHostNotFound:
    case kWsaInvalid:  // no name that there could be
      return NameError::kNotFound;
    case kWsaNoData:
      return NameError::kNoData;
    case kWsaNoRecovery:
      return NameError::kNoRecovery;
    default:
      return NameError::kTryAgain;
  }
}

pid_t ThisThread() { return static_cast<pid_t>(kernel::Call(SYS_gettid)); }

// Whether the thread that has the slot has left its lookup: it ended, or is the
// calling one, which a handler has taken out of it.
bool IsDeserted(const NameSlot& slot) {
  if (slot.thread == 0) return false;
  if (slot.thread == ThisThread()) return true;
  return kernel::Call(SYS_tgkill, getpid(), slot.thread, 0) == -ESRCH;
}

void DropAttachment(NameSlot* slot) {
  delete slot->attachment;
  slot->attachment = nullptr;
}

// A slot for the calling thread, preferably with an attachment. Null if all are
// in use; `returns` is then what will have changed when one isn't any more.
NameSlot* TakeSlot(uint32_t* returns) {
  MutexLock lock(&g_name_slots.mutex);
  *returns = g_name_slots.returns.load();
  NameSlot* best = nullptr;
  for (NameSlot& slot : g_name_slots.slots) {
    if (IsDeserted(slot)) {
      DropAttachment(&slot);
      slot.thread = 0;
    }
    if (slot.thread != 0) continue;
    if (best == nullptr || slot.attachment != nullptr) best = &slot;
  }
  if (best != nullptr) best->thread = ThisThread();
  return best;
}

// Gives a slot back. Few attachments are kept: enough for threads that look up
// one name after the other not to make new ones all the time.
void ReturnSlot(NameSlot* slot) {
  {
    MutexLock lock(&g_name_slots.mutex);
    int kept = 0;
    for (const NameSlot& other : g_name_slots.slots) {
      if (other.thread == 0 && other.attachment != nullptr) ++kept;
    }
    if (kept >= kMostKept) DropAttachment(slot);
    slot->thread = 0;
    g_name_slots.returns.fetch_add(1);
  }
  kernel::Call(SYS_futex, &g_name_slots.returns, FUTEX_WAKE_PRIVATE, 1);
}

// Takes one, and waits for it with the caller's signals open. Null in a child
// that one of their handlers has forked.
NameSlot* AwaitSlot(const Shield& shield) {
  const uint32_t generation = ProcessGeneration();
  for (;;) {
    uint32_t returns;
    if (NameSlot* slot = TakeSlot(&returns)) return slot;
    sigset_t blocked = {};
    kernel::SetSignalMask(&shield.caller_signals(), &blocked);
    // A thread that ended returns nothing.
    const timespec a_while = {1, 0};
    kernel::Call(SYS_futex, &g_name_slots.returns, FUTEX_WAIT_PRIVATE, returns,
                 &a_while);
    kernel::SetSignalMask(&blocked, nullptr);
    if (ProcessGenerationAfterHandlers() != generation) return nullptr;
  }
}

bool OpenAttachment(NameSlot* slot) {
  uint64_t first_id;
  if (!GetRandomNumber(&first_id)) return false;
  slot->credentials = CredentialsChanges();
  slot->attachment = new LinuxAttachment(first_id);
  if (slot->attachment->Open(kernel::NowMs() + kDaemonPatienceMs) == 0) {
    return true;
  }
  DropAttachment(slot);
  return false;
}

// Returns with nothing done in a child that a handler has forked meanwhile.
NameError Ask(const Shield& shield, const LookupParams& params, NameSlot* slot,
              LookupReply* reply) {
  const uint32_t generation = ProcessGeneration();
  for (;;) {
    if (slot->attachment != nullptr &&
        (slot->credentials != CredentialsChanges() ||
         !slot->attachment->IsIntact())) {
      DropAttachment(slot);
    }
    const bool is_new = slot->attachment == nullptr;
    if (is_new && !OpenAttachment(slot)) return NameError::kNoDaemon;
    LinuxAttachment* const attachment = slot->attachment;
    Call* call = attachment->NewCall(0);
    AppendLookup(&call->bytes, params);
    const LinuxAttachment::Answer answer = attachment->Ask(
        call, kernel::NowMs() + kAnswerPatienceMs, &shield.caller_signals());
    if (ProcessGeneration() != generation) return NameError::kNoDaemon;
    if (answer == LinuxAttachment::Answer::kResult) {
      const NameError error = ErrorOf(attachment->result().wsa_error);
      if (error != NameError::kNone) return error;
      const ByteBuffer& data = attachment->data();
      return DecodeLookupReply({data.data(), data.size()}, reply)
                 ? NameError::kNone
                 : NameError::kNoRecovery;
    }
    DropAttachment(slot);
    if (answer == LinuxAttachment::Answer::kTimeout) {
      return NameError::kTryAgain;
    }
    // An older one may have been lost at any time before.
    if (is_new) return NameError::kNoDaemon;
  }
}

}  // namespace

NameError LookUp(const Shield& shield, const LookupParams& params,
                 LookupReply* reply) {
  if (shield.process() == ProcessKind::kVforked) return NameError::kNoDaemon;
  const uint32_t generation = ProcessGeneration();
  NameSlot* slot = AwaitSlot(shield);
  if (slot == nullptr) return NameError::kNoDaemon;
  const NameError error = Ask(shield, params, slot, reply);
  if (ProcessGeneration() == generation) ReturnSlot(slot);
  return error;
}

}  // namespace wsp
