#ifndef WSPD_DAEMON_BASE_ERROR_DETAILS_H_
#define WSPD_DAEMON_BASE_ERROR_DETAILS_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "proto/google/rpc/status.pb.h"

namespace wspd {

// The details that an error has for programs, as messages of google.rpc in the
// payloads of its absl::Status. They get to the caller by EncodeStatus().

// Of every ErrorInfo.
inline constexpr char kErrorDomain[] = "wspd";

// `status` with an ErrorInfo. `reason` is in capitals, and never changes.
absl::Status WithReason(
    absl::Status status, absl::string_view reason,
    const std::vector<std::pair<std::string, std::string>>& metadata = {});

// INVALID_ARGUMENT with a BadRequest: `field` of the request is wrong. The
// message is "FIELD DESCRIPTION", as in "local_port is 70000; a port is ...".
absl::Status FieldError(absl::string_view field, absl::string_view description);

// `status` with what its code asks for, unless it has that: NOT_FOUND with a
// ResourceInfo, FAILED_PRECONDITION with a PreconditionFailure. It is about the
// thing of that name, whose type is a message of the admin service.
absl::Status About(absl::Status status, absl::string_view type,
                   absl::string_view name);

// FAILED_PRECONDITION with a PreconditionFailure.
absl::Status PreconditionError(
    absl::string_view message,
    const std::vector<google::rpc::PreconditionFailure::Violation>& violations);

// An error as a google.rpc.Status for its caller, encoded. It has an ErrorInfo:
// if `status` has none, one whose reason is the name of its code. Its message
// is `message`, and details that would make it longer than `limit` are left
// out, those that aren't ErrorInfos first.
std::string EncodeStatus(const absl::Status& status, absl::string_view message,
                         size_t limit);

// The detail of a type, if there is one: false if not.
template <typename Detail>
bool FindDetail(const google::rpc::Status& status, Detail* detail) {
  for (const auto& any : status.details()) {
    if (any.UnpackTo(detail)) return true;
  }
  return false;
}

}  // namespace wspd

#endif  // WSPD_DAEMON_BASE_ERROR_DETAILS_H_
