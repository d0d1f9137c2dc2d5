#include "client_stub/spi_client/handle_table.h"

namespace wspd::spi_client {
namespace {

// A handle from its low end: 2 bits 0, 2 bits kind, 20 bits index, generation.
constexpr int kKindShift = 2;
constexpr int kIndexShift = 4;
constexpr int kGenerationShift = 24;
constexpr uint64_t kKindMask = 3;
constexpr uint64_t kIndexMask = HandleTable::kMaxOpenHandles - 1;

}  // namespace

HandleTable::HandleTable(Kind kind) : kind_(static_cast<uint64_t>(kind)) {}

HandleTable::~HandleTable() {
  for (std::atomic<Chunk*>& chunk : chunks_) delete chunk.load();
}

HandleTable::Slot* HandleTable::SlotAt(uint64_t index) const {
  Chunk* const chunk =
      chunks_[index / kChunkSlots].load(std::memory_order_acquire);
  return chunk == nullptr ? nullptr : &(*chunk)[index % kChunkSlots];
}

HandleTable::Slot* HandleTable::FindSlot(uint64_t handle) const {
  if (handle == 0 || ((handle >> kKindShift) & kKindMask) != kind_) {
    return nullptr;
  }
  return SlotAt((handle >> kIndexShift) & kIndexMask);
}

bool HandleTable::TakeIndexLocked(uint64_t* index) {
  const bool fresh_left = used_ < kMaxOpenHandles;
  if (free_.size() > kMinFree || (!fresh_left && !free_.empty())) {
    *index = free_.front();
    free_.pop_front();
    return true;
  }
  if (!fresh_left) return false;
  *index = used_++;
  std::atomic<Chunk*>& chunk = chunks_[*index / kChunkSlots];
  if (chunk.load(std::memory_order_relaxed) == nullptr) {
    chunk.store(new Chunk, std::memory_order_release);
  }
  return true;
}

uint64_t HandleTable::Open(uint64_t context) {
  MutexLock lock(&mutex_);
  uint64_t index;
  if (!TakeIndexLocked(&index)) return 0;
  Slot* const slot = SlotAt(index);
  const uint64_t handle = slot->generation++ << kGenerationShift |
                          index << kIndexShift | kind_ << kKindShift;
  // Whoever reads the new context sees the slot closed or reopened: Query
  // reads the handle again afterwards.
  slot->context.store(context, std::memory_order_release);
  slot->handle.store(handle, std::memory_order_release);
  return handle;
}

bool HandleTable::Query(uint64_t handle, uint64_t* context) const {
  const Slot* const slot = FindSlot(handle);
  if (slot == nullptr) return false;
  if (slot->handle.load(std::memory_order_acquire) != handle) return false;
  const uint64_t value = slot->context.load(std::memory_order_acquire);
  if (slot->handle.load(std::memory_order_relaxed) != handle) return false;
  *context = value;
  return true;
}

bool HandleTable::Close(uint64_t handle) {
  Slot* const slot = FindSlot(handle);
  if (slot == nullptr) return false;
  MutexLock lock(&mutex_);
  if (slot->handle.load(std::memory_order_relaxed) != handle) return false;
  slot->handle.store(0, std::memory_order_relaxed);
  free_.push_back((handle >> kIndexShift) & kIndexMask);
  return true;
}

}  // namespace wspd::spi_client
