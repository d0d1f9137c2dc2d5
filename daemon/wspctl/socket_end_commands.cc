#include "daemon/wspctl/socket_end_commands.h"

#include <utility>

#include "absl/time/clock.h"
#include "daemon/wspctl/format.h"

namespace wspd {
namespace {

template <typename Request>
Request RequestFor(const SocketName& name) {
  Request request;
  request.set_client_id(name.client_id);
  request.set_socket_id(name.socket_id);
  request.set_cookie(name.cookie);
  return request;
}

template <typename Response>
absl::StatusOr<wsp::v1::Socket> SocketOf(absl::StatusOr<Response> response) {
  if (!response.ok()) return response.status();
  return std::move(*response->mutable_socket());
}

}  // namespace

absl::Status SocketEndCommand::TakeWords(
    const std::vector<std::string>& words) {
  if (words.empty()) return absl::InvalidArgumentError("which socket?");
  absl::Status status = RefuseWordsAfter(1, words);
  if (!status.ok()) return status;
  const auto name = ParseSocketName(words[0]);
  if (!name.ok()) return name.status();
  name_ = *name;
  return absl::OkStatus();
}

absl::StatusOr<int> SocketEndCommand::Run(const Console& console) {
  auto client = AdminClient::Connect(console.daemons.front());
  if (!client.ok()) return client.status();
  auto socket = End(client->get());
  if (!socket.ok()) return socket.status();
  wsp::v1::ListSocketsResponse one;
  *one.add_sockets() = *std::move(socket);
  *console.out << (console.json
                       ? FormatSocketsJson(one)
                       : FormatSockets(one, {absl::Now(), console.names.get()},
                                       console.style));
  return kExitOk;
}

absl::StatusOr<wsp::v1::Socket> ResetCommand::End(AdminClient* client) const {
  return SocketOf(
      client->ResetSocket(RequestFor<wsp::v1::ResetSocketRequest>(name())));
}

absl::StatusOr<wsp::v1::Socket> CloseCommand::End(AdminClient* client) const {
  return SocketOf(
      client->EndSocket(RequestFor<wsp::v1::EndSocketRequest>(name())));
}

}  // namespace wspd
