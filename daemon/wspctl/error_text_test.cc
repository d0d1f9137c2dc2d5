#include "daemon/wspctl/error_text.h"

#include <string>

#include "daemon/base/error_details.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

std::string Told(const absl::Status& status) {
  return ErrorText(status.message(),
                   EncodeStatus(status, status.message(), 4096));
}

TEST(ErrorText, IsTheMessageWhereDetailsSayNoMore) {
  EXPECT_EQ(ErrorText("gone", ""), "gone");
  EXPECT_EQ(ErrorText("gone", "\xff"), "gone");
  EXPECT_EQ(Told(absl::NotFoundError("no such client")), "no such client");
  EXPECT_EQ(Told(FieldError("local_port", "is 70000; a port is 1 to 65535")),
            "local_port is 70000; a port is 1 to 65535");
}

TEST(ErrorText, HasALineForEachViolationThatTheMessageLeavesOut) {
  google::rpc::PreconditionFailure::Violation first;
  first.set_subject("file:3:5");
  first.set_description("port is 0");
  google::rpc::PreconditionFailure::Violation second = first;
  second.set_subject("file:4:1");
  second.set_description("there is no field \"x\"");
  EXPECT_EQ(Told(PreconditionError("file:3:5: port is 0 (and 1 more)",
                                   {first, second})),
            "file:3:5: port is 0 (and 1 more)\n"
            "  file:4:1: there is no field \"x\"");
}

}  // namespace
}  // namespace wspd
