#include "daemon/wspctl/top_view.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "daemon/base/escape.h"
#include "daemon/wspctl/field_table.h"
#include "daemon/wspctl/json.h"
#include "daemon/wspctl/socket_table.h"
#include "daemon/wspctl/value_text.h"

namespace wspd {
namespace {

using ::wsp::v1::Client;
using ::wsp::v1::Socket;
using Value = absl::optional<double>;

constexpr char kUp[] = "\x1b[A";
constexpr char kDown[] = "\x1b[B";
constexpr char kPageUp[] = "\x1b[5~";
constexpr char kPageDown[] = "\x1b[6~";
constexpr char kHome[] = "\x1b[H";
constexpr char kEnd[] = "\x1b[F";

constexpr int kHeadingLines = 4;

// A letter for each of TopKey.
constexpr char kKeyLetters[] = "SRONPAI";

std::string RateText(const Value& rate) {
  return rate ? FormatQuantity(*rate) : kNothing;
}

std::string RateJson(const Value& rate) {
  return rate ? absl::StrCat(*rate) : "null";
}

// How long ago it was, for sorting.
Value AgeValue(int64_t unix_ns, absl::Time now) {
  if (unix_ns == 0) return absl::nullopt;
  return absl::ToDoubleSeconds(now - absl::FromUnixNanos(unix_ns));
}

std::string WithoutBrace(std::string json) {
  json.pop_back();
  return json;
}

bool Has(const Row& row, const std::string& text) {
  return std::any_of(row.begin(), row.end(), [&text](const Cell& cell) {
    return absl::StrContains(absl::AsciiStrToLower(cell.text), text);
  });
}

Cell CellOf(const char* field, const Socket& socket, const CellView& view) {
  return SocketTable().Find(field)->cell(socket, view);
}

Column ColumnOf(const char* field) { return SocketTable().Find(field)->column; }

// What a client's sockets come to.
struct Sum {
  TopRates rates;
  uint64_t sent = 0;
  uint64_t received = 0;
  int64_t active_at_ns = 0;  // the last time; 0: not known
};

const char kHelp[] = R"(
  c, s, Tab      clients, sockets
  S R O N P A I  sort by bytes sent, bytes received, operations, sockets,
                 pending calls, age, idle time
  < >            sort by the column before, behind
  r              sort the other way round
  /              show only rows that have a text; Enter ends it, Escape takes
                 it off
  Up, Down, Page Up, Page Down, Home, End
                 scroll; also k, j, b, space, g, G
  q              end

  Rates are a second's, between the last two looks: bytes, and sends and
  receives. What the daemon can't know is "-": of lent sockets only TCP's bytes
  are counted, of relayed streams no operations.
)";

}  // namespace

const std::vector<absl::string_view>& TopKeyNames() {
  static const auto* const names = new std::vector<absl::string_view>{
      "sent", "received", "ops", "sockets", "pending", "age", "idle"};
  return *names;
}

// ------------------------------------------------------------------ entries

void TopView::Show(TopSample sample) {
  before_ = std::move(sample_);
  sample_ = std::move(sample);
  problem_.clear();
  Rebuild();
}

void TopView::Rebuild() {
  if (!sample_) return;
  if (names_ != nullptr) {
    // Those that aren't known yet are there the next time.
    std::vector<const wsp::v1::SocketAddress*> addresses;
    for (const Socket& socket : sample_->sockets) {
      FindSocketNames(socket, &addresses);
    }
    names_->Find(addresses, absl::ZeroDuration());
  }
  const TopDifference difference(before_ ? &*before_ : nullptr, *sample_);
  calls_ = difference.calls();
  sum_ = {};
  for (const Socket& socket : sample_->sockets) sum_.Add(difference.Of(socket));
  entries_ = choice_.kind == Kind::kClients ? ClientEntries() : SocketEntries();
}

