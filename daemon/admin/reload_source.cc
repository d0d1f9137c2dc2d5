#include "daemon/admin/reload_source.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "daemon/base/error_details.h"
#include "daemon/base/utf8.h"

namespace wspd {
namespace {

using Violation = google::rpc::PreconditionFailure::Violation;

// What travels in headers has little room.
constexpr size_t kMostViolations = 10;
constexpr size_t kMaxMistakeBytes = 240;

// Of "FILE:LINE:COLUMN: what" the part before the message; empty if there is
// none.
absl::string_view PlaceOf(absl::string_view line) {
  const size_t end = line.find(": ");
  return end == absl::string_view::npos ? "" : line.substr(0, end);
}

Violation ViolationOf(absl::string_view line) {
  const absl::string_view place = PlaceOf(line);
  if (!place.empty()) line.remove_prefix(place.size() + 2);
  Violation violation;
  violation.set_type("CONFIG");
  violation.set_subject(ToValidUtf8(place.substr(0, kMaxMistakeBytes)));
  violation.set_description(ToValidUtf8(line.substr(0, kMaxMistakeBytes)));
  return violation;
}

}  // namespace

struct ReloadSource::Outcome {
  absl::Mutex mu;
  absl::optional<absl::StatusOr<wsp::v1::ReloadResponse>> result
      ABSL_GUARDED_BY(mu);
};

ReloadSource::ReloadSource(DaemonControl* control, std::function<void()> wake)
    : outcome_(std::make_shared<Outcome>()) {
  control->Reload([outcome = outcome_, wake = std::move(wake)](
                      const absl::StatusOr<wsp::v1::ReloadResponse>& result) {
    {
      absl::MutexLock lock(&outcome->mu);
      outcome->result = result;
    }
    wake();
  });
}

absl::optional<std::string> ReloadSource::Next() {
  absl::MutexLock lock(&outcome_->mu);
  if (answered_ || !outcome_->result || !outcome_->result->ok()) return {};
  answered_ = true;
  return (*outcome_->result)->SerializeAsString();
}

absl::optional<absl::Status> ReloadSource::End() {
  absl::MutexLock lock(&outcome_->mu);
  if (!outcome_->result) return {};
  const absl::Status& status = outcome_->result->status();
  return status.ok() || absl::IsUnavailable(status) ? status
                                                    : ReloadError(status);
}

absl::Status ReloadError(const absl::Status& status) {
  std::vector<Violation> violations;
  const std::vector<absl::string_view> lines =
      absl::StrSplit(status.message(), '\n', absl::SkipEmpty());
  const size_t named = std::min(lines.size(), kMostViolations);
  for (size_t i = 0; i < named; ++i)
    violations.push_back(ViolationOf(lines[i]));
  const std::string first(lines.empty() ? "" : lines[0].substr(0, 512));
  const std::string others =
      lines.size() > 1 ? absl::StrCat(" (and ", lines.size() - 1, " more)")
                       : "";
  return WithReason(
      PreconditionError(absl::StrCat("nothing has changed: ", first, others),
                        violations),
      "CONFIG_INVALID", {{"mistakes", absl::StrCat(lines.size())}});
}

}  // namespace wspd
