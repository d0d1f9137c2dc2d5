// Registry: ending a socket for an administrator, of whichever plane.
#include <errno.h>
#include <netinet/in.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/linux/socket_destruction.h"
#include "daemon/session/registry.h"

namespace wspd {
namespace {

constexpr size_t kMostNamed = 8;

// As wspctl names it.
std::string NameOf(const wsp::v1::Socket& socket) {
  const std::string number =
      socket.socket_id() != 0
          ? absl::StrCat(absl::Hex(socket.socket_id(), absl::kZeroPad16))
          : absl::StrCat("sk:", absl::Hex(socket.cookie()));
  return absl::StrCat(socket.client_id(), "/", number);
}

absl::Status SeveralError(std::vector<wsp::v1::Socket> found) {
  const size_t count = found.size();
  found.resize(std::min(count, kMostNamed));
  return absl::FailedPreconditionError(absl::StrCat(
      "there are ", count, " of that number: ",
      absl::StrJoin(found, ", ",
                    [](std::string* out, const wsp::v1::Socket& socket) {
                      absl::StrAppend(out, NameOf(socket), " of pid ",
                                      socket.pid());
                    }),
      count > kMostNamed ? " and others" : "",
      "; say which, by its client or its cookie"));
}

absl::Status StatusOf(ForcedEnd how, int error) {
  switch (error) {
    case 0:
      return absl::OkStatus();
    case EBADF:
      return absl::NotFoundError("it has ended");
    case ENOTCONN:
      return absl::FailedPreconditionError(absl::StrCat(
          "it is neither connected nor listening: there is nothing to ",
          how == ForcedEnd::kReset ? "reset" : "close"));
    case EALREADY:
      return absl::FailedPreconditionError(
          "it has been closed, and what its program had sent is on its way; a "
          "reset (ResetSocket, wspctl reset) ends it at once");
    default:
      return absl::ErrnoToStatus(error, "connect(AF_UNSPEC)");
  }
}

int FamilyOf(const wsp::v1::Socket& socket) {
  return socket.local().has_ipv6() ? AF_INET6 : AF_INET;
}

// What a lent socket has to be so that the daemon, which has no descriptor of
// it, can have it end in that way. As it was listed: DestroySocket() looks
// again.
absl::Status CheckLent(ForcedEnd how, const wsp::v1::Socket& socket) {
  const bool stream =
      socket.protocol() == IPPROTO_TCP || socket.protocol() == IPPROTO_MPTCP;
  if (how == ForcedEnd::kReset || !stream) return absl::OkStatus();
  if (socket.state() == wsp::v1::SOCKET_STATE_LISTENING ||
      socket.state() == wsp::v1::SOCKET_STATE_CONNECTING) {
    return absl::OkStatus();
  }
  if (socket.state() == wsp::v1::SOCKET_STATE_OPEN ||
      socket.state() == wsp::v1::SOCKET_STATE_BOUND) {
    return StatusOf(how, ENOTCONN);
  }
  return ConnectionSparedError();
}

}  // namespace

int Registry::EndOpen(const wsp::v1::Socket& socket, ForcedEnd how) {
  for (const auto& client : clients()) {
    if (client->id() != socket.client_id()) continue;
    for (const auto& attachment : client->attachments()) {
      const auto descriptor = attachment->FindSocket(socket.socket_id());
      if (descriptor != nullptr) return descriptor->socket()->End(how);
    }
  }
  return EBADF;
}

absl::Status Registry::EndListed(const wsp::v1::Socket& socket, ForcedEnd how) {
  if (socket.plane() == wsp::v1::PLANE_RELAYED) {
    const auto relayed =
        environment_->relayed_sockets()->Find(socket.socket_id());
    return StatusOf(how, relayed == nullptr ? EBADF : relayed->End(how));
  }
  const int error = EndOpen(socket, how);
  if (error != EBADF) return StatusOf(how, error);
  // Closed, or waiting for its close to end.
  if (how == ForcedEnd::kOrderly &&
      socket.state() == wsp::v1::SOCKET_STATE_LINGERING) {
    return StatusOf(how, EALREADY);
  }
  if (lingerer_->Reset(socket.client_id(), socket.socket_id())) {
    return absl::OkStatus();
  }
  LentSockets* const lent = environment_->lent_sockets();
  if (socket.plane() != wsp::v1::PLANE_LENT || lent == nullptr) {
    return StatusOf(how, EBADF);
  }
  if (!socket.has_local()) return StatusOf(how, ENOTCONN);
  const absl::Status possible = CheckLent(how, socket);
  if (!possible.ok()) return possible;
  return lent->End(how, FamilyOf(socket), socket.protocol(), socket.cookie());
}

absl::StatusOr<wsp::v1::Socket> Registry::EndSocket(
    const SocketSelector& selector, ForcedEnd how) {
  InventoryFilter filter;
  filter.client_id = selector.client_id;
  std::vector<wsp::v1::Socket> found;
  for (wsp::v1::Socket& socket : ListSockets(filter)) {
    if (selector.Matches(socket)) found.push_back(std::move(socket));
  }
  if (found.empty()) {
    return absl::NotFoundError(
        "there is no such socket; ListSockets (wspctl sockets) has those that "
        "there are");
  }
  if (found.size() > 1) return SeveralError(std::move(found));
  const absl::Status status = EndListed(found[0], how);
  if (!status.ok()) return status;
  return std::move(found[0]);
}

}  // namespace wspd
