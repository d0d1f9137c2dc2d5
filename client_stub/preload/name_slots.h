#ifndef WSPD_CLIENT_STUB_PRELOAD_NAME_SLOTS_H_
#define WSPD_CLIENT_STUB_PRELOAD_NAME_SLOTS_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>

#include "client_stub/base/mutex.h"

namespace wsp {

class LinuxAttachment;

// What a thread has for a lookup.
struct NameSlot {
  // The thread that has it; 0: nobody.
  pid_t thread = 0;
  // Of no thread: one that is kept for the next lookup, or null.
  LinuxAttachment* attachment = nullptr;
  // That the attachment was made with (credentials.h).
  uint32_t credentials = 0;
};

// The slots of the process: as many lookups at a time.
struct NameSlots {
  static constexpr int kSlots = 12;

  Mutex mutex;
  NameSlot slots[kSlots] WSP_GUARDED_BY(mutex);
  // Changes when a slot is given back.
  std::atomic<uint32_t> returns{0};
};
extern NameSlots g_name_slots;

// In a forked child: no thread of it has one.
void ForgetNameSlotsAfterFork();

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_NAME_SLOTS_H_
