#ifndef WSPD_TESTS_BENCH_SPI_TRANSPORT_H_
#define WSPD_TESTS_BENCH_SPI_TRANSPORT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "tests/bench/transport.h"

namespace wspd::bench {

class SpiDatagrams;
class SpiStream;

// A provider, loaded and started up; cleaned up and unloaded by the destructor,
// which no stream may outlive. Declared without the SPI's headers, which don't
// go with the system's.
class SpiTransport : public Transport {
 public:
  explicit SpiTransport(const std::string& provider);
  ~SpiTransport() override;

  std::unique_ptr<Stream> Connect(uint16_t port) override;
  std::unique_ptr<SpiStream> ConnectSpi(uint16_t port);
  std::unique_ptr<Datagrams> OpenDatagrams(uint16_t port) override;
  std::unique_ptr<SpiDatagrams> OpenSpiDatagrams(uint16_t port);

  struct Library;
  const Library& library() const { return *library_; }

 private:
  const std::unique_ptr<Library> library_;
};

// An overlapped operation that signals an event of its own. To be used again
// when it has completed.
class Operation {
 public:
  Operation();
  // Not before the operation has completed.
  ~Operation();

  // Whether it has completed since it was posted; doesn't wait.
  bool completed() const;

  struct State;
  State* state() { return state_.get(); }

 private:
  const std::unique_ptr<State> state_;
};

// A socket of the provider. One thread may post and wait for operations while
// another uses another stream.
class SpiStream : public Stream {
 public:
  SpiStream(const SpiTransport::Library& library, uint16_t port);
  ~SpiStream() override;

  void Send(const char* data, size_t size) override;
  void Receive(char* data, size_t size) override;

  // The SOCKET.
  uintptr_t handle() const { return socket_; }

  // `data` has to last until the operation has completed.
  void PostSend(Operation* operation, const char* data, size_t size);
  void PostReceive(Operation* operation, char* data, size_t size);
  // Dies if it didn't do the whole size, but a receive may get less.
  void Wait(Operation* operation);

 private:
  const SpiTransport::Library& library_;
  uintptr_t socket_;
};

// A UDP socket of the provider, by WSPSendTo and WSPRecvFrom. One thread.
class SpiDatagrams : public Datagrams {
 public:
  SpiDatagrams(const SpiTransport::Library& library, uint16_t port);
  ~SpiDatagrams() override;

  void Send(const char* data, size_t size) override;
  size_t Receive(char* data, size_t size) override;

  // As of a stream.
  void PostSend(Operation* operation, const char* data, size_t size);
  void PostReceive(Operation* operation, char* data, size_t size);
  void Wait(Operation* operation);

 private:
  const SpiTransport::Library& library_;
  const uint16_t port_;
  uintptr_t socket_;
};

struct StartupTimes {
  double load = 0;     // dlopen and the like, in seconds
  double startup = 0;  // WSPStartup
};

// Loads, starts up, cleans up and unloads, and says how long the first two
// took.
StartupTimes MeasureStartup(const std::string& provider);

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_SPI_TRANSPORT_H_
