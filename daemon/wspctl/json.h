#ifndef WSPD_DAEMON_WSPCTL_JSON_H_
#define WSPD_DAEMON_WSPCTL_JSON_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace wspd {

// Text as JSON has it; UTF-8.
std::string QuoteJson(absl::string_view text);

// A message as one JSON object, as protocol buffers have it with snake_case
// names (64-bit numbers as text, bytes in base64), and with every field but
// messages and optional ones that aren't set. Addresses are text as by
// FormatAddress: people read these, and jq doesn't do base64 addresses.
std::string ToJson(const google::protobuf::Message& message);

// The same with these fields only, in their order.
std::string ToJson(
    const google::protobuf::Message& message,
    const std::vector<const google::protobuf::FieldDescriptor*>& fields);

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_JSON_H_
