// AcceptEx (reference, section 4.9).
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/lifecycle/data_fixture.h"
#include "tests/testing/extensions.h"
// After the Winsock headers.
#include <mswsock.h>
#include <ws2tcpip.h>

namespace wspd::testing {
namespace {

constexpr WsaCode kInval{WSAEINVAL};
constexpr WsaCode kFault{WSAEFAULT};
constexpr WsaCode kNotConn{WSAENOTCONN};
constexpr WsaCode kNotSock{WSAENOTSOCK};
constexpr DWORD kAborted = WSA_OPERATION_ABORTED;
constexpr ULONG_PTR kStatusBufferTooSmall = 0xC0000023;
// Room for an address of either family.
constexpr DWORD kRecord = sizeof(sockaddr_in6) + 16;

// One AcceptEx: its OVERLAPPED first, its event, its socket and its buffer.
struct Accepting {
  explicit Accepting(DWORD data_bytes = 0)
      : data_size(data_bytes), buffer(data_bytes + 2 * kRecord, '-') {
    overlapped.hEvent = event.get();
  }

  std::string data() const { return buffer.substr(0, overlapped.InternalHigh); }
  WsaCode error() const {
    return WsaCode{static_cast<int>(overlapped.OffsetHigh)};
  }
  bool is_pending() const {
    return __atomic_load_n(&overlapped.Internal, __ATOMIC_ACQUIRE) ==
           WSS_OPERATION_IN_PROGRESS;
  }

  WSAOVERLAPPED overlapped = {};
  Event event;
  DWORD data_size;
  std::string buffer;
  SOCKET socket = INVALID_SOCKET;
};

class AcceptExTest : public DataTest {
 protected:
  void SetUp() override {
    DataTest::SetUp();
    listening_ = Listen();
    accept_ = GetExtension<LPFN_ACCEPTEX>(*spi_, listening_, WSAID_ACCEPTEX);
    get_addresses_ = GetExtension<LPFN_GETACCEPTEXSOCKADDRS>(
        *spi_, listening_, WSAID_GETACCEPTEXSOCKADDRS);
    ASSERT_NE(accept_, nullptr);
  }

  // On the socket that it has, or a new one.
  WsaCode Start(Accepting* accepting) {
    if (accepting->socket == INVALID_SOCKET) {
      EXPECT_EQ(spi_->Socket(&accepting->socket, GetParam()), kOk);
    }
    return CodeOfBool(accept_(listening_, accepting->socket,
                              &accepting->buffer[0], accepting->data_size,
                              kRecord, kRecord, nullptr,
                              &accepting->overlapped));
  }
  // Waits for the end of one that was started with this code.
  WsaCode Finish(const Accepting& accepting, WsaCode started = kPending) {
    if (started != kPending && started != kOk) return started;
    EXPECT_TRUE(accepting.event.Wait());
    return accepting.error();
  }
  PeerSocket ConnectPeer() { return PeerSocket::ConnectTo(endpoint_); }

  WsaCode UpdateContext(SOCKET accepted, SOCKET listening) {
    int error = 0;
    return spi_->table().lpWSPSetSockOpt(accepted, SOL_SOCKET,
                                         SO_UPDATE_ACCEPT_CONTEXT,
                                         reinterpret_cast<char*>(&listening),
                                         sizeof(listening), &error) == 0
               ? kOk
               : WsaCode{error};
  }
  struct Names {
    Endpoint local, remote;
  };
  Names NamesIn(Accepting* accepting) {
    sockaddr *local = nullptr, *remote = nullptr;
    INT local_length = 0, remote_length = 0;
    get_addresses_(&accepting->buffer[0], accepting->data_size, kRecord,
                   kRecord, &local, &local_length, &remote, &remote_length);
    Names names;
    if (local == nullptr || remote == nullptr) return names;
    SocketAddress address;
    std::memcpy(address.get(), local, static_cast<size_t>(local_length));
    names.local = address.ToEndpoint();
    std::memcpy(address.get(), remote, static_cast<size_t>(remote_length));
    names.remote = address.ToEndpoint();
    return names;
  }
  // Until the connection that waits for its first data is there.
  void AwaitConnection(SOCKET accepting) {
    int seconds = -1;
    ASSERT_TRUE(WaitUntil([&] {
      EXPECT_EQ(
          spi_->GetOption(accepting, SOL_SOCKET, SO_CONNECT_TIME, &seconds),
          kOk);
      return seconds >= 0;
    }));
  }

