#include "daemon/wspctl/admin_client.h"

#include <errno.h>
#include <fcntl.h>
#include <grpc/support/log.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/security/credentials.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "daemon/base/owned_fd.h"
#include "daemon/wspctl/error_text.h"
#include "daemon/wspctl/tls_files.h"

namespace wspd {
namespace {

constexpr auto kDeadline = std::chrono::seconds(5);
constexpr auto kReloadDeadline = std::chrono::minutes(1);

absl::Status ConnectError(int error, const std::string& socket) {
  const std::string message =
      absl::StrCat("can't reach a daemon at ", socket, ": ", strerror(error));
  if (error == ENOENT || error == ECONNREFUSED) {
    return absl::UnavailableError(absl::StrCat(
        message,
        "; is wspd running? (--socket or $WSPD_ADMIN_SOCKET names another)"));
  }
  return absl::UnavailableError(message);
}

// By hand: gRPC would retry, and its errors say less.
absl::StatusOr<OwnedFd> ConnectSocket(const std::string& socket_path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof(address.sun_path)) {
    return ConnectError(ENAMETOOLONG, socket_path);
  }
  memcpy(address.sun_path, socket_path.data(), socket_path.size());
  OwnedFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid() ||
      connect(fd.get(), reinterpret_cast<const sockaddr*>(&address),
              sizeof(address)) != 0 ||
      fcntl(fd.get(), F_SETFL, O_NONBLOCK) != 0) {
    return ConnectError(errno, socket_path);
  }
  return fd;
}

std::shared_ptr<grpc::ChannelCredentials> Credentials(const TlsTexts& files) {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = files.ca;
  options.pem_cert_chain = files.certificate;
  options.pem_private_key = files.key;
  return grpc::SslCredentials(options);
}

// What gRPC says of a connection that failed, and what may be done about it.
std::string ConnectionText(absl::string_view message,
                           const DaemonAddress& daemon) {
  const size_t cause = message.rfind("last error: ");
  if (cause != absl::string_view::npos) {
    message.remove_prefix(cause + strlen("last error: "));
    for (const char* prefix : {"UNKNOWN: ", "UNAVAILABLE: "}) {
      absl::ConsumePrefix(&message, prefix);
    }
  }
  if (absl::StrContains(message, "certificate verify failed")) {
    return absl::StrCat(message, "; its certificate isn't one that ",
                        daemon.ca.empty() ? "the system trusts" : daemon.ca,
                        " vouches for");
  }
  if (absl::StrContains(message, "is not in peer certificate")) {
    return absl::StrCat(message, "; --server-name says what it is called");
  }
  for (const char* end :
       {"Endpoint read failed", "Socket closed", "Connection reset"}) {
    if (!absl::StrContains(message, end)) continue;
    return absl::StrCat(message, "; it hung up: it doesn't take ",
                        daemon.certificate,
                        ", has too many connections or stops, and its log "
                        "says which");
  }
  return std::string(message);
}

// Some have their own time, and what the daemon says of it has details.
absl::Status FromGrpc(const grpc::Status& status, const DaemonAddress& daemon,
                      std::chrono::seconds deadline = kDeadline) {
  if (status.ok()) return absl::OkStatus();
  if (status.error_code() == grpc::DEADLINE_EXCEEDED &&
      status.error_details().empty()) {
    return absl::DeadlineExceededError(absl::StrCat(
        "the daemon didn't answer within ", deadline.count(), " s"));
  }
  if (status.error_code() == grpc::UNAVAILABLE && !daemon.endpoint.empty() &&
      status.error_details().empty()) {
    return absl::UnavailableError(
        ConnectionText(status.error_message(), daemon));
  }
  return absl::Status(
      static_cast<absl::StatusCode>(status.error_code()),
      ErrorText(status.error_message(), status.error_details()));
}

// One unary call.
template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> Call(const DaemonAddress& daemon, Stub* stub,
                              grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                           const Request&,
                                                           Response*),
                              const Request& request,
                              std::chrono::seconds deadline = kDeadline) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + deadline);
  Response response;
  const auto status =
      FromGrpc((stub->*method)(&context, request, &response), daemon, deadline);
  if (!status.ok()) return status;
  return response;
}

