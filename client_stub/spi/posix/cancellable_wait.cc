// SpiCall: the wait that pthread_cancel may end. Nothing here has a destructor:
// none would run.
#include <pthread.h>

#include "client_stub/spi/spi_call.h"

namespace wsp {

void SpiCall::WaitCancellably(WaitFrame* frame) {
  if (frame->call->has_lifecycle_) {
    frame->seen = frame->operation->waiter->WaitBriefly(frame->timeout_ms);
    return;
  }
  pthread_cleanup_push(&SpiCall::VanishInWait, frame);
  frame->call->shield_.AllowCancel();
  frame->seen = frame->operation->waiter->WaitBriefly(frame->timeout_ms);
  frame->call->shield_.ForbidCancel();
  pthread_cleanup_pop(0);
}

}  // namespace wsp
