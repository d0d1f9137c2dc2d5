#include "daemon/config/limit_list.h"

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace wspd {

std::vector<std::pair<std::string, uint64_t>> ListLimits(
    const Config::Limits& limits) {
  std::vector<std::pair<std::string, uint64_t>> list;
  const google::protobuf::Descriptor& type = *limits.GetDescriptor();
  const google::protobuf::Reflection& values = *limits.GetReflection();
  for (int i = 0; i < type.field_count(); ++i) {
    const google::protobuf::FieldDescriptor* const field = type.field(i);
    list.emplace_back(field->name(), values.GetUInt32(limits, field));
  }
  return list;
}

}  // namespace wspd
