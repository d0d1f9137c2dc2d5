#include "client_stub/preload/process.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>

#include "client_stub/preload/arena.h"
#include "client_stub/preload/daemon_folder.h"
#include "client_stub/preload/descriptor_hints.h"
#include "client_stub/preload/name_slots.h"
#include "client_stub/preload/own_descriptors.h"
#include "client_stub/preload/real_functions.h"
#include "client_stub/preload/session_state.h"
#include "client_stub/preload/settings.h"
#include "client_stub/preload/shield.h"
#include "client_stub/spi/fork_guard.h"

namespace wsp {
namespace {

std::atomic<bool> g_loaded{false};
std::atomic<pid_t> g_process{0};
std::atomic<bool> g_guarded{false};
std::atomic<uint32_t> g_generation{0};

// In the parent, before the child has its copy.
void OnFork() {
  SettleSocketSession();
  AgeHintsAtFork();
}

// In the child, before fork() returns. The shield notices and does it all, if a
// child handler of somebody else's hasn't used the library before.
void OnForkedChild() {
  Shield shield;
  if (!g_guarded.load()) StartAnewAfterFork();
}

void Load() {
  ReadProcessSettings();
  Real();
  g_process.store(getpid());
  OwnHints();
  // Without it the handler alone tells children from their parents.
  g_guarded.store(RaiseForkGuard());
  pthread_atfork(OnFork, nullptr, OnForkedChild);
}

}  // namespace

void EnsureLoaded() {
  if (g_loaded.load(std::memory_order_acquire)) return;
  // The program has one thread while libraries are loaded, and what a second
  // one would do is the same.
  Load();
  g_loaded.store(true, std::memory_order_release);
}

void StartAnewAfterFork() {
  ResetArenaAfterFork();
  ForgetSocketSessionAfterFork();
  ForgetNameSlotsAfterFork();
  CloseOwnDescriptorsAfterFork(DaemonFolderAfterFork());
  g_process.store(getpid());
  OwnHints();
  AgeHintsAtFork();
  g_generation.fetch_add(1);
  ForkHandled();
  g_guarded.store(RaiseForkGuard());
}

uint32_t ProcessGeneration() { return g_generation.load(); }

uint32_t ProcessGenerationAfterHandlers() {
  if (CheckForkGuard() == ProcessKind::kForked) StartAnewAfterFork();
  return ProcessGeneration();
}

bool InOwnProcess() {
  EnsureLoaded();
  return getpid() == g_process.load();
}

}  // namespace wsp
