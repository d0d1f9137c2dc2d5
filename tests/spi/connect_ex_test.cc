// ConnectEx and DisconnectEx (reference, section 4.9).
#include <gtest/gtest.h>

#include <string>

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
constexpr WsaCode kIsConn{WSAEISCONN};
constexpr WsaCode kShutdown{WSAESHUTDOWN};
constexpr WsaCode kRefused{WSAECONNREFUSED};
constexpr WsaCode kNotSock{WSAENOTSOCK};
constexpr WsaCode kInvalidParameter{ERROR_INVALID_PARAMETER};
constexpr DWORD kAborted = WSA_OPERATION_ABORTED;

class ConnectExTest : public DataTest {
 protected:
  void SetUp() override {
    DataTest::SetUp();
    ASSERT_EQ(spi_->Socket(&socket_, GetParam()), kOk);
    connect_ = GetExtension<LPFN_CONNECTEX>(*spi_, socket_, WSAID_CONNECTEX);
    disconnect_ =
        GetExtension<LPFN_DISCONNECTEX>(*spi_, socket_, WSAID_DISCONNECTEX);
    ASSERT_NE(connect_, nullptr);
    ASSERT_NE(disconnect_, nullptr);
    operation_.overlapped.hEvent = event_.get();
  }

  void BindIt() { ASSERT_EQ(spi_->Bind(socket_, {GetParam(), 0}), kOk); }

  // With `data` to be sent, which stays the caller's.
  WsaCode Start(const Endpoint& to, const std::string& data = "",
                DWORD* sent = nullptr) {
    SocketAddress address(to);
    return CodeOfBool(connect_(
        socket_, address.get(), address.length,
        data.empty() ? nullptr : const_cast<char*>(data.data()),
        static_cast<DWORD>(data.size()), sent, &operation_.overlapped));
  }
  // Until the operation's end, which may have come before the call's.
  WsaCode Finish(WsaCode started) {
    if (started != kPending) return started;
    EXPECT_TRUE(event_.Wait());
    return WsaCode{static_cast<int>(operation_.error())};
  }
  WsaCode ConnectIt(const Endpoint& to, const std::string& data = "") {
    return Finish(Start(to, data));
  }
  WsaCode Disconnect(SOCKET s, DWORD flags = 0, DWORD reserved = 0) {
    return CodeOfBool(disconnect_(s, nullptr, flags, reserved));
  }
  WsaCode StartDisconnect(SOCKET s, Operation* operation, DWORD flags = 0) {
    return CodeOfBool(disconnect_(s, &operation->overlapped, flags, 0));
  }
  WsaCode UpdateContext() {
    int error = 0;
    return spi_->table().lpWSPSetSockOpt(socket_, SOL_SOCKET,
                                         SO_UPDATE_CONNECT_CONTEXT, nullptr, 0,
                                         &error) == 0
               ? kOk
               : WsaCode{error};
  }

  SOCKET socket_ = INVALID_SOCKET;
  Event event_;
  Operation operation_;
  LPFN_CONNECTEX connect_ = nullptr;
  LPFN_DISCONNECTEX disconnect_ = nullptr;
};

// ------------------------------------------------------------------ connecting

TEST_P(ConnectExTest, ConnectsAndSignalsTheEvent) {
  BindIt();
  Endpoint bound;
  ASSERT_EQ(spi_->GetSockName(socket_, &bound), kOk);
  ASSERT_EQ(ConnectIt(listener_.endpoint()), kOk);
  EXPECT_TRUE(event_.IsSet());
  EXPECT_EQ(operation_.status(), 0u);
  EXPECT_EQ(operation_.overlapped.InternalHigh, 0u);
  PeerSocket peer = listener_.Accept();
  ASSERT_TRUE(peer.is_open());
  EXPECT_EQ(spi_->Send(socket_, "hello"), kOk);
  EXPECT_EQ(peer.Read(5), "hello");
  ASSERT_TRUE(peer.Write("there"));
  std::string data;
  EXPECT_EQ(spi_->RecvExactly(socket_, 5, &data), kOk);
  EXPECT_EQ(data, "there");
  Endpoint local;
  EXPECT_EQ(spi_->GetSockName(socket_, &local), kOk);
  EXPECT_EQ(local, bound);
}

