#include "tests/bench/row.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/bench/statistics.h"

namespace wspd::bench {
namespace {

double MedianOrNan(const std::vector<double>& values) {
  return values.empty() ? std::nan("") : Median(values);
}

bool BoundsRatio(const Row& row) { return row.bound != Bound::kValueAtMost; }

bool Reached(const Result& result) {
  switch (result.row.bound) {
    case Bound::kRatioAtMost:
      return result.ratio <= result.row.target;
    case Bound::kRatioAtLeast:
      return result.ratio >= result.row.target;
    case Bound::kValueAtMost:
      return result.ours <= result.row.target;
  }
  return false;
}

std::string Number(double value) {
  return std::isfinite(value) ? absl::StrFormat("%.4g", value) : "null";
}

std::string Cell(double value) {
  if (!std::isfinite(value)) return "-";
  return std::abs(value) < 100 ? absl::StrFormat("%.3g", value)
                               : absl::StrFormat("%.0f", value);
}

std::string TargetCell(const Row& row) {
  if (!std::isfinite(row.target)) return "-";
  const char* const sign = row.bound == Bound::kRatioAtLeast ? ">=" : "<=";
  return absl::StrCat(sign, " ", Cell(row.target),
                      BoundsRatio(row) ? " x" : "");
}

constexpr char kTableFormat[] = "%-28s %-8s %9s %9s %9s  %-15s %-10s %s";

}  // namespace

Result Summarize(const Row& row, const Samples& samples) {
  const std::vector<double>& base =
      samples.base.empty() ? samples.native : samples.base;
  const std::vector<double> ratios = PairedRatios(samples.ours, base);
  const std::vector<double>& bounded = BoundsRatio(row) ? ratios : samples.ours;
  Result result;
  result.row = row;
  result.native = MedianOrNan(samples.native);
  result.base = MedianOrNan(base);
  result.ours = MedianOrNan(samples.ours);
  result.ratio = MedianOrNan(ratios);
  const Interval interval = bounded.empty()
                                ? Interval{std::nan(""), std::nan("")}
                                : MedianInterval(bounded);
  result.lo = interval.lo;
  result.hi = interval.hi;
  result.ok = Reached(result);
  result.rounds = static_cast<int>(samples.ours.size());
  return result;
}

bool IsSane(const Result& result) {
  if (!std::isfinite(result.ours) || result.ours < 0) return false;
  if (!BoundsRatio(result.row)) return true;
  return std::isfinite(result.ratio) && result.ratio > 0;
}

std::string TableHeader() {
  return absl::StrFormat(kTableFormat, "row", "unit", "native", "ours", "ratio",
                         "interval", "target", "");
}

std::string TableLine(const Result& result) {
  const Row& row = result.row;
  std::string line =
      absl::StrFormat(kTableFormat, row.name, row.unit, Cell(result.native),
                      Cell(result.ours), Cell(result.ratio),
                      absl::StrCat(Cell(result.lo), " .. ", Cell(result.hi)),
                      TargetCell(row), result.ok ? "ok" : "MISSED");
  const std::string base = row.base;
  if (!base.empty() && base != "native") {
    absl::StrAppend(&line, "  (x ", base, ": ", Cell(result.base), ")");
  }
  return line;
}

std::string JsonLine(const Result& result) {
  const Row& row = result.row;
  return absl::StrCat(
      "{\"name\": \"", row.name, "\", \"plane\": \"", row.plane,
      "\", \"unit\": \"", row.unit, "\", \"native\": ", Number(result.native),
      ", \"ours\": ", Number(result.ours), ", \"base\": \"", row.base,
      "\", \"base_value\": ", Number(result.base),
      ", \"ratio\": ", Number(result.ratio), ", \"lo\": ", Number(result.lo),
      ", \"hi\": ", Number(result.hi), ", \"target\": ", Number(row.target),
      ", \"target_is\": \"",
      row.bound == Bound::kRatioAtLeast ? "at least" : "at most",
      "\", \"bounds\": \"", BoundsRatio(row) ? "ratio" : "ours",
      "\", \"rounds\": ", result.rounds,
      ", \"ok\": ", result.ok ? "true" : "false", "}");
}

}  // namespace wspd::bench
