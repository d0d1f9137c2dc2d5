#include "daemon/config/config_changes.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"

namespace wspd {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::TextFormat;
using ::google::protobuf::util::MessageDifferencer;

// What a reload puts in force.
constexpr std::array<absl::string_view, 4> kReloadable = {
    "log_level", "limits", "policy", "remote_admin"};

// Whether it is one of them, or a field of one.
bool IsReloadable(absl::string_view field) {
  return std::find(kReloadable.begin(), kReloadable.end(),
                   field.substr(0, field.find('.'))) != kReloadable.end();
}

std::string Cut(std::string text) {
  if (text.size() <= kMaxChangeBytes) return text;
  constexpr absl::string_view kCut = "...";
  text.resize(kMaxChangeBytes - kCut.size());
  return absl::StrCat(text, kCut);
}

std::string ValueOf(const Message& message, const FieldDescriptor& field) {
  std::string value;
  if (!field.is_repeated()) {
    TextFormat::PrintFieldValueToString(message, &field, -1, &value);
    return Cut(value);
  }
  std::vector<std::string> values;
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field);
       ++i) {
    TextFormat::PrintFieldValueToString(message, &field, i, &value);
    values.push_back(value);
  }
  return Cut(absl::StrCat("[", absl::StrJoin(values, ", "), "]"));
}

std::string RulesOf(const Policy& policy) {
  const int count = policy.rules_size();
  return absl::StrCat(count, count == 1 ? " rule" : " rules");
}

void ComparePolicies(const Config& before, const Config& after,
                     std::vector<ConfigChange>* changes) {
  if (MessageDifferencer::Equals(before.policy(), after.policy())) return;
  changes->push_back({"policy", RulesOf(before.policy()),
                      RulesOf(after.policy()), !IsReloadable("policy")});
}

// The fields of `before` and `after`, whose names begin with `prefix`.
void CompareFields(const Message& before, const Message& after,
                   const std::string& prefix,
                   std::vector<ConfigChange>* changes);

void CompareField(const Message& before, const Message& after,
                  const FieldDescriptor& field, const std::string& prefix,
                  std::vector<ConfigChange>* changes) {
  const std::string name = absl::StrCat(prefix, field.name());
  if (!field.is_repeated() &&
      field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    return CompareFields(before.GetReflection()->GetMessage(before, &field),
                         after.GetReflection()->GetMessage(after, &field),
                         absl::StrCat(name, "."), changes);
  }
  std::string old_value = ValueOf(before, field);
  std::string new_value = ValueOf(after, field);
  if (old_value == new_value) return;
  changes->push_back(
      {name, std::move(old_value), std::move(new_value), !IsReloadable(name)});
}

void CompareFields(const Message& before, const Message& after,
                   const std::string& prefix,
                   std::vector<ConfigChange>* changes) {
  for (int i = 0; i < before.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& field = *before.GetDescriptor()->field(i);
    if (field.message_type() == Policy::descriptor()) {
      ComparePolicies(static_cast<const Config&>(before),
                      static_cast<const Config&>(after), changes);
    } else {
      CompareField(before, after, field, prefix, changes);
    }
  }
}

}  // namespace

std::vector<ConfigChange> CompareConfigs(const Config& before,
                                         const Config& after) {
  std::vector<ConfigChange> changes;
  CompareFields(before, after, "", &changes);
  return changes;
}

}  // namespace wspd