TEST_P(ConnectExTest, TheContextTellsOfTheConnection) {
  BindIt();
  EXPECT_EQ(UpdateContext(), kNotConn);
  ASSERT_EQ(ConnectIt(listener_.endpoint()), kOk);
  PeerSocket peer = listener_.Accept();
  Endpoint name;
  EXPECT_EQ(spi_->GetPeerName(socket_, &name), kNotConn);
  EXPECT_EQ(spi_->Shutdown(socket_, SD_SEND), kNotConn);
  EXPECT_EQ(UpdateContext(), kOk);
  EXPECT_EQ(spi_->GetPeerName(socket_, &name), kOk);
  EXPECT_EQ(name, listener_.endpoint());
  EXPECT_EQ(spi_->Shutdown(socket_, SD_SEND), kOk);
  EXPECT_EQ(peer.WaitForEnd(), Ending::kOrderly);
  EXPECT_EQ(UpdateContext(), kOk);
}

TEST_P(ConnectExTest, FirstDataGoAlong) {
  BindIt();
  ASSERT_EQ(ConnectIt(listener_.endpoint(), "first"), kOk);
  EXPECT_EQ(operation_.overlapped.InternalHigh, 5u);
  PeerSocket peer = listener_.Accept();
  EXPECT_EQ(peer.Read(5), "first");
  // What is sent next comes behind.
  EXPECT_EQ(spi_->Send(socket_, "second"), kOk);
  EXPECT_EQ(peer.Read(6), "second");
}

TEST_P(ConnectExTest, FirstDataMayBeMoreThanTheConnectionHolds) {
  const PeerListener::Options options = {GetParam(), 10, 4096};
  PeerListener slow(options);
  BindIt();
  std::string data(8 << 20, 'x');
  data.replace(data.size() - 3, 3, "end");
  ASSERT_EQ(Start(slow.endpoint(), data), kPending);
  PeerSocket peer = slow.Accept();
  EXPECT_FALSE(event_.IsSet());
  EXPECT_TRUE(peer.Read(data.size()) == data);
  ASSERT_TRUE(event_.Wait());
  EXPECT_EQ(operation_.error(), 0u);
  EXPECT_EQ(operation_.overlapped.InternalHigh, data.size());
}

TEST_P(ConnectExTest, ARefusedSocketMayTryAgain) {
  BindIt();
  EXPECT_EQ(ConnectIt(ClosedEndpoint(GetParam()), "data"), kRefused);
  EXPECT_EQ(operation_.overlapped.InternalHigh, 0u);
  ASSERT_EQ(ConnectIt(listener_.endpoint(), "data"), kOk);
  EXPECT_EQ(listener_.Accept().Read(4), "data");
}

TEST_P(ConnectExTest, TheSocketHasToBeBoundAndFree) {
  EXPECT_EQ(Start(listener_.endpoint()), kInval);
  // As measured, also of a call that fails.
  EXPECT_TRUE(operation_.is_pending());
  BindIt();
  ASSERT_EQ(ConnectIt(listener_.endpoint()), kOk);
  EXPECT_EQ(Start(listener_.endpoint()), kIsConn);
  SOCKET listening = Listen();
  socket_ = listening;
  EXPECT_EQ(Start(listener_.endpoint()), kInval);
}

TEST_P(ConnectExTest, OneAttemptAtATime) {
  PeerListener full({GetParam(), 0, 0});
  full.FillBacklog();
  BindIt();
  ASSERT_EQ(Start(full.endpoint()), kPending);
  Operation second;
  SocketAddress address(full.endpoint());
  EXPECT_EQ(CodeOfBool(connect_(socket_, address.get(), address.length, nullptr,
                                0, nullptr, &second.overlapped)),
            kInval);
  Endpoint name;
  EXPECT_EQ(spi_->GetPeerName(socket_, &name), kNotConn);
  EXPECT_EQ(spi_->Send(socket_, "x"), kNotConn);
  EXPECT_TRUE(operation_.is_pending());
}

TEST_P(ConnectExTest, ArgumentsAreChecked) {
  BindIt();
  SocketAddress address(listener_.endpoint());
  EXPECT_EQ(CodeOfBool(connect_(socket_, address.get(), address.length, nullptr,
                                0, nullptr, nullptr)),
            kInvalidParameter);
  EXPECT_EQ(CodeOfBool(connect_(socket_, nullptr, address.length, nullptr, 0,
                                nullptr, &operation_.overlapped)),
            kFault);
  EXPECT_EQ(CodeOfBool(connect_(socket_, address.get(), 5, nullptr, 0, nullptr,
                                &operation_.overlapped)),
            kFault);
  EXPECT_EQ(Start({GetParam(), 0}), WsaCode{WSAEADDRNOTAVAIL});
  const Family other =
      GetParam() == Family::kIpv4 ? Family::kIpv6 : Family::kIpv4;
  EXPECT_EQ(Start({other, 80}), WsaCode{WSAEAFNOSUPPORT});
  ASSERT_EQ(spi_->Close(socket_), kOk);
  EXPECT_EQ(Start(listener_.endpoint()), kNotSock);
  ASSERT_EQ(spi_->DatagramSocket(&socket_, GetParam()), kOk);
  EXPECT_EQ(Start(listener_.endpoint()), WsaCode{WSAEOPNOTSUPP});
  ASSERT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(Start(listener_.endpoint()), WsaCode{WSANOTINITIALISED});
  EXPECT_FALSE(event_.IsSet());
}

