#include "tests/stress/ledger.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

namespace wspd::testing {
namespace {

constexpr uint32_t kPrintedFaults = 20;

void* Map(const std::string& path, bool open_it, size_t size) {
  const int fd =
      open(path.c_str(), O_RDWR | O_CLOEXEC | (open_it ? 0 : O_CREAT | O_EXCL),
           0600);
  void* memory = MAP_FAILED;
  if (fd >= 0 && (open_it || ftruncate(fd, static_cast<off_t>(size)) == 0)) {
    memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  if (fd >= 0) close(fd);
  if (memory == MAP_FAILED) {
    perror(path.c_str());
    abort();
  }
  return memory;
}

}  // namespace

// A new file is all zeros, which is what every field begins with.
struct Ledger::Shared {
  std::atomic<uint32_t> records;
  std::atomic<uint32_t> faults;
  std::atomic<bool> hurries;
  std::atomic<uint64_t> counts[static_cast<size_t>(Count::kCount)];
  ConnectionRecord record[kMostRecords];
};

const char* CountName(Count count) {
  static constexpr const char* kNames[] = {
      "connects",
      "ConnectExs",
      "connects by events",
      "accepts",
      "AcceptExs",
      "accepts by events",
      "blocking sends",
      "blocking receives",
      "non-blocking calls",
      "selects",
      "sockets ready in them",
      "exchanges by events",
      "network events",
      "duplicates",
      "option settings",
      "datagrams sent",
      "datagrams at the peers",
      "whole answers to them",
      "cut answers to them",
      "overlapped sends",
      "overlapped receives",
      "events",
      "routines",
      "cancelled calls",
      "closed by other threads",
      "operations aborted",
      "shutdowns",
      "closes",
      "hard closes",
      "resets by peers",
      "final cleanups amid calls",
  };
  static_assert(sizeof(kNames) / sizeof(kNames[0]) ==
                static_cast<size_t>(Count::kCount));
  return kNames[static_cast<size_t>(count)];
}

Ledger::Ledger(const std::string& path, bool open)
    : shared_(static_cast<Shared*>(Map(path, open, sizeof(Shared)))) {}

Ledger::~Ledger() { munmap(shared_, sizeof(Shared)); }

uint32_t Ledger::NewRecord() {
  const uint32_t number = ++shared_->records;
  if (number >= kMostRecords) {
    fprintf(stderr, "the ledger is full\n");
    abort();
  }
  return number;
}

ConnectionRecord& Ledger::record(uint32_t number) const {
  return shared_->record[number];
}

uint32_t Ledger::record_count() const { return shared_->records; }

void Ledger::Add(Count count, uint64_t times) {
  shared_->counts[static_cast<size_t>(count)].fetch_add(
      times, std::memory_order_relaxed);
}

uint64_t Ledger::Get(Count count) const {
  return shared_->counts[static_cast<size_t>(count)];
}

void Ledger::Fault(uint32_t record, const std::string& what) {
  if (++shared_->faults > kPrintedFaults) return;
  fprintf(stderr, "FAULT: process %d, connection %u: %s\n", getpid(), record,
          what.c_str());
}

uint32_t Ledger::faults() const { return shared_->faults; }

void Ledger::Hurry() { shared_->hurries = true; }

bool Ledger::hurries() const { return shared_->hurries; }

std::string Hello::ToBytes() const {
  std::string bytes(sizeof(*this), '\0');
  memcpy(&bytes[0], this, sizeof(*this));
  return bytes;
}

bool Hello::Parse(const std::string& bytes, Hello* hello) {
  if (bytes.size() != sizeof(*hello)) return false;
  memcpy(hello, bytes.data(), sizeof(*hello));
  return hello->magic == kMagic && hello->record > 0 &&
         hello->record < Ledger::kMostRecords;
}

}  // namespace wspd::testing
