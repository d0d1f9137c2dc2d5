#ifndef WSPD_TESTS_LIFECYCLE_UPCALL_GATE_H_
#define WSPD_TESTS_LIFECYCLE_UPCALL_GATE_H_

#include <winsock2.h>
#include <ws2spi.h>

namespace wspd::testing {

// Upcalls as spi_client's, but that WPUSetEvent of one event takes as long as
// the test likes: all that the provider has to tell next waits behind it.
// There is one gate in a program. Any thread.
class UpcallGate {
 public:
  // For WSPStartup.
  static WSPUPCALLTABLE Upcalls();

  // Nothing is held up, and nothing was noted.
  static void Reset();
  static void CloseFor(WSAEVENT event);
  // Waits until the provider sets the event.
  static void AwaitReached();
  static void Open();

  // From now on no upcall that tells of something is due.
  static void NoteCleanup();
  static int late_upcalls();
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_LIFECYCLE_UPCALL_GATE_H_
