#include "daemon/wspctl/table.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace wspd {
namespace {

constexpr absl::string_view kEllipsis = "...";
constexpr size_t kGap = 2;
// What a column that shrinks keeps: an IPv4 address and port.
constexpr size_t kLeastWidth = 21;
// With less than that a column is left out.
constexpr size_t kLeastRest = 4;

}  // namespace

std::string Shorten(const std::string& text, size_t width) {
  if (text.size() <= width) return text;
  if (width <= kEllipsis.size()) return text.substr(0, width);
  return absl::StrCat(text.substr(0, width - kEllipsis.size()), kEllipsis);
}

std::vector<size_t> Table::Fit() const {
  std::vector<size_t> widths = needed_;
  if (style_.width <= 0) return widths;
  const size_t room = static_cast<size_t>(style_.width);
  size_t sum = 0;
  for (const size_t width : widths) sum += width + kGap;
  sum -= std::min(sum, kGap);
  while (sum > room) {
    size_t* widest = nullptr;
    for (size_t c = 0; c < widths.size(); ++c) {
      if (!columns_[c].shrinks || widths[c] <= kLeastWidth) continue;
      if (widest == nullptr || widths[c] > *widest) widest = &widths[c];
    }
    if (widest == nullptr) break;
    --*widest;
    --sum;
  }
  size_t used = 0;
  for (size_t& width : widths) {
    const size_t rest = room - std::min(room, used);
    if (width > rest) width = rest < kLeastRest ? 0 : rest;
    used = width == 0 ? room : used + width + kGap;
  }
  return widths;
}

std::string Table::Line(const Row& row,
                        const std::vector<size_t>& widths) const {
  std::string line;
  for (size_t c = 0; c < row.size() && c < widths.size(); ++c) {
    if (widths[c] == 0) break;
    const std::string text = Shorten(row[c].text, widths[c]);
    const std::string padding(widths[c] - text.size(), ' ');
    const bool last = c + 1 == row.size() || widths[c + 1] == 0;
    absl::StrAppend(&line, c == 0 ? "" : std::string(kGap, ' '),
                    columns_[c].right ? padding : "",
                    style_.Paint(text, row[c].color),
                    columns_[c].right || last ? "" : padding);
  }
  absl::StripTrailingAsciiWhitespace(&line);
  return line + "\n";
}

std::string Table::Format(const std::vector<Row>& rows) {
  const bool first = needed_.empty();
  if (first) {
    for (const Column& column : columns_) {
      needed_.push_back(column.heading.size());
    }
  }
  for (const Row& row : rows) {
    for (size_t c = 0; c < row.size() && c < needed_.size(); ++c) {
      needed_[c] = std::max(needed_[c], row[c].text.size());
    }
  }
  const std::vector<size_t> widths = Fit();
  std::string text;
  if (first) {
    Row heading;
    for (const Column& column : columns_) {
      heading.emplace_back(column.heading, Color::kBold);
    }
    text = Line(heading, widths);
  }
  for (const Row& row : rows) absl::StrAppend(&text, Line(row, widths));
  return text;
}

}  // namespace wspd