// A stream, for as long as it takes.
template <typename Stub, typename Request, typename Response>
absl::Status ReadAll(const DaemonAddress& daemon, Stub* stub,
                     std::unique_ptr<grpc::ClientReader<Response>> (
                         Stub::*method)(grpc::ClientContext*, const Request&),
                     const Request& request,
                     const std::function<bool(const Response&)>& take) {
  grpc::ClientContext context;
  const auto stream = (stub->*method)(&context, request);
  Response response;
  bool enough = false;
  while (!enough && stream->Read(&response)) enough = !take(response);
  if (enough) context.TryCancel();
  const absl::Status status = FromGrpc(stream->Finish(), daemon);
  return enough ? absl::OkStatus() : status;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AdminClient>> AdminClient::Connect(
    const DaemonAddress& daemon) {
  // What goes wrong is in the status of the call.
  gpr_set_log_function([](gpr_log_func_args*) {});
  grpc::ChannelArguments arguments;
  // A listing has as many bytes as the daemon has sockets.
  arguments.SetMaxReceiveMessageSize(-1);
  if (!daemon.endpoint.empty()) {
    const auto files = ReadTlsFiles(daemon);
    if (!files.ok()) return files.status();
    if (!daemon.server_name.empty()) {
      arguments.SetSslTargetNameOverride(daemon.server_name);
    }
    return std::unique_ptr<AdminClient>(new AdminClient(
        daemon, grpc::CreateCustomChannel(daemon.endpoint, Credentials(*files),
                                          arguments)));
  }
  auto fd = ConnectSocket(daemon.socket);
  if (!fd.ok()) return fd.status();
  return std::unique_ptr<AdminClient>(
      new AdminClient(daemon, grpc::CreateCustomInsecureChannelFromFd(
                                  "wspd", fd->Release(), arguments)));
}

AdminClient::AdminClient(DaemonAddress daemon,
                         std::shared_ptr<grpc::Channel> channel)
    : daemon_(std::move(daemon)),
      admin_(wsp::v1::Admin::NewStub(channel)),
      health_(grpc::health::v1::Health::NewStub(std::move(channel))) {}

absl::StatusOr<wsp::v1::ListClientsResponse> AdminClient::ListClients(
    const wsp::v1::ListClientsRequest& request) {
  return Call(daemon_, admin_.get(), &wsp::v1::Admin::Stub::ListClients,
              request);
}

absl::StatusOr<wsp::v1::GetClientResponse> AdminClient::GetClient(int pid) {
  wsp::v1::GetClientRequest request;
  request.set_pid(pid);
  return Call(daemon_, admin_.get(), &wsp::v1::Admin::Stub::GetClient, request);
}

absl::StatusOr<wsp::v1::ListSocketsResponse> AdminClient::ListSockets(
    const wsp::v1::ListSocketsRequest& request) {
  return Call(daemon_, admin_.get(), &wsp::v1::Admin::Stub::ListSockets,
              request);
}

absl::StatusOr<wsp::v1::ListNamesResponse> AdminClient::ListNames(
    const wsp::v1::ListNamesRequest& request) {
  return Call(daemon_, admin_.get(), &wsp::v1::Admin::Stub::ListNames, request);
}

absl::StatusOr<wsp::v1::ResetSocketResponse> AdminClient::ResetSocket(
    const wsp::v1::ResetSocketRequest& request) {
  return Call(daemon_, admin_.get(), &wsp::v1::Admin::Stub::ResetSocket,
              request);
}

absl::StatusOr<wsp::v1::EndSocketResponse> AdminClient::EndSocket(
    const wsp::v1::EndSocketRequest& request) {
  return Call(daemon_, admin_.get(), &wsp::v1::Admin::Stub::EndSocket, request);
}

absl::StatusOr<wsp::v1::GetServerInfoResponse> AdminClient::GetServerInfo() {
  return Call(daemon_, admin_.get(), &wsp::v1::Admin::Stub::GetServerInfo,
              wsp::v1::GetServerInfoRequest());
}

absl::StatusOr<wsp::v1::TestPolicyResponse> AdminClient::TestPolicy(
    const wsp::v1::TestPolicyRequest& request) {
  return Call(daemon_, admin_.get(), &wsp::v1::Admin::Stub::TestPolicy,
              request);
}

absl::StatusOr<grpc::health::v1::HealthCheckResponse> AdminClient::CheckHealth(
    const std::string& service) {
  grpc::health::v1::HealthCheckRequest request;
  request.set_service(service);
  return Call(daemon_, health_.get(), &grpc::health::v1::Health::Stub::Check,
              request);
}

absl::StatusOr<wsp::v1::DisconnectClientResponse> AdminClient::DisconnectClient(
    const wsp::v1::DisconnectClientRequest& request) {
  return Call(daemon_, admin_.get(), &wsp::v1::Admin::Stub::DisconnectClient,
              request);
}

absl::StatusOr<wsp::v1::SetLogLevelResponse> AdminClient::SetLogLevel(
    const wsp::v1::SetLogLevelRequest& request) {
  return Call(daemon_, admin_.get(), &wsp::v1::Admin::Stub::SetLogLevel,
              request);
}

absl::StatusOr<wsp::v1::ReloadResponse> AdminClient::Reload() {
  return Call(daemon_, admin_.get(), &wsp::v1::Admin::Stub::Reload,
              wsp::v1::ReloadRequest(), kReloadDeadline);
}

absl::StatusOr<wsp::v1::CancelDrainResponse> AdminClient::CancelDrain() {
  return Call(daemon_, admin_.get(), &wsp::v1::Admin::Stub::CancelDrain,
              wsp::v1::CancelDrainRequest());
}

absl::Status AdminClient::Drain(
    const wsp::v1::DrainRequest& request,
    const std::function<bool(const wsp::v1::DrainResponse&)>& take) {
  return ReadAll(daemon_, admin_.get(), &wsp::v1::Admin::Stub::Drain, request,
                 take);
}

absl::Status AdminClient::WatchEvents(
    const wsp::v1::WatchEventsRequest& request,
    const std::function<bool(const wsp::v1::WatchEventsResponse&)>& take) {
  return ReadAll(daemon_, admin_.get(), &wsp::v1::Admin::Stub::WatchEvents,
                 request, take);
}

}  // namespace wspd
