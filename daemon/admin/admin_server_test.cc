#include "daemon/admin/admin_server.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/admin/fake_inventory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/grpc/health/v1/health.grpc.pb.h"
#include "proto/wsp/v1/admin.grpc.pb.h"

namespace wspd {
namespace {

using ::grpc::health::v1::Health;
using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;
using ::testing::HasSubstr;

constexpr uid_t kOther = 70001;
constexpr char kSocketVariable[] = "WSPD_TEST_SOCKET";

class AdminServerTest : public ::testing::Test {
 protected:
  AdminServerTest() {
    char folder[] = "/tmp/wspd_admin_XXXXXX";
    folder_ = mkdtemp(folder);
    chmod(folder_.c_str(), 0755);
    options_.socket = folder_ + "/admin.sock";
    loop_ = EventLoop::Create("test").value();
    inventory_.AddClient(1, 11, kOther);
    inventory_.AddClient(2, 22, 70002);
    inventory_.AddSocket(1, 11, kOther, 100);
    server_ = AdminServer::Start(options_, loop_.get(), &inventory_).value();
    channel_ = Connect();
  }
  ~AdminServerTest() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  // A connection of its own.
  std::shared_ptr<grpc::Channel> Connect() {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(absl::StrCat("unix:", options_.socket),
                                     grpc::InsecureChannelCredentials(),
                                     arguments);
  }

