#include "daemon/metrics/session_metrics.h"

#include <thread>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "proto/wire_fields.h"

namespace wspd {
namespace {

using ::wsp::v1::RegistrationEnded;
using Call = ::wsp::wire::Call;
using LinuxCallRequest = ::wsp::wire::LinuxCallRequest;

uint64_t CountOf(const DurationHistogram::Sum& sum) {
  uint64_t count = 0;
  for (const uint64_t in_bucket : sum.counts) count += in_bucket;
  return count;
}

TEST(DurationHistogramTest, ABoundIsTheMostThatItsBucketHolds) {
  DurationHistogram histogram;
  histogram.Observe(-5);
  histogram.Observe(0);
  histogram.Observe(DurationHistogram::kBoundsNs.front());
  histogram.Observe(DurationHistogram::kBoundsNs.front() + 1);
  histogram.Observe(DurationHistogram::kBoundsNs.back());
  histogram.Observe(DurationHistogram::kBoundsNs.back() + 1);
  DurationHistogram::Sum sum;
  histogram.AddTo(&sum);
  EXPECT_EQ(sum.counts[0], 3u);
  EXPECT_EQ(sum.counts[1], 1u);
  EXPECT_EQ(sum.counts[DurationHistogram::kBuckets - 2], 1u);
  EXPECT_EQ(sum.counts[DurationHistogram::kBuckets - 1], 1u);
  EXPECT_EQ(sum.ns, 2u * (DurationHistogram::kBoundsNs.front() +
                          DurationHistogram::kBoundsNs.back() + 1));
}

TEST(SessionMetricsTest, FunctionsHaveTheNamesOfTheirRequests) {
  SessionMetrics metrics;
  EXPECT_EQ(metrics.NameOf(Call::kCloseSocket), "close_socket");
  EXPECT_EQ(metrics.NameOf(Call::kSend), "send");
  EXPECT_EQ(metrics.NameOf(0), "unknown");
  EXPECT_EQ(metrics.NameOf(Call::kSocketId), "");
  EXPECT_EQ(metrics.NameOf(Call::kLinuxSocket), "linux_socket");
  EXPECT_EQ(
      metrics.NameOf(SessionMetrics::OfLinuxCall(LinuxCallRequest::kConnect)),
      "linux_connect");
  EXPECT_EQ(
      metrics.NameOf(SessionMetrics::OfLinuxCall(LinuxCallRequest::kGetOption)),
      "linux_get_option");
  EXPECT_EQ(SessionMetrics::OfLinuxCall(~0u), 0u);
}

TEST(SessionMetricsTest, WhatHasNoNameIsUnknown) {
  SessionMetrics metrics;
  metrics.ObserveCall(Call::kSocketId, 0, 1);
  metrics.ObserveCall(1000, 0, 1);
  metrics.ObserveCall(~0u, 10022, 1);
  EXPECT_EQ(CountOf(metrics.CallsOf(0)), 3u);
}

TEST(SessionMetricsTest, ErrorsAreCountedByFunctionAndCode) {
  SessionMetrics metrics;
  for (const uint32_t error : {10000u, 10061u, 10199u, 11001u, 995u, 1u, ~0u}) {
    metrics.ObserveCall(Call::kConnect, error, 1);
  }
  metrics.ObserveCall(Call::kConnect, 10061, 1);
  metrics.ObserveCall(Call::kBind, 10048, 1);
  metrics.ObserveCall(Call::kBind, 0, 1);
  std::vector<std::tuple<uint32_t, uint32_t, uint64_t>> seen;
  for (const SessionMetrics::CallErrors& error : metrics.Errors()) {
    seen.emplace_back(error.function, error.wsa_error, error.count);
  }
  const std::vector<std::tuple<uint32_t, uint32_t, uint64_t>> expected = {
      {Call::kBind, 10048, 1},    {Call::kConnect, 10000, 1},
      {Call::kConnect, 10061, 2}, {Call::kConnect, 10199, 1},
      {Call::kConnect, 11001, 1}, {Call::kConnect, 995, 1},
      {Call::kConnect, 0, 2}};
  EXPECT_EQ(seen, expected);
  EXPECT_EQ(CountOf(metrics.CallsOf(Call::kConnect)), 8u);
}

TEST(SessionMetricsTest, ThreadsCountTogether) {
  SessionMetrics metrics;
  constexpr int kThreads = 20;
  constexpr int kCalls = 1000;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&metrics] {
      for (int j = 0; j < kCalls; ++j) {
        metrics.ObserveCall(Call::kSend, 0, 20'000);
        metrics.ObserveCleanup(RegistrationEnded::REASON_CLEANED_UP, 1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const DurationHistogram::Sum calls = metrics.CallsOf(Call::kSend);
  EXPECT_EQ(calls.counts[1], uint64_t{kThreads} * kCalls);
  EXPECT_EQ(calls.ns, uint64_t{kThreads} * kCalls * 20'000);
  EXPECT_EQ(CountOf(metrics.CleanupsOf(RegistrationEnded::REASON_CLEANED_UP)),
            uint64_t{kThreads} * kCalls);
  EXPECT_EQ(CountOf(metrics.CleanupsOf(RegistrationEnded::REASON_STOPPING)),
            0u);
}

}  // namespace
}  // namespace wspd
