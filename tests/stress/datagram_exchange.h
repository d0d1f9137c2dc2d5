#ifndef WSPD_TESTS_STRESS_DATAGRAM_EXCHANGE_H_
#define WSPD_TESTS_STRESS_DATAGRAM_EXCHANGE_H_

#include <cstdint>
#include <string>

#include "tests/stress/client_context.h"
#include "tests/stress/datagram.h"
#include "tests/testing/endpoint.h"
#include "tests/testing/spi.h"

namespace wspd::testing {

// A socket for datagrams, by which a thread sends some to the peer and receives
// the answers, whole ones and cut ones. Some may be lost; none may come twice
// or otherwise than it was sent. For the thread that made it. What fails is a
// fault unless a cleanup explains it.
class DatagramExchange {
 public:
  DatagramExchange(ClientContext* context, uint16_t peer_port)
      : context_(context),
        spi_(context->spi),
        peer_{Family::kIpv4, peer_port} {}

  // Before the others.
  bool Open();
  // Sends a few, and receives what has come, having waited for a while perhaps.
  void Run();
  // If it is open.
  void Close();

 private:
  void Send();
  bool Wait();
  // False if nothing has come.
  bool Receive();
  void Check(const std::string& bytes, bool cut);

  ClientContext* const context_;
  Spi* const spi_;
  const Endpoint peer_;
  SOCKET socket_ = INVALID_SOCKET;
  uint32_t record_ = 0;
  uint32_t sent_ = 0;
  NumbersSeen answered_;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_STRESS_DATAGRAM_EXCHANGE_H_
