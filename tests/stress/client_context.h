#ifndef WSPD_TESTS_STRESS_CLIENT_CONTEXT_H_
#define WSPD_TESTS_STRESS_CLIENT_CONTEXT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "tests/stress/caller.h"
#include "tests/stress/ledger.h"
#include "tests/stress/transfer.h"
#include "tests/testing/spi.h"

namespace wspd::testing {

using Random = std::mt19937_64;

constexpr WsaCode kInterrupted{WSAEINTR};
constexpr WsaCode kWouldBlock{WSAEWOULDBLOCK};

// What all calls of one thread have in common.
struct ClientContext {
  Spi* spi;
  Ledger* ledger;
  Caller* caller;
  Random* random;
  // The final cleanup has begun: calls may be told so.
  const std::atomic<bool>* cleaning;
  int pending = 0;  // transfers of all the thread's connections
  // Of AcceptEx and ConnectEx: what a final cleanup came before.
  std::vector<std::unique_ptr<Transfer>> overtaken;

  bool Chance(uint64_t one_in) { return (*random)() % one_in == 0; }

  // False, and a fault unless a cleanup explains it.
  bool Check(const char* call, WsaCode code);

  // Wait as long as a test does for what ought to come. A final cleanup takes
  // every notice away, whenever it comes: false then, too.
  bool Await(const Transfer& transfer) const;
  bool Await(const Event& event) const;

  // Awaits the end of an extension function that has said `code`; how much it
  // transferred. Takes `transfer` if a cleanup is to end it instead.
  bool Finish(const char* call, WsaCode code,
              std::unique_ptr<Transfer>* transfer, size_t* bytes);

  // Waits until an event of `wanted` is told of `s`, which is registered with
  // `event`; what was told by then.
  bool AwaitNetworkEvent(SOCKET s, const Event& event, LONG wanted,
                         WSANETWORKEVENTS* occurred);

  // Ends a registration of network events, and blocks again.
  bool Unregister(SOCKET s);
};

// A power of two at most `most`, and then anything up to it: small numbers come
// as often as large ones.
size_t AnySize(Random* random, size_t most);

}  // namespace wspd::testing

#endif  // WSPD_TESTS_STRESS_CLIENT_CONTEXT_H_
