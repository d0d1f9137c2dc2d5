#ifndef WSPD_CLIENT_STUB_WSPCAT_COMMAND_LINE_H_
#define WSPD_CLIENT_STUB_WSPCAT_COMMAND_LINE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "client_stub/wspcat/numeric_address.h"

namespace wspd::wspcat {

extern const char kUsage[];

struct CommandLine {
  bool help = false;
  bool listen = false;   // else connect
  std::string provider;  // path; empty: the project's own
  bool send_only = false;
  bool receive_only = false;
  bool keep_open = false;  // the input's end is no end of sending
  int hold = 0;            // connections to hold; 0: pipe one
  NumericAddress address;  // 0.0.0.0 if listening and none was given
  uint16_t port = 0;
};

// Parses the arguments after the program's name. False, with a sentence for
// the user in `error`, if they make no sense.
bool ParseCommandLine(const std::vector<std::string>& arguments,
                      CommandLine* command, std::string* error);

}  // namespace wspd::wspcat

#endif  // WSPD_CLIENT_STUB_WSPCAT_COMMAND_LINE_H_
