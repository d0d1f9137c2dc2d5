#ifndef WSPD_CLIENT_STUB_WSPCAT_PIPE_H_
#define WSPD_CLIENT_STUB_WSPCAT_PIPE_H_

#include <memory>
#include <string>

#include "client_stub/wspcat/tcp_socket.h"

namespace wspd::wspcat {

// Sends standard input until its end, then closes the sending half, unless it
// is to be kept open.
bool PipeInput(TcpSocket* connection, bool keep_open, std::string* error);

// Writes what comes to standard output, until the peer closes its half.
bool PipeOutput(TcpSocket* connection, std::string* error);

// Does both at once, until both are through or the connection fails. When it
// returns false a thread may still be reading standard input, holding on to the
// connection: then end the process without unloading the provider.
bool PipeBoth(const std::shared_ptr<TcpSocket>& connection, bool keep_open,
              std::string* error);

}  // namespace wspd::wspcat

#endif  // WSPD_CLIENT_STUB_WSPCAT_PIPE_H_
