#ifndef WSPD_DAEMON_WINSOCK_NETWORK_EVENT_RECORDER_H_
#define WSPD_DAEMON_WINSOCK_NETWORK_EVENT_RECORDER_H_

#include <array>
#include <cstdint>
#include <vector>

namespace wspd {

// FD_* as Winsock numbers them (reference, section 4.5).
inline constexpr uint32_t kFdRead = 1 << 0;
inline constexpr uint32_t kFdWrite = 1 << 1;
inline constexpr uint32_t kFdOob = 1 << 2;
inline constexpr uint32_t kFdAccept = 1 << 3;
inline constexpr uint32_t kFdConnect = 1 << 4;
inline constexpr uint32_t kFdClose = 1 << 5;
inline constexpr uint32_t kFdRoutingInterfaceChange = 1 << 8;
inline constexpr uint32_t kFdAddressListChange = 1 << 9;
inline constexpr int kNetworkEvents = 10;
inline constexpr uint32_t kAllNetworkEvents = (1 << kNetworkEvents) - 1;

// What is the case on a socket at one moment.
struct NetworkConditions {
  // FD_* bits: there is something to read, room to send, urgent data, a
  // connection to accept; a connect has ended; the connection has, or the peer
  // sends no more, however much of its data is unread.
  uint32_t holding = 0;
  // Winsock codes of FD_CONNECT and FD_CLOSE.
  uint32_t connect_error = 0;
  uint32_t close_error = 0;
  // How much has come to be read or accepted, in a unit of the socket's own.
  // Unless a call enables FD_READ or FD_ACCEPT again, it changes only by
  // growing when something new has come.
  uint64_t queued = 0;
  // How many urgent bytes have come so far.
  uint64_t urgent = 0;
};

// What the client is told: wsp.v1.NetworkEvent, but for the socket's id.
struct NetworkNotice {
  uint64_t registration = 0;
  uint32_t network_events = 0;
  uint32_t wsa_error = 0;
  uint64_t count = 0;
  // With an event object: Winsock codes, by FD_*_BIT; 0 where no event is.
  std::array<uint32_t, kNetworkEvents> errors{};
  // With an event object: of what was enumerated before.
  uint64_t enumerated_count = 0;
};

// The network events of one socket: which are selected, recorded and enabled,
// and what the client is still to be told (reference, section 4.5, by what was
// measured on Windows where that differs from the manual). Knows of no socket:
// its owner says what is the case.
//
// With an event object (WSPEventSelect) the record is the socket's own: it is
// kept whatever is selected, and an event is recorded again when a call has
// enabled it or something new has come: data, a connection, an urgent byte.
// With a window (WSPAsyncSelect) each event that is selected and enabled is
// told of, once, and selecting enables all.
//
// FD_CLOSE follows the row "WT: Windows records it at once, with data unread,
// and nothing more after the last read", not the manual, which has it wait for
// that read. No call enables it: it is recorded once for a connection, of a
// reset that comes after the peer's end nothing is told, and only a window's
// next selection tells it again.
//
// Not thread-safe.
class NetworkEventRecorder {
 public:
  enum class Kind : uint8_t { kEventObject, kWindow };
  struct Record {
    uint32_t network_events = 0;
    // Winsock codes, by FD_*_BIT; 0 where no event is.
    std::array<uint32_t, kNetworkEvents> errors{};
    // Of the last notice that is in here.
    uint64_t count = 0;
  };

  // Selects `mask` under a number of the client's, instead of what was selected
  // before, of whatever kind. A mask of 0 ends the registration.
  void Select(Kind kind, uint32_t mask, uint64_t registration,
              const NetworkConditions& now);

  // The socket may have changed.
  void Observe(const NetworkConditions& now);

  // A call was made that enables `events` again; Observe() is due. What it
  // made obsolete is taken off the record.
  void Enable(uint32_t events);

  // Something has happened that is no lasting condition, or one that the
  // recorder isn't told of by Observe(); whether it was enabled was the
  // caller's affair.
  void Happened(uint32_t event, uint32_t error);

  // What is recorded of the selected events and was told by notices up to
  // `up_to_count`; 0: all. It is off the record then, and nothing is left to be
  // told of it.
  Record Enumerate(uint64_t up_to_count);

  // ---- notices

  bool has_notice() const { return unwritten_ != 0 || repeated_ != 0; }
  // Appends what is to be told, in the order of the counts.
  void TakeNotices(std::vector<NetworkNotice>* notices);
  // The last notices, which may have been lost, are to be told again if they
  // still say something.
  void RepeatNotices();

  bool selected() const { return mask_ != 0; }
  Kind kind() const { return kind_; }
  uint32_t mask() const { return mask_; }
  uint64_t registration() const { return registration_; }
  // Whether room to send would be news, once `events` are enabled again.
  bool wants_room(uint32_t events = 0) const {
    return (mask_ & (enabled_ | events) & kFdWrite) != 0;
  }

 private:
  // Events of what comes in pieces, each of which is news with an event object.
  struct Input {
    uint32_t events;
    // Of the last Observe(): which of them hold, and how much has come.
    uint32_t holding = 0;
    uint64_t came = 0;
    // How much of that is told of by what is on the record, or was.
    uint64_t told = 0;
    // How much the last notice told of.
    uint64_t written = 0;
  };

  void RecordEvents(uint32_t events, const NetworkConditions& now);
  // Window: of one event; its count is that of the event.
  NetworkNotice MessageNotice(int bit) const;
  // Event object: of all events that are recorded and selected.
  NetworkNotice RecordNotice(uint64_t count) const;

  Kind kind_ = Kind::kEventObject;
  uint32_t mask_ = 0;
  uint64_t registration_ = 0;
  // What may be recorded if it holds.
  uint32_t enabled_ = kAllNetworkEvents;
  // With an event object: since the last Enumerate().
  uint32_t recorded_ = 0;
  std::array<uint32_t, kNetworkEvents> errors_{};
  std::array<Input, 2> inputs_ = {Input{kFdRead | kFdAccept}, Input{kFdOob}};

  // Of all notices of the socket.
  uint64_t count_ = 0;
  // The highest count of a Record.
  uint64_t enumerated_count_ = 0;
  // Events that are to be told of, the first time and again.
  uint32_t unwritten_ = 0;
  uint32_t repeated_ = 0;
  // Of this registration's last notice, 0: none; and of the one that told of
  // each event first since it was last recorded.
  uint64_t last_count_ = 0;
  std::array<uint64_t, kNetworkEvents> counts_{};
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WINSOCK_NETWORK_EVENT_RECORDER_H_
