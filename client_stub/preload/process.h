#ifndef WSPD_CLIENT_STUB_PRELOAD_PROCESS_H_
#define WSPD_CLIENT_STUB_PRELOAD_PROCESS_H_

#include <cstdint>

namespace wsp {

// Reads the settings, finds the real functions, and has fork() tell the
// library. When the library is loaded, or, if another library's constructor
// uses it before, then. Makes nothing that the program could see.
void EnsureLoaded();

// In a forked child, after CheckForkGuard() has said so: nothing of the
// parent's is used any more. Its memory may be a copy of the midst of a change;
// its connections are the parent's and are closed without a word.
void StartAnewAfterFork();

// Changes in a forked child: whoever was in the midst of something has nothing
// of it any more.
uint32_t ProcessGeneration();
// The same, after handlers of the program's have run inside the library: one
// may have forked, and this be the child. With signals blocked.
uint32_t ProcessGenerationAfterHandlers();

// Whether this is the process whose memory this is, not a vfork child that has
// it for a while, nor a forked child that hasn't noticed yet.
bool InOwnProcess();

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_PROCESS_H_
