#ifndef WSPD_DAEMON_WSPCTL_TEXT_STYLE_H_
#define WSPD_DAEMON_WSPCTL_TEXT_STYLE_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace wspd {

// How text looks on a terminal, by the parameters of ECMA-48's SGR.
enum class Color {
  kPlain = 0,
  kBold = 1,
  kDim = 2,
  kReverse = 7,
  kRed = 31,
  kGreen = 32,
  kYellow = 33,
  kCyan = 36,
};

// Where text goes.
struct TextStyle {
  // Columns of the terminal; 0: it is none, and lines are as long as they are.
  int width = 0;
  bool color = false;

  // `text` in that color, if there are colors.
  std::string Paint(absl::string_view text, Color painted) const {
    if (!color || painted == Color::kPlain) return std::string(text);
    return absl::StrCat("\x1b[", static_cast<int>(painted), "m", text,
                        "\x1b[0m");
  }
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_TEXT_STYLE_H_
