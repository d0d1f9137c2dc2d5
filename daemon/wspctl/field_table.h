#ifndef WSPD_DAEMON_WSPCTL_FIELD_TABLE_H_
#define WSPD_DAEMON_WSPCTL_FIELD_TABLE_H_

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "daemon/base/steady_time.h"
#include "daemon/wspctl/daemon_address.h"
#include "daemon/wspctl/json.h"
#include "daemon/wspctl/names.h"
#include "daemon/wspctl/table.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/repeated_field.h"
#include "proto/wsp/v1/types.pb.h"

namespace wspd {

// What cells depend on beside their entry.
struct CellView {
  // NOLINTNEXTLINE(google-explicit-constructor): mostly it is all there is.
  CellView(absl::Time its_now, Names* its_names = nullptr)
      : now(its_now), names(its_names) {}

  absl::Time now;
  // Null: numbers are shown.
  Names* names;
};

inline std::string UserText(uint32_t uid, const CellView& view) {
  return view.names == nullptr ? absl::StrCat(uid) : view.names->User(uid);
}

// A column of a listing: a field of its entries as people read it.
template <typename Entry>
struct FieldColumn {
  // Of the field that it shows.
  const char* field;
  Column column;
  // Fields that it needs beside that.
  std::vector<const char*> also;
  Cell (*cell)(const Entry& entry, const CellView& view);
  // Whether an entry has anything to show. By default a table has the column
  // from the first page on that has such an entry; null: always.
  bool (*is_there)(const Entry& entry) = nullptr;
};

// How a listing is shown, which comes in pages.
template <typename Page, typename Entry>
struct FieldTable {
  // One for every field that it makes sense to show alone; first those of the
  // default table, in its order.
  std::vector<FieldColumn<Entry>> columns;
  // The last of the default table.
  absl::string_view last_by_default;
  const google::protobuf::RepeatedPtrField<Entry>& (Page::*entries)() const;
  // The addresses of an entry that may have names; null: there are none.
  void (*find_names)(const Entry& entry,
                     std::vector<const wsp::v1::SocketAddress*>* addresses) =
      nullptr;

  // Null if there is none.
  const FieldColumn<Entry>* Find(absl::string_view field) const {
    for (const FieldColumn<Entry>& column : columns) {
      if (field == column.field) return &column;
    }
    return nullptr;
  }
};

// A listing's entries as they come, page by page, in text or in JSON. Shows the
// fields that are asked for; without any, those that are most asked for in a
// table, and all in JSON. `endpoints`: which daemon has an entry is shown
// first.
template <typename Page, typename Entry>
class FieldPrinter {
 public:
  // Without fields that are asked for. `table` has to stay.
  FieldPrinter(const FieldTable<Page, Entry>& table, bool json, TextStyle style,
               bool endpoints = false)
      : FieldPrinter(table, DefaultColumns(table), json, style, endpoints) {
    if (json) return;
    AskForColumns();
    HideColumns();
  }

  // INVALID_ARGUMENT with a line for the user if there is no such field.
  static absl::StatusOr<FieldPrinter> Create(
      const FieldTable<Page, Entry>& table,
      const std::vector<std::string>& fields, bool json, TextStyle style,
      bool endpoints = false);

  // Which fields the daemon is to be asked for; none: all.
  const std::vector<std::string>& needed_fields() const { return needed_; }

  // Whole lines. A table has a heading at the first time, and again where a
  // column is added. Names are waited for, as long as somebody would who has
  // asked for them: 2 s for all pages.
  std::string Format(const Page& page, const CellView& view,
                     const std::string& endpoint = "");

 private:
  using Columns = std::vector<const FieldColumn<Entry>*>;

  FieldPrinter(const FieldTable<Page, Entry>& table, Columns columns, bool json,
               TextStyle style, bool endpoints)
      : fields_of_(&table),
        json_(json),
        endpoints_(endpoints),
        style_(style),
        columns_(std::move(columns)) {}

  static Columns DefaultColumns(const FieldTable<Page, Entry>& table);

  void AskForColumns();
  // Those that aren't in the table until ShowColumns() finds something to show.
  void HideColumns();
  void ShowColumns(const Page& page);
  std::vector<Column> Headings() const;
  std::string FormatJson(const Page& page, const std::string& endpoint) const;
  void FindNames(const Page& page, Names* names);

