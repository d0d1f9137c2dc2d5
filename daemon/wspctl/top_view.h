#ifndef WSPD_DAEMON_WSPCTL_TOP_VIEW_H_
#define WSPD_DAEMON_WSPCTL_TOP_VIEW_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "daemon/wspctl/names.h"
#include "daemon/wspctl/table.h"
#include "daemon/wspctl/terminal.h"
#include "daemon/wspctl/text_style.h"
#include "daemon/wspctl/top_sample.h"

namespace wspd {

// By what rows are sorted, the most first.
enum class TopKey {
  kSent,
  kReceived,
  kOperations,
  kSockets,
  kPending,
  kAge,
  kIdle
};

// The names of --sort, in the order of TopKey.
const std::vector<absl::string_view>& TopKeyNames();

// What `top` shows of a sample, and what its keys do. No input or output of its
// own.
class TopView {
 public:
  enum class Kind { kClients, kSockets };

  // What one can choose.
  struct Choice {
    Kind kind = Kind::kClients;
    TopKey key = TopKey::kSent;
    bool reversed = false;
    // Rows that have it somewhere, whatever its case; empty: all.
    std::string filter;
  };

  // `names`: see Console; outlives this.
  explicit TopView(Choice choice, Names* names = nullptr)
      : choice_(std::move(choice)), names_(names) {}

  // Rates are against the sample before.
  void Show(TopSample sample);
  // Why there is no newer sample; empty: there is.
  void SetProblem(std::string problem) { problem_ = std::move(problem); }

  // False: it is the one to end by.
  bool HandleKey(absl::string_view key);

  // A whole screen, with what fits from where one has scrolled to.
  std::vector<std::string> Screen(TerminalSize size, bool color);

  // All of it as text, without keys.
  std::string Text(TextStyle style) const;
  // An object for each row.
  std::string Json() const;

  const Choice& choice() const { return choice_; }

 private:
  // A client or a socket.
  struct Entry {
    Row row;
    TopRates rates;
    // By TopKey; none comes last.
    std::vector<absl::optional<double>> values;
    // Of JSON what comes before the rates, without the closing brace.
    std::string json;
  };

  void Rebuild();
  std::vector<Entry> ClientEntries() const;
  std::vector<Entry> SocketEntries() const;
  std::vector<Column> Columns() const;
  // Those that the filter lets through, sorted.
  std::vector<const Entry*> Chosen() const;
  std::vector<std::string> Heading(TextStyle style) const;
  std::string Footer(TextStyle style) const;
  void HandleFilterKey(absl::string_view key);
  void Scroll(int rows);

  Choice choice_;
  Names* const names_;
  absl::optional<TopSample> sample_;
  absl::optional<TopSample> before_;
  std::vector<Entry> entries_;
  TopRates sum_;
  absl::optional<double> calls_;
  std::string problem_;
  bool typing_filter_ = false;
  bool showing_help_ = false;
  // The first row that is shown, and how many fit.
  int first_ = 0;
  int page_ = 1;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_TOP_VIEW_H_