std::vector<TopView::Entry> TopView::ClientEntries() const {
  const TopDifference difference(before_ ? &*before_ : nullptr, *sample_);
  std::map<uint64_t, Sum> sums;
  for (const Socket& socket : sample_->sockets) {
    Sum& sum = sums[socket.client_id()];
    sum.rates.Add(difference.Of(socket));
    sum.sent += socket.bytes_sent();
    sum.received += socket.bytes_received();
    sum.active_at_ns = std::max(sum.active_at_ns, socket.active_at_ns());
  }
  std::vector<Entry> entries;
  for (const Client& client : sample_->clients) {
    Entry& entry = entries.emplace_back();
    const Sum& sum = sums[client.client_id()];
    entry.rates = sum.rates;
    // Without sockets it does nothing.
    if (client.sockets() == 0 && before_) entry.rates.Add({0.0, 0.0, 0.0});
    const absl::Time now = sample_->at;
    const int64_t active_at_ns =
        std::max(client.last_call_at_ns(), sum.active_at_ns);
    entry.row = {
        client.pid() == 0 ? kNothing : absl::StrCat(client.pid()),
        names_ == nullptr ? absl::StrCat(client.uid())
                          : names_->User(client.uid()),
        absl::StrCat(client.sockets()),
        absl::StrCat(client.pending_calls()),
        RateText(entry.rates.sent),
        RateText(entry.rates.received),
        RateText(entry.rates.operations),
        FormatQuantity(static_cast<double>(sum.sent)),
        FormatQuantity(static_cast<double>(sum.received)),
        AgeSince(client.attached_at_ns(), now),
        AgeSince(active_at_ns, now),
        CommandText(client),
    };
    entry.values = {
        entry.rates.sent,           entry.rates.received,
        entry.rates.operations,     client.sockets(),
        client.pending_calls(),     AgeValue(client.attached_at_ns(), now),
        AgeValue(active_at_ns, now)};
    entry.json = WithoutBrace(ToJson(client));
  }
  return entries;
}

std::vector<TopView::Entry> TopView::SocketEntries() const {
  const TopDifference difference(before_ ? &*before_ : nullptr, *sample_);
  std::vector<Entry> entries;
  entries.reserve(sample_->sockets.size());
  const absl::Time now = sample_->at;
  const CellView view(now, names_);
  for (const Socket& socket : sample_->sockets) {
    Entry& entry = entries.emplace_back();
    entry.rates = difference.Of(socket);
    entry.row = {
        CellOf("pid", socket, view),
        CellOf("plane", socket, view),
        CellOf("protocol", socket, view),
        CellOf("state", socket, view),
        CellOf("local", socket, view),
        CellOf("peer", socket, view),
        RateText(entry.rates.sent),
        RateText(entry.rates.received),
        RateText(entry.rates.operations),
        CellOf("pending_calls", socket, view),
        CellOf("opened_at_ns", socket, view),
        CellOf("active_at_ns", socket, view),
        socket.bytes_unknown()
            ? kNothing
            : FormatQuantity(static_cast<double>(socket.bytes_sent())),
        socket.bytes_unknown()
            ? kNothing
            : FormatQuantity(static_cast<double>(socket.bytes_received())),
        CellOf("socket_id", socket, view),
    };
    entry.values = {entry.rates.sent,
                    entry.rates.received,
                    entry.rates.operations,
                    absl::nullopt,
                    socket.pending_calls(),
                    AgeValue(socket.opened_at_ns(), now),
                    AgeValue(socket.active_at_ns(), now)};
    entry.json = WithoutBrace(ToJson(socket));
  }
  return entries;
}

