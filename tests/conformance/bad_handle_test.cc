// Every function on what is no socket, and with pointers that are null.
#include <unistd.h>

#include <string>
#include <tuple>

#include "client_stub/spi_client/event.h"
#include "tests/conformance/each_function.h"
#include "tests/conformance/stream_fixture.h"

namespace wspd::conformance {
namespace {

using ::testing::AnyOf;

// ------------------------------- 2, common: WSAENOTSOCK, for every function

class BadHandleTest : public ConformanceTest,
                      public ::testing::WithParamInterface<FunctionCall> {
 protected:
  WsaCode CallOn(SOCKET s) { return GetParam().call(*this, s); }
};

INSTANTIATE_TEST_SUITE_P(, BadHandleTest,
                         ::testing::ValuesIn(SocketFunctions()),
                         [](const auto& info) {
                           return std::string(info.param.name);
                         });

TEST_P(BadHandleTest, InvalidSocketIsNoSocket) {
  EXPECT_EQ(CallOn(INVALID_SOCKET), WsaCode{WSAENOTSOCK});
}

TEST_P(BadHandleTest, ClosedSocketIsNoSocket) {
  const SOCKET s = NewSocket(Family::kIpv4);
  ASSERT_EQ(Close(s), kOk);
  EXPECT_EQ(CallOn(s), WsaCode{WSAENOTSOCK});
}

// A handle of the SPI client's that is none of the provider's sockets.
TEST_P(BadHandleTest, EventIsNoSocket) {
  Event event;
  EXPECT_EQ(CallOn(reinterpret_cast<SOCKET>(event.get())),
            WsaCode{WSAENOTSOCK});
}

// ------------------ 2: the provider does all parameter validation: WSAEFAULT

struct NullCall {
  const char* name;
  WsaCode (*call)(Calls& calls, SOCKET connected, SOCKET fresh);
  // Where the reference has no code for a null pointer of its own, it is
  // WSAEFAULT or the code that it has for a bad argument.
  int other_code = WSAEFAULT;
};

std::ostream& operator<<(std::ostream& out, const NullCall& call) {
  return out << call.name;
}

class NullPointerTest : public ConformanceTest,
                        public ::testing::WithParamInterface<NullCall> {};

TEST_P(NullPointerTest, IsAnError) {
  const Pair pair = NewConnection(Family::kIpv4);
  const SOCKET fresh = NewSocket(Family::kIpv4);
  EXPECT_THAT(GetParam().call(*this, pair.socket, fresh),
              AnyOf(WsaCode{WSAEFAULT}, WsaCode{GetParam().other_code}));
}

WsaCode WithBuffer(WsaCode (*call)(Calls& calls, SOCKET s, WSABUF* buffer),
                   Calls& calls, SOCKET s) {
  char data[4] = "abc";
  WSABUF buffer = {sizeof(data), data};
  return call(calls, s, &buffer);
}

const SockAddr& Name() {
  static const SockAddr name = SockAddr::Loopback(Family::kIpv4);
  return name;
}

const NullCall kNullCalls[] = {
    {"BindName",
     [](Calls& calls, SOCKET, SOCKET fresh) {
       return calls.Bind(fresh, nullptr, sizeof(sockaddr_in));
     }},
    {"ConnectName",
     [](Calls& calls, SOCKET, SOCKET fresh) {
       return calls.Connect(fresh, nullptr, sizeof(sockaddr_in));
     }},
    {"JoinLeafName",
     [](Calls& calls, SOCKET, SOCKET fresh) {
       SOCKET joined;
       return calls.JoinLeaf(fresh, &joined, nullptr, sizeof(sockaddr_in),
                             JL_BOTH);
     },
     // A stream socket has no leaves at all.
     WSAEOPNOTSUPP},
    {"GetSockNameName",
     [](Calls& calls, SOCKET s, SOCKET) {
       int length = sizeof(sockaddr_in);
       return calls.GetSockName(s, nullptr, &length);
     }},
    {"GetSockNameLength",
     [](Calls& calls, SOCKET s, SOCKET) {
       SockAddr name;
       return calls.GetSockName(s, name.get(), nullptr);
     }},
    {"GetPeerNameName",
     [](Calls& calls, SOCKET s, SOCKET) {
       int length = sizeof(sockaddr_in);
       return calls.GetPeerName(s, nullptr, &length);
     }},
    {"GetPeerNameLength",
     [](Calls& calls, SOCKET s, SOCKET) {
       SockAddr name;
       return calls.GetPeerName(s, name.get(), nullptr);
     }},
    {"GetOptionValue",
     [](Calls& calls, SOCKET s, SOCKET) {
       int length = sizeof(int);
       return calls.GetOption(s, SOL_SOCKET, SO_TYPE, nullptr, &length);
     }},
    {"GetOptionLength",
     [](Calls& calls, SOCKET s, SOCKET) {
       int value;
       return calls.GetOption(s, SOL_SOCKET, SO_TYPE, &value, nullptr);
     }},
    {"SetOptionValue",
     [](Calls& calls, SOCKET s, SOCKET) {
       return calls.SetOption(s, SOL_SOCKET, SO_KEEPALIVE, nullptr,
                              sizeof(int));
     }},
    {"IoctlBytesReturned",
     [](Calls& calls, SOCKET s, SOCKET) {
       u_long bytes;
       return calls.Ioctl(s, FIONREAD, nullptr, 0, &bytes, sizeof(bytes),
                          nullptr);
     }},
    {"IoctlIn",
     [](Calls& calls, SOCKET s, SOCKET) {
       DWORD returned;
       return calls.Ioctl(s, FIONBIO, nullptr, 0, nullptr, 0, &returned);
     }},
    {"IoctlOut",
     [](Calls& calls, SOCKET s, SOCKET) {
       DWORD returned;
       return calls.Ioctl(s, FIONREAD, nullptr, 0, nullptr, 0, &returned);
     }},
    {"SendBuffers",
     [](Calls& calls, SOCKET s, SOCKET) {
       DWORD sent;
       return calls.Send(s, nullptr, 1, &sent);
     }},
    {"SendCount",
     [](Calls& calls, SOCKET s, SOCKET) {
       return WithBuffer(
           [](Calls& calls, SOCKET s, WSABUF* buffer) {
             return calls.Send(s, buffer, 1, nullptr);
           },
           calls, s);
     }},
    {"SendToBuffers",
     [](Calls& calls, SOCKET s, SOCKET) {
       DWORD sent;
       return calls.SendTo(s, nullptr, 1, &sent, 0, nullptr, 0);
     }},
    {"SendToCount",
     [](Calls& calls, SOCKET s, SOCKET) {
       return WithBuffer(
           [](Calls& calls, SOCKET s, WSABUF* buffer) {
             return calls.SendTo(s, buffer, 1, nullptr, 0, nullptr, 0);
           },
           calls, s);
     }},
    {"RecvBuffers",
     [](Calls& calls, SOCKET s, SOCKET) {
       DWORD received, flags = 0;
       return calls.Recv(s, nullptr, 1, &received, &flags);
     }},
    {"RecvCount",
     [](Calls& calls, SOCKET s, SOCKET) {
       return WithBuffer(
           [](Calls& calls, SOCKET s, WSABUF* buffer) {
             DWORD flags = 0;
             return calls.Recv(s, buffer, 1, nullptr, &flags);
           },
           calls, s);
     }},
    {"RecvFlags",
     [](Calls& calls, SOCKET s, SOCKET) {
       return WithBuffer(
           [](Calls& calls, SOCKET s, WSABUF* buffer) {
             DWORD received;
             return calls.Recv(s, buffer, 1, &received, nullptr);
           },
           calls, s);
     }},
    {"RecvFromBuffers",
     [](Calls& calls, SOCKET s, SOCKET) {
       DWORD received, flags = 0;
       return calls.RecvFrom(s, nullptr, 1, &received, &flags, nullptr,
                             nullptr);
     }},
    {"RecvFromFlags",
     [](Calls& calls, SOCKET s, SOCKET) {
       return WithBuffer(
           [](Calls& calls, SOCKET s, WSABUF* buffer) {
             DWORD received;
             return calls.RecvFrom(s, buffer, 1, &received, nullptr, nullptr,
                                   nullptr);
           },
           calls, s);
     }},
    // 4.2: NULL overlapped, bytes, flags.
    {"GetOverlappedResultOverlapped",
     [](Calls& calls, SOCKET s, SOCKET) {
       DWORD bytes, flags;
       return calls.GetOverlappedResult(s, nullptr, &bytes, false, &flags);
     }},
    {"GetOverlappedResultBytes",
     [](Calls& calls, SOCKET s, SOCKET) {
       WSAOVERLAPPED done = {};
       DWORD flags;
       return calls.GetOverlappedResult(s, &done, nullptr, false, &flags);
     }},
    {"GetOverlappedResultFlags",
     [](Calls& calls, SOCKET s, SOCKET) {
       WSAOVERLAPPED done = {};
       DWORD bytes;
       return calls.GetOverlappedResult(s, &done, &bytes, false, nullptr);
     }},
    // 2: all three sets NULL.
    {"SelectSets",
     [](Calls& calls, SOCKET, SOCKET) {
       const TIMEVAL at_once = {};
       int ready;
       return calls.Select(nullptr, nullptr, nullptr, &at_once, &ready);
     },
     WSAEINVAL},
    {"EnumNetworkEventsEvents",
     [](Calls& calls, SOCKET s, SOCKET) {
       return calls.EnumNetworkEvents(s, nullptr, nullptr);
     },
     WSAEINVAL},
    // 4.11.
    {"DuplicateSocketInfo",
     [](Calls& calls, SOCKET s, SOCKET) {
       return calls.DuplicateSocket(s, static_cast<DWORD>(getpid()), nullptr);
     }},
    {"GetQosByNameName",
     [](Calls& calls, SOCKET s, SOCKET) {
       QOS qos = {};
       return calls.GetQosByName(s, nullptr, &qos);
     },
     WSAEOPNOTSUPP},
    {"AddressToStringAddress",
     [](Calls& calls, SOCKET, SOCKET) {
       WCHAR text[100];
       DWORD length = 100;
       return calls.AddressToString(nullptr, sizeof(sockaddr_in), nullptr, text,
                                    &length);
     },
     WSAEINVAL},
    {"AddressToStringText",
     [](Calls& calls, SOCKET, SOCKET) {
       SockAddr name = Name();
       DWORD length = 100;
       return calls.AddressToString(name.get(), name.length(), nullptr, nullptr,
                                    &length);
     },
     WSAEINVAL},
    {"AddressToStringLength",
     [](Calls& calls, SOCKET, SOCKET) {
       SockAddr name = Name();
       WCHAR text[100];
       return calls.AddressToString(name.get(), name.length(), nullptr, text,
                                    nullptr);
     },
     WSAEINVAL},
    {"StringToAddressText",
     [](Calls& calls, SOCKET, SOCKET) {
       SockAddr name;
       return calls.StringToAddress(nullptr, AF_INET, nullptr, name.get(),
                                    name.length_pointer());
     },
     WSAEINVAL},
    {"StringToAddressAddress",
     [](Calls& calls, SOCKET, SOCKET) {
       WCHAR text[] = u"127.0.0.1";
       int length = sizeof(sockaddr_in);
       return calls.StringToAddress(text, AF_INET, nullptr, nullptr, &length);
     },
     WSAEINVAL},
    {"StringToAddressLength",
     [](Calls& calls, SOCKET, SOCKET) {
       WCHAR text[] = u"127.0.0.1";
       SockAddr name;
       return calls.StringToAddress(text, AF_INET, nullptr, name.get(),
                                    nullptr);
     },
     WSAEINVAL},
    // 2: FROM_PROTOCOL_INFO takes the field from an info that isn't there.
    {"SocketInfo",
     [](Calls& calls, SOCKET, SOCKET) {
       SOCKET s;
       return calls.Socket(&s, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO,
                           FROM_PROTOCOL_INFO);
     },
     WSAEINVAL},
};

INSTANTIATE_TEST_SUITE_P(, NullPointerTest, ::testing::ValuesIn(kNullCalls),
                         [](const auto& info) {
                           return std::string(info.param.name);
                         });

}  // namespace
}  // namespace wspd::conformance
