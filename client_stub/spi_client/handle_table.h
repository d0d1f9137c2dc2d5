#ifndef WSPD_CLIENT_STUB_SPI_CLIENT_HANDLE_TABLE_H_
#define WSPD_CLIENT_STUB_SPI_CLIENT_HANDLE_TABLE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "client_stub/spi_client/mutex.h"

namespace wspd::spi_client {

// Handles that stand for a context value.
//
// A handle is never given out twice in the life of the process, is a multiple
// of 4 and not 0, and differs from the handles of tables of another kind.
// Query takes no lock and writes nothing shared: it stands on the fast path of
// every call on a socket. All functions may be called from any thread.
class HandleTable {
 public:
  enum class Kind : uint64_t { kSocket = 0, kEvent = 1, kThread = 2 };

  static constexpr size_t kMaxOpenHandles = size_t{1} << 20;

  explicit HandleTable(Kind kind);
  ~HandleTable();
  HandleTable(const HandleTable&) = delete;
  HandleTable& operator=(const HandleTable&) = delete;

  // Returns 0 if kMaxOpenHandles are open.
  uint64_t Open(uint64_t context);

  // Returns whether `handle` is open and stores its context.
  bool Query(uint64_t handle, uint64_t* context) const;

  // Closes `handle`; returns false if it isn't open. Of several threads
  // closing one handle one succeeds.
  bool Close(uint64_t handle);

 private:
  struct Slot {
    std::atomic<uint64_t> handle{0};  // 0 while closed
    std::atomic<uint64_t> context{0};
    uint64_t generation = 0;  // under mutex_
  };
  static constexpr size_t kChunkSlots = 1024;
  static constexpr size_t kChunks = kMaxOpenHandles / kChunkSlots;
  // So many slots wait for reuse before one is reused.
  static constexpr size_t kMinFree = 256;
  using Chunk = std::array<Slot, kChunkSlots>;

  Slot* FindSlot(uint64_t handle) const;
  bool TakeIndexLocked(uint64_t* index) WSPD_REQUIRES(mutex_);
  Slot* SlotAt(uint64_t index) const;

  const uint64_t kind_;
  std::array<std::atomic<Chunk*>, kChunks> chunks_{};
  Mutex mutex_;
  uint64_t used_ WSPD_GUARDED_BY(mutex_) = 1;  // index 0 would make handle 0
  std::deque<uint64_t> free_ WSPD_GUARDED_BY(mutex_);
};

}  // namespace wspd::spi_client

#endif  // WSPD_CLIENT_STUB_SPI_CLIENT_HANDLE_TABLE_H_