  SOCKET listening_ = INVALID_SOCKET;
  LPFN_ACCEPTEX accept_ = nullptr;
  LPFN_GETACCEPTEXSOCKADDRS get_addresses_ = nullptr;
};

// ------------------------------------------------------------------- accepting

TEST_P(AcceptExTest, CompletesWithTheConnectionIfNoDataAreWanted) {
  Accepting accepting;
  ASSERT_EQ(Start(&accepting), kPending);
  EXPECT_TRUE(accepting.is_pending());
  PeerSocket peer = ConnectPeer();
  ASSERT_EQ(Finish(accepting), kOk);
  EXPECT_EQ(accepting.overlapped.InternalHigh, 0u);
  const Names names = NamesIn(&accepting);
  EXPECT_EQ(names.local, endpoint_);
  EXPECT_EQ(names.remote.family, GetParam());
  EXPECT_NE(names.remote.port, 0);
  // It is as connected as any.
  ASSERT_EQ(spi_->Send(accepting.socket, "hello"), kOk);
  EXPECT_EQ(peer.Read(5), "hello");
  ASSERT_TRUE(peer.Write("there"));
  std::string data;
  EXPECT_EQ(spi_->RecvExactly(accepting.socket, 5, &data), kOk);
  EXPECT_EQ(data, "there");
}

TEST_P(AcceptExTest, AConnectionThatWaitsIsTakenAtOnce) {
  PeerSocket peer = ConnectPeer();
  ASSERT_TRUE(peer.Write("data"));
  Accepting accepting(100);
  ASSERT_EQ(Finish(accepting, Start(&accepting)), kOk);
  EXPECT_TRUE(accepting.event.IsSet());
  EXPECT_EQ(accepting.data(), "data");
}

TEST_P(AcceptExTest, TheContextTellsOfTheConnection) {
  Accepting accepting;
  ASSERT_EQ(Start(&accepting), kPending);
  PeerSocket peer = ConnectPeer();
  ASSERT_EQ(Finish(accepting), kOk);
  const SOCKET accepted = accepting.socket;
  Endpoint name;
  EXPECT_EQ(spi_->GetSockName(accepted, &name), kInval);
  EXPECT_EQ(spi_->GetPeerName(accepted, &name), kNotConn);
  EXPECT_EQ(spi_->Shutdown(accepted, SD_SEND), kNotConn);
  ASSERT_EQ(UpdateContext(accepted, listening_), kOk);
  EXPECT_EQ(spi_->GetSockName(accepted, &name), kOk);
  EXPECT_EQ(name, endpoint_);
  EXPECT_EQ(spi_->GetPeerName(accepted, &name), kOk);
  EXPECT_EQ(name, NamesIn(&accepting).remote);
  EXPECT_EQ(spi_->Shutdown(accepted, SD_SEND), kOk);
  EXPECT_EQ(peer.WaitForEnd(), Ending::kOrderly);
}

TEST_P(AcceptExTest, TheContextIsTheListeners) {
  SOCKET other = INVALID_SOCKET;
  Endpoint elsewhere;
  ASSERT_EQ(spi_->ListenNew(&other, &elsewhere, GetParam()), kOk);
  Accepting accepting;
  ASSERT_EQ(spi_->Socket(&accepting.socket, GetParam()), kOk);
  EXPECT_EQ(UpdateContext(accepting.socket, listening_), kNotConn);
  ASSERT_EQ(Start(&accepting), kPending);
  PeerSocket peer = ConnectPeer();
  ASSERT_EQ(Finish(accepting), kOk);
  EXPECT_EQ(UpdateContext(accepting.socket, other), kInval);
  EXPECT_EQ(UpdateContext(accepting.socket, INVALID_SOCKET), kNotSock);
  int error = 0;
  EXPECT_EQ(spi_->table().lpWSPSetSockOpt(
                accepting.socket, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT,
                reinterpret_cast<char*>(&listening_), 4, &error),
            SOCKET_ERROR);
  EXPECT_EQ(error, WSAEFAULT);
  EXPECT_EQ(UpdateContext(accepting.socket, listening_), kOk);
}

TEST_P(AcceptExTest, TheListenersOptionsComeWithTheContext) {
  ASSERT_EQ(spi_->SetOption(listening_, SOL_SOCKET, SO_KEEPALIVE, 1), kOk);
  ASSERT_EQ(spi_->SetOption(listening_, SOL_SOCKET, SO_RCVTIMEO, 12345), kOk);
  ASSERT_EQ(spi_->SetLinger(listening_, true, 7), kOk);
  Accepting accepting;
  ASSERT_EQ(spi_->Socket(&accepting.socket, GetParam()), kOk);
  ASSERT_EQ(spi_->SetOption(accepting.socket, IPPROTO_TCP, TCP_NODELAY, 1),
            kOk);
  ASSERT_EQ(Start(&accepting), kPending);
  PeerSocket peer = ConnectPeer();
  ASSERT_EQ(Finish(accepting), kOk);
  const SOCKET accepted = accepting.socket;
  int value = 0;
  EXPECT_EQ(spi_->GetOption(accepted, SOL_SOCKET, SO_KEEPALIVE, &value), kOk);
  EXPECT_EQ(value, 0);
  EXPECT_EQ(spi_->GetOption(accepted, IPPROTO_TCP, TCP_NODELAY, &value), kOk);
  EXPECT_EQ(value, 1);
  ASSERT_EQ(UpdateContext(accepted, listening_), kOk);
  EXPECT_EQ(spi_->GetOption(accepted, SOL_SOCKET, SO_KEEPALIVE, &value), kOk);
  EXPECT_EQ(value, 1);
  EXPECT_EQ(spi_->GetOption(accepted, IPPROTO_TCP, TCP_NODELAY, &value), kOk);
  EXPECT_EQ(value, 0);
  EXPECT_EQ(spi_->GetOption(accepted, SOL_SOCKET, SO_RCVTIMEO, &value), kOk);
  EXPECT_EQ(value, 12345);
  EXPECT_EQ(spi_->GetOption(accepted, SOL_SOCKET, SO_LINGER, &value), kOk);
  EXPECT_EQ(value, 7 << 16 | 1);
}

TEST_P(AcceptExTest, ConnectionsGoToTheCallsInTheirOrder) {
  constexpr int kCount = 20;
  std::vector<std::unique_ptr<Accepting>> all;
  for (int i = 0; i < kCount; ++i) {
    all.push_back(std::make_unique<Accepting>());
    ASSERT_EQ(Start(all.back().get()), kPending);
  }
  std::vector<PeerSocket> peers;
  for (int i = 0; i < kCount; ++i) {
    peers.push_back(ConnectPeer());
    ASSERT_TRUE(peers.back().Write(std::string(1, 'a' + i)));
    ASSERT_EQ(Finish(*all[i]), kOk) << i;
    std::string data;
    ASSERT_EQ(spi_->RecvExactly(all[i]->socket, 1, &data), kOk);
    EXPECT_EQ(data, std::string(1, 'a' + i));
  }
}

// ------------------------------------------------------------- the first data

TEST_P(AcceptExTest, WaitsForTheFirstData) {
  Accepting accepting(10);
  ASSERT_EQ(Start(&accepting), kPending);
  PeerSocket peer = ConnectPeer();
  AwaitConnection(accepting.socket);
  EXPECT_TRUE(accepting.is_pending());
  EXPECT_FALSE(accepting.event.IsSet());
  ASSERT_TRUE(peer.Write("0123456789more"));
  ASSERT_EQ(Finish(accepting), kOk);
  EXPECT_EQ(accepting.data(), "0123456789");
  EXPECT_EQ(NamesIn(&accepting).local, endpoint_);
  std::string data;
  EXPECT_EQ(spi_->RecvExactly(accepting.socket, 4, &data), kOk);
  EXPECT_EQ(data, "more");
}

TEST_P(AcceptExTest, APeerThatSendsNothingAndEndsIsSuccess) {
  Accepting accepting(10);
  ASSERT_EQ(Start(&accepting), kPending);
  PeerSocket peer = ConnectPeer();
  peer.ShutdownSend();
  ASSERT_EQ(Finish(accepting), kOk);
  EXPECT_EQ(accepting.overlapped.InternalHigh, 0u);
  ASSERT_EQ(spi_->Send(accepting.socket, "answer"), kOk);
  EXPECT_EQ(peer.Read(6), "answer");
}

TEST_P(AcceptExTest, APeerThatResetsBeforeItsFirstDataIsAnError) {
  Accepting accepting(10);
  ASSERT_EQ(Start(&accepting), kPending);
  PeerSocket peer = ConnectPeer();
  AwaitConnection(accepting.socket);
  peer.Reset();
  EXPECT_EQ(Finish(accepting), WsaCode{WSAECONNRESET});
  // The socket is free for another.
  accepting.overlapped = {};
  Event again;
  accepting.overlapped.hEvent = again.get();
  ASSERT_EQ(Start(&accepting), kPending);
  PeerSocket second = ConnectPeer();
  ASSERT_TRUE(second.Write("x"));
  EXPECT_TRUE(again.Wait());
  EXPECT_EQ(accepting.error(), kOk);
}

TEST_P(AcceptExTest, ClosingTheSocketResetsAConnectionThatSendsNothing) {
  Accepting accepting(10);
  ASSERT_EQ(Start(&accepting), kPending);
  PeerSocket peer = ConnectPeer();
  AwaitConnection(accepting.socket);
  ASSERT_EQ(spi_->Close(accepting.socket), kOk);
  EXPECT_TRUE(accepting.event.Wait());
  EXPECT_EQ(accepting.overlapped.OffsetHigh, kAborted);
  EXPECT_EQ(peer.WaitForEnd(), Ending::kReset);
}

TEST_P(AcceptExTest, ClosingTheListenerDoesSoToo) {
  Accepting accepting(10);
  ASSERT_EQ(Start(&accepting), kPending);
  PeerSocket peer = ConnectPeer();
  AwaitConnection(accepting.socket);
  ASSERT_EQ(spi_->Close(listening_), kOk);
  EXPECT_TRUE(accepting.event.Wait());
  EXPECT_EQ(accepting.overlapped.OffsetHigh, kAborted);
  EXPECT_EQ(peer.WaitForEnd(), Ending::kReset);
  // The other socket is free.
  EXPECT_EQ(spi_->Connect(accepting.socket, listener_.endpoint()), kOk);
}

TEST_P(AcceptExTest, OthersAreAcceptedWhileOneSendsNothing) {
  Accepting slow(10), quick(10);
  ASSERT_EQ(Start(&slow), kPending);
  PeerSocket silent = ConnectPeer();
  AwaitConnection(slow.socket);
  ASSERT_EQ(Start(&quick), kPending);
  PeerSocket peer = ConnectPeer();
  ASSERT_TRUE(peer.Write("quick"));
  ASSERT_EQ(Finish(quick), kOk);
  EXPECT_EQ(quick.data(), "quick");
  ASSERT_TRUE(silent.Write("slow"));
  ASSERT_EQ(Finish(slow), kOk);
  EXPECT_EQ(slow.data(), "slow");
}

// --------------------------------------------------------------------- ending

TEST_P(AcceptExTest, ClosingTheSocketEndsTheCallAndTakesNoConnection) {
  Accepting accepting, other;
  ASSERT_EQ(Start(&accepting), kPending);
  ASSERT_EQ(Start(&other), kPending);
  ASSERT_EQ(spi_->Close(accepting.socket), kOk);
  EXPECT_TRUE(accepting.event.Wait());
  EXPECT_EQ(accepting.overlapped.OffsetHigh, kAborted);
  PeerSocket peer = ConnectPeer();
  EXPECT_EQ(Finish(other), kOk);
}

TEST_P(AcceptExTest, ClosingTheListenerEndsAllCalls) {
  Accepting one, two;
  ASSERT_EQ(Start(&one), kPending);
  ASSERT_EQ(Start(&two), kPending);
  ASSERT_EQ(spi_->Close(listening_), kOk);
  for (const Accepting* accepting : {&one, &two}) {
    EXPECT_TRUE(accepting->event.Wait());
    EXPECT_EQ(accepting->overlapped.OffsetHigh, kAborted);
  }
  EXPECT_EQ(spi_->Bind(one.socket, {GetParam(), 0}), kOk);
}

TEST_P(AcceptExTest, AReusedSocketAcceptsAgain) {
  const auto disconnect =
      GetExtension<LPFN_DISCONNECTEX>(*spi_, listening_, WSAID_DISCONNECTEX);
  Accepting accepting(10);
  for (const char* text : {"one", "two", "three"}) {
    const WsaCode started = Start(&accepting);
    PeerSocket peer = ConnectPeer();
    ASSERT_TRUE(peer.Write(text));
    ASSERT_EQ(Finish(accepting, started), kOk);
    EXPECT_EQ(accepting.data(), text);
    ASSERT_EQ(UpdateContext(accepting.socket, listening_), kOk);
    ASSERT_EQ(
        CodeOfBool(disconnect(accepting.socket, nullptr, TF_REUSE_SOCKET, 0)),
        kOk);
    EXPECT_EQ(peer.WaitForEnd(), Ending::kOrderly);
  }
}

TEST_P(AcceptExTest, ADeferredConnectionIsTaken) {
  PeerSocket peer = ConnectPeer();
  SOCKET accepted = INVALID_SOCKET;
  const auto defer = [](LPWSABUF, LPWSABUF, LPQOS, LPQOS, LPWSABUF, LPWSABUF,
                        GROUP*, DWORD_PTR) -> int { return CF_DEFER; };
  ASSERT_EQ(spi_->Accept(listening_, &accepted, defer), WsaCode{WSATRY_AGAIN});
  Accepting accepting;
  ASSERT_EQ(Finish(accepting, Start(&accepting)), kOk);
  ASSERT_TRUE(peer.Write("x"));
  std::string data;
  EXPECT_EQ(spi_->RecvExactly(accepting.socket, 1, &data), kOk);
}

// ------------------------------------------------------------------ arguments

TEST_P(AcceptExTest, ArgumentsAreChecked) {
  Accepting accepting;
  ASSERT_EQ(spi_->Socket(&accepting.socket, GetParam()), kOk);
  char* const buffer = &accepting.buffer[0];
  LPWSAOVERLAPPED overlapped = &accepting.overlapped;
  EXPECT_EQ(CodeOfBool(accept_(listening_, accepting.socket, buffer, 0, kRecord,
                               kRecord, nullptr, nullptr)),
            WsaCode{ERROR_INVALID_PARAMETER});
  EXPECT_EQ(CodeOfBool(accept_(listening_, accepting.socket, nullptr, 0,
                               kRecord, kRecord, nullptr, overlapped)),
            kFault);
  EXPECT_EQ(CodeOfBool(accept_(listening_, accepting.socket, buffer, 0, kRecord,
                               0, nullptr, overlapped)),
            kFault);
  EXPECT_TRUE(accepting.is_pending());
  EXPECT_EQ(CodeOfBool(accept_(listening_, INVALID_SOCKET, buffer, 0, kRecord,
                               kRecord, nullptr, overlapped)),
            kNotSock);
  EXPECT_EQ(CodeOfBool(accept_(INVALID_SOCKET, accepting.socket, buffer, 0,
                               kRecord, kRecord, nullptr, overlapped)),
            kNotSock);
  // Not listening.
  EXPECT_EQ(CodeOfBool(accept_(accepting.socket, accepting.socket, buffer, 0,
                               kRecord, kRecord, nullptr, overlapped)),
            kInval);
  EXPECT_FALSE(accepting.event.IsSet());
}

TEST_P(AcceptExTest, TheSocketHasToBeFree) {
  Accepting accepting;
  accepting.socket = listening_;
  EXPECT_EQ(Start(&accepting), kInval);
  accepting.socket = Connect().socket;
  EXPECT_EQ(Start(&accepting), kInval);
  ASSERT_EQ(spi_->DatagramSocket(&accepting.socket, GetParam()), kOk);
  EXPECT_EQ(Start(&accepting), kInval);
  ASSERT_EQ(spi_->Socket(&accepting.socket, GetParam()), kOk);
  ASSERT_EQ(spi_->Bind(accepting.socket, {GetParam(), 0}), kOk);
  EXPECT_EQ(Start(&accepting), kInval);
  const Family other =
      GetParam() == Family::kIpv4 ? Family::kIpv6 : Family::kIpv4;
  ASSERT_EQ(spi_->Socket(&accepting.socket, other), kOk);
  EXPECT_EQ(Start(&accepting), kInval);
}

TEST_P(AcceptExTest, ASocketThatAcceptsDoesNothingElse) {
  Accepting accepting, again;
  ASSERT_EQ(Start(&accepting), kPending);
  again.socket = accepting.socket;
  EXPECT_EQ(Start(&again), kInval);
  EXPECT_EQ(spi_->Connect(accepting.socket, listener_.endpoint()), kInval);
  EXPECT_EQ(spi_->Bind(accepting.socket, {GetParam(), 0}), kInval);
  EXPECT_EQ(spi_->Listen(accepting.socket), kInval);
  EXPECT_EQ(spi_->Send(accepting.socket, "x"), kNotConn);
  PeerSocket peer = ConnectPeer();
  EXPECT_EQ(Finish(accepting), kOk);
}

TEST_P(AcceptExTest, WithoutRoomForAddressesTheConnectionStays) {
  Accepting accepting;
  ASSERT_EQ(spi_->Socket(&accepting.socket, GetParam()), kOk);
  ASSERT_EQ(
      CodeOfBool(accept_(listening_, accepting.socket, &accepting.buffer[0], 0,
                         kRecord, 20, nullptr, &accepting.overlapped)),
      kPending);
  PeerSocket peer = ConnectPeer();
  EXPECT_EQ(Finish(accepting), kFault);
  EXPECT_EQ(accepting.overlapped.Internal, kStatusBufferTooSmall);
  EXPECT_EQ(peer.PeekEnd(), Ending::kStillOpen);
  SOCKET accepted = INVALID_SOCKET;
  EXPECT_EQ(spi_->Accept(listening_, &accepted), kOk);
  EXPECT_EQ(spi_->Bind(accepting.socket, {GetParam(), 0}), kOk);
}

TEST_P(AcceptExTest, TheLocalAddressMayBeLeftOut) {
  Accepting accepting;
  ASSERT_EQ(spi_->Socket(&accepting.socket, GetParam()), kOk);
  const WsaCode started =
      CodeOfBool(accept_(listening_, accepting.socket, &accepting.buffer[0], 0,
                         0, kRecord, nullptr, &accepting.overlapped));
  PeerSocket peer = ConnectPeer();
  EXPECT_EQ(Finish(accepting, started), kOk);
}

TEST_P(AcceptExTest, AListenerThatIsNotForOverlappedCallsBlocks) {
  ASSERT_EQ(spi_->Socket(&listening_, GetParam(), 0), kOk);
  ASSERT_EQ(spi_->Bind(listening_, {GetParam(), 0}), kOk);
  ASSERT_EQ(spi_->Listen(listening_), kOk);
  ASSERT_EQ(spi_->GetSockName(listening_, &endpoint_), kOk);
  PeerSocket peer;
  std::thread connects([&] {
    peer = ConnectPeer();
    EXPECT_TRUE(peer.Write("data"));
  });
  Accepting accepting(10);
  ASSERT_EQ(spi_->Socket(&accepting.socket, GetParam()), kOk);
  DWORD bytes = 77;
  EXPECT_EQ(
      CodeOfBool(accept_(listening_, accepting.socket, &accepting.buffer[0], 10,
                         kRecord, kRecord, &bytes, &accepting.overlapped)),
      kOk);
  connects.join();
  EXPECT_EQ(bytes, 4u);
  EXPECT_EQ(accepting.buffer.substr(0, 4), "data");
  EXPECT_EQ(NamesIn(&accepting).local, endpoint_);
  EXPECT_FALSE(accepting.event.IsSet());
}

INSTANTIATE_TEST_SUITE_P(Families, AcceptExTest,
                         ::testing::Values(Family::kIpv4, Family::kIpv6),
                         [](const auto& info) {
                           return info.param == Family::kIpv4 ? "Ipv4" : "Ipv6";
                         });

}  // namespace
}  // namespace wspd::testing
