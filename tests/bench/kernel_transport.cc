#include "tests/bench/kernel_transport.h"

#include <unistd.h>

#include "tests/bench/die.h"
#include "tests/bench/kernel_sockets.h"

namespace wspd::bench {
namespace {

class KernelStream : public Stream {
 public:
  explicit KernelStream(int fd) : fd_(fd) {}
  ~KernelStream() override { close(fd_); }

  void Send(const char* data, size_t size) override {
    SendAll(fd_, data, size);
  }
  void Receive(char* data, size_t size) override {
    if (!ReceiveAll(fd_, data, size)) Die("recv: end of stream");
  }

 private:
  const int fd_;
};

class KernelDatagrams : public Datagrams {
 public:
  explicit KernelDatagrams(uint16_t port)
      : fd_(OpenDatagramSocket()), port_(port) {}
  ~KernelDatagrams() override { close(fd_); }

  void Send(const char* data, size_t size) override {
    SendDatagram(fd_, data, size, port_);
  }
  size_t Receive(char* data, size_t size) override {
    uint16_t from;
    return ReceiveDatagram(fd_, data, size, &from);
  }

 private:
  const int fd_;
  const uint16_t port_;
};

}  // namespace

std::unique_ptr<Stream> KernelTransport::Connect(uint16_t port) {
  return std::make_unique<KernelStream>(ConnectTo(port));
}

std::unique_ptr<Datagrams> KernelTransport::OpenDatagrams(uint16_t port) {
  return std::make_unique<KernelDatagrams>(port);
}

}  // namespace wspd::bench