  std::string folder_;
  AdminServerOptions options_;
  std::unique_ptr<EventLoop> loop_;
  FakeInventory inventory_;
  std::unique_ptr<AdminServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(AdminServerTest, StreamsEventsAsTheyHappen) {
  auto stub = wsp::v1::Admin::NewStub(channel_);
  grpc::ClientContext context;
  auto stream = stub->WatchEvents(&context, {});
  wsp::v1::WatchEventsResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.events_size(), 0);
  for (uint64_t i = 1; i <= 1000; ++i) {
    EventRecord record;
    record.kind = wsp::v1::JournalEvent::KIND_CLIENT_ATTACHED;
    record.client_id = i;
    inventory_.events()->Append(record);
    // Each wakes a stream that sleeps; now and then several come at once.
    if (i % 10 < 5) continue;
    while (response.next_sequence() <= i) ASSERT_TRUE(stream->Read(&response));
    ASSERT_EQ(response.lost(), 0u);
    ASSERT_EQ(response.events(response.events_size() - 1).client_id(), i);
  }
  context.TryCancel();
  while (stream->Read(&response)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::CANCELLED);
}

TEST_F(AdminServerTest, RefusesAStreamFromTheFuture) {
  auto stub = wsp::v1::Admin::NewStub(channel_);
  grpc::ClientContext context;
  wsp::v1::WatchEventsRequest request;
  request.set_from_sequence(2);
  auto stream = stub->WatchEvents(&context, request);
  wsp::v1::WatchEventsResponse response;
  EXPECT_FALSE(stream->Read(&response));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("the next event is 1"));
}

TEST_F(AdminServerTest, AnswersEveryAdminCall) {
  auto stub = wsp::v1::Admin::NewStub(channel_);
  {
    grpc::ClientContext context;
    wsp::v1::ListClientsResponse response;
    ASSERT_TRUE(stub->ListClients(&context, {}, &response).ok());
    EXPECT_EQ(response.clients_size(), 2);
  }
  {
    grpc::ClientContext context;
    wsp::v1::GetClientRequest request;
    request.set_pid(22);
    wsp::v1::GetClientResponse response;
    ASSERT_TRUE(stub->GetClient(&context, request, &response).ok());
    EXPECT_EQ(response.client().client_id(), 2u);
  }
  {
    grpc::ClientContext context;
    wsp::v1::ListSocketsResponse response;
    ASSERT_TRUE(stub->ListSockets(&context, {}, &response).ok());
    EXPECT_EQ(response.sockets_size(), 1);
  }
  {
    grpc::ClientContext context;
    wsp::v1::GetSocketRequest request;
    wsp::v1::GetSocketResponse response;
    const auto status = stub->GetSocket(&context, request, &response);
    EXPECT_EQ(status.error_code(), grpc::NOT_FOUND);
    EXPECT_EQ(status.error_message(), "client 0 has no socket 0");
  }
  {
    grpc::ClientContext context;
    wsp::v1::GetServerInfoResponse response;
    ASSERT_TRUE(stub->GetServerInfo(&context, {}, &response).ok());
    EXPECT_EQ(response.pid(), getpid());
    EXPECT_EQ(response.admin_socket(), options_.socket);
  }
  {
    grpc::ClientContext context;
    wsp::v1::DisconnectClientRequest request;
    request.set_pid(11);
    wsp::v1::DisconnectClientResponse response;
    ASSERT_TRUE(stub->DisconnectClient(&context, request, &response).ok());
  }
}

TEST_F(AdminServerTest, TheCallersUidComesFromTheKernel) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  // Nothing else: Bazel's reports are this process's to write.
  const std::string variable =
      absl::StrCat(kSocketVariable, "=", options_.socket);
  const char* const environment[] = {variable.c_str(), nullptr};
  // gRPC doesn't survive a fork: the other user is a program of its own, and
  // between here and there are system calls only.
  const pid_t child = static_cast<pid_t>(syscall(SYS_fork));
  if (child == 0) {
    if (syscall(SYS_setgid, kOther) != 0 || syscall(SYS_setuid, kOther) != 0) {
      _exit(77);
    }
    execle("/proc/self/exe", "admin_server_test",
           "--gtest_filter=OtherUser.SeesItsOwn", nullptr, environment);
    _exit(70);
  }
  int status;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "one user only here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// The other process of the test above.
TEST(OtherUser, SeesItsOwn) {
  const char* socket = getenv(kSocketVariable);
  if (socket == nullptr) GTEST_SKIP() << "started by another test";
  auto stub = wsp::v1::Admin::NewStub(grpc::CreateChannel(
      absl::StrCat("unix:", socket), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  wsp::v1::ListClientsResponse response;
  ASSERT_TRUE(stub->ListClients(&context, {}, &response).ok());
  ASSERT_EQ(response.clients_size(), 1);
  EXPECT_EQ(response.clients(0).pid(), 11);
  grpc::ClientContext disconnect;
  wsp::v1::DisconnectClientRequest request;
  request.set_pid(11);
  wsp::v1::DisconnectClientResponse done;
  const auto status = stub->DisconnectClient(&disconnect, request, &done);
  EXPECT_EQ(status.error_code(), grpc::PERMISSION_DENIED);
  EXPECT_THAT(status.error_message(), HasSubstr("the caller has uid 70001"));
}

TEST_F(AdminServerTest, HealthFollowsSetServing) {
  auto stub = Health::NewStub(channel_);
  for (bool serving : {true, false, true}) {
    server_->SetServing(serving);
    for (const char* name : {"", "wsp.v1.Provider", "wsp.v1.Admin"}) {
      grpc::ClientContext context;
      HealthCheckRequest request;
      request.set_service(name);
      HealthCheckResponse response;
      ASSERT_TRUE(stub->Check(&context, request, &response).ok());
      EXPECT_EQ(response.status(), serving ? HealthCheckResponse::SERVING
                                           : HealthCheckResponse::NOT_SERVING);
    }
  }
  grpc::ClientContext context;
  HealthCheckRequest request;
  request.set_service("unknown");
  HealthCheckResponse response;
  EXPECT_EQ(stub->Check(&context, request, &response).error_code(),
            grpc::NOT_FOUND);
}

TEST_F(AdminServerTest, WatchTellsOfEveryChange) {
  auto stub = Health::NewStub(channel_);
  grpc::ClientContext context, unknown_context;
  auto watch = stub->Watch(&context, HealthCheckRequest());
  HealthCheckResponse response;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  // No change, no message.
  server_->SetServing(true);
  server_->SetServing(false);
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);

  HealthCheckRequest unknown;
  unknown.set_service("unknown");
  auto other = stub->Watch(&unknown_context, unknown);
  ASSERT_TRUE(other->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVICE_UNKNOWN);

  context.TryCancel();
  EXPECT_EQ(watch->Finish().error_code(), grpc::CANCELLED);
  // The other one still stands when the server stops.
  server_.reset();
  EXPECT_FALSE(other->Read(&response));
}

TEST_F(AdminServerTest, UnknownMethodsAreUnimplemented) {
  grpc::GenericStub stub(channel_);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  auto call = stub.PrepareUnaryCall(&context, "/wsp.v1.Provider/Attach",
                                    grpc::ByteBuffer(), &queue);
  call->StartCall();
  grpc::ByteBuffer response;
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag;
  bool ok;
  ASSERT_TRUE(queue.Next(&tag, &ok));
  EXPECT_EQ(status.error_code(), grpc::UNIMPLEMENTED);
  EXPECT_EQ(status.error_message(), "there is no /wsp.v1.Provider/Attach");
}

TEST_F(AdminServerTest, ReflectionAnswersEachRequestOfItsStream) {
  grpc::GenericStub stub(channel_);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  auto call = stub.PrepareCall(
      &context,
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  void* tag;
  bool ok = false;
  call->StartCall(nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok) && ok);
  for (int i = 0; i < 3; ++i) {
    grpc::reflection::v1alpha::ServerReflectionRequest request;
    request.set_list_services("*");
    grpc::Slice slice(request.SerializeAsString());
    call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
    ASSERT_TRUE(queue.Next(&tag, &ok) && ok);
    grpc::ByteBuffer answer;
    call->Read(&answer, nullptr);
    ASSERT_TRUE(queue.Next(&tag, &ok) && ok);
    grpc::Slice bytes;
    ASSERT_TRUE(answer.DumpToSingleSlice(&bytes).ok());
    grpc::reflection::v1alpha::ServerReflectionResponse response;
    ASSERT_TRUE(response.ParseFromArray(bytes.begin(), bytes.size()));
    EXPECT_EQ(response.list_services_response().service_size(), 3);
  }
  call->WritesDone(nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok) && ok);
  grpc::Status status;
  call->Finish(&status, nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok) && ok);
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST_F(AdminServerTest, ARequestThatIsNoMessageIsRefused) {
  grpc::GenericStub stub(channel_);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  grpc::Slice slice("\xff\xff\xff");
  auto call = stub.PrepareUnaryCall(&context, "/wsp.v1.Admin/GetClient",
                                    grpc::ByteBuffer(&slice, 1), &queue);
  call->StartCall();
  grpc::ByteBuffer response;
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag;
  bool ok;
  ASSERT_TRUE(queue.Next(&tag, &ok));
  EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("wsp.v1.GetClientRequest"));
}

