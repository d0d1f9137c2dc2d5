#include "daemon/wspctl/socket_table.h"

#include <string.h>

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "daemon/base/steady_time.h"
#include "daemon/wspctl/address_text.h"
#include "daemon/wspctl/daemon_address.h"
#include "daemon/wspctl/json.h"
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
                        const SocketView& view) {
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

// In the order of the default table, and then what is shown on demand.
const std::vector<SocketColumn>& Columns() {
  static const auto* const columns = new std::vector<SocketColumn>{
      {"client_id",
       {"CLIENT", true},
       {},
       [](const Socket& socket, const SocketView&) {
         return Cell(absl::StrCat(socket.client_id()));
       }},
      {"pid",
       {"PID", true},
       {},
       [](const Socket& socket, const SocketView&) {
         return Cell(socket.pid() == 0 ? kNothing : absl::StrCat(socket.pid()));
       }},
      {"uid",
       {"UID", true},
       {},
       [](const Socket& socket, const SocketView& view) {
         return Cell(view.names == nullptr ? absl::StrCat(socket.uid())
                                           : view.names->User(socket.uid()));
       }},
      {"socket_id",
       {"SOCKET"},
       {"cookie"},
       [](const Socket& socket, const SocketView&) {
         return Cell(SocketNumber(socket));
       }},
      {"plane",
       {"PLANE"},
       {},
       [](const Socket& socket, const SocketView&) {
         return Cell(PlaneName(socket.plane()));
       }},
      {"protocol",
       {"PROTO"},
       {},
       [](const Socket& socket, const SocketView&) {
         return Cell(ProtocolName(socket.protocol()));
       }},
      {"state",
       {"STATE"},
       {},
       [](const Socket& socket, const SocketView&) {
         return Cell(StateName(socket.state()), ColorOf(socket.state()));
       }},
      {"local",
       {"LOCAL", false, true},
       {"protocol"},
       [](const Socket& socket, const SocketView& view) {
         return Cell(AddressText(socket, socket.local(), view));
       }},
      {"peer",
       {"PEER", false, true},
       {"protocol"},
       [](const Socket& socket, const SocketView& view) {
         return Cell(AddressText(socket, socket.peer(), view));
       }},
      {"pending_calls",
       {"PENDING", true},
       {},
       [](const Socket& socket, const SocketView&) {
         return Cell(absl::StrCat(socket.pending_calls()));
       }},
      {"bytes_sent",
       {"SENT", true},
       {"bytes_unknown"},
       [](const Socket& socket, const SocketView&) {
         return Cell(ByteCount(socket, socket.bytes_sent()));
       }},
      {"bytes_received",
       {"RECEIVED", true},
       {"bytes_unknown"},
       [](const Socket& socket, const SocketView&) {
         return Cell(ByteCount(socket, socket.bytes_received()));
       }},
      {"opened_at_ns",
       {"AGE", true},
       {},
       [](const Socket& socket, const SocketView& view) {
         return Cell(AgeSince(socket.opened_at_ns(), view.now));
       }},
      {"active_at_ns",
       {"IDLE", true},
       {},
       [](const Socket& socket, const SocketView& view) {
         return Cell(AgeSince(socket.active_at_ns(), view.now));
       }},
      // By default not in the table.
      {"cookie",
       {"COOKIE"},
       {},
       [](const Socket& socket, const SocketView&) {
         return Cell(Cookie(socket.cookie()));
       }},
      {"datagrams_dropped",
       {"DROPPED", true},
       {},
       [](const Socket& socket, const SocketView&) {
         return Cell(absl::StrCat(socket.datagrams_dropped()));
       }},
      {"listener_cookie",
       {"LISTENER"},
       {},
       [](const Socket& socket, const SocketView&) {
         return Cell(Cookie(socket.listener_cookie()));
       }},
      {"sends",
       {"SENDS", true},
       {"operations_unknown"},
       [](const Socket& socket, const SocketView&) {
         return Cell(OperationCount(socket, socket.sends()));
       }},
      {"receives",
       {"RECEIVES", true},
       {"operations_unknown"},
       [](const Socket& socket, const SocketView&) {
         return Cell(OperationCount(socket, socket.receives()));
       }},
      {"last_errno",
       {"ERROR"},
       {},
       [](const Socket& socket, const SocketView&) {
         return Cell(ErrorName(socket.last_errno()), Color::kRed);
       }},
      {"tcp",
       {"TCP"},
       {},
       [](const Socket& socket, const SocketView&) {
         return Cell(TcpText(socket));
       }},
      {"operations_unknown",
       {"CALLS COUNTED"},
       {},
       [](const Socket& socket, const SocketView&) {
         return Cell(socket.operations_unknown() ? "no" : "yes");
       }},
      {"bytes_unknown",
       {"COUNTED"},
       {},
       [](const Socket& socket, const SocketView&) {
         return Cell(socket.bytes_unknown() ? "no" : "yes");
       }},
  };
  return *columns;
}

// The last of the default table.
constexpr char kLastByDefault[] = "active_at_ns";

std::vector<const SocketColumn*> DefaultColumns() {
  std::vector<const SocketColumn*> chosen;
  for (const SocketColumn& column : Columns()) {
    chosen.push_back(&column);
    if (absl::string_view(column.field) == kLastByDefault) break;
  }
  return chosen;
}

std::vector<Column> HeadingsOf(const std::vector<const SocketColumn*>& chosen,
                               bool endpoints) {
  std::vector<Column> headings;
  if (endpoints) headings.push_back({"ENDPOINT"});
  for (const SocketColumn* column : chosen) headings.push_back(column->column);
  return headings;
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

const SocketColumn* FindSocketColumn(absl::string_view field) {
  for (const SocketColumn& column : Columns()) {
    if (field == column.field) return &column;
  }
  return nullptr;
}

SocketPrinter::SocketPrinter(std::vector<const SocketColumn*> columns,
                             bool json, TextStyle style, bool endpoints)
    : json_(json),
      endpoints_(endpoints),
      columns_(std::move(columns)),
      table_(HeadingsOf(columns_, endpoints), style) {}

absl::StatusOr<SocketPrinter> SocketPrinter::Create(
    const std::vector<std::string>& fields, bool json, TextStyle style,
    bool endpoints) {
  std::vector<const SocketColumn*> columns;
  for (const std::string& field : fields) {
    const SocketColumn* const column = FindSocketColumn(field);
    if (column == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(
          "there is no field \"", field, "\"; there are ",
          absl::StrJoin(Columns(), ", ",
                        [](std::string* out, const SocketColumn& one) {
                          *out += one.field;
                        })));
    }
    columns.push_back(column);
  }
  if (columns.empty()) columns = DefaultColumns();
  SocketPrinter printer(std::move(columns), json, style, endpoints);
  std::set<std::string> needed;
  for (const SocketColumn* column : printer.columns_) {
    needed.insert(column->field);
    if (!json) needed.insert(column->also.begin(), column->also.end());
    printer.fields_.push_back(
        Socket::descriptor()->FindFieldByName(column->field));
  }
  if (fields.empty() && json) {
    printer.fields_.clear();
  } else {
    printer.needed_.assign(needed.begin(), needed.end());
  }
  return printer;
}

std::string SocketPrinter::Format(const wsp::v1::ListSocketsResponse& page,
                                  const SocketView& view,
                                  const std::string& endpoint) {
  if (json_) {
    std::string text;
    for (const Socket& socket : page.sockets()) {
      absl::StrAppend(&text,
                      WithEndpoint(fields_.empty() ? ToJson(socket)
                                                   : ToJson(socket, fields_),
                                   endpoint),
                      "\n");
    }
    return text;
  }
  if (view.names != nullptr) {
    std::vector<const wsp::v1::SocketAddress*> addresses;
    for (const Socket& socket : page.sockets()) {
      FindSocketNames(socket, &addresses);
    }
    const absl::Duration begin = SteadyTime();
    view.names->Find(addresses, names_wait_);
    names_wait_ =
        std::max(absl::ZeroDuration(), names_wait_ - (SteadyTime() - begin));
  }
  std::vector<Row> rows;
  rows.reserve(page.sockets_size());
  for (const Socket& socket : page.sockets()) {
    Row& row = rows.emplace_back();
    if (endpoints_) row.emplace_back(endpoint);
    for (const SocketColumn* column : columns_) {
      row.push_back(column->cell(socket, view));
    }
  }
  return table_.Format(rows);
}

}  // namespace wspd
