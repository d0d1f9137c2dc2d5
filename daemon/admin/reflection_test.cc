#include "daemon/admin/reflection.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "gtest/gtest.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {
namespace {

using ::grpc::reflection::v1alpha::ServerReflectionRequest;
using ::testing::ElementsAre;

class ReflectionTest : public ::testing::Test {
 protected:
  std::set<std::string> FilesFor(const ServerReflectionRequest& request) {
    std::set<std::string> names;
    const auto response = reflection_.Respond(request);
    for (const auto& bytes :
         response.file_descriptor_response().file_descriptor_proto()) {
      google::protobuf::FileDescriptorProto file;
      EXPECT_TRUE(file.ParseFromString(bytes));
      names.insert(file.name());
    }
    return names;
  }

  const Reflection reflection_{{"a.B", "wsp.v1.Admin"}};
  ServerReflectionRequest request_;
};

TEST_F(ReflectionTest, ListsTheServicesAndEchoesTheRequest) {
  request_.set_host("h");
  request_.set_list_services("*");
  const auto response = reflection_.Respond(request_);
  ASSERT_EQ(response.list_services_response().service_size(), 2);
  EXPECT_EQ(response.list_services_response().service(1).name(),
            "wsp.v1.Admin");
  EXPECT_EQ(response.valid_host(), "h");
  EXPECT_EQ(response.original_request().list_services(), "*");
}

TEST_F(ReflectionTest, AFileComesWithItsImports) {
  // Links the file in.
  wsp::v1::Client::descriptor();
  request_.set_file_containing_symbol("wsp.v1.Admin");
  EXPECT_THAT(FilesFor(request_), ElementsAre("proto/wsp/v1/admin.proto",
                                              "proto/wsp/v1/types.proto"));
  request_.set_file_containing_symbol("wsp.v1.Admin.ListClients");
  EXPECT_EQ(FilesFor(request_).size(), 2u);
  request_.set_file_by_filename("proto/wsp/v1/types.proto");
  EXPECT_THAT(FilesFor(request_), ElementsAre("proto/wsp/v1/types.proto"));
}

TEST_F(ReflectionTest, UnknownNamesAreErrorsOfTheirOwn) {
  request_.set_file_containing_symbol("wsp.v1.Nothing");
  const auto response = reflection_.Respond(request_);
  EXPECT_EQ(response.error_response().error_code(), 5);
  EXPECT_EQ(response.error_response().error_message(),
            "there is no symbol wsp.v1.Nothing");
  request_.set_file_by_filename("nothing.proto");
  EXPECT_TRUE(reflection_.Respond(request_).has_error_response());
  request_.mutable_file_containing_extension()->set_containing_type("x.Y");
  EXPECT_TRUE(reflection_.Respond(request_).has_error_response());
  EXPECT_EQ(reflection_.Respond(ServerReflectionRequest())
                .error_response()
                .error_code(),
            3);
}

TEST_F(ReflectionTest, AMessageWithoutExtensionsHasNone) {
  request_.set_all_extension_numbers_of_type("wsp.v1.Client");
  const auto response = reflection_.Respond(request_);
  EXPECT_EQ(response.all_extension_numbers_response().base_type_name(),
            "wsp.v1.Client");
  EXPECT_EQ(response.all_extension_numbers_response().extension_number_size(),
            0);
}

}  // namespace
}  // namespace wspd