TEST_F(AdminServerTest, ServesManyConnectionsOneAfterAnother) {
  for (int i = 0; i < 30; ++i) {
    auto stub = wsp::v1::Admin::NewStub(Connect());
    grpc::ClientContext context;
    wsp::v1::GetServerInfoResponse response;
    ASSERT_TRUE(stub->GetServerInfo(&context, {}, &response).ok());
  }
}

TEST_F(AdminServerTest, ServesManyAtOnceAndStopsInTheMiddle) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      auto stub = wsp::v1::Admin::NewStub(Connect());
      for (;;) {
        grpc::ClientContext context;
        wsp::v1::ListClientsResponse response;
        if (!stub->ListClients(&context, {}, &response).ok()) return;
      }
    });
  }
  auto stub = Health::NewStub(channel_);
  grpc::ClientContext context;
  auto watch = stub->Watch(&context, HealthCheckRequest());
  HealthCheckResponse response;
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(watch->Read(&response));
    server_->SetServing(i % 2 != 0);
  }
  server_.reset();
  for (auto& thread : threads) thread.join();
}

TEST_F(AdminServerTest, ASecondServerIsRefused) {
  const auto second = AdminServer::Start(options_, loop_.get(), &inventory_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(AdminServerTest, TheSocketIsOpenToAllAndGoneAfterwards) {
  struct stat status;
  ASSERT_EQ(stat(options_.socket.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0666u);
  server_.reset();
  EXPECT_NE(stat(options_.socket.c_str(), &status), 0);
}

}  // namespace
}  // namespace wspd