TEST_P(ConnectExTest, NonBlockingSocketsAndOthersConnectTheSame) {
  BindIt();
  ASSERT_EQ(spi_->SetNonBlocking(socket_, true), kOk);
  EXPECT_EQ(ConnectIt(listener_.endpoint(), "data"), kOk);
  EXPECT_EQ(listener_.Accept().Read(4), "data");
  // Without the overlapped attribute it is over when the call is.
  ASSERT_EQ(spi_->Socket(&socket_, GetParam(), 0), kOk);
  BindIt();
  operation_.overlapped = {};
  DWORD sent = 0;
  EXPECT_EQ(Start(listener_.endpoint(), "data", &sent), kOk);
  EXPECT_EQ(sent, 4u);
  EXPECT_EQ(listener_.Accept().Read(4), "data");
}

TEST_P(ConnectExTest, ClosingEndsTheAttemptWithItsEvent) {
  PeerListener full({GetParam(), 0, 0});
  full.FillBacklog();
  BindIt();
  ASSERT_EQ(Start(full.endpoint()), kPending);
  ASSERT_EQ(spi_->Close(socket_), kOk);
  EXPECT_TRUE(event_.Wait());
  EXPECT_EQ(operation_.error(), kAborted);
}

TEST_P(ConnectExTest, ClosingEndsTheFirstDataWithTheirEvent) {
  const PeerListener::Options options = {GetParam(), 10, 4096};
  PeerListener slow(options);
  BindIt();
  const std::string data(8 << 20, 'x');
  ASSERT_EQ(Start(slow.endpoint(), data), kPending);
  PeerSocket peer = slow.Accept();
  EXPECT_EQ(peer.Read(10), data.substr(0, 10));
  ASSERT_EQ(spi_->Close(socket_), kOk);
  EXPECT_TRUE(event_.Wait());
  EXPECT_EQ(operation_.error(), kAborted);
}

// --------------------------------------------------------------- disconnecting

TEST_P(ConnectExTest, DisconnectingEndsSendingAlone) {
  Connection connection = Connect();
  socket_ = connection.socket;
  ASSERT_EQ(spi_->Send(socket_, "last"), kOk);
  ASSERT_EQ(Disconnect(socket_), kOk);
  const PeerSocket::Rest rest = connection.peer.ReadToEnd();
  EXPECT_EQ(rest.data, "last");
  EXPECT_EQ(rest.ending, Ending::kOrderly);
  EXPECT_EQ(spi_->Send(socket_, "x"), kShutdown);
  EXPECT_EQ(spi_->Connect(socket_, listener_.endpoint()), kIsConn);
  ASSERT_TRUE(connection.peer.Write("answer"));
  std::string data;
  EXPECT_EQ(spi_->RecvExactly(socket_, 6, &data), kOk);
  EXPECT_EQ(data, "answer");
  Endpoint name;
  EXPECT_EQ(spi_->GetSockName(socket_, &name), kOk);
  EXPECT_EQ(spi_->GetPeerName(socket_, &name), kOk);
  EXPECT_EQ(Disconnect(socket_), kOk);
}

TEST_P(ConnectExTest, DisconnectingNeedsAConnectionAndProperArguments) {
  EXPECT_EQ(Disconnect(socket_), kNotConn);
  EXPECT_EQ(StartDisconnect(socket_, &operation_), kNotConn);
  EXPECT_FALSE(event_.IsSet());
  Connection connection = Connect();
  EXPECT_EQ(Disconnect(connection.socket, TF_DISCONNECT), kInval);
  EXPECT_EQ(Disconnect(connection.socket, 0, 1), kInval);
  EXPECT_EQ(connection.peer.PeekEnd(), Ending::kStillOpen);
  ASSERT_EQ(spi_->Close(connection.socket), kOk);
  EXPECT_EQ(Disconnect(connection.socket), kNotSock);
}

TEST_P(ConnectExTest, ADisconnectComesAfterWhatWasSent) {
  const PeerListener::Options options = {GetParam(), 10, 4096};
  PeerListener slow(options);
  Connection connection = ProviderTest::Connect(slow);
  Operation send;
  const std::string data(8 << 20, 's');
  ASSERT_EQ(spi_->StartSend(connection.socket, &send, data), kPending);
  ASSERT_EQ(StartDisconnect(connection.socket, &operation_), kPending);
  EXPECT_FALSE(event_.IsSet());
  const PeerSocket::Rest rest = connection.peer.ReadToEnd();
  EXPECT_EQ(rest.data.size(), data.size());
  EXPECT_EQ(rest.ending, Ending::kOrderly);
  ASSERT_TRUE(event_.Wait());
  EXPECT_EQ(operation_.error(), 0u);
}

