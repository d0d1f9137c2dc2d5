#include "daemon/wspctl/event_names.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "google/protobuf/descriptor.h"

namespace wspd {

std::string EventKindName(wsp::v1::JournalEvent::Kind kind) {
  absl::string_view name = wsp::v1::JournalEvent::Kind_Name(kind);
  if (name.empty()) return absl::StrCat(static_cast<int>(kind));
  absl::ConsumePrefix(&name, "KIND_");
  return absl::AsciiStrToLower(name);
}

std::string EventKindNames() {
  std::vector<std::string> names;
  const google::protobuf::EnumDescriptor& kinds =
      *wsp::v1::JournalEvent::Kind_descriptor();
  for (int i = 0; i < kinds.value_count(); ++i) {
    const int number = kinds.value(i)->number();
    if (number == wsp::v1::JournalEvent::KIND_UNSPECIFIED) continue;
    names.push_back(
        EventKindName(static_cast<wsp::v1::JournalEvent::Kind>(number)));
  }
  return absl::StrJoin(names, ", ");
}

}  // namespace wspd
