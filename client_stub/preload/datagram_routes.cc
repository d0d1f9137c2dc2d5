#include "client_stub/preload/datagram_routes.h"

#include <string.h>

#include <algorithm>
#include <atomic>

namespace wsp {
namespace {

constexpr size_t kRoutes = 1024;
constexpr size_t kGenerations = 256;
// The low bits of an entry are the length of its longest datagram.
constexpr uint64_t kLengthBits = 0xffff;
// IPv6 carries this everywhere: its least MTU without the headers.
constexpr size_t kShort = 1280 - 40 - 8;

// Each entry is whole in itself; two routes of one hash, which is 48 bits, only
// have one errno come later.
std::atomic<uint64_t> g_routes[kRoutes];
// Counts what was forgotten of the sockets that share an entry.
std::atomic<uint64_t> g_generations[kGenerations];

// The last steps of MurmurHash3: each bit of the word changes half of them.
uint64_t Mix(uint64_t hash, uint64_t word) {
  hash ^= word;
  hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccd;
  hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53;
  return hash ^ hash >> 33;
}

uint64_t MixBytes(uint64_t hash, const void* bytes, size_t size) {
  const auto* from = static_cast<const uint8_t*>(bytes);
  while (size > 0) {
    uint64_t word = 0;
    const size_t step = std::min(size, sizeof word);
    memcpy(&word, from, step);
    hash = Mix(hash, word);
    from += step;
    size -= step;
  }
  return hash;
}

std::atomic<uint64_t>& Entry(uint64_t hash) {
  return g_routes[hash >> 32 & (kRoutes - 1)];
}

}  // namespace

DatagramRoute::DatagramRoute(uint64_t number, const relay::Address& destination,
                             const void* control, size_t control_bytes) {
  const uint64_t generation =
      g_generations[number % kGenerations].load(std::memory_order_relaxed);
  uint64_t hash = Mix(Mix(0, number), generation);
  hash = MixBytes(hash, &destination, sizeof destination);
  hash = MixBytes(Mix(hash, control_bytes), control, control_bytes);
  hash &= ~kLengthBits;
  // No entry is 0 but an empty one.
  hash_ = hash != 0 ? hash : kLengthBits + 1;
}

bool DatagramRoute::Admits(size_t bytes) const {
  const uint64_t entry = Entry(hash_).load(std::memory_order_relaxed);
  return (entry & ~kLengthBits) == hash_ && (entry & kLengthBits) >= bytes;
}

void DatagramRoute::Admit(size_t bytes) const {
  bytes = std::min<size_t>(std::max(bytes, kShort), kLengthBits);
  Entry(hash_).store(hash_ | bytes, std::memory_order_relaxed);
}

void ForgetDatagramRoutes(uint64_t number) {
  g_generations[number % kGenerations].fetch_add(1, std::memory_order_relaxed);
}

}  // namespace wsp
