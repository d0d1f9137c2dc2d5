#ifndef WSPD_CLIENT_STUB_SPI_FORK_GUARD_H_
#define WSPD_CLIENT_STUB_SPI_FORK_GUARD_H_

namespace wsp {

// Tells a forked child, whose memory is a copy, and a vfork child, whose memory
// is its parent's, from the process that started the provider up. fork() runs
// nothing of ours: a page that the kernel wipes in a forked child says it.
enum class ProcessKind {
  kOwner,
  // A copy: what this memory says about daemon and threads is the parent's.
  kForked,
  // Not a copy: changing anything changes the parent.
  kVforked,
};

// Puts the mark up. False if there is no memory.
bool RaiseForkGuard();
// Takes it down; nothing if there is none.
void LowerForkGuard();

// Cheap. kOwner while no mark is up. In a forked child the first thread that
// asks is told kForked, has to make the library's state anew and to call
// ForkHandled(); others wait for that.
ProcessKind CheckForkGuard();
void ForkHandled();

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_FORK_GUARD_H_
