#include "daemon/base/error_details.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::google::rpc::BadRequest;
using ::google::rpc::ErrorInfo;
using ::google::rpc::PreconditionFailure;
using ::google::rpc::ResourceInfo;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr size_t kEnough = 4096;

google::rpc::Status Sent(const absl::Status& status, size_t limit = kEnough) {
  google::rpc::Status parsed;
  EXPECT_TRUE(
      parsed.ParseFromString(EncodeStatus(status, status.message(), limit)));
  return parsed;
}

TEST(ErrorDetails, EveryErrorHasAReason) {
  const auto status = Sent(absl::UnavailableError("gone"));
  EXPECT_EQ(status.code(), 14);
  EXPECT_EQ(status.message(), "gone");
  ErrorInfo info;
  ASSERT_TRUE(FindDetail(status, &info));
  EXPECT_EQ(info.reason(), "UNAVAILABLE");
  EXPECT_EQ(info.domain(), "wspd");
}

TEST(ErrorDetails, ReasonsHaveTheirFacts) {
  const auto status = Sent(WithReason(absl::PermissionDeniedError("no"),
                                      "NOT_ALLOWED", {{"uid", "7\xff"}}));
  ErrorInfo info;
  ASSERT_TRUE(FindDetail(status, &info));
  EXPECT_EQ(info.reason(), "NOT_ALLOWED");
  EXPECT_THAT(info.metadata(),
              UnorderedElementsAre(Pair("uid", "7\xef\xbf\xbd")));
  EXPECT_EQ(status.details_size(), 1);
}

TEST(ErrorDetails, WrongFieldsAreNamed) {
  const absl::Status error = FieldError("port", "is 70000; at most 65535");
  EXPECT_EQ(error.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(error.message(), "port is 70000; at most 65535");
  BadRequest request;
  ASSERT_TRUE(FindDetail(Sent(error), &request));
  EXPECT_EQ(request.field_violations(0).field(), "port");
  EXPECT_EQ(request.field_violations(0).description(),
            "is 70000; at most 65535");
}

TEST(ErrorDetails, WhatIsMissingIsNamed) {
  const absl::Status error =
      About(absl::NotFoundError("no client"), "wsp.v1.Client", "12");
  EXPECT_EQ(error.code(), absl::StatusCode::kNotFound);
  ResourceInfo resource;
  ASSERT_TRUE(FindDetail(Sent(error), &resource));
  EXPECT_EQ(resource.resource_type(), "wsp.v1.Client");
  EXPECT_EQ(resource.resource_name(), "12");
  ErrorInfo info;
  ASSERT_TRUE(FindDetail(Sent(error), &info));
  EXPECT_EQ(info.reason(), "NOT_FOUND");
}

TEST(ErrorDetails, WhatIsInTheWayIsNamedOnce) {
  const absl::Status error = About(
      absl::FailedPreconditionError("listens no more"), "wsp.v1.Socket", "3/7");
  PreconditionFailure failure;
  ASSERT_TRUE(FindDetail(Sent(error), &failure));
  EXPECT_EQ(failure.violations(0).subject(), "3/7");
  EXPECT_EQ(failure.violations(0).description(), "listens no more");
  EXPECT_EQ(About(error, "wsp.v1.Socket", "other"), error);
  const absl::Status other = absl::InternalError("x");
  EXPECT_EQ(About(other, "wsp.v1.Socket", "3/7"), other);
}

TEST(ErrorDetails, WhatIsTooLongGoesWithoutItsLastDetails) {
  PreconditionFailure::Violation violation;
  violation.set_description(std::string(kEnough, 'x'));
  const absl::Status error = WithReason(
      PreconditionError("wrong", {violation, violation}), "CONFIG_INVALID");
  PreconditionFailure failure;
  ASSERT_TRUE(FindDetail(Sent(error, 3 * kEnough), &failure));
  EXPECT_EQ(failure.violations_size(), 2);
  EXPECT_EQ(Sent(error, 3 * kEnough).details(0).type_url(),
            "type.googleapis.com/google.rpc.ErrorInfo");
  const auto cut = Sent(error);
  EXPECT_FALSE(FindDetail(cut, &failure));
  ErrorInfo info;
  ASSERT_TRUE(FindDetail(cut, &info));
  EXPECT_EQ(info.reason(), "CONFIG_INVALID");
}

}  // namespace
}  // namespace wspd
