#ifndef WSPD_DAEMON_ADMIN_FIELD_SELECTION_H_
#define WSPD_DAEMON_ADMIN_FIELD_SELECTION_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/repeated_field.h"

namespace wspd {

// Which fields of a listing's entries are wanted. Not to be changed, so that
// any thread may use it.
class FieldSelection {
 public:
  // All fields.
  FieldSelection() = default;

  // These of `type`; none: all. INVALID_ARGUMENT about the request's `fields`
  // says which there are.
  static absl::StatusOr<FieldSelection> Parse(
      const google::protobuf::Descriptor& type,
      const google::protobuf::RepeatedPtrField<std::string>& names);

  bool Has(absl::string_view name) const;

  // Takes the others out of an entry, which is of the type.
  void Trim(google::protobuf::Message* entry) const;

 private:
  // Those that are not wanted, and where there are any, the others.
  std::vector<const google::protobuf::FieldDescriptor*> unwanted_;
  std::vector<const google::protobuf::FieldDescriptor*> wanted_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_FIELD_SELECTION_H_
