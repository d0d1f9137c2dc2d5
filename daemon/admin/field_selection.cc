#include "daemon/admin/field_selection.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/base/error_details.h"

namespace wspd {

using ::google::protobuf::FieldDescriptor;

absl::StatusOr<FieldSelection> FieldSelection::Parse(
    const google::protobuf::Descriptor& type,
    const google::protobuf::RepeatedPtrField<std::string>& names) {
  FieldSelection selection;
  if (names.empty()) return selection;
  std::vector<std::string> known;
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor* const field = type.field(i);
    known.push_back(field->name());
    const bool is_wanted =
        std::find(names.begin(), names.end(), field->name()) != names.end();
    (is_wanted ? selection.wanted_ : selection.unwanted_).push_back(field);
  }
  for (const std::string& name : names) {
    if (type.FindFieldByName(name) != nullptr) continue;
    return FieldError(
        "fields", absl::StrCat("is wrong: there is no \"", name,
                               "\"; there are ", absl::StrJoin(known, ", ")));
  }
  return selection;
}

bool FieldSelection::Has(absl::string_view name) const {
  return std::none_of(
      unwanted_.begin(), unwanted_.end(),
      [name](const FieldDescriptor* field) { return field->name() == name; });
}

void FieldSelection::Trim(google::protobuf::Message* entry) const {
  const google::protobuf::Reflection* const reflection = entry->GetReflection();
  // Reflection is what takes the time: the fewer fields are touched.
  if (wanted_.size() < unwanted_.size()) {
    const std::unique_ptr<google::protobuf::Message> trimmed(entry->New());
    reflection->SwapFields(entry, trimmed.get(), wanted_);
    return reflection->Swap(entry, trimmed.get());
  }
  for (const FieldDescriptor* field : unwanted_) {
    reflection->ClearField(entry, field);
  }
}

}  // namespace wspd