  const FieldTable<Page, Entry>* fields_of_;
  bool json_;
  bool endpoints_;
  TextStyle style_;
  std::vector<std::string> needed_;
  Columns columns_;
  Columns hidden_;
  // Of JSON; none: all.
  std::vector<const google::protobuf::FieldDescriptor*> json_fields_;
  // None before its heading.
  absl::optional<Table> table_;
  // How long names are still waited for.
  absl::Duration names_wait_ = absl::Seconds(2);
};

// ------------------------------------------------------------ implementation

template <typename Page, typename Entry>
absl::StatusOr<FieldPrinter<Page, Entry>> FieldPrinter<Page, Entry>::Create(
    const FieldTable<Page, Entry>& table,
    const std::vector<std::string>& fields, bool json, TextStyle style,
    bool endpoints) {
  if (fields.empty()) return FieldPrinter(table, json, style, endpoints);
  Columns columns;
  for (const std::string& field : fields) {
    const FieldColumn<Entry>* const column = table.Find(field);
    if (column == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(
          "there is no field \"", field, "\"; there are ",
          absl::StrJoin(table.columns, ", ",
                        [](std::string* out, const FieldColumn<Entry>& one) {
                          *out += one.field;
                        })));
    }
    columns.push_back(column);
  }
  FieldPrinter printer(table, std::move(columns), json, style, endpoints);
  printer.AskForColumns();
  if (json) {
    for (const FieldColumn<Entry>* column : printer.columns_) {
      printer.json_fields_.push_back(
          Entry::descriptor()->FindFieldByName(column->field));
    }
  }
  return printer;
}

template <typename Page, typename Entry>
void FieldPrinter<Page, Entry>::AskForColumns() {
  std::set<std::string> needed;
  for (const FieldColumn<Entry>* column : columns_) {
    needed.insert(column->field);
    if (!json_) needed.insert(column->also.begin(), column->also.end());
  }
  needed_.assign(needed.begin(), needed.end());
}

template <typename Page, typename Entry>
typename FieldPrinter<Page, Entry>::Columns
FieldPrinter<Page, Entry>::DefaultColumns(
    const FieldTable<Page, Entry>& table) {
  Columns chosen;
  for (const FieldColumn<Entry>& column : table.columns) {
    chosen.push_back(&column);
    if (column.field == table.last_by_default) break;
  }
  return chosen;
}

template <typename Page, typename Entry>
void FieldPrinter<Page, Entry>::HideColumns() {
  const auto hidden = std::stable_partition(
      columns_.begin(), columns_.end(),
      [](const FieldColumn<Entry>* column) { return !column->is_there; });
  hidden_.assign(hidden, columns_.end());
  columns_.erase(hidden, columns_.end());
}

template <typename Page, typename Entry>
void FieldPrinter<Page, Entry>::ShowColumns(const Page& page) {
  const auto& entries = (page.*fields_of_->entries)();
  const auto shown =
      std::remove_if(hidden_.begin(), hidden_.end(),
                     [&entries](const FieldColumn<Entry>* column) {
                       return absl::c_any_of(entries, column->is_there);
                     });
  if (shown == hidden_.end()) return;
  hidden_.erase(shown, hidden_.end());
  // In their places.
  columns_.clear();
  for (const FieldColumn<Entry>* column : DefaultColumns(*fields_of_)) {
    if (!absl::c_linear_search(hidden_, column)) columns_.push_back(column);
  }
  table_.reset();
}

template <typename Page, typename Entry>
std::vector<Column> FieldPrinter<Page, Entry>::Headings() const {
  std::vector<Column> headings;
  if (endpoints_) headings.push_back({"ENDPOINT"});
  for (const FieldColumn<Entry>* column : columns_) {
    headings.push_back(column->column);
  }
  return headings;
}

template <typename Page, typename Entry>
std::string FieldPrinter<Page, Entry>::Format(const Page& page,
                                              const CellView& view,
                                              const std::string& endpoint) {
  if (json_) return FormatJson(page, endpoint);
  if (view.names != nullptr) FindNames(page, view.names);
  ShowColumns(page);
  if (!table_) table_.emplace(Headings(), style_);
  std::vector<Row> rows;
  for (const Entry& entry : (page.*fields_of_->entries)()) {
    Row& row = rows.emplace_back();
    if (endpoints_) row.emplace_back(endpoint);
    for (const FieldColumn<Entry>* column : columns_) {
      row.push_back(column->cell(entry, view));
    }
  }
  return table_->Format(rows);
}

template <typename Page, typename Entry>
std::string FieldPrinter<Page, Entry>::FormatJson(
    const Page& page, const std::string& endpoint) const {
  std::string text;
  for (const Entry& entry : (page.*fields_of_->entries)()) {
    absl::StrAppend(
        &text,
        WithEndpoint(
            json_fields_.empty() ? ToJson(entry) : ToJson(entry, json_fields_),
            endpoint),
        "\n");
  }
  return text;
}

template <typename Page, typename Entry>
void FieldPrinter<Page, Entry>::FindNames(const Page& page, Names* names) {
  if (fields_of_->find_names == nullptr) return;
  std::vector<const wsp::v1::SocketAddress*> addresses;
  for (const Entry& entry : (page.*fields_of_->entries)()) {
    fields_of_->find_names(entry, &addresses);
  }
  const absl::Duration begin = SteadyTime();
  names->Find(addresses, names_wait_);
  names_wait_ =
      std::max(absl::ZeroDuration(), names_wait_ - (SteadyTime() - begin));
}

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_FIELD_TABLE_H_
