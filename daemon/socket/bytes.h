#ifndef WSPD_DAEMON_SOCKET_BYTES_H_
#define WSPD_DAEMON_SOCKET_BYTES_H_

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace wspd {

// A block of received bytes that is shared and never changes once filled.
// Unlike std::string it is not cleared before the kernel fills it.
class Bytes {
 public:
  // `capacity` > 0.
  static std::shared_ptr<Bytes> Allocate(size_t capacity) {
    return std::make_shared<Bytes>(capacity);
  }
  explicit Bytes(size_t capacity)
      : data_(static_cast<char*>(malloc(capacity))), capacity_(capacity) {
    if (data_ == nullptr) throw std::bad_alloc();
  }
  ~Bytes() { free(data_); }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;

  char* data() { return data_; }
  const char* data() const { return data_; }
  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }

  // Says how much was filled, and gives back the rest when that is most of it.
  void SetSize(size_t size) {
    size_ = size;
    if (size == 0 || capacity_ - size <= capacity_ / 2) return;
    if (void* smaller = realloc(data_, size)) {
      data_ = static_cast<char*>(smaller);
      capacity_ = size;
    }
  }

 private:
  char* data_;
  size_t capacity_;
  size_t size_ = 0;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SOCKET_BYTES_H_