TEST_P(ConnectExTest, ClosingEndsADisconnectThatWaitsWithItsEvent) {
  const PeerListener::Options options = {GetParam(), 10, 4096};
  PeerListener slow(options);
  Connection connection = ProviderTest::Connect(slow);
  Operation send;
  ASSERT_EQ(
      spi_->StartSend(connection.socket, &send, std::string(8 << 20, 's')),
      kPending);
  ASSERT_EQ(StartDisconnect(connection.socket, &operation_), kPending);
  ASSERT_EQ(spi_->Close(connection.socket), kOk);
  EXPECT_TRUE(event_.Wait());
  EXPECT_EQ(operation_.error(), kAborted);
  EXPECT_EQ(send.error(), kAborted);
}

TEST_P(ConnectExTest, AReusedSocketConnectsAgainFromItsAddress) {
  BindIt();
  Endpoint bound, local;
  ASSERT_EQ(spi_->GetSockName(socket_, &bound), kOk);
  ASSERT_EQ(spi_->SetOption(socket_, IPPROTO_TCP, TCP_NODELAY, 1), kOk);
  ASSERT_EQ(ConnectIt(listener_.endpoint(), "one"), kOk);
  PeerSocket first = listener_.Accept();
  ASSERT_EQ(Disconnect(socket_, TF_REUSE_SOCKET), kOk);
  EXPECT_EQ(first.Read(3), "one");
  EXPECT_EQ(first.WaitForEnd(), Ending::kOrderly);
  EXPECT_EQ(spi_->Send(socket_, "x"), kNotConn);
  EXPECT_EQ(spi_->GetSockName(socket_, &local), kOk);
  EXPECT_EQ(local, bound);
  int number = 0;
  EXPECT_EQ(spi_->GetOption(socket_, IPPROTO_TCP, TCP_NODELAY, &number), kOk);
  EXPECT_NE(number, 0);
  // Elsewhere: the addresses of the first connection may still be in use.
  PeerListener other(GetParam());
  ASSERT_EQ(ConnectIt(other.endpoint(), "two"), kOk);
  PeerSocket second = other.Accept();
  EXPECT_EQ(second.Read(3), "two");
  EXPECT_EQ(UpdateContext(), kOk);
  EXPECT_EQ(spi_->Shutdown(socket_, SD_SEND), kOk);
  EXPECT_EQ(second.WaitForEnd(), Ending::kOrderly);
}

TEST_P(ConnectExTest, WhatWaitsIsCancelledWhenTheSocketIsReused) {
  Connection connection = Connect();
  Operation receive;
  Event received;
  receive.overlapped.hEvent = received.get();
  ASSERT_EQ(spi_->StartRecv(connection.socket, &receive, 10), kPending);
  ASSERT_EQ(Disconnect(connection.socket, TF_REUSE_SOCKET), kOk);
  ASSERT_TRUE(received.Wait());
  EXPECT_EQ(receive.error(), kAborted);
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kOrderly);
}

TEST_P(ConnectExTest, AnAcceptedSocketIsUnboundWhenItIsReused) {
  SOCKET listening = Listen();
  PeerSocket peer = PeerSocket::ConnectTo(endpoint_);
  SOCKET accepted = INVALID_SOCKET;
  ASSERT_EQ(spi_->Accept(listening, &accepted), kOk);
  ASSERT_EQ(Disconnect(accepted, TF_REUSE_SOCKET), kOk);
  EXPECT_EQ(peer.WaitForEnd(), Ending::kOrderly);
  Endpoint name;
  EXPECT_EQ(spi_->GetSockName(accepted, &name), kInval);
  EXPECT_EQ(spi_->GetPeerName(accepted, &name), kNotConn);
  EXPECT_EQ(spi_->Connect(accepted, listener_.endpoint()), kOk);
}

TEST_P(ConnectExTest, DoneAtOnceIsIndicated) {
  Connection connection = Connect();
  ASSERT_EQ(Finish(StartDisconnect(connection.socket, &operation_)), kOk);
  EXPECT_TRUE(event_.Wait());
  EXPECT_EQ(operation_.status(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Families, ConnectExTest,
                         ::testing::Values(Family::kIpv4, Family::kIpv6),
                         [](const auto& info) {
                           return info.param == Family::kIpv4 ? "Ipv4" : "Ipv6";
                         });

}  // namespace
}  // namespace wspd::testing
