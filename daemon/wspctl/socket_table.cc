#include "daemon/wspctl/socket_table.h"

#include <string.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/wspctl/address_text.h"
#include "daemon/wspctl/value_text.h"

namespace wspd {
namespace {

using ::wsp::v1::Socket;

Color ColorOf(wsp::v1::SocketState state) {
  switch (state) {
    case wsp::v1::SOCKET_STATE_CONNECTED:
      return Color::kGreen;
    case wsp::v1::SOCKET_STATE_LISTENING:
      return Color::kCyan;
    case wsp::v1::SOCKET_STATE_CONNECTING:
      return Color::kYellow;
    case wsp::v1::SOCKET_STATE_LINGERING:
    case wsp::v1::SOCKET_STATE_CLOSING:
      return Color::kDim;
    default:
      return Color::kPlain;
  }
}

std::string AddressText(const Socket& socket,
                        const wsp::v1::SocketAddress& address,
                        const CellView& view) {
  return view.names == nullptr
             ? FormatAddress(address)
             : view.names->Address(address, socket.protocol());
}

std::string ByteCount(const Socket& socket, uint64_t bytes) {
  return socket.bytes_unknown() ? kNothing : absl::StrCat(bytes);
}

std::string OperationCount(const Socket& socket, uint64_t count) {
  return socket.operations_unknown() ? kNothing : absl::StrCat(count);
}

std::string ErrorName(int number) {
  if (number == 0) return kNothing;
  const char* const name = strerrorname_np(number);
  return name == nullptr ? absl::StrCat(number) : name;
}

std::string TcpText(const Socket& socket) {
  if (!socket.has_tcp()) return kNothing;
  const wsp::v1::TcpInfo& tcp = socket.tcp();
  return absl::StrFormat("rtt=%.3fms cwnd=%u retrans=%u unacked=%u unsent=%u",
                         tcp.rtt_us() / 1000.0, tcp.congestion_window(),
                         tcp.retransmitted_total(), tcp.unacknowledged(),
                         tcp.unsent_bytes());
}

std::string Cookie(uint64_t cookie) {
  return cookie == 0 ? kNothing : absl::StrFormat("sk:%x", cookie);
}

std::vector<SocketColumn> Columns() {
  return {
      {"client_id",
       {"CLIENT", true},
       {},
       [](const Socket& socket, const CellView&) {
         return Cell(absl::StrCat(socket.client_id()));
       }},
      {"pid",
       {"PID", true},
       {},
       [](const Socket& socket, const CellView&) {
         return Cell(PidText(socket.pid()));
       }},
      {"uid",
       {"UID", true},
       {},
       [](const Socket& socket, const CellView& view) {
         return Cell(UserText(socket.uid(), view));
       }},
      {"socket_id",
       {"SOCKET"},
       {"cookie"},
       [](const Socket& socket, const CellView&) {
         return Cell(SocketNumber(socket));
       }},
      {"plane",
       {"PLANE"},
       {},
       [](const Socket& socket, const CellView&) {
         return Cell(PlaneName(socket.plane()));
       }},
      {"protocol",
       {"PROTO"},
       {},
       [](const Socket& socket, const CellView&) {
         return Cell(ProtocolName(socket.protocol()));
       }},
      {"state",
       {"STATE"},
       {},
       [](const Socket& socket, const CellView&) {
         return Cell(StateName(socket.state()), ColorOf(socket.state()));
       }},
      {"local",
       {"LOCAL", false, true},
       {"protocol"},
       [](const Socket& socket, const CellView& view) {
         return Cell(AddressText(socket, socket.local(), view));
       }},
      {"peer",
       {"PEER", false, true},
       {"protocol"},
       [](const Socket& socket, const CellView& view) {
         return Cell(AddressText(socket, socket.peer(), view));
       }},
      {"pending_calls",
       {"PENDING", true},
       {},
       [](const Socket& socket, const CellView&) {
         return Cell(absl::StrCat(socket.pending_calls()));
       }},
      {"bytes_sent",
       {"SENT", true},
       {"bytes_unknown"},
       [](const Socket& socket, const CellView&) {
         return Cell(ByteCount(socket, socket.bytes_sent()));
       }},
      {"bytes_received",
       {"RECEIVED", true},
       {"bytes_unknown"},
       [](const Socket& socket, const CellView&) {
         return Cell(ByteCount(socket, socket.bytes_received()));
       }},
      {"opened_at_ns",
       {"AGE", true},
       {},
       [](const Socket& socket, const CellView& view) {
         return Cell(AgeSince(socket.opened_at_ns(), view.now));
       }},
      {"active_at_ns",
       {"IDLE", true},
       {},
       [](const Socket& socket, const CellView& view) {
         return Cell(AgeSince(socket.active_at_ns(), view.now));
       }},
      // By default not in the table.
      {"cookie",
       {"COOKIE"},
       {},
       [](const Socket& socket, const CellView&) {
         return Cell(Cookie(socket.cookie()));
       }},
      {"datagrams_dropped",
       {"DROPPED", true},
       {},
       [](const Socket& socket, const CellView&) {
         return Cell(absl::StrCat(socket.datagrams_dropped()));
       }},
      {"listener_cookie",
       {"LISTENER"},
       {},
       [](const Socket& socket, const CellView&) {
         return Cell(Cookie(socket.listener_cookie()));
       }},
      {"sends",
       {"SENDS", true},
       {"operations_unknown"},
       [](const Socket& socket, const CellView&) {
         return Cell(OperationCount(socket, socket.sends()));
       }},
      {"receives",
       {"RECEIVES", true},
       {"operations_unknown"},
       [](const Socket& socket, const CellView&) {
         return Cell(OperationCount(socket, socket.receives()));
       }},
      {"last_errno",
       {"ERROR"},
       {},
       [](const Socket& socket, const CellView&) {
         return Cell(ErrorName(socket.last_errno()), Color::kRed);
       }},
      {"tcp",
       {"TCP"},
       {},
       [](const Socket& socket, const CellView&) {
         return Cell(TcpText(socket));
       }},
      {"operations_unknown",
       {"CALLS COUNTED"},
       {},
       [](const Socket& socket, const CellView&) {
         return Cell(socket.operations_unknown() ? "no" : "yes");
       }},
      {"bytes_unknown",
       {"COUNTED"},
       {},
       [](const Socket& socket, const CellView&) {
         return Cell(socket.bytes_unknown() ? "no" : "yes");
       }},
  };
}

}  // namespace

std::string SocketNumber(uint64_t socket_id, uint64_t cookie) {
  return socket_id != 0 || cookie == 0 ? absl::StrFormat("%016x", socket_id)
                                       : absl::StrFormat("sk:%x", cookie);
}

std::string SocketNumber(const Socket& socket) {
  return SocketNumber(socket.socket_id(), socket.cookie());
}

void FindSocketNames(const Socket& socket,
                     std::vector<const wsp::v1::SocketAddress*>* addresses) {
  addresses->push_back(&socket.local());
  addresses->push_back(&socket.peer());
}

const SocketFields& SocketTable() {
  static const auto* const table = new SocketFields{
      Columns(), "active_at_ns", &wsp::v1::ListSocketsResponse::sockets,
      &FindSocketNames};
  return *table;
}

}  // namespace wspd