std::vector<Column> TopView::Columns() const {
  if (choice_.kind == Kind::kClients) {
    return {{"PID", true},     {"UID", true},    {"SOCKETS", true},
            {"PENDING", true}, {"SENT/s", true}, {"RECV/s", true},
            {"OPS/s", true},   {"SENT", true},   {"RECEIVED", true},
            {"AGE", true},     {"IDLE", true},   {"COMMAND", false, true}};
  }
  return {ColumnOf("pid"),
          ColumnOf("plane"),
          ColumnOf("protocol"),
          ColumnOf("state"),
          ColumnOf("local"),
          ColumnOf("peer"),
          ColumnOf("pending_calls"),
          {"SENT/s", true},
          {"RECV/s", true},
          {"OPS/s", true},
          {"SENT", true},
          {"RECEIVED", true},
          ColumnOf("opened_at_ns"),
          ColumnOf("active_at_ns"),
          ColumnOf("socket_id")};
}

std::vector<const TopView::Entry*> TopView::Chosen() const {
  const std::string filter = absl::AsciiStrToLower(choice_.filter);
  std::vector<const Entry*> chosen;
  for (const Entry& entry : entries_) {
    if (filter.empty() || Has(entry.row, filter)) chosen.push_back(&entry);
  }
  const auto key = static_cast<size_t>(choice_.key);
  // Stable, so that rows that are alike stay where they are.
  std::stable_sort(chosen.begin(), chosen.end(),
                   [this, key](const Entry* a, const Entry* b) {
                     const Value& x = a->values[key];
                     const Value& y = b->values[key];
                     if (!x || !y) return x.has_value() && !y.has_value();
                     return choice_.reversed ? *x < *y : *x > *y;
                   });
  return chosen;
}

// ------------------------------------------------------------------- output

std::vector<std::string> TopView::Heading(TextStyle style) const {
  const auto& info = sample_->info;
  const auto cut = [&style](const std::string& line) {
    return style.width > 0 ? Shorten(line, static_cast<size_t>(style.width))
                           : line;
  };
  std::vector<std::string> lines;
  lines.push_back(cut(
      absl::StrCat("wspd ", Escape(info.version()), ", pid ", info.pid(),
                   ", up ", AgeSince(info.started_at_ns(), sample_->at),
                   "; clients: ", info.clients(), ", sockets: ", info.sockets(),
                   ", lingering: ", info.lingering_sockets())));
  lines.push_back(cut(absl::StrCat("a second: ", RateText(sum_.sent),
                                   " bytes sent, ", RateText(sum_.received),
                                   " received, ", RateText(calls_), " calls")));
  std::string line =
      absl::StrCat(choice_.kind == Kind::kClients ? "clients" : "sockets",
                   " by ", TopKeyNames()[static_cast<size_t>(choice_.key)],
                   choice_.reversed ? ", least first" : "");
  if (!choice_.filter.empty() || typing_filter_) {
    absl::StrAppend(&line, ", with \"", Escape(choice_.filter),
                    typing_filter_ ? "_" : "", "\"");
  }
  line = cut(line);
  lines.push_back(style.Paint(line, Color::kCyan));
  if (!problem_.empty()) {
    lines.back() = style.Paint(cut(problem_), Color::kRed);
  }
  return lines;
}

std::string TopView::Footer(TextStyle style) const {
  const std::string text = typing_filter_ ? "Enter: filter  Escape: all"
                                          : "q end  c clients  s sockets  < > "
                                            "sort  r reverse  / filter  ? help";
  return style.Paint(Shorten(text, static_cast<size_t>(style.width)),
                     Color::kDim);
}

std::vector<std::string> TopView::Screen(TerminalSize size, bool color) {
  const TextStyle style = {size.columns, color};
  if (!sample_) return {};
  std::vector<std::string> lines = Heading(style);
  lines.emplace_back();
  const int body = std::max(size.rows - kHeadingLines - 1, 1);
  page_ = std::max(body - 1, 1);
  if (showing_help_) {
    for (const absl::string_view line : absl::StrSplit(kHelp, '\n')) {
      lines.push_back(
          Shorten(std::string(line), static_cast<size_t>(size.columns)));
    }
  } else {
    const std::vector<const Entry*> chosen = Chosen();
    const int count = static_cast<int>(chosen.size());
    first_ = std::max(std::min(first_, count - page_), 0);
    std::vector<Row> rows;
    for (int i = first_; i < std::min(first_ + page_, count); ++i) {
      rows.push_back(chosen[i]->row);
    }
    const std::string text = Table(Columns(), style).Format(rows);
    for (const absl::string_view line :
         absl::StrSplit(text, '\n', absl::SkipEmpty())) {
      lines.emplace_back(line);
    }
  }
  lines.resize(std::max(size.rows - 1, 1));
  lines.push_back(Footer(style));
  return lines;
}

