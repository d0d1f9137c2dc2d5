#ifndef WSPD_DAEMON_SOCKET_URGENT_BYTES_H_
#define WSPD_DAEMON_SOCKET_URGENT_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace wspd {

// The urgent bytes of a stream that were taken from the kernel: what they are,
// as long as they wait to be received, and where they lie in the stream, as
// long as the reader has yet to pass their places. Knows of no socket: its
// owner says where the reader goes.
//
// Places are in bytes of the stream, from where the reader is: 0 is what comes
// next.
//
// Not thread-safe.
class UrgentBytes {
 public:
  // Limits of proto/README.md: bytes that wait, and places.
  static constexpr size_t kMostWaiting = 64;
  static constexpr size_t kMostPlaces = 1024;

  // One was taken, from further on in the stream than all before it. When
  // kMostWaiting do, it is dropped; its place is remembered all the same.
  void Add(char byte, size_t place);
  // Whether the place of one more can be remembered, and of another that comes
  // meanwhile.
  bool has_room() const { return places_.size() < kMostPlaces; }

  // How many were added.
  uint64_t count() const { return count_; }

  // ---- those that wait, oldest first

  bool any_waits() const { return !waiting_.empty(); }
  char oldest() const { return waiting_.front(); }
  void TakeOldest();

  // ---- the stream

  bool any_place() const { return !places_.empty(); }
  // Whether the next byte of the stream is one of them.
  bool is_next() const { return !places_.empty() && places_[0].offset == 0; }
  // How many of the next `bytes` are.
  size_t CountAmong(size_t bytes) const;
  // Leaves them out of `size` bytes of the stream, from where the reader is.
  // Returns how many are left.
  size_t LeaveOut(char* data, size_t size) const;
  // The reader went on.
  void Advance(size_t bytes);

  // ---- for a reader that has changed its mind, and wants them in the stream

  // Those that wait and have places there are the stream's again.
  void PutBack();
  // How many wait that the reader has passed and nothing else since.
  size_t passed_just_now() const { return just_passed_; }
  // Gives these, at most `size`, and takes them off unless it `peeks`.
  size_t TakePassed(char* data, size_t size, bool peeks);

 private:
  struct Place {
    size_t offset;
    // Whether the byte is among `waiting_`.
    bool waits;
  };

  // How many of `waiting_` have no place ahead; they are the oldest.
  size_t CountPassed() const;

  std::string waiting_;
  // Ascending.
  std::vector<Place> places_;
  uint64_t count_ = 0;
  size_t just_passed_ = 0;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SOCKET_URGENT_BYTES_H_
