#ifndef WSPD_CLIENT_STUB_SPI_CLIENT_RECORD_POOL_H_
#define WSPD_CLIENT_STUB_SPI_CLIENT_RECORD_POOL_H_

#include <memory>
#include <vector>

#include "client_stub/spi_client/mutex.h"

namespace wspd::spi_client {

// Records that are reused but never freed, so that a pointer read from a
// handle table may be followed although the handle was closed meanwhile: lock
// the record, then ask the table again. Any thread may call.
template <typename Record>
class RecordPool {
 public:
  Record* Take() {
    MutexLock lock(&mutex_);
    if (free_.empty()) {
      all_.push_back(std::make_unique<Record>());
      return all_.back().get();
    }
    Record* const record = free_.back();
    free_.pop_back();
    return record;
  }

  void Return(Record* record) {
    MutexLock lock(&mutex_);
    free_.push_back(record);
  }

 private:
  Mutex mutex_;
  std::vector<std::unique_ptr<Record>> all_ WSPD_GUARDED_BY(mutex_);
  std::vector<Record*> free_ WSPD_GUARDED_BY(mutex_);
};

}  // namespace wspd::spi_client

#endif  // WSPD_CLIENT_STUB_SPI_CLIENT_RECORD_POOL_H_