std::string TopView::Text(TextStyle style) const {
  std::vector<Row> rows;
  for (const Entry* entry : Chosen()) rows.push_back(entry->row);
  return absl::StrCat(absl::StrJoin(Heading(style), "\n"), "\n\n",
                      Table(Columns(), style).Format(rows));
}

std::string TopView::Json() const {
  std::string text;
  for (const Entry* entry : Chosen()) {
    absl::StrAppend(
        &text, entry->json,
        ",\"sent_per_second\":", RateJson(entry->rates.sent),
        ",\"received_per_second\":", RateJson(entry->rates.received),
        ",\"operations_per_second\":", RateJson(entry->rates.operations),
        "}\n");
  }
  return text;
}

// --------------------------------------------------------------------- keys

void TopView::Scroll(int rows) {
  // The end is known when it is drawn.
  first_ = std::max(first_ + rows, 0);
}

void TopView::HandleFilterKey(absl::string_view key) {
  if (key == "\r" || key == "\n") {
    typing_filter_ = false;
  } else if (key == "\x1b") {
    typing_filter_ = false;
    choice_.filter.clear();
  } else if (key == "\x7f" || key == "\b") {
    if (!choice_.filter.empty()) choice_.filter.pop_back();
  } else if (key.size() == 1 && absl::ascii_isprint(key[0])) {
    absl::StrAppend(&choice_.filter, key);
  }
}

bool TopView::HandleKey(absl::string_view key) {
  if (typing_filter_) {
    HandleFilterKey(key);
    return true;
  }
  if (showing_help_) {
    showing_help_ = false;
    return true;
  }
  if (key == "q") return false;
  const Kind kind = choice_.kind;
  constexpr int kKeys = sizeof(kKeyLetters) - 1;
  if (key == "c") {
    choice_.kind = Kind::kClients;
  } else if (key == "s") {
    choice_.kind = Kind::kSockets;
  } else if (key == "\t") {
    choice_.kind = kind == Kind::kClients ? Kind::kSockets : Kind::kClients;
  } else if (key == "r") {
    choice_.reversed = !choice_.reversed;
  } else if (key == "<" || key == ">") {
    const int step = key == "<" ? kKeys - 1 : 1;
    choice_.key =
        static_cast<TopKey>((static_cast<int>(choice_.key) + step) % kKeys);
  } else if (key == "/") {
    typing_filter_ = true;
  } else if (key == "?" || key == "h") {
    showing_help_ = true;
  } else if (key == "\x1b") {
    choice_.filter.clear();
  } else if (key == kUp || key == "k") {
    Scroll(-1);
  } else if (key == kDown || key == "j") {
    Scroll(1);
  } else if (key == kPageUp || key == "b") {
    Scroll(-page_);
  } else if (key == kPageDown || key == " ") {
    Scroll(page_);
  } else if (key == kHome || key == "g") {
    first_ = 0;
  } else if (key == kEnd || key == "G") {
    Scroll(static_cast<int>(entries_.size()));
  } else if (key.size() == 1) {
    const size_t at = absl::string_view(kKeyLetters).find(key[0]);
    if (at != absl::string_view::npos) choice_.key = static_cast<TopKey>(at);
  }
  if (choice_.kind != kind) {
    first_ = 0;
    Rebuild();
  }
  return true;
}

}  // namespace wspd
