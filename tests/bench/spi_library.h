#ifndef WSPD_TESTS_BENCH_SPI_LIBRARY_H_
#define WSPD_TESTS_BENCH_SPI_LIBRARY_H_

// For what uses the SPI itself: its headers, which don't go with the system's.

#include <winsock2.h>
#include <ws2spi.h>
#include <ws2tcpip.h>

#include <memory>

#include "client_stub/spi_client/spi_client.h"
#include "tests/bench/spi_transport.h"

namespace wspd::bench {

struct SpiTransport::Library {
  std::unique_ptr<spi_client::SpiClient> client;
  const WSPPROC_TABLE* table;
};

struct Operation::State {
  WSAOVERLAPPED overlapped = {};
  WSABUF buffer = {};
  bool is_send = false;
  // Where a datagram came from; both are written when it has completed.
  sockaddr_in from = {};
  int from_length = 0;
};

// Both die of a call that failed, with the code's name.
[[noreturn]] void DieOf(const char* call, int code);
void Check(int result, const char* call, int code);
// Of one that began an overlapped operation.
void CheckPosted(int result, const char* call, int code);

// Port `port` of 127.0.0.1.
sockaddr_in LoopbackAddress(uint16_t port);

Operation::State* PrepareOperation(Operation* operation, char* data,
                                   size_t size, bool is_send);
// Waits for its event. Dies if it failed or a send did a part.
void AwaitOperation(const SpiTransport::Library& library, SOCKET s,
                    Operation* operation);

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_SPI_LIBRARY_H_
