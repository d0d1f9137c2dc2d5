#include "client_stub/preload/descriptor_hints.h"

#include <unistd.h>

#include <algorithm>

#include "client_stub/preload/means.h"
#include "client_stub/preload/relayed_name.h"
#include "client_stub/preload/settings.h"

namespace wsp {

std::atomic<uint8_t> g_descriptor_hints[kHintedDescriptors];

namespace {

std::atomic<pid_t> g_owner{0};
// One more than the highest number that has had a hint: nothing to forget, and
// no page to touch, from there on.
std::atomic<unsigned> g_end{0};

bool IsOwner() { return getpid() == g_owner.load(std::memory_order_relaxed); }

bool IsHinted(int fd) { return static_cast<unsigned>(fd) < kHintedDescriptors; }

void RaiseEnd(int fd) {
  const unsigned end = static_cast<unsigned>(fd) + 1;
  unsigned now = g_end.load(std::memory_order_relaxed);
  while (now < end && !g_end.compare_exchange_weak(now, end)) {
  }
}

Hint HintOfKind(relay::Kind kind) {
  switch (kind) {
    case relay::Kind::kStream:
      return Hint::kStream;
    case relay::Kind::kConnection:
      return Hint::kOpenStream;
    case relay::Kind::kDatagram:
      return Hint::kDatagram;
  }
  return Hint::kPlain;
}

}  // namespace

void SetHint(int fd, Hint hint) {
  if (!IsHinted(fd) || !IsOwner()) return;
  RaiseEnd(fd);
  g_descriptor_hints[fd].store(static_cast<uint8_t>(hint),
                               std::memory_order_relaxed);
}

void ChangeHint(int fd, Hint from, Hint to) {
  if (!IsHinted(fd) || !IsOwner()) return;
  RaiseEnd(fd);
  auto expected = static_cast<uint8_t>(from);
  g_descriptor_hints[fd].compare_exchange_strong(
      expected, static_cast<uint8_t>(to), std::memory_order_relaxed);
}

void ForgetHints(unsigned first, unsigned last) {
  const unsigned end = std::min<unsigned>(g_end.load(std::memory_order_relaxed),
                                          kHintedDescriptors);
  for (unsigned fd = first; fd < end && fd <= last; ++fd) {
    ForgetHint(static_cast<int>(fd));
  }
}

Hint FindHint(int fd) {
  // Who has asked for lent sockets alone pays nothing for others; a program's
  // own seccomp filter may kill it for asking.
  if (ProcessSettings().plane == Plane::kLent) return Hint::kPlain;
  // What was there then has a hint.
  if (!May(Means::kIdentify)) return Hint::kPlain;
  const Hint before = HintOf(fd);
  relay::Name name;
  switch (IdentifyDescriptor(fd, &name)) {
    case Identity::kRelayed: {
      const Hint hint = HintOfKind(name.kind);
      ChangeHint(fd, before, hint);
      return hint;
    }
    case Identity::kOther:
      ChangeHint(fd, before, Hint::kPlain);
      break;
    case Identity::kNoDescriptor:
      // It may be anybody's next.
      break;
  }
  return Hint::kPlain;
}

bool IsRelayed(int fd, relay::Name* name) {
  const Hint before = HintOf(fd);
  switch (IdentifyDescriptor(fd, name)) {
    case Identity::kRelayed:
      return true;
    case Identity::kOther:
      ChangeHint(fd, before, Hint::kPlain);
      break;
    case Identity::kNoDescriptor:
      ChangeHint(fd, before, Hint::kUnknown);
      break;
  }
  return false;
}

void DuplicateHint(int from, int fd) {
  if (May(Means::kIdentify)) return ForgetHint(fd);
  RememberDuplicate(from, fd);
  SetHint(fd, HintOf(from));
}

void OwnHints() { g_owner.store(getpid()); }

void AgeHintsAtFork() {
  const unsigned end = std::min<unsigned>(g_end.load(std::memory_order_relaxed),
                                          kHintedDescriptors);
  for (unsigned fd = 0; fd < end; ++fd) {
    auto expected = static_cast<uint8_t>(Hint::kNewStream);
    g_descriptor_hints[fd].compare_exchange_strong(
        expected, static_cast<uint8_t>(Hint::kStream),
        std::memory_order_relaxed);
  }
}

}  // namespace wsp
