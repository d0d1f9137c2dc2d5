#include "daemon/wspctl/error_text.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/base/error_details.h"

namespace wspd {
namespace {

// One that names what it is about.
void AddLine(absl::string_view subject, absl::string_view description,
             absl::string_view message, std::string* text) {
  if (absl::StrContains(message, description)) return;
  absl::StrAppend(text, "\n  ", subject, subject.empty() ? "" : ": ",
                  description);
}

}  // namespace

std::string ErrorText(absl::string_view message, const std::string& details) {
  std::string text(message);
  google::rpc::Status status;
  if (!status.ParseFromString(details)) return text;
  google::rpc::BadRequest request;
  if (FindDetail(status, &request)) {
    for (const auto& violation : request.field_violations()) {
      AddLine(violation.field(), violation.description(), message, &text);
    }
  }
  google::rpc::PreconditionFailure failure;
  if (FindDetail(status, &failure)) {
    for (const auto& violation : failure.violations()) {
      AddLine(violation.subject(), violation.description(), message, &text);
    }
  }
  return text;
}

}  // namespace wspd
