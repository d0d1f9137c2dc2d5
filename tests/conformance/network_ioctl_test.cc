// The ioctls that name routes, addresses and interfaces (4.9).
#include <cstddef>
#include <cstring>
#include <vector>

#include "tests/conformance/option_fixture.h"

namespace wspd::conformance {
namespace {

class NetworkIoctlTest : public VariantTest {
 protected:
  WsaCode Query(SOCKET s, DWORD code, std::vector<char>* out, DWORD* returned) {
    *returned = 0;
    return Ioctl(s, code, nullptr, 0, out->data(),
                 static_cast<DWORD>(out->size()), returned);
  }
  WsaCode QueryRoute(SOCKET s, SockAddr destination, SockAddr* local,
                     DWORD* returned) {
    *local = SockAddr();
    *returned = 0;
    return Ioctl(s, SIO_ROUTING_INTERFACE_QUERY, destination.get(),
                 static_cast<DWORD>(destination.length()), local->get(),
                 static_cast<DWORD>(local->length()), returned);
  }
  SockAddr Loopback() { return SockAddr::Loopback(family(), 9); }
};
WSPD_FOR_ALL_VARIANTS(NetworkIoctlTest);

// ------------------------------------------- SIO_ROUTING_INTERFACE_QUERY

// Destination → the local address.
TEST_P(NetworkIoctlTest, RouteToLoopbackIsLoopback) {
  SockAddr local;
  DWORD returned = 0;
  ASSERT_EQ(QueryRoute(New(), Loopback(), &local, &returned), kOk);
  EXPECT_EQ(returned, DWORD(AddressLength(family())));
  local.set_port(9);
  EXPECT_EQ(local, Loopback());
}

// Small out → WSAEFAULT with the needed size.
TEST_P(NetworkIoctlTest, RouteNeedsRoom) {
  SockAddr destination = Loopback(), local;
  DWORD returned = 0;
  EXPECT_EQ(Ioctl(New(), SIO_ROUTING_INTERFACE_QUERY, destination.get(),
                  static_cast<DWORD>(destination.length()), local.get(),
                  static_cast<DWORD>(AddressLength(family()) - 1), &returned),
            WsaCode{WSAEFAULT});
  EXPECT_EQ(returned, DWORD(AddressLength(family())));
}

// [WT]: a bad family: WSAEAFNOSUPPORT.
TEST_P(NetworkIoctlTest, RouteOfAnUnknownFamilyIsNotSupported) {
  SockAddr destination = Loopback(), local;
  destination.set_family(0x7ead);
  DWORD returned;
  EXPECT_EQ(QueryRoute(New(), destination, &local, &returned),
            WsaCode{WSAEAFNOSUPPORT});
}

// [WT]: short or NULL in, and INADDR_ANY → WSAEINVAL.
TEST_P(NetworkIoctlTest, RouteOfAShortAddressIsInvalid) {
  SockAddr destination = Loopback(), local;
  destination.set_length(AddressLength(family()) - 1);
  DWORD returned;
  EXPECT_EQ(QueryRoute(New(), destination, &local, &returned),
            WsaCode{WSAEINVAL});
}

TEST_P(NetworkIoctlTest, RouteOfNoAddressIsInvalid) {
  SockAddr local;
  DWORD returned;
  EXPECT_EQ(Ioctl(New(), SIO_ROUTING_INTERFACE_QUERY, nullptr, 0, local.get(),
                  static_cast<DWORD>(local.length()), &returned),
            WsaCode{WSAEINVAL});
}

TEST_P(NetworkIoctlTest, RouteOfTheAnyAddressIsInvalid) {
  SockAddr local;
  DWORD returned;
  EXPECT_EQ(QueryRoute(New(), SockAddr::Any(family(), 9), &local, &returned),
            WsaCode{WSAEINVAL});
}

// [WT]: NULL out or NULL lpcb → WSAEFAULT.
TEST_P(NetworkIoctlTest, RouteToNowhereIsAFault) {
  SockAddr destination = Loopback(), local;
  DWORD returned;
  EXPECT_EQ(
      Ioctl(New(), SIO_ROUTING_INTERFACE_QUERY, destination.get(),
            static_cast<DWORD>(destination.length()), nullptr, 0, &returned),
      WsaCode{WSAEFAULT});
  EXPECT_EQ(Ioctl(New(), SIO_ROUTING_INTERFACE_QUERY, destination.get(),
                  static_cast<DWORD>(destination.length()), local.get(),
                  static_cast<DWORD>(local.length()), nullptr),
            WsaCode{WSAEFAULT});
}

// ------------------------------------------------ SIO_ADDRESS_LIST_QUERY

// → SOCKET_ADDRESS_LIST, with pointers into the same buffer.
TEST_P(NetworkIoctlTest, AddressListIsInTheBuffer) {
  std::vector<char> out(8192);
  DWORD returned = 0;
  ASSERT_EQ(Query(New(), SIO_ADDRESS_LIST_QUERY, &out, &returned), kOk);
  ASSERT_GE(returned, sizeof(INT));
  const auto* const list = reinterpret_cast<SOCKET_ADDRESS_LIST*>(out.data());
  ASSERT_GE(list->iAddressCount, 0);
  for (int i = 0; i < list->iAddressCount; ++i) {
    const SOCKET_ADDRESS& entry = list->Address[i];
    const char* const place = reinterpret_cast<const char*>(entry.lpSockaddr);
    ASSERT_GE(place, out.data());
    ASSERT_LE(place + entry.iSockaddrLength, out.data() + returned);
    EXPECT_EQ(entry.iSockaddrLength, AddressLength(family()));
    EXPECT_EQ(entry.lpSockaddr->sa_family, AddressFamily(family()));
  }
}

// It has the addresses that one can bind to: also the one from which the way to
// elsewhere leads.
TEST_P(NetworkIoctlTest, AddressListHasTheOneTowardsOthers) {
  SockAddr local;
  DWORD returned = 0;
  if (!QueryRoute(New(), SockAddr::Foreign(family(), 9), &local, &returned)
           .ok()) {
    GTEST_SKIP() << "no way leads elsewhere";
  }
  local.set_port(0);
  std::vector<char> out(8192);
  ASSERT_EQ(Query(New(), SIO_ADDRESS_LIST_QUERY, &out, &returned), kOk);
  const auto* const list = reinterpret_cast<SOCKET_ADDRESS_LIST*>(out.data());
  bool found = false;
  for (int i = 0; i < list->iAddressCount; ++i) {
    SockAddr entry;
    std::memcpy(entry.get(), list->Address[i].lpSockaddr,
                AddressLength(family()));
    entry.set_port(0);
    found |= entry == local;
  }
  EXPECT_TRUE(found);
}

// Small → WSAEFAULT and the needed size.
TEST_P(NetworkIoctlTest, AddressListNeedsRoom) {
  const SOCKET s = New();
  std::vector<char> out(1);
  DWORD needed = 0;
  ASSERT_EQ(Query(s, SIO_ADDRESS_LIST_QUERY, &out, &needed),
            WsaCode{WSAEFAULT});
  ASSERT_GT(needed, 1u);
  out.resize(needed);
  DWORD returned = 0;
  EXPECT_EQ(Query(s, SIO_ADDRESS_LIST_QUERY, &out, &returned), kOk);
}

TEST_P(NetworkIoctlTest, AddressListToNowhereIsAFault) {
  DWORD returned;
  EXPECT_EQ(
      Ioctl(New(), SIO_ADDRESS_LIST_QUERY, nullptr, 0, nullptr, 0, &returned),
      WsaCode{WSAEFAULT});
}

// ---------------------------------------------- SIO_GET_INTERFACE_LIST

// INTERFACE_INFO: iiFlags, then three addresses of 24 bytes.
constexpr size_t kInterfaceInfoSize = 76;
constexpr size_t kInterfaceAddressOffset = 4;

class InterfaceListTest : public ConformanceTest,
                          public ::testing::WithParamInterface<Protocol> {
 protected:
  SOCKET New() { return NewSocket(Family::kIpv4, GetParam()); }
  WsaCode List(std::vector<char>* out, DWORD* returned) {
    *returned = 0;
    return Ioctl(New(), SIO_GET_INTERFACE_LIST, nullptr, 0, out->data(),
                 static_cast<DWORD>(out->size()), returned);
  }
};
INSTANTIATE_TEST_SUITE_P(, InterfaceListTest,
                         ::testing::Values(Protocol::kTcp, Protocol::kUdp),
                         [](const auto& info) {
                           return info.param == Protocol::kTcp ? "Tcp" : "Udp";
                         });

// Mandatory for TCP/IP.
TEST_P(InterfaceListTest, HasTheLoopbackInterface) {
  std::vector<char> out(100 * kInterfaceInfoSize);
  DWORD returned = 0;
  ASSERT_EQ(List(&out, &returned), kOk);
  EXPECT_EQ(returned % kInterfaceInfoSize, 0u);
  bool found = false;
  for (size_t at = 0; at < returned; at += kInterfaceInfoSize) {
    sockaddr_in address;
    std::memcpy(&address, &out[at + kInterfaceAddressOffset], sizeof(address));
    found |= address.sin_family == AF_INET &&
             address.sin_addr.s_addr == htonl(INADDR_LOOPBACK);
  }
  EXPECT_TRUE(found);
}

// Small → WSAEFAULT.
TEST_P(InterfaceListTest, NeedsRoom) {
  std::vector<char> out(kInterfaceInfoSize - 1);
  DWORD returned;
  EXPECT_EQ(List(&out, &returned), WsaCode{WSAEFAULT});
}

// ------------------------------------------- SIO_GET_BROADCAST_ADDRESS

class BroadcastAddressTest : public ConformanceTest {};

// → sockaddr (255.255.255.255).
TEST_F(BroadcastAddressTest, IsAllOnes) {
  SockAddr address;
  DWORD returned = 0;
  ASSERT_EQ(Ioctl(NewSocket(Family::kIpv4, Protocol::kUdp),
                  SIO_GET_BROADCAST_ADDRESS, nullptr, 0, address.get(),
                  static_cast<DWORD>(address.length()), &returned),
            kOk);
  EXPECT_EQ(returned, sizeof(sockaddr_in));
  EXPECT_EQ(address.family(), AF_INET);
  EXPECT_EQ(address.in().sin_addr.s_addr, INADDR_BROADCAST);
}

// ----------------------------------------------- SIO_ADDRESS_LIST_SORT

class AddressListSortTest : public ConformanceTest {
 protected:
  // The list as it comes back.
  std::vector<SockAddr> Sorted(std::vector<SockAddr> addresses) {
    constexpr size_t kHead = offsetof(SOCKET_ADDRESS_LIST, Address);
    std::vector<char> in(kHead + addresses.size() * sizeof(SOCKET_ADDRESS));
    std::vector<char> out(1024);
    auto* const list = reinterpret_cast<SOCKET_ADDRESS_LIST*>(in.data());
    list->iAddressCount = static_cast<INT>(addresses.size());
    for (size_t i = 0; i < addresses.size(); ++i) {
      list->Address[i] = {addresses[i].get(), addresses[i].length()};
    }
    DWORD returned = 0;
    EXPECT_EQ(Ioctl(NewSocket(Family::kIpv6), SIO_ADDRESS_LIST_SORT, in.data(),
                    static_cast<DWORD>(in.size()), out.data(),
                    static_cast<DWORD>(out.size()), &returned),
              kOk);
    const auto* const sorted =
        reinterpret_cast<SOCKET_ADDRESS_LIST*>(out.data());
    std::vector<SockAddr> result(static_cast<size_t>(sorted->iAddressCount));
    for (size_t i = 0; i < result.size(); ++i) {
      std::memcpy(result[i].get(), sorted->Address[i].lpSockaddr,
                  AddressLength(Family::kIpv6));
      result[i].set_length(AddressLength(Family::kIpv6));
    }
    return result;
  }
};

// IPv6: a list in, the same addresses out, the best to be reached first. By RFC
// 6724 that is loopback, whether or not a way leads to the other.
TEST_F(AddressListSortTest, LoopbackIsFirst) {
  const SockAddr loopback = SockAddr::Loopback(Family::kIpv6);
  const SockAddr other = SockAddr::Foreign(Family::kIpv6);
  const auto is_sorted = ::testing::ElementsAre(loopback, other);
  EXPECT_THAT(Sorted({loopback, other}), is_sorted);
  EXPECT_THAT(Sorted({other, loopback}), is_sorted);
}

TEST_F(AddressListSortTest, OneAddressStaysAlone) {
  const SockAddr loopback = SockAddr::Loopback(Family::kIpv6);
  EXPECT_THAT(Sorted({loopback}), ::testing::ElementsAre(loopback));
}

// ------------------------- SIO_ROUTING_INTERFACE_CHANGE, _ADDRESS_LIST_CHANGE

class ChangeNotificationTest
    : public ConformanceTest,
      public ::testing::WithParamInterface<std::tuple<Variant, DWORD>> {
 protected:
  SOCKET New() {
    return NewSocket(std::get<0>(GetParam()).family,
                     std::get<0>(GetParam()).protocol);
  }
  WsaCode Await(SOCKET s, DWORD* returned, const Overlap& overlap = {}) {
    destination_ = SockAddr::Loopback(std::get<0>(GetParam()).family, 9);
    const bool routes = std::get<1>(GetParam()) == SIO_ROUTING_INTERFACE_CHANGE;
    return Ioctl(s, std::get<1>(GetParam()),
                 routes ? destination_.get() : nullptr,
                 routes ? static_cast<DWORD>(destination_.length()) : 0,
                 nullptr, 0, returned, overlap);
  }

 private:
  SockAddr destination_;
};

INSTANTIATE_TEST_SUITE_P(
    , ChangeNotificationTest,
    ::testing::Combine(::testing::Values(kTcp4, kTcp6, kUdp4, kUdp6),
                       ::testing::Values(SIO_ROUTING_INTERFACE_CHANGE,
                                         SIO_ADDRESS_LIST_CHANGE)),
    [](const auto& info) {
      const bool routes =
          std::get<1>(info.param) == SIO_ROUTING_INTERFACE_CHANGE;
      return (routes ? "Routes" : "Addresses") +
             VariantName(std::get<0>(info.param));
    });

// 2, 4.9: non-blocking and synchronous → WSAEWOULDBLOCK.
TEST_P(ChangeNotificationTest, NonBlockingWouldBlock) {
  const SOCKET s = New();
  ASSERT_EQ(SetNonBlocking(s), kOk);
  DWORD returned;
  EXPECT_EQ(Await(s, &returned), WsaCode{WSAEWOULDBLOCK});
}

// 4.9: overlapped pends …
TEST_P(ChangeNotificationTest, OverlappedPends) {
  const SOCKET s = New();
  Overlapped& change = NewOverlapped();
  EXPECT_EQ(Await(s, &change.bytes, change.WithEvent()), kPending);
  EXPECT_FALSE(change.event.Wait(kNotAtAllMs));
  EXPECT_EQ(change.status(), kStatusPending);
}

// … and close → aborted, with its indication.
TEST_P(ChangeNotificationTest, OverlappedEndsWithTheSocket) {
  const SOCKET s = New();
  Overlapped& change = NewOverlapped();
  ASSERT_EQ(Await(s, &change.bytes, change.WithEvent()), kPending);
  ASSERT_EQ(Close(s), kOk);
  ASSERT_TRUE(change.event.Wait(kSoonMs));
  EXPECT_THAT(change.status(), IsAbortedStatus());
}

// 2: a blocking call waits, until another thread closes the socket.
TEST_P(ChangeNotificationTest, BlockingWaits) {
  const SOCKET s = New();
  DWORD returned;
  WsaCode code;
  ThreadGroup thread;
  thread.Start("ioctl", [&] { code = Await(s, &returned); });
  ASSERT_TRUE(thread.WaitUntilBlocked());
  EXPECT_EQ(thread.ended(), 0) << code;
  ASSERT_EQ(Close(s), kOk);
  thread.JoinAll(milliseconds(kSoonMs));
  EXPECT_THAT(code, IsCancelled());
}

}  // namespace
}  // namespace wspd::conformance
