#ifndef WSPD_CLIENT_STUB_BASE_ID_TABLE_H_
#define WSPD_CLIENT_STUB_BASE_ID_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace wsp {

// A hash table of objects that have a member `uint64_t id`, unique in the
// table, and a member `T* table_next`. Owns nothing. Ids count up, so that
// their low bits hash well.
template <typename T>
class IdTable {
 public:
  IdTable() : buckets_(kFirstBuckets) {}

  size_t size() const { return size_; }

  // Null if there is none.
  T* Find(uint64_t id) const {
    T* item = buckets_[Bucket(id)];
    while (item != nullptr && item->id != id) item = item->table_next;
    return item;
  }

  void Insert(T* item) {
    if (size_ == 2 * buckets_.size()) Grow();
    Link(item);
    ++size_;
  }

  void Erase(T* item) {
    T** link = &buckets_[Bucket(item->id)];
    while (*link != nullptr && *link != item) link = &(*link)->table_next;
    if (*link == nullptr) return;
    *link = item->table_next;
    item->table_next = nullptr;
    --size_;
  }

  // All elements in no order.
  std::vector<T*> All() const {
    std::vector<T*> all;
    all.reserve(size_);
    for (T* item : buckets_) {
      for (; item != nullptr; item = item->table_next) all.push_back(item);
    }
    return all;
  }

 private:
  static constexpr size_t kFirstBuckets = 64;

  size_t Bucket(uint64_t id) const { return id & (buckets_.size() - 1); }

  void Link(T* item) {
    T** bucket = &buckets_[Bucket(item->id)];
    item->table_next = *bucket;
    *bucket = item;
  }

  void Grow() {
    const std::vector<T*> all = All();
    buckets_.assign(buckets_.size() * 2, nullptr);
    for (T* item : all) Link(item);
  }

  std::vector<T*> buckets_;
  size_t size_ = 0;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_BASE_ID_TABLE_H_
