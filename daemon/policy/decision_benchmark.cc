// How long a decision against 10,000 rules takes, for several kinds of rules.
// One line each: the median and the 99th percentile of batches, in nanoseconds
// a decision. Fails if a median is above 2 us.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/policy/rule_set.h"

namespace wspd {
namespace {

constexpr int kRules = 10000;
constexpr int kBatches = 2000;
constexpr int kDecisions = 64;
constexpr double kMostNs = 2000;

using Where = RuleIndex::Where;
using Make = void (*)(int i, std::mt19937* random, Policy::Rule* rule);
using Ask = Where (*)(std::mt19937* random);

std::string V4(uint32_t bits, int length) {
  if (length < 32) bits = bits >> (32 - length) << (32 - length);
  return absl::StrCat(bits >> 24, ".", bits >> 16 & 255, ".", bits >> 8 & 255,
                      ".", bits & 255, "/", length);
}

Where AnyV4(std::mt19937* random) {
  return {Where::Kind::kOne,
          {false, (*random)()},
          static_cast<uint16_t>((*random)()),
          {}};
}

Where AnyV6(std::mt19937* random) {
  return {Where::Kind::kOne,
          {true, absl::MakeUint128(
                     uint64_t{0x20010db8} << 32 | ((*random)() & 0xffffu),
                     (*random)())},
          static_cast<uint16_t>((*random)()),
          {}};
}

Where OneHost(std::mt19937* random) {
  static const auto* const hosts = [] {
    auto* made = new std::vector<std::vector<std::string>>;
    for (int i = 0; i < 2 * kRules; ++i) {
      made->push_back({absl::StrCat("www.host", i, ".example.com")});
    }
    return made;
  }();
  Where where = AnyV4(random);
  where.hosts = (*hosts)[(*random)() % hosts->size()];
  return where;
}

// Returns the median.
double Run(const char* name, Make make, Ask ask) {
  std::mt19937 random(1);
  Policy policy;
  for (int i = 0; i < kRules; ++i) {
    Policy::Rule* const rule = policy.add_rules();
    rule->set_verdict(i % 2 == 0 ? Policy::ALLOW : Policy::DENY);
    make(i, &random, rule);
  }
  std::vector<PolicyProblem> problems;
  const auto rules = RuleSet::Make(policy, &problems);
  if (rules == nullptr) {
    fprintf(stderr, "%s: %s\n", name, problems[0].message.c_str());
    return 1e9;
  }
  const auto before = std::chrono::steady_clock::now();
  const auto client = rules->For(PolicySubject());
  const std::chrono::duration<double, std::milli> built =
      std::chrono::steady_clock::now() - before;
  std::vector<Where> questions;
  for (int i = 0; i < 4096; ++i) questions.push_back(ask(&random));
  std::vector<double> times;
  uint64_t denied = 0;
  size_t next = 0;
  for (int batch = 0; batch < kBatches; ++batch) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < kDecisions; ++i) {
      denied +=
          client->Decide(Action::kConnect, questions[next++ % questions.size()])
                  .allowed
              ? 0
              : 1;
    }
    const std::chrono::duration<double, std::nano> took =
        std::chrono::steady_clock::now() - begin;
    times.push_back(took.count() / kDecisions);
  }
  std::sort(times.begin(), times.end());
  printf(
      "%-28s median %7.0f ns  p99 %7.0f ns  (made in %.1f ms, %.0f %% "
      "denied)\n",
      name, times[kBatches / 2], times[kBatches * 99 / 100], built.count(),
      100.0 * static_cast<double>(denied) / (kBatches * kDecisions));
  return times[kBatches / 2];
}

int RunAll() {
  double worst = 0;
  const auto run = [&worst](const char* name, Make make, Ask ask) {
    worst = std::max(worst, Run(name, make, ask));
  };
  run(
      "IPv4 prefixes",
      [](int, std::mt19937* random, Policy::Rule* rule) {
        rule->add_addresses(V4((*random)(), 8 + (*random)() % 25));
      },
      &AnyV4);
  run(
      "IPv4 prefixes with ports",
      [](int, std::mt19937* random, Policy::Rule* rule) {
        rule->add_addresses(V4((*random)(), 1 + (*random)() % 16));
        const uint32_t port = (*random)() % 65000;
        rule->add_ports(absl::StrCat(port, "-", port + (*random)() % 500));
      },
      &AnyV4);
  run(
      "ports of all addresses",
      [](int i, std::mt19937*, Policy::Rule* rule) {
        rule->add_ports(absl::StrCat(6 * i));
      },
      &AnyV4);
  run(
      "nested IPv6 prefixes",
      [](int i, std::mt19937* random, Policy::Rule* rule) {
        const int length = 32 + i % 16;
        rule->add_addresses(absl::StrCat(
            "2001:db8:",
            absl::Hex((*random)() & 0xffff & (0xffff0000 >> (length - 32))),
            "::/", length));
        rule->add_ports(absl::StrCat((*random)() % 65536));
      },
      &AnyV6);
  run(
      "hosts",
      [](int i, std::mt19937*, Policy::Rule* rule) {
        rule->add_hosts(absl::StrCat("*.host", i, ".example.com"));
      },
      &OneHost);
  printf("worst median %.0f ns, allowed %.0f ns\n", worst, kMostNs);
  return worst <= kMostNs ? 0 : 1;
}

}  // namespace
}  // namespace wspd

int main() { return wspd::RunAll(); }
