#ifndef WSPD_TESTS_TESTING_NETWORK_EVENTS_H_
#define WSPD_TESTS_TESTING_NETWORK_EVENTS_H_

#include <winsock2.h>

#include <map>
#include <ostream>

#include "client_stub/spi_client/wsa_error_name.h"

namespace wspd::testing {

// Network events that were told of: FD_* bits and their errors. Prints as
// names.
class NetworkEvents {
 public:
  NetworkEvents() = default;
  // Without errors.
  NetworkEvents(int events) {  // NOLINT(*-explicit-*): as in the API
    for (int bit = 0; bit < FD_MAX_EVENTS; ++bit) {
      if ((events >> bit & 1) != 0) errors_[1 << bit] = 0;
    }
  }
  explicit NetworkEvents(const WSANETWORKEVENTS& record)
      : NetworkEvents(record.lNetworkEvents) {
    for (int bit = 0; bit < FD_MAX_EVENTS; ++bit) {
      if (Has(1 << bit)) errors_[1 << bit] = record.iErrorCode[bit];
    }
  }

  // This one with an error.
  NetworkEvents& With(int event, int error) {
    errors_[event] = error;
    return *this;
  }
  bool Has(int event) const { return errors_.count(event) != 0; }
  bool empty() const { return errors_.empty(); }
  int error(int event) const {
    const auto found = errors_.find(event);
    return found == errors_.end() ? 0 : found->second;
  }
  // Later ones count.
  void Add(const NetworkEvents& others) {
    for (const auto& [event, error] : others.errors_) errors_[event] = error;
  }

  bool operator==(const NetworkEvents& other) const {
    return errors_ == other.errors_;
  }
  friend std::ostream& operator<<(std::ostream& out,
                                  const NetworkEvents& events) {
    if (events.empty()) out << "nothing";
    for (const auto& [event, error] : events.errors_) {
      out << Name(event);
      if (error != 0) out << ": " << spi_client::WsaErrorName(error);
      out << " ";
    }
    return out;
  }

 private:
  static const char* Name(int event) {
    static const std::map<int, const char*> names = {
        {FD_READ, "FD_READ"},       {FD_WRITE, "FD_WRITE"},
        {FD_OOB, "FD_OOB"},         {FD_ACCEPT, "FD_ACCEPT"},
        {FD_CONNECT, "FD_CONNECT"}, {FD_CLOSE, "FD_CLOSE"}};
    const auto found = names.find(event);
    return found == names.end() ? "another event" : found->second;
  }

  std::map<int, int> errors_;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_NETWORK_EVENTS_H_
