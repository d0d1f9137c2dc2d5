#ifndef WSPD_CLIENT_STUB_WSPCAT_TCP_SOCKET_H_
#define WSPD_CLIENT_STUB_WSPCAT_TCP_SOCKET_H_

#include <winsock2.h>
#include <ws2spi.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "client_stub/wspcat/numeric_address.h"

namespace wspd::wspcat {

// A blocking TCP socket of a provider. The functions return false and store
// the failed call with its code, "WSPConnect: WSAECONNREFUSED (10061)", in
// `error`. One thread may send while another receives.
class TcpSocket {
 public:
  // `table` must outlive the socket.
  explicit TcpSocket(const WSPPROC_TABLE& table) : table_(table) {}
  ~TcpSocket();
  TcpSocket(const TcpSocket&) = delete;
  TcpSocket& operator=(const TcpSocket&) = delete;

  bool Connect(const NumericAddress& address, uint16_t port,
               std::string* error);
  // Binds and listens. `bound_port` is the port, also where `port` is 0.
  bool Listen(const NumericAddress& address, uint16_t port,
              uint16_t* bound_port, std::string* error);
  // Waits for a connection and makes `connection`, yet unopened, it.
  bool Accept(TcpSocket* connection, std::string* error);

  // Sends all of it.
  bool Send(const char* data, size_t size, std::string* error);
  // `received` is 0 at the orderly end of the stream.
  bool Receive(char* data, size_t size, size_t* received, std::string* error);
  bool ShutDownSending(std::string* error);
  bool Close(std::string* error);

 private:
  bool Open(const NumericAddress& address, std::string* error);

  const WSPPROC_TABLE& table_;
  SOCKET socket_ = INVALID_SOCKET;
};

}  // namespace wspd::wspcat

#endif  // WSPD_CLIENT_STUB_WSPCAT_TCP_SOCKET_H_
