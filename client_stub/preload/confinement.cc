#include "client_stub/preload/confinement.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "client_stub/preload/descriptor_hints.h"
#include "client_stub/preload/means.h"
#include "client_stub/preload/process.h"
#include "client_stub/preload/relayed_calls.h"
#include "client_stub/preload/relayed_name.h"
#include "client_stub/preload/seccomp_filter.h"
#include "client_stub/preload/session_state.h"
#include "client_stub/preload/settings.h"
#include "client_stub/preload/stream_state.h"
#include "client_stub/preload/user_memory.h"

namespace wsp {
namespace {

// So many numbers in a row that stand for nothing: there is none beyond. The
// limit of open files tells nothing, a program may have lowered it.
constexpr int kLastGap = 1024;

constexpr uint32_t Bit(Means means) { return static_cast<uint32_t>(means); }

struct Need {
  uint32_t means;
  FilteredCall call;
};

// The system calls that each takes; mmap(), futex() and what else no program
// does without aren't asked about.
constexpr Need kNeeds[] = {
    {Bit(Means::kIdentify), {SYS_getpeername}},
    {Bit(Means::kSend) | Bit(Means::kAsk), {SYS_sendto}},
    {Bit(Means::kSend) | Bit(Means::kAsk), {SYS_sendmsg}},
    {Bit(Means::kRaise), {SYS_gettid}},
    {Bit(Means::kRaise), {SYS_tgkill}},
    {Bit(Means::kAsk), {SYS_recvmsg}},
    {Bit(Means::kAsk), {SYS_ppoll}},
    {Bit(Means::kAsk), {SYS_rt_sigprocmask}},
    {Bit(Means::kAsk), {SYS_getpid}},
    {Bit(Means::kAsk), {SYS_getsockopt, 6, {0, SOL_SOCKET, SO_COOKIE}}},
    {Bit(Means::kAsk), {SYS_getsockopt, 6, {0, SOL_SOCKET, SO_BROADCAST}}},
    {Bit(Means::kAsk), {SYS_setsockopt, 6, {0, SOL_SOCKET, SO_BROADCAST}}},
    {Bit(Means::kAsk), {SYS_setsockopt, 6, {0, SOL_SOCKET, SO_SNDBUF}}},
    {Bit(Means::kAttach),
     {SYS_socket, 7, {AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0}}},
    {Bit(Means::kAttach), {SYS_connect}},
    {Bit(Means::kAttach), {SYS_setsockopt, 6, {0, SOL_SOCKET, SO_SNDTIMEO}}},
    {Bit(Means::kAttach), {SYS_fcntl, 2, {0, F_DUPFD_CLOEXEC}}},
    {Bit(Means::kAttach), {SYS_close}},
    {Bit(Means::kAttach), {SYS_prlimit64}},
    {Bit(Means::kAttach), {SYS_getrandom}},
    {Bit(Means::kProbe), {SYS_eventfd2}},
    {Bit(Means::kShutDown), {SYS_shutdown}},
    {Bit(Means::kCopy), {SYS_process_vm_readv}},
    {Bit(Means::kCopy), {SYS_process_vm_writev}},
};

// What the filter leaves no room for.
uint32_t MeansDeniedBy(const sock_fprog& filter) {
  uint32_t denied = 0;
  for (const Need& need : kNeeds) {
    if ((denied & need.means) == need.means) continue;
    if (!FilterAllows(filter, need.call)) denied |= need.means;
  }
  return denied;
}

constexpr uint32_t kIdentifyBit = Bit(Means::kIdentify);
constexpr uint32_t kAskBit = Bit(Means::kAsk);
constexpr uint32_t kAttachBit = Bit(Means::kAttach);

uint32_t DeniedIn(unsigned long mode, const void* filter) {
  if (mode == SECCOMP_MODE_STRICT) return kAllMeans;
  sock_fprog program;
  // The kernel will refuse, too.
  if (mode != SECCOMP_MODE_FILTER ||
      !CopyIn(&program, filter, sizeof program)) {
    return 0;
  }
  return MeansDeniedBy(program);
}

// Asks the daemon what it would have to be asked later. A pending error stays
// where it is.
void SettleStream(int fd, const relay::Name& name) {
  Address peer;
  if (AddressOfRelayed(fd, name, true, &peer) == 0) {
    OpenStream(fd);
    return;
  }
  int listens;
  if (GetRelayedNumber(fd, name, SOL_SOCKET, SO_ACCEPTCONN, &listens) == 0 &&
      listens != 0) {
    SetHint(fd, Hint::kListener);
  }
}

// Looks at all descriptors before `denied` is denied.
class Settlement {
 public:
  explicit Settlement(uint32_t denied)
      : asks_((denied & (kAskBit | kAttachBit)) != 0),
        needs_session_((denied & (kAskBit | kAttachBit)) == kAttachBit) {}

  void Run() {
    for (int fd = 0, gap = 0; gap < kLastGap && fd < kHintedDescriptors; ++fd) {
      gap = Settle(fd) ? 0 : gap + 1;
    }
  }

 private:
  // Whether there is such a descriptor.
  bool Settle(int fd);

  const bool asks_;
  // The daemon can be asked later if it has been asked before.
  bool needs_session_;
};

bool Settlement::Settle(int fd) {
  const Hint before = HintOf(fd);
  relay::Name name;
  switch (IdentifyDescriptor(fd, &name)) {
    case Identity::kNoDescriptor:
      return false;
    case Identity::kOther:
      ChangeHint(fd, before, Hint::kPlain);
      return true;
    case Identity::kRelayed:
      break;
  }
  RememberName(fd, name);
  const Hint hint = before == Hint::kUnknown || before == Hint::kPlain
                        ? FindHint(fd)
                        : before;
  if (asks_ && (hint == Hint::kStream || hint == Hint::kBegunStream)) {
    SettleStream(fd, name);
  } else if (needs_session_) {
    Address peer;
    AddressOfRelayed(fd, name, true, &peer);
  }
  needs_session_ = false;
  return true;
}

}  // namespace

Confinement::Confinement(unsigned long mode, const void* filter) {
  // A vfork child's memory is its parent's, who isn't confined.
  if (!InOwnProcess()) return;
  denied_ = DeniedIn(mode, filter) & ~g_denied_means.load();
  // Without relayed sockets there is nothing to ask about.
  if (ProcessSettings().plane != Plane::kLent &&
      (denied_ & (kIdentifyBit | kAskBit | kAttachBit)) != 0) {
    SettleSocketSession();
    Settlement(denied_).Run();
  }
  // It can't be said later.
  if ((denied_ & kAskBit) != 0) SayFarewell();
  g_denied_means.fetch_or(denied_);
}

void Confinement::TakeBack() {
  g_denied_means.fetch_and(~denied_);
  if ((denied_ & kAskBit) != 0) TakeFarewellBack();
}

}  // namespace wsp
