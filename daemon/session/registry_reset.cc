// Registry: resetting a socket for an administrator, of whichever plane.
#include <errno.h>
#include <netinet/in.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
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

absl::Status StatusOf(int error) {
  switch (error) {
    case 0:
      return absl::OkStatus();
    case EBADF:
      return absl::NotFoundError("it has ended");
    case ENOTCONN:
      return absl::FailedPreconditionError(
          "it is neither connected nor listening: there is nothing to reset");
    default:
      return absl::ErrnoToStatus(error, "connect(AF_UNSPEC)");
  }
}

int FamilyOf(const wsp::v1::Socket& socket) {
  return socket.local().has_ipv6() ? AF_INET6 : AF_INET;
}

}  // namespace

int Registry::ResetOpen(const wsp::v1::Socket& socket) {
  for (const auto& client : clients()) {
    if (client->id() != socket.client_id()) continue;
    for (const auto& attachment : client->attachments()) {
      const auto descriptor = attachment->FindSocket(socket.socket_id());
      if (descriptor != nullptr) return descriptor->socket()->Reset();
    }
  }
  return EBADF;
}

absl::Status Registry::ResetListed(const wsp::v1::Socket& socket) {
  if (socket.plane() == wsp::v1::PLANE_RELAYED) {
    const auto relayed =
        environment_->relayed_sockets()->Find(socket.socket_id());
    return StatusOf(relayed == nullptr ? EBADF : relayed->Reset());
  }
  const int error = ResetOpen(socket);
  if (error != EBADF) return StatusOf(error);
  // Closed, or waiting for its close to end.
  if (lingerer_->Reset(socket.client_id(), socket.socket_id())) {
    return absl::OkStatus();
  }
  LentSockets* const lent = environment_->lent_sockets();
  if (socket.plane() != wsp::v1::PLANE_LENT || lent == nullptr) {
    return StatusOf(EBADF);
  }
  if (!socket.has_local()) return StatusOf(ENOTCONN);
  return lent->Reset(FamilyOf(socket), socket.protocol(), socket.cookie());
}

absl::StatusOr<wsp::v1::Socket> Registry::ResetSocket(
    const SocketSelector& selector) {
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
  const absl::Status status = ResetListed(found[0]);
  if (!status.ok()) return status;
  return std::move(found[0]);
}

}  // namespace wspd
