#ifndef WSPD_TESTS_BENCH_KERNEL_TRANSPORT_H_
#define WSPD_TESTS_BENCH_KERNEL_TRANSPORT_H_

#include <cstdint>
#include <memory>

#include "tests/bench/transport.h"

namespace wspd::bench {

// The kernel's own sockets: what the provider is compared with.
class KernelTransport : public Transport {
 public:
  std::unique_ptr<Stream> Connect(uint16_t port) override;
  std::unique_ptr<Datagrams> OpenDatagrams(uint16_t port) override;
};

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_KERNEL_TRANSPORT_H_
