#ifndef WSPD_CLIENT_STUB_TRANSPORT_SERVER_FRAME_H_
#define WSPD_CLIENT_STUB_TRANSPORT_SERVER_FRAME_H_

#include <cstdint>

#include "client_stub/transport/wire_writer.h"

namespace wsp {

// An Internet address as the wire carries it.
struct Address {
  enum Family : uint8_t { kNone, kIpv4, kIpv6 };
  Family family = kNone;
  uint16_t port = 0;       // host order
  uint8_t bytes[16] = {};  // network order; IPv4 uses the first four
  uint32_t flow_info = 0;  // host order
  uint32_t scope_id = 0;
};

// Limits of an attachment that matter here, with the defaults of
// proto/README.md.
struct AttachmentLimits {
  uint32_t chunk_bytes = 64 << 10;
  uint32_t socket_send_credit_bytes = 256 << 10;
  uint32_t client_send_credit_bytes = 8 << 20;
  uint32_t outstanding_calls = 8192;
  uint32_t sockets = 4096;
};

struct Welcome {
  uint32_t major = 0;
  uint32_t minor = 0;
  AttachmentLimits limits;
  ByteView attachment_token;
  bool resumed = false;
  uint64_t startups = 0;
  // Which of the planes besides the forwarded one are in force.
  bool relays = false;
  bool lends = false;
  bool takes_farewell = false;
};

// What only results of the LINUX personality have.
struct LinuxResult {
  uint64_t number = 0;       // socket: of a relayed one
  bool in_progress = false;  // connect
  uint32_t state = 0;        // state: wire::LinuxStateResult's
  int32_t error = 0;         // state
  int32_t result = 0;        // ioctl
  uint32_t sent = 0;         // send
  ByteView control;          // receive_error
};

// A result of any kind, flat: what a kind doesn't have stays zero. `result` is
// the number of the field in Completion that was set, 0 for none.
struct Completion {
  uint64_t call_id = 0;
  uint64_t sequence = 0;
  uint32_t wsa_error = 0;
  uint32_t linux_errno = 0;
  bool pending = false;
  uint32_t result = 0;

  uint32_t bytes_sent = 0;     // send, send_to
  uint32_t flags = 0;          // recv, recv_from, socket, linux_call
  uint64_t stream_offset = 0;  // recv
  bool recalled = false;       // recv
  // recv, accept, option raw, ioctl output, description; all of a lookup, of an
  // ioctl's lists, a select and an enum_network_events; linux_call: option,
  // ioctl, receive_error
  ByteView data;
  // recv_from: all of it, for its ancillary data
  ByteView body;
  Address peer;                 // accept, get_peer_name, recv_from, linux_call
  Address local;                // accept, bind, connect, get_sock_name
  uint64_t offer_id = 0;        // accept
  uint64_t startups = 0;        // startup, cleanup
  bool final = false;           // cleanup
  uint32_t version = 0;         // startup
  uint32_t number = 0;          // option, ioctl, duplicate_socket's ticket
  bool nonblocking = false;     // socket
  bool linger_on = false;       // option
  uint32_t linger_seconds = 0;  // option
  uint64_t cookie = 0;          // linux_socket, lend_socket
  LinuxResult linux_result;     // linux_socket, linux_call
};

// How many FD_* bits there are.
constexpr size_t kNetworkEvents = 10;

// A notice that network events were recorded: of a window one event, of an
// event object all that are recorded.
struct NetworkEvent {
  uint64_t socket_id = 0;
  uint64_t registration = 0;
  uint32_t events = 0;  // FD_* bits
  uint32_t wsa_error = 0;
  // Counts the notices of the socket.
  uint64_t count = 0;
  // Of an event object: the errors by the events' numbers.
  uint32_t errors[kNetworkEvents] = {};
  // What notices up to this count told was taken when this was made.
  uint64_t enumerated_count = 0;
};

// Decodes the bytes of a SocketAddress; false if they are malformed.
bool DecodeAddress(ByteView bytes, Address* address);

// Hears what a frame holds. ByteViews point into the frame.
class ServerFrameVisitor {
 public:
  // Each returns false to end the decoding as if the frame were malformed.
  virtual bool OnWelcome(const Welcome& welcome) = 0;
  virtual bool OnCompletion(const Completion& completion) = 0;
  // `reason` is a RegistrationEnded.Reason, perhaps one that is not known here.
  virtual bool OnRegistrationEnded(uint32_t reason) = 0;
  virtual bool OnNetworkEvent(const NetworkEvent& event) = 0;

 protected:
  ~ServerFrameVisitor() = default;
};

// Decodes a ServerFrame; false if it is malformed, after some calls of the
// visitor perhaps. Unknown fields, results and events are skipped.
bool DecodeServerFrame(ByteView frame, ServerFrameVisitor* visitor);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_TRANSPORT_SERVER_FRAME_H_
