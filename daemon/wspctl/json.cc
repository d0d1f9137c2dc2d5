#include "daemon/wspctl/json.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "daemon/wspctl/address_text.h"
#include "proto/wsp/v1/types.pb.h"

namespace wspd {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::Reflection;

std::string EnumJson(const FieldDescriptor& field, int number) {
  const auto* const value = field.enum_type()->FindValueByNumber(number);
  // One that a newer daemon has.
  return value == nullptr ? absl::StrCat(number) : QuoteJson(value->name());
}

std::string MessageJson(const Message& message) {
  if (message.GetDescriptor() == wsp::v1::SocketAddress::descriptor()) {
    return QuoteJson(
        FormatAddress(static_cast<const wsp::v1::SocketAddress&>(message)));
  }
  return ToJson(message);
}

std::string TextJson(const FieldDescriptor& field, const std::string& text) {
  return QuoteJson(field.type() == FieldDescriptor::TYPE_BYTES
                       ? absl::Base64Escape(text)
                       : text);
}

// The value; of a repeated field the one at `index`, else that is -1.
std::string ValueJson(const Message& message, const FieldDescriptor& field,
                      int index) {
  const Reflection& of = *message.GetReflection();
  const FieldDescriptor* const f = &field;
  const bool one = index < 0;
  const int i = index;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(one ? of.GetInt32(message, f)
                              : of.GetRepeatedInt32(message, f, i));
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat(one ? of.GetUInt32(message, f)
                              : of.GetRepeatedUInt32(message, f, i));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(
          "\"",
          one ? of.GetInt64(message, f) : of.GetRepeatedInt64(message, f, i),
          "\"");
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat(
          "\"",
          one ? of.GetUInt64(message, f) : of.GetRepeatedUInt64(message, f, i),
          "\"");
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return absl::StrCat(one ? of.GetDouble(message, f)
                              : of.GetRepeatedDouble(message, f, i));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return absl::StrCat(one ? of.GetFloat(message, f)
                              : of.GetRepeatedFloat(message, f, i));
    case FieldDescriptor::CPPTYPE_BOOL:
      return (one ? of.GetBool(message, f) : of.GetRepeatedBool(message, f, i))
                 ? "true"
                 : "false";
    case FieldDescriptor::CPPTYPE_ENUM:
      return EnumJson(field, one ? of.GetEnumValue(message, f)
                                 : of.GetRepeatedEnumValue(message, f, i));
    case FieldDescriptor::CPPTYPE_STRING:
      return TextJson(field, one ? of.GetString(message, f)
                                 : of.GetRepeatedString(message, f, i));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return MessageJson(one ? of.GetMessage(message, f)
                             : of.GetRepeatedMessage(message, f, i));
  }
  return "null";
}

// Empty: it isn't there.
std::string FieldJson(const Message& message, const FieldDescriptor& field) {
  if (!field.is_repeated()) {
    const bool address =
        field.message_type() == wsp::v1::SocketAddress::descriptor();
    if (!address && field.has_presence() &&
        !message.GetReflection()->HasField(message, &field)) {
      return "";
    }
    return ValueJson(message, field, -1);
  }
  std::string list = "[";
  const int count = message.GetReflection()->FieldSize(message, &field);
  for (int i = 0; i < count; ++i) {
    absl::StrAppend(&list, i == 0 ? "" : ",", ValueJson(message, field, i));
  }
  return list + "]";
}

}  // namespace

std::string QuoteJson(absl::string_view text) {
  std::string quoted = "\"";
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      absl::StrAppendFormat(&quoted, "\\u%04x", byte);
    } else if (byte == 0xc2 && i + 1 < text.size() &&
               static_cast<unsigned char>(text[i + 1]) < 0xa0) {
      // U+0080 to U+009F, which terminals take for controls.
      absl::StrAppendFormat(&quoted, "\\u%04x",
                            static_cast<unsigned char>(text[++i]));
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string ToJson(const Message& message,
                   const std::vector<const FieldDescriptor*>& fields) {
  std::string json = "{";
  for (const FieldDescriptor* field : fields) {
    const std::string value = FieldJson(message, *field);
    if (value.empty()) continue;
    absl::StrAppend(&json, json.size() == 1 ? "" : ",", "\"", field->name(),
                    "\":", value);
  }
  return json + "}";
}

std::string ToJson(const Message& message) {
  std::vector<const FieldDescriptor*> fields;
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    fields.push_back(message.GetDescriptor()->field(i));
  }
  return ToJson(message, fields);
}

}  // namespace wspd
