#ifndef WSPD_DAEMON_WSPCTL_TABLE_H_
#define WSPD_DAEMON_WSPCTL_TABLE_H_

#include <string>
#include <utility>
#include <vector>

#include "daemon/wspctl/text_style.h"

namespace wspd {

struct Column {
  std::string heading;
  // Numbers, set to the right.
  bool right = false;
  // Cut before others are, down to a few characters.
  bool shrinks = false;
};

struct Cell {
  // NOLINTNEXTLINE(google-explicit-constructor): most cells are text only.
  Cell(std::string its_text, Color its_color = Color::kPlain)
      : text(std::move(its_text)), color(its_color) {}

  // ASCII: a character takes a column of the terminal.
  std::string text;
  Color color;
};

using Row = std::vector<Cell>;

// `text`, or as much of it as fits with "..." behind it.
std::string Shorten(const std::string& text, size_t width);

// Columns as wide as needed, two spaces between them. Where lines have a width,
// none is longer: the widest of the columns that shrink are cut, and if that
// doesn't do what is on the right.
class Table {
 public:
  Table(std::vector<Column> columns, TextStyle style)
      : columns_(std::move(columns)), style_(style) {}

  // The rows as whole lines, at the first time below the heading. For those
  // that come later columns get wider, never less so. Rows may be short.
  std::string Format(const std::vector<Row>& rows);

 private:
  // How wide each column is on the terminal; 0: not there.
  std::vector<size_t> Fit() const;
  std::string Line(const Row& row, const std::vector<size_t>& widths) const;

  const std::vector<Column> columns_;
  const TextStyle style_;
  // What each would need.
  std::vector<size_t> needed_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_TABLE_H_
