#include "tests/bench/rounds.h"

namespace wspd::bench {

Samples MeasureInTurn(const Options& options,
                      const std::function<double()>& base,
                      const std::function<double()>& ours) {
  Samples samples;
  const auto take_base = [&] {
    if (!options.ours_only) samples.native.push_back(base());
  };
  for (int round = -1; round < options.rounds; ++round) {
    if (round == 0) samples = Samples();
    if (round % 2 == 0) take_base();
    samples.ours.push_back(ours());
    if (round % 2 != 0) take_base();
  }
  return samples;
}

}  // namespace wspd::bench
