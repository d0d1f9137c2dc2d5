#ifndef WSPD_CLIENT_STUB_PRELOAD_OWN_DESCRIPTORS_H_
#define WSPD_CLIENT_STUB_PRELOAD_OWN_DESCRIPTORS_H_

#include <atomic>
#include <cstdint>

namespace wsp {

// A descriptor of the library's own in somebody else's process: close-on-exec,
// at a high number where one is free, and known by what it is, not by its
// number: a program that closes what it doesn't know by a system call of its
// own, and has the number again, is never written to.
//
// There is a fixed number of them, written down where a forked child and a
// signal handler can read it whatever other threads do.
class OwnDescriptor {
 public:
  // Takes `fd` over, a socket or a folder, and moves it up. Null if there are
  // too many, or it isn't open; it is closed then.
  static OwnDescriptor* Adopt(int fd);

  // Its number at this moment; -1 if it was lost.
  int number() const { return number_.load(std::memory_order_relaxed); }
  // Whether the number still is the same socket or folder.
  bool IsIntact() const;
  // Closes it, if it is intact, and gives the entry back. `descriptor` may be
  // null.
  static void Close(OwnDescriptor* descriptor);

 private:
  friend int FirstOwnDescriptor(unsigned lowest, unsigned highest);
  friend void MakeWay(int fd);
  friend void CloseOwnDescriptorsAfterFork(const OwnDescriptor* except);

  // What it is, while the number lives.
  struct Identity {
    uint64_t kind = 0;
    uint64_t cookie = 0;
  };
  static bool IdentityOf(int fd, Identity* identity);
  bool Is(int fd) const;

  std::atomic<bool> taken_{false};
  std::atomic<int> number_{-1};
  std::atomic<uint64_t> kind_{0};
  std::atomic<uint64_t> cookie_{0};
};

// ---- for the calls that close descriptors; async-signal-safe

// The lowest number from `lowest` to `highest` that is one of the library's, -1
// if none is. Always -1 in a child that has its parent's memory or a copy of it
// and hasn't used the library: its descriptors are copies, which it may close.
int FirstOwnDescriptor(unsigned lowest, unsigned highest);
inline bool IsOwnDescriptor(int fd) {
  return fd >= 0 && FirstOwnDescriptor(static_cast<unsigned>(fd),
                                       static_cast<unsigned>(fd)) == fd;
}

// The program will have something else under the number `fd`, which is one of
// the library's: moves that one away. If there is no other number, it is lost.
void MakeWay(int fd);

// ---- for fork

// Closes the copies of the parent's descriptors that are still what they were,
// but keeps `except`, and begins anew. In the child's only thread.
void CloseOwnDescriptorsAfterFork(const OwnDescriptor* except);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_OWN_DESCRIPTORS_H_
