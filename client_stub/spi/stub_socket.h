#ifndef WSPD_CLIENT_STUB_SPI_STUB_SOCKET_H_
#define WSPD_CLIENT_STUB_SPI_STUB_SOCKET_H_

#include <winsock2.h>

#include <cstdint>
#include <vector>

#include "client_stub/base/intrusive_list.h"
#include "client_stub/spi/event_target.h"
#include "client_stub/transport/call.h"

namespace wsp {

struct InHeldReceives;
struct InKeptHandles;
struct InNativeWaits;
struct Operation;

struct StubSocket;

// A socket's place in the table of kernel handles (IdTable).
struct HandleEntry {
  // The handle.
  uint64_t id = 0;
  HandleEntry* table_next = nullptr;
  StubSocket* socket = nullptr;
};

// What the stub knows of a socket; the daemon has the rest. Under the session
// lock; lives while it is open or somebody counts on it.
struct StubSocket : ListNode<InKeptHandles> {
  // The daemon's name for it and the context of its handle.
  uint64_t id = 0;
  StubSocket* table_next = nullptr;
  uint32_t references = 0;

  SOCKET handle = INVALID_SOCKET;
  // The system's descriptor that the handle is; -1: it is one of the SPI
  // client's.
  int descriptor = -1;
  HandleEntry by_handle;
  // Overlapped operations on it that have begun, but for those of whose end
  // everybody has been told who is to be. That takes the handle, also when the
  // socket is closed.
  uint32_t untold = 0;
  uint32_t catalog_entry_id = 0;
  int family = 0;
  // SOCK_DGRAM: what is sent and received are whole messages.
  bool datagrams = false;
  // WSA_FLAG_OVERLAPPED: without it all calls are synchronous.
  bool overlapped = false;
  bool nonblocking = false;
  // Other processes have, or may get, the same socket, or it was accepted on
  // one that they have: what is known here of its mode, its state and its
  // options may be out of date, and the daemon's word counts.
  bool shared = false;

  // What is known without asking.
  bool connecting = false;
  bool connected = false;
  bool send_shut = false;
  bool receive_shut = false;
  // An overlapped receive has succeeded.
  bool has_received = false;
  // WSPCloseSocket is under way, or has succeeded.
  bool closing = false;
  bool closed = false;
  // The daemon that had it is gone.
  bool lost = false;

  // Milliseconds, 0 for ever; for synchronous calls.
  uint32_t send_timeout_ms = 0;
  uint32_t receive_timeout_ms = 0;

  SendLane lane;

  // A receive of MSG_WAITALL, which takes several calls of the daemon's, and
  // what was posted behind it: the daemon gets that when the former has ended.
  Operation* filling = nullptr;
  IntrusiveList<Operation, InHeldReceives> held_receives;

  // ---- the lent plane
  // Behind `descriptor` is the kernel's socket.
  bool lent = false;
  // Attempts to have it lent that failed.
  uint32_t lending_failures = 0;
  // Whether calls may use it without the daemon. Once not, never again for
  // this connection.
  bool sends_natively = false;
  bool receives_natively = false;
  // Of datagrams: it is known to be bound, so that it may be lent.
  bool bound = false;
  // And where it is connected to; no family: nowhere. Unknown while a connect
  // is under way.
  Address peer;
  bool peer_known = true;
  // What a receive gives depends on what only the daemon knows, for good.
  bool daemon_knows_more = false;
  // The daemon perhaps has an ICMP error for the next receive, or will have,
  // of which the kernel doesn't tell any more.
  bool error_due = false;
  // Receives that the daemon has.
  uint32_t daemon_receives = 0;
  // Synchronous receives, and at most one send, whose threads wait for the
  // kernel's socket.
  IntrusiveList<Operation, InNativeWaits> native_receives;
  IntrusiveList<Operation, InNativeWaits> native_sends;

  // Who hears of its network events, in the order of their numbers. Mostly
  // there is at most one; while another is being registered, both may hear.
  std::vector<EventTarget> targets;
  // Counted by the provider among those that have targets.
  bool registered = false;
  // What notices up to this count told has been enumerated; and enumerations
  // that are under way with the daemon.
  uint64_t events_taken = 0;
  uint32_t enumerating = 0;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_STUB_SOCKET_H_
