#include <cstring>
#include <vector>

#include "client_stub/spi_client/event.h"
#include "tests/bench/many_sockets.h"
#include "tests/bench/spi_library.h"

namespace wspd::bench {
namespace {

class ManySpiSockets : public ManySockets {
 public:
  ManySpiSockets(SpiTransport* transport, uint16_t port, int count)
      : table_(*transport->library().table),
        first_(transport->ConnectSpi(port)) {
    for (int i = 0; i < count; ++i) {
      streams_.push_back(transport->ConnectSpi(port));
      events_.push_back(OpenEvent());
      int code = 0;
      const int result = table_.lpWSPEventSelect(
          streams_.back()->handle(), events_.back(), FD_READ, &code);
      Check(result, "WSPEventSelect", code);
    }
    // A list that is longer than the type says.
    set_.resize(offsetof(fd_set, fd_array) / sizeof(SOCKET) + streams_.size());
    static_assert(offsetof(fd_set, fd_array) % sizeof(SOCKET) == 0);
  }
  ~ManySpiSockets() override {
    int code = 0;
    for (const WSAEVENT event : events_) {
      spi_client::CloseEventObject(event, &code);
    }
  }

  void Burst() override {
    first_->Send("", 1);
    for (const WSAEVENT& event : events_) {
      spi_client::WaitForEvents(&event, 1, true, WSA_INFINITE, false);
    }
  }

  int CountReadable() override {
    auto* const set = reinterpret_cast<fd_set*>(set_.data());
    set->fd_count = static_cast<u_int>(streams_.size());
    SOCKET* const sockets =
        set_.data() + offsetof(fd_set, fd_array) / sizeof(SOCKET);
    for (size_t i = 0; i < streams_.size(); ++i) {
      sockets[i] = streams_[i]->handle();
    }
    timeval at_once = {0, 0};
    int code = 0;
    const int count =
        table_.lpWSPSelect(0, set, nullptr, nullptr, &at_once, &code);
    if (count == SOCKET_ERROR) DieOf("WSPSelect", code);
    return count;
  }

  int TakeEvents() override {
    int count = 0;
    for (size_t i = 0; i < streams_.size(); ++i) {
      WSANETWORKEVENTS events = {};
      int code = 0;
      const int result = table_.lpWSPEnumNetworkEvents(
          streams_[i]->handle(), events_[i], &events, &code);
      Check(result, "WSPEnumNetworkEvents", code);
      count += (events.lNetworkEvents & FD_READ) != 0;
    }
    return count;
  }

  void Read() override {
    char byte;
    for (const auto& stream : streams_) stream->Receive(&byte, 1);
  }

 private:
  static WSAEVENT OpenEvent() {
    int code = 0;
    const WSAEVENT event = spi_client::OpenEventObject(&code);
    if (event == WSA_INVALID_EVENT) DieOf("OpenEventObject", code);
    return event;
  }

  const WSPPROC_TABLE& table_;
  const std::unique_ptr<SpiStream> first_;
  std::vector<std::unique_ptr<SpiStream>> streams_;
  std::vector<WSAEVENT> events_;
  std::vector<SOCKET> set_;
};

}  // namespace

std::unique_ptr<ManySockets> MakeSpiSockets(SpiTransport* transport,
                                            uint16_t port, int count) {
  return std::make_unique<ManySpiSockets>(transport, port, count);
}

}  // namespace wspd::bench
