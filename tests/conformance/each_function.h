#ifndef WSPD_TESTS_CONFORMANCE_EACH_FUNCTION_H_
#define WSPD_TESTS_CONFORMANCE_EACH_FUNCTION_H_

#include <string>
#include <vector>

#include "tests/conformance/calls.h"

namespace wspd::conformance {

// One call of a function, with arguments that nothing is wrong with, except
// perhaps the socket.
struct FunctionCall {
  const char* name;
  WsaCode (*call)(Calls& calls, SOCKET s);
};

inline std::ostream& operator<<(std::ostream& out, const FunctionCall& call) {
  return out << call.name;
}

// The functions that work on a socket, all 25.
const std::vector<FunctionCall>& SocketFunctions();

// Those that don't, but WSPCleanup, which ignore `s`.
const std::vector<FunctionCall>& OtherFunctions();

}  // namespace wspd::conformance

#endif  // WSPD_TESTS_CONFORMANCE_EACH_FUNCTION_H_
