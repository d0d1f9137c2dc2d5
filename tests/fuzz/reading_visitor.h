#ifndef WSPD_TESTS_FUZZ_READING_VISITOR_H_
#define WSPD_TESTS_FUZZ_READING_VISITOR_H_

#include <cstdint>

#include "client_stub/transport/ioctl_lists.h"
#include "client_stub/transport/lookup.h"
#include "client_stub/transport/network_events.h"
#include "client_stub/transport/server_frame.h"
#include "proto/wire_fields.h"

namespace wsp {

// Reads every byte that the decoder hands on, so that AddressSanitizer sees a
// view that leaves the frame; refuses a few results.
class ReadingVisitor final : public ServerFrameVisitor {
 public:
  bool OnWelcome(const Welcome& welcome) override {
    Read(welcome.attachment_token);
    return true;
  }
  bool OnCompletion(const Completion& completion) override {
    Read(completion.data);
    if (completion.result == wire::Completion::kLookup) {
      LookupReply reply;
      (void)DecodeLookupReply(completion.data, &reply);
    } else if (completion.result == wire::Completion::kSelect) {
      SelectReply reply;
      (void)DecodeSelectReply(completion.data, &reply);
    } else if (completion.result == wire::Completion::kEnumNetworkEvents) {
      NetworkEventsReply reply;
      (void)DecodeNetworkEventsReply(completion.data, &reply);
    }
    if (completion.result == wire::Completion::kIoctl) {
      IoctlLists lists;
      (void)DecodeIoctlLists(completion.data, &lists);
    }
    return completion.sequence % 7 != 6;
  }
  bool OnRegistrationEnded(uint32_t reason) override { return reason != 5; }
  bool OnNetworkEvent(const NetworkEvent& event) override {
    return event.events != 5;
  }

 private:
  void Read(ByteView bytes) {
    for (size_t i = 0; i < bytes.size; ++i) sum_ = sum_ + bytes.data[i];
  }

  volatile uint8_t sum_ = 0;
};

}  // namespace wsp

#endif  // WSPD_TESTS_FUZZ_READING_VISITOR_H_
