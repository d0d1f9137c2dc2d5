#ifndef WSPD_TESTS_TESTING_NETWORK_NAMESPACE_H_
#define WSPD_TESTS_TESTING_NETWORK_NAMESPACE_H_

#include <string>

namespace wspd::testing {

// Moves the calling thread, and the processes and threads that it starts, to a
// network namespace of their own, with nothing in it but the loopback interface
// and a pair of interfaces, v0 and v1, that are up and have no IPv4 addresses,
// and of IPv6 none but link-local ones. False, and a test failure, if it can't.
bool EnterFreshNetwork();

// Runs ip(8) with the arguments. False, and a test failure, if it fails.
bool Ip(const std::string& arguments);

// Gives the interface so many IPv4 addresses of 10.0.0.0/8, each by itself
// (/32). False, and a test failure, if it can't.
bool AddAddresses(const std::string& interface, int count);

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_NETWORK_NAMESPACE_H_
