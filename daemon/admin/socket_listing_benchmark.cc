// How long the admin service takes to answer ListSockets of 100,000 sockets:
// with filters, with fields, by pages. One line each: how many sockets the
// answers have, their bytes on the wire, and the median and the longest time
// until these stand there, in milliseconds. The sockets are as the session
// layer hands them over; what it takes to ask each of them isn't in it.
//
//   socket_listing_benchmark [--smoke]
//
// Fails if an answer hasn't what it should. --smoke: each is measured once.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "daemon/admin/admin_service.h"
#include "daemon/admin/fake_inventory.h"

namespace wspd {
namespace {

using ::wsp::v1::ListSocketsRequest;

constexpr uint64_t kSockets = 100000;
constexpr uint64_t kClients = 1000;
constexpr uid_t kRoot = 0;

wsp::v1::SocketAddress At(uint32_t address, uint32_t port) {
  wsp::v1::SocketAddress made;
  made.mutable_ipv4()->set_address(address);
  made.mutable_ipv4()->set_port(port);
  return made;
}

// Connections of all users and planes, each to a peer of its own, and a
// listener among ten.
void Fill(FakeInventory* inventory) {
  constexpr int64_t kNow = 1'700'000'000'000'000'000;
  // As out of hash tables: in no order that is asked for.
  for (uint64_t i = kSockets; i > 0; --i) {
    wsp::v1::Socket socket;
    socket.set_client_id(1 + i % kClients);
    socket.set_pid(static_cast<int>(1000 + i % kClients));
    socket.set_uid(1000 + i % 10);
    socket.set_socket_id(i);
    socket.set_protocol(6);
    socket.set_plane(static_cast<wsp::v1::Plane>(i % 3));
    socket.set_cookie(i % 3 == 0 ? 0 : i);
    socket.set_opened_at_ns(kNow);
    socket.set_active_at_ns(kNow + static_cast<int64_t>(i));
    *socket.mutable_local() =
        At(0x7f000001, static_cast<uint32_t>(1024 + i % 50000));
    if (i % 10 == 0) {
      socket.set_state(wsp::v1::SOCKET_STATE_LISTENING);
    } else {
      socket.set_state(wsp::v1::SOCKET_STATE_CONNECTED);
      *socket.mutable_peer() = At(0x0a000000 + static_cast<uint32_t>(i), 443);
      socket.set_bytes_sent(i * 1000);
      socket.set_bytes_received(i * 2000);
      socket.set_sends(i);
      socket.set_receives(i);
      socket.mutable_tcp()->set_rtt_us(40);
      socket.mutable_tcp()->set_congestion_window(10);
      socket.mutable_tcp()->set_send_segment_bytes(1448);
    }
    inventory->AddSocket(socket);
  }
}

class Benchmark {
 public:
  explicit Benchmark(int rounds) : rounds_(rounds) { Fill(&inventory_); }

  // The answer, and those of the pages behind it if `all_pages`, are to have
  // so many sockets.
  void Run(const char* name, uint64_t expected, bool all_pages,
           const std::function<void(ListSocketsRequest*)>& ask) {
    std::vector<double> times;
    uint64_t sockets = 0;
    size_t bytes = 0;
    for (int i = 0; i < rounds_; ++i) {
      ListSocketsRequest request;
      ask(&request);
      sockets = 0;
      bytes = 0;
      const auto begin = std::chrono::steady_clock::now();
      do {
        const auto answer = service_.ListSockets(kRoot, request);
        if (!answer.ok()) {
          printf("%s: %s\n", name, answer.status().ToString().c_str());
          good_ = false;
          return;
        }
        bytes += answer->SerializeAsString().size();
        sockets += answer->sockets_size();
        request.set_page_token(answer->next_page_token());
      } while (all_pages && !request.page_token().empty());
      const std::chrono::duration<double, std::milli> took =
          std::chrono::steady_clock::now() - begin;
      times.push_back(took.count());
    }
    std::sort(times.begin(), times.end());
    printf("%-34s %6lu sockets %9zu bytes  median %7.1f ms  most %7.1f ms\n",
           name, static_cast<unsigned long>(sockets), bytes,
           times[times.size() / 2], times.back());
    if (sockets != expected) {
      printf("%s: should be %lu\n", name, static_cast<unsigned long>(expected));
      good_ = false;
    }
  }

  bool good() const { return good_; }

 private:
  const int rounds_;
  FakeInventory inventory_;
  const AdminService service_{&inventory_, AdminService::Options()};
  bool good_ = true;
};

int RunAll(int rounds) {
  Benchmark benchmark(rounds);
  const auto nothing = [](ListSocketsRequest*) {};
  benchmark.Run("all at once", kSockets, false, nothing);
  const auto some_fields = [](ListSocketsRequest* request) {
    for (const char* field : {"pid", "state", "local", "peer"}) {
      request->add_fields(field);
    }
  };
  benchmark.Run("all at once, 4 fields", kSockets, false, some_fields);
  benchmark.Run("of a state and a plane", 3333, false,
                [](ListSocketsRequest* request) {
                  request->add_states(wsp::v1::SOCKET_STATE_LISTENING);
                  request->add_planes(wsp::v1::PLANE_UNSPECIFIED);
                });
  benchmark.Run("of two users", kSockets / 5, false,
                [](ListSocketsRequest* request) {
                  request->add_uids(1001);
                  request->add_uids(1002);
                });
  benchmark.Run("of a network that has 14", 14, false,
                [](ListSocketsRequest* request) {
                  request->set_peer_network("10.0.0.0/28");
                });
  benchmark.Run("of a process", kSockets / kClients, false,
                [](ListSocketsRequest* request) { request->set_pid(1001); });
  const auto page_of = [](uint32_t size) {
    return
        [size](ListSocketsRequest* request) { request->set_page_size(size); };
  };
  benchmark.Run("a page of 2,000", 2000, false, page_of(2000));
  benchmark.Run("one in the middle", 2000, false,
                [](ListSocketsRequest* request) {
                  request->set_page_size(2000);
                  request->set_page_token(
                      absl::StrCat(absl::Hex(kSockets / 2), "-0-ffffffff"));
                });
  benchmark.Run("one of 4 fields", 2000, false,
                [&some_fields](ListSocketsRequest* request) {
                  request->set_page_size(2000);
                  some_fields(request);
                });
  benchmark.Run("all by pages of 10,000", kSockets, true, page_of(10000));
  return benchmark.good() ? 0 : 1;
}

}  // namespace
}  // namespace wspd

int main(int argc, char** argv) {
  const bool smoke = argc == 2 && absl::string_view(argv[1]) == "--smoke";
  if (argc > 1 && !smoke) {
    fprintf(stderr, "usage: socket_listing_benchmark [--smoke]\n");
    return 64;
  }
  return wspd::RunAll(smoke ? 1 : 21);
}
