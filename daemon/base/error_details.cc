#include "daemon/base/error_details.h"

#include <algorithm>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/base/utf8.h"
#include "google/protobuf/message.h"

namespace wspd {
namespace {

using ::google::rpc::BadRequest;
using ::google::rpc::ErrorInfo;
using ::google::rpc::PreconditionFailure;
using ::google::rpc::ResourceInfo;

// What packs google.protobuf.Any; the rest is the message's full name.
constexpr char kTypePrefix[] = "type.googleapis.com/";

std::string TypeUrl(const google::protobuf::Message& detail) {
  return absl::StrCat(kTypePrefix, detail.GetTypeName());
}

absl::Status WithDetail(absl::Status status,
                        const google::protobuf::Message& detail) {
  status.SetPayload(TypeUrl(detail), absl::Cord(detail.SerializeAsString()));
  return status;
}

bool IsErrorInfo(const google::protobuf::Any& detail) {
  return detail.Is<ErrorInfo>();
}

std::string Text(absl::string_view text) {
  return ToValidUtf8(std::string(text));
}

}  // namespace

absl::Status WithReason(
    absl::Status status, absl::string_view reason,
    const std::vector<std::pair<std::string, std::string>>& metadata) {
  ErrorInfo info;
  info.set_reason(std::string(reason));
  info.set_domain(kErrorDomain);
  for (const auto& [key, value] : metadata) {
    (*info.mutable_metadata())[key] = Text(value);
  }
  return WithDetail(std::move(status), info);
}

absl::Status FieldError(absl::string_view field,
                        absl::string_view description) {
  BadRequest request;
  auto* violation = request.add_field_violations();
  violation->set_field(std::string(field));
  violation->set_description(Text(description));
  return WithDetail(WithReason(absl::InvalidArgumentError(
                                   absl::StrCat(field, " ", description)),
                               "BAD_REQUEST"),
                    request);
}

absl::Status About(absl::Status status, absl::string_view type,
                   absl::string_view name) {
  if (absl::IsNotFound(status)) {
    ResourceInfo resource;
    resource.set_resource_type(std::string(type));
    resource.set_resource_name(Text(name));
    resource.set_description(Text(status.message()));
    return WithDetail(std::move(status), resource);
  }
  if (absl::IsFailedPrecondition(status)) {
    PreconditionFailure failure;
    if (status.GetPayload(TypeUrl(failure))) return status;
    auto* const violation = failure.add_violations();
    violation->set_type("STATE");
    violation->set_subject(Text(name));
    violation->set_description(Text(status.message()));
    return WithDetail(std::move(status), failure);
  }
  return status;
}

absl::Status PreconditionError(
    absl::string_view message,
    const std::vector<PreconditionFailure::Violation>& violations) {
  PreconditionFailure failure;
  for (const auto& violation : violations) {
    *failure.add_violations() = violation;
  }
  return WithDetail(absl::FailedPreconditionError(message), failure);
}

std::string EncodeStatus(const absl::Status& status, absl::string_view message,
                         size_t limit) {
  google::rpc::Status encoded;
  encoded.set_code(status.raw_code());
  encoded.set_message(Text(message));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    if (!absl::StartsWith(url, kTypePrefix)) return;
    auto* detail = encoded.add_details();
    detail->set_type_url(std::string(url));
    detail->set_value(std::string(payload));
  });
  auto* details = encoded.mutable_details();
  if (std::none_of(details->begin(), details->end(), IsErrorInfo)) {
    ErrorInfo info;
    info.set_reason(absl::StatusCodeToString(status.code()));
    info.set_domain(kErrorDomain);
    encoded.add_details()->PackFrom(info);
  }
  // Callers that look at the first one alone find the reason.
  std::stable_partition(details->begin(), details->end(), IsErrorInfo);
  while (encoded.ByteSizeLong() > limit && !details->empty()) {
    details->RemoveLast();
  }
  return encoded.SerializeAsString();
}

}  // namespace wspd
