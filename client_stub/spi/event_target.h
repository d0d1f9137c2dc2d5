#ifndef WSPD_CLIENT_STUB_SPI_EVENT_TARGET_H_
#define WSPD_CLIENT_STUB_SPI_EVENT_TARGET_H_

#include <winsock2.h>

#include <cstdint>

namespace wsp {

// Who hears of a socket's network events: what one WSPEventSelect or
// WSPAsyncSelect said. The daemon knows it by its number alone.
struct EventTarget {
  uint64_t registration = 0;
  // FD_* bits.
  uint32_t events = 0;
  // Null: the window is told.
  WSAEVENT event = nullptr;
  HWND window = nullptr;
  UINT message = 0;

  // The count of the last notice that needs no telling any more: of all events
  // for an event object, of each for a window.
  uint64_t told = 0;
  uint64_t told_of[FD_MAX_EVENTS] = {};
  // Of an event object: what the last notice said, if no WSPEnumNetworkEvents
  // has used it yet, and what had been taken when it was made.
  bool has_notice = false;
  uint32_t noticed_events = 0;
  uint32_t noticed_errors[FD_MAX_EVENTS] = {};
  uint64_t noticed_taken = 0;
  // Events, and their errors, that the window can't be told of yet: an accepted
  // socket without a handle.
  uint32_t held_events = 0;
  uint32_t held_errors[FD_MAX_EVENTS] = {};
  // The window was told that the daemon is gone.
  bool told_of_end = false;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_EVENT_TARGET_H_
