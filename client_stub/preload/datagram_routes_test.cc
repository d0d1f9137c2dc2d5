#include "client_stub/preload/datagram_routes.h"

#include <string>
#include <thread>

#include "gtest/gtest.h"

namespace wsp {
namespace {

relay::Address To(uint16_t port) {
  relay::Address address = {};
  address.family = relay::kIpv4;
  address.port = port;
  return address;
}

DatagramRoute Route(uint64_t number, uint16_t port,
                    const std::string& control = "") {
  return DatagramRoute(number, To(port), control.data(), control.size());
}

TEST(DatagramRouteTest, IsOfOneSocketDestinationAndControlBlock) {
  Route(100, 1, "ttl").Admit(10);
  EXPECT_TRUE(Route(100, 1, "ttl").Admits(10));
  EXPECT_FALSE(Route(101, 1, "ttl").Admits(10));
  EXPECT_FALSE(Route(100, 2, "ttl").Admits(10));
  EXPECT_FALSE(Route(100, 1, "tos").Admits(10));
  EXPECT_FALSE(Route(100, 1).Admits(10));
}

TEST(DatagramRouteTest, AdmitsNoLongerOnesThanWent) {
  Route(200, 1).Admit(0);
  EXPECT_TRUE(Route(200, 1).Admits(1232));  // goes everywhere
  EXPECT_FALSE(Route(200, 1).Admits(1233));
  Route(200, 1).Admit(65507);
  EXPECT_TRUE(Route(200, 1).Admits(65507));
  EXPECT_FALSE(Route(200, 1).Admits(65508));
}

TEST(DatagramRouteTest, IsForgottenWithItsSocketsOthers) {
  Route(300, 1).Admit(1);
  Route(300, 2).Admit(1);
  Route(301, 1).Admit(1);
  ForgetDatagramRoutes(300);
  EXPECT_FALSE(Route(300, 1).Admits(1));
  EXPECT_FALSE(Route(300, 2).Admits(1));
  EXPECT_TRUE(Route(301, 1).Admits(1));
}

// One that was on its way when the socket changed is of what it was before.
TEST(DatagramRouteTest, MadeBeforeAChangeSaysNothingAfter) {
  const DatagramRoute before = Route(400, 1);
  ForgetDatagramRoutes(400);
  before.Admit(1);
  EXPECT_FALSE(Route(400, 1).Admits(1));
}

TEST(DatagramRouteTest, ThreadsShareTheTable) {
  std::thread threads[4];
  for (uint64_t t = 0; t < 4; ++t) {
    threads[t] = std::thread([t] {
      for (uint16_t i = 0; i < 5000; ++i) {
        const DatagramRoute route = Route(500 + t, i);
        route.Admit(i);
        // Another's may have its place by now, never with its name.
        if (route.Admits(i)) {
          EXPECT_FALSE(Route(600 + t, i).Admits(1));
        }
        if (i % 100 == 0) ForgetDatagramRoutes(500 + t);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace wsp
