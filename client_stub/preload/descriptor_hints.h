#ifndef WSPD_CLIENT_STUB_PRELOAD_DESCRIPTOR_HINTS_H_
#define WSPD_CLIENT_STUB_PRELOAD_DESCRIPTOR_HINTS_H_

#include <atomic>
#include <cstdint>

#include "proto/relay_name.h"

namespace wsp {

// What the library believes of each descriptor number, so that the calls on
// what isn't the daemon's cost one load more than without it. A belief may be
// wrong, as descriptors come and go by calls that the library never sees: all
// but kPlain are made sure of before anything depends on them, and kPlain is
// believed only of numbers that a call which the library does see has told of.
enum class Hint : uint8_t {
  kUnknown,
  // Not a relayed socket.
  kPlain,
  // A stream that is connected, or was: the kernel's own call comes first.
  kOpenStream,
  // A stream that this process has made, and nobody has connected it.
  kNewStream,
  // A stream of which connect() has said that it is under way, when it was
  // connected already: one more connect() succeeds.
  kConnectedStream,
  // A stream of which connect() has said that it is under way, when the daemon
  // had only been told to begin: what it has answered is with the session.
  kBegunStream,
  // Such a one, of which the daemon will say nothing: the attempt is lost, and
  // the program is yet to be told.
  kLostStream,
  // A stream of which the daemon has to be asked what it is by now.
  kStream,
  kListener,
  kDatagram,
};

// Numbers beyond are always kUnknown.
constexpr int kHintedDescriptors = 1 << 20;
extern std::atomic<uint8_t> g_descriptor_hints[kHintedDescriptors];

inline Hint HintOf(int fd) {
  if (static_cast<unsigned>(fd) >= kHintedDescriptors) return Hint::kUnknown;
  return static_cast<Hint>(
      g_descriptor_hints[fd].load(std::memory_order_relaxed));
}

// Whether the real function is all that there is to do.
inline bool IsPlain(int fd) { return HintOf(fd) == Hint::kPlain; }

// Whoever has just made the descriptor, or learned what it is, says so. Nothing
// in a vfork child, whose memory is its parent's but whose descriptors aren't.
void SetHint(int fd, Hint hint);
// The same, if it is still what the caller found there.
void ChangeHint(int fd, Hint from, Hint to);

// The number changes hands. In a vfork child it makes the parent look once
// more.
inline void ForgetHint(int fd) {
  if (static_cast<unsigned>(fd) >= kHintedDescriptors) return;
  g_descriptor_hints[fd].store(static_cast<uint8_t>(Hint::kUnknown),
                               std::memory_order_relaxed);
}
// The same, for a number that has just been made from another one: where it
// can't be asked about, it is what the other is.
void DuplicateHint(int from, int fd);
void ForgetHints(unsigned first, unsigned last);

// Finds out what the descriptor is, by its name, and notes it: kStream for
// whatever was made by socket(). kPlain also if there is no such descriptor,
// and for all descriptors on --plane=lent, where none is asked about: a relayed
// one that such a program is given is a Unix socket to it; and where a filter
// forbids it (Means::kIdentify). errno is left alone.
Hint FindHint(int fd);

// What is believed, or is found out.
inline Hint HintOrFind(int fd) {
  const Hint hint = HintOf(fd);
  return hint != Hint::kUnknown ? hint : FindHint(fd);
}

// Makes sure: whether it is a relayed socket, and which. If it isn't, the hint
// says so from now on. errno is left alone.
bool IsRelayed(int fd, relay::Name* name);

// This process's are the hints: when the library is loaded, and in a forked
// child.
void OwnHints();
// Before and after a process becomes two: what was new may be connected by the
// other.
void AgeHintsAtFork();

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_DESCRIPTOR_HINTS_H_
