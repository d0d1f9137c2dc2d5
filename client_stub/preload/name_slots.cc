#include "client_stub/preload/name_slots.h"

namespace wsp {

NameSlots g_name_slots;

void ForgetNameSlotsAfterFork() {
  g_name_slots.mutex.ResetAfterFork();
  MutexLock lock(&g_name_slots.mutex);
  for (NameSlot& slot : g_name_slots.slots) slot = NameSlot();
}

}  // namespace wsp
