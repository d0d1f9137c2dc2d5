#ifndef WSPD_CLIENT_STUB_PRELOAD_MEANS_H_
#define WSPD_CLIENT_STUB_PRELOAD_MEANS_H_

#include <atomic>
#include <cstdint>

// What the library may still do in a program that has shut itself into a
// seccomp filter, which was made for the calls of the program, not for those
// that the library makes in their place: it may kill the program at them.
namespace wsp {

enum class Means : uint32_t {
  // getpeername(), by which descriptors are told apart.
  kIdentify = 1 << 0,
  // sendto() and sendmsg() in place of write(), so that no SIGPIPE comes.
  kSend = 1 << 1,
  // tgkill(), to raise one.
  kRaise = 1 << 2,
  // What it takes to ask the daemon on the connections that there are.
  kAsk = 1 << 3,
  // What it takes to make them.
  kAttach = 1 << 4,
  // eventfd2(), which tells whether there is a free descriptor number.
  kProbe = 1 << 5,
  // process_vm_readv() and process_vm_writev(), which tell bad pointers.
  kCopy = 1 << 6,
  // shutdown(), of what the daemon will say nothing about any more.
  kShutDown = 1 << 7,
};

constexpr uint32_t kAllMeans = (1 << 8) - 1;

// Bits of Means, of the whole process: a filter of one thread counts for all,
// as whoever it starts has it, too. Children have their parent's.
extern std::atomic<uint32_t> g_denied_means;

// Whether the library may, as far as the process's own filters say. A program
// that was executed under a filter is taken for one without.
inline bool May(Means means) {
  return (g_denied_means.load(std::memory_order_relaxed) &
          static_cast<uint32_t>(means)) == 0;
}

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_MEANS_H_
