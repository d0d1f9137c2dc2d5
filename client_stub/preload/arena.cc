#include "client_stub/preload/arena.h"

#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <cstring>

#include "client_stub/base/mutex.h"

namespace wsp {
namespace {

constexpr size_t kBlockBytes = 1 << 20;
// More than the library ever has at a time.
constexpr size_t kMostBlocks = 64;
constexpr size_t kPageBytes = 4096;
// Pieces of 32 bytes to half a block, with their headers.
constexpr uint32_t kSmallestShift = 5;
constexpr uint32_t kLargestShift = 19;
constexpr uint32_t kClasses = kLargestShift - kSmallestShift + 1;
constexpr uint32_t kMapped = kClasses;

// Before each piece.
struct alignas(16) Header {
  uint32_t size_class;
  // With this header.
  size_t bytes;
};
static_assert(sizeof(Header) == 16, "keeps the alignment");

struct FreePiece {
  FreePiece* next;
};

struct Arena {
  Mutex mutex;
  FreePiece* free[kClasses] WSP_GUARDED_BY(mutex) = {};
  // Of the block that is being cut up.
  char* next WSP_GUARDED_BY(mutex) = nullptr;
  char* end WSP_GUARDED_BY(mutex) = nullptr;
  size_t blocks_used WSP_GUARDED_BY(mutex) = 0;
  // Atomic for a forked child, which goes on with them.
  std::atomic<char*> blocks[kMostBlocks] = {};
  std::atomic<size_t> block_count{0};
};

Arena g_arena;

void* Map(size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

uint32_t ClassOf(size_t bytes) {
  uint32_t size_class = 0;
  while ((size_t{1} << (size_class + kSmallestShift)) < bytes) ++size_class;
  return size_class;
}

bool TakeBlock(Arena* arena) WSP_REQUIRES(arena->mutex) {
  const size_t number = arena->blocks_used;
  if (number == arena->block_count.load()) {
    if (number == kMostBlocks) return false;
    void* block = Map(kBlockBytes);
    if (block == nullptr) return false;
    arena->blocks[number].store(static_cast<char*>(block));
    arena->block_count.store(number + 1);
  }
  arena->next = arena->blocks[number].load();
  arena->end = arena->next + kBlockBytes;
  arena->blocks_used = number + 1;
  return true;
}

Header* TakePiece(uint32_t size_class) {
  Arena* const arena = &g_arena;
  const size_t bytes = size_t{1} << (size_class + kSmallestShift);
  MutexLock lock(&arena->mutex);
  if (FreePiece* piece = arena->free[size_class]) {
    arena->free[size_class] = piece->next;
    return reinterpret_cast<Header*>(piece) - 1;
  }
  // What is left of a block is smaller than what doesn't fit: half of it at
  // most.
  if (static_cast<size_t>(arena->end - arena->next) < bytes &&
      !TakeBlock(arena)) {
    return nullptr;
  }
  auto* header = reinterpret_cast<Header*>(arena->next);
  arena->next += bytes;
  header->bytes = bytes;
  return header;
}

Header* HeaderOf(void* memory) { return static_cast<Header*>(memory) - 1; }

}  // namespace

void* ArenaAllocate(size_t size) {
  const size_t bytes = size + sizeof(Header);
  if (bytes < size) return nullptr;
  Header* header;
  if (bytes <= size_t{1} << kLargestShift) {
    const uint32_t size_class = ClassOf(bytes);
    header = TakePiece(size_class);
    if (header == nullptr) return nullptr;
    header->size_class = size_class;
  } else {
    const size_t mapped = (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
    if (mapped < bytes) return nullptr;
    header = static_cast<Header*>(Map(mapped));
    if (header == nullptr) return nullptr;
    header->size_class = kMapped;
    header->bytes = mapped;
  }
  return header + 1;
}

void ArenaFree(void* memory) {
  if (memory == nullptr) return;
  Header* header = HeaderOf(memory);
  if (header->size_class == kMapped) {
    munmap(header, header->bytes);
    return;
  }
  const uint32_t size_class = header->size_class;
  auto* piece = static_cast<FreePiece*>(memory);
  MutexLock lock(&g_arena.mutex);
  piece->next = g_arena.free[size_class];
  g_arena.free[size_class] = piece;
}

void* ArenaReallocate(void* memory, size_t size) {
  if (memory == nullptr) return ArenaAllocate(size);
  const size_t room = HeaderOf(memory)->bytes - sizeof(Header);
  if (size <= room) return memory;
  void* larger = ArenaAllocate(size);
  if (larger == nullptr) return nullptr;
  std::memcpy(larger, memory, room);
  ArenaFree(memory);
  return larger;
}

void ResetArenaAfterFork() {
  g_arena.mutex.ResetAfterFork();
  MutexLock lock(&g_arena.mutex);
  for (FreePiece*& list : g_arena.free) list = nullptr;
  g_arena.next = g_arena.end = nullptr;
  g_arena.blocks_used = 0;
}

size_t ArenaBlockBytes() { return g_arena.block_count.load() * kBlockBytes; }

}  // namespace wsp
