// What it costs to write down an event, for each number of threads that do so
// at once: one line each, the median and the 99th percentile of batches, in
// nanoseconds an event. With a reader that keeps up, and without one. It fails
// if an event isn't there. With --smoke there are few, and how fast they are
// says nothing.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/journal/event_journal.h"

namespace wspd {
namespace {

constexpr int kEvents = 64;

std::vector<double> Append(EventJournal* journal, int batches) {
  EventRecord record;
  record.kind = wsp::v1::JournalEvent::KIND_SOCKET_CONNECTED;
  record.plane = wsp::v1::PLANE_RELAYED;
  record.client_id = 1;
  record.local = NetAddress::Any(AF_INET, 1000);
  record.peer = NetAddress::Any(AF_INET6, 2000);
  std::vector<double> times;
  times.reserve(batches);
  for (int i = 0; i < batches; ++i) {
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

// Whether all events were there, for whoever read them too.
bool Run(int threads, bool read, int batches) {
  EventJournal journal;
  const uint64_t appended = uint64_t{kEvents} * threads * batches;
  std::atomic<bool> done{false};
  uint64_t got = 0, lost = 0;
  std::thread reader([&] {
    uint64_t sequence = 1;
    EventRecord record;
    while (read) {
      // Before it looks: what comes later is not looked for.
      const bool was_last = done;
      if (journal.Read(&sequence, &record, &lost)) {
        ++got;
      } else if (was_last) {
        break;
      } else {
        std::this_thread::yield();
      }
    }
  });
  std::vector<std::vector<double>> times(threads);
  std::vector<std::thread> writers;
  for (int i = 0; i < threads; ++i) {
    writers.emplace_back([&, i] { times[i] = Append(&journal, batches); });
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
  const uint64_t counted =
      journal.count(wsp::v1::JournalEvent::KIND_SOCKET_CONNECTED);
  if (journal.next() == appended + 1 && counted == appended &&
      (!read || got + lost == appended)) {
    return true;
  }
  printf("of %lu events %lu were counted, %lu read, and %lu missed\n",
         static_cast<unsigned long>(appended),
         static_cast<unsigned long>(counted), static_cast<unsigned long>(got),
         static_cast<unsigned long>(lost));
  return false;
}

int RunAll(int batches) {
  bool good = true;
  for (const bool read : {false, true}) {
    for (const int threads : {1, 2, 4}) good &= Run(threads, read, batches);
  }
  return good ? 0 : 1;
}

}  // namespace
}  // namespace wspd

int main(int argc, char** argv) {
  const bool smoke = argc == 2 && absl::string_view(argv[1]) == "--smoke";
  if (argc > 1 && !smoke) {
    fprintf(stderr, "usage: event_journal_benchmark [--smoke]\n");
    return 64;
  }
  return wspd::RunAll(smoke ? 100 : 2000);
}
