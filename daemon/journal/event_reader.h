#ifndef WSPD_DAEMON_JOURNAL_EVENT_READER_H_
#define WSPD_DAEMON_JOURNAL_EVENT_READER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "daemon/journal/event_journal.h"
#include "gtest/gtest.h"

namespace wspd {

// What a test has to compare of an event: "socket_reset", and where there are,
// errno and detail: "socket_reset 104 by the peer".
inline std::string WordsOf(const EventRecord& record) {
  absl::string_view kind = wsp::v1::JournalEvent::Kind_Name(record.kind);
  absl::ConsumePrefix(&kind, "KIND_");
  std::string words = absl::AsciiStrToLower(kind);
  if (record.linux_errno != 0) absl::StrAppend(&words, " ", record.linux_errno);
  if (!record.detail().empty()) absl::StrAppend(&words, " ", record.detail());
  return words;
}

// Reads a journal from its first event on, for tests.
class EventReader {
 public:
  using Filter = std::function<bool(const EventRecord&)>;

  explicit EventReader(const EventJournal* journal) : journal_(journal) {}

  // What has come since the last call.
  std::vector<EventRecord> Read() {
    std::vector<EventRecord> records;
    EventRecord record;
    uint64_t lost = 0;
    while (journal_->Read(&sequence_, &record, &lost)) {
      records.push_back(record);
    }
    EXPECT_EQ(lost, 0u);
    return records;
  }

  // The same, in words, of those that `filter` lets through.
  std::vector<std::string> ReadWords(const Filter& filter = nullptr) {
    return ToWords(Read(), filter);
  }

  // All since the first event of the reader's, until one of `kind` is among
  // them; what is read here later comes behind it.
  std::vector<EventRecord> AwaitKind(wsp::v1::JournalEvent::Kind kind,
                                     const Filter& filter = nullptr) {
    const absl::Time end = absl::Now() + absl::Seconds(30);
    std::vector<EventRecord> records;
    EventRecord record;
    uint64_t lost = 0;
    for (;;) {
      if (journal_->Read(&sequence_, &record, &lost)) {
        if (filter == nullptr || filter(record)) records.push_back(record);
        if (record.kind == kind && (filter == nullptr || filter(record))) {
          return records;
        }
        continue;
      }
      if (absl::Now() > end) {
        ADD_FAILURE() << wsp::v1::JournalEvent::Kind_Name(kind)
                      << " never came; there were "
                      << absl::StrJoin(ToWords(records), ", ");
        return records;
      }
      absl::SleepFor(absl::Milliseconds(1));
    }
  }

  static std::vector<std::string> ToWords(
      const std::vector<EventRecord>& records, const Filter& filter = nullptr) {
    std::vector<std::string> words;
    for (const EventRecord& record : records) {
      if (filter == nullptr || filter(record)) words.push_back(WordsOf(record));
    }
    return words;
  }

 private:
  const EventJournal* const journal_;
  uint64_t sequence_ = 1;
};

// Of the socket of this number.
inline EventReader::Filter OfSocket(uint64_t socket_id) {
  return [socket_id](const EventRecord& record) {
    return record.socket_id == socket_id;
  };
}

}  // namespace wspd

#endif  // WSPD_DAEMON_JOURNAL_EVENT_READER_H_
