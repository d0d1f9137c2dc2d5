#ifndef WSPD_CLIENT_STUB_TRANSPORT_NETWORK_EVENTS_H_
#define WSPD_CLIENT_STUB_TRANSPORT_NETWORK_EVENTS_H_

#include <cstdint>
#include <vector>

#include "client_stub/transport/server_frame.h"
#include "client_stub/transport/wire_writer.h"

// The requests about what sockets are ready for, and the replies that hold more
// than a Completion does. As in requests.h, each Append… function appends one
// field to a buffer that will be a Call.
namespace wsp {

// A SelectRequest: ids of sockets, each at most once in a list.
struct SelectParams {
  std::vector<uint64_t> read;
  std::vector<uint64_t> write;
  std::vector<uint64_t> except;
  // With `poll`: of which nothing is asked but what is told of all.
  std::vector<uint64_t> others;
  // Answer at once, also if none is ready.
  bool no_wait = false;
  // By the rules of WSAPoll.
  bool poll = false;
};

// A SelectResult.
struct SelectReply {
  std::vector<uint64_t> read;
  std::vector<uint64_t> write;
  std::vector<uint64_t> except;
  // With `poll`: POLLHUP, POLLERR, POLLNVAL.
  std::vector<uint64_t> hung_up;
  std::vector<uint64_t> failed;
  std::vector<uint64_t> invalid;
};

void AppendSelect(ByteBuffer* call, const SelectParams& params);
// Decodes the bytes of a SelectResult; false if they are malformed.
bool DecodeSelectReply(ByteView bytes, SelectReply* reply);

// `events` are FD_* bits, none to cancel; `registration` names it in the
// notices.
void AppendEventSelect(ByteBuffer* call, uint32_t events,
                       uint64_t registration);
void AppendAsyncSelect(ByteBuffer* call, uint32_t events,
                       uint64_t registration);

// An EnumNetworkEventsResult.
struct NetworkEventsReply {
  // FD_* bits, and by their numbers WSA codes.
  uint32_t events = 0;
  uint32_t errors[kNetworkEvents] = {};
  // The last notice that was made before.
  uint64_t count = 0;
};

// Takes what notices up to this count told; 0: all that is recorded.
void AppendEnumNetworkEvents(ByteBuffer* call, uint64_t up_to_count);
// Decodes the bytes of an EnumNetworkEventsResult; false if they are malformed.
bool DecodeNetworkEventsReply(ByteView bytes, NetworkEventsReply* reply);

// Calls that re-enable these events were refused here.
void AppendReenableEvents(ByteBuffer* call, uint32_t events);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_TRANSPORT_NETWORK_EVENTS_H_
