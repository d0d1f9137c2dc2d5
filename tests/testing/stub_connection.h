#ifndef WSPD_TESTS_TESTING_STUB_CONNECTION_H_
#define WSPD_TESTS_TESTING_STUB_CONNECTION_H_

#include <map>
#include <string>

namespace wspd::testing {

// The descriptor by which the provider in this process speaks with the daemon:
// found by comparing what is open before and after its startup.
class StubConnection {
 public:
  // Made before the startup, asked after it.
  class Finder {
   public:
    Finder();
    StubConnection Find() const;

   private:
    std::map<int, std::string> before_;
  };

  StubConnection() = default;
  bool is_found() const { return fd_ >= 0; }

  // Ends the connection under the provider, as a fault in the transport would.
  void Break();

 private:
  explicit StubConnection(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_STUB_CONNECTION_H_
