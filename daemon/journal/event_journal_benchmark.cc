// What it costs to write down an event, for each number of threads that do so
// at once: one line each, the median and the 99th percentile of batches, in
// nanoseconds an event. With a reader that keeps up, and without one.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

#include "daemon/journal/event_journal.h"

namespace wspd {
namespace {

constexpr int kBatches = 2000;
constexpr int kEvents = 64;

std::vector<double> Append(EventJournal* journal) {
  EventRecord record;
  record.kind = wsp::v1::JournalEvent::KIND_SOCKET_CONNECTED;
  record.plane = wsp::v1::PLANE_RELAYED;
  record.client_id = 1;
  record.local = NetAddress::Any(AF_INET, 1000);
  record.peer = NetAddress::Any(AF_INET6, 2000);
  std::vector<double> times;
  times.reserve(kBatches);
  for (int i = 0; i < kBatches; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    for (int j = 0; j < kEvents; ++j) {
      record.socket_id = static_cast<uint64_t>(i) * kEvents + j;
      journal->Append(record);
    }
    const std::chrono::duration<double, std::nano> took =
        std::chrono::steady_clock::now() - begin;
    times.push_back(took.count() / kEvents);
  }
  return times;
}

void Run(int threads, bool read) {
  EventJournal journal;
  std::atomic<bool> done{false};
  std::thread reader([&] {
    uint64_t sequence = 1, lost = 0;
    EventRecord record;
    while (read && !done) {
      if (!journal.Read(&sequence, &record, &lost)) std::this_thread::yield();
    }
  });
  std::vector<std::vector<double>> times(threads);
  std::vector<std::thread> writers;
  for (int i = 0; i < threads; ++i) {
    writers.emplace_back([&, i] { times[i] = Append(&journal); });
  }
  for (std::thread& writer : writers) writer.join();
  done = true;
  reader.join();
  std::vector<double> all;
  for (const auto& some : times)
    all.insert(all.end(), some.begin(), some.end());
  std::sort(all.begin(), all.end());
  printf("%d threads, %s: median %.0f ns, p99 %.0f ns\n", threads,
         read ? "one reads" : "nobody reads", all[all.size() / 2],
         all[all.size() * 99 / 100]);
}

}  // namespace
}  // namespace wspd

int main() {
  for (const bool read : {false, true}) {
    for (const int threads : {1, 2, 4}) wspd::Run(threads, read);
  }
  return 0;
}
