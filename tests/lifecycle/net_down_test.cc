// What unreachable_test has of the functions for connections, of all others:
// without the daemon they say that the network is down, promptly.
#include <unistd.h>

#include <functional>
#include <string>

#include "client_stub/spi_client/message_window.h"
#include "tests/testing/extensions.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/slowness.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kNetDown{WSAENETDOWN};
constexpr milliseconds kPromptly(500);

// As many arguments as functions have, with nothing wrong about them.
class NetDownTest : public ProviderTest {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
    connection_ = Connect();
    ASSERT_EQ(spi_->ListenNew(&listening_, &endpoint_), kOk);
    ASSERT_EQ(spi_->Socket(&fresh_), kOk);
    ASSERT_EQ(spi_->Socket(&bound_), kOk);
    ASSERT_EQ(spi_->Bind(bound_, {Family::kIpv4, 0}), kOk);
    ASSERT_EQ(spi_->DatagramSocket(&datagrams_), kOk);
    ASSERT_EQ(spi_->Bind(datagrams_, {Family::kIpv4, 0}), kOk);
  }

  static void ExpectNetDown(const char* name,
                            const std::function<WsaCode()>& call) {
    WsaCode code;
    const milliseconds time = TimeOf([&] { code = call(); });
    EXPECT_EQ(code, kNetDown) << name;
    EXPECT_LT(time, kPromptly * Slowness()) << name;
  }

  Connection connection_;
  SOCKET listening_ = INVALID_SOCKET;
  Endpoint endpoint_;
  SOCKET fresh_ = INVALID_SOCKET;
  SOCKET bound_ = INVALID_SOCKET;
  SOCKET datagrams_ = INVALID_SOCKET;
};

// WSPAddressToString, WSPStringToAddress and WSPGetQOSByName need no network.
TEST_F(NetDownTest, OtherFunctionsOfTheTable) {
  WSAPROTOCOL_INFOW ticket = {}, info;
  Event event;
  spi_client::MessageWindow window;
  ASSERT_EQ(spi_->Duplicate(connection_.socket, static_cast<DWORD>(getpid()),
                            &ticket),
            kOk);
  daemon_.Kill();

  const WSPPROC_TABLE& table = spi_->table();
  const SOCKET s = connection_.socket;
  std::string data;
  Endpoint from;
  int error = 0;
  const auto code_of = [&error](bool failed) {
    return failed ? WsaCode{error} : kOk;
  };
  ExpectNetDown("SendTo",
                [&] { return spi_->SendTo(datagrams_, "x", endpoint_); });
  ExpectNetDown("RecvFrom",
                [&] { return spi_->RecvFrom(datagrams_, 10, &data, &from); });
  ExpectNetDown("Select", [&] {
    fd_set set;
    FD_ZERO(&set);
    FD_SET(s, &set);
    int ready;
    return spi_->Select(&set, nullptr, nullptr, nullptr, &ready);
  });
  ExpectNetDown("EventSelect", [&] {
    return spi_->EventSelect(s, event.get(), FD_READ | FD_CLOSE);
  });
  ExpectNetDown("AsyncSelect", [&] {
    return spi_->AsyncSelect(s, window.handle(), 0x400, FD_READ | FD_CLOSE);
  });
  ExpectNetDown("EnumNetworkEvents", [&] {
    WSANETWORKEVENTS occurred;
    return spi_->EnumNetworkEvents(s, nullptr, &occurred);
  });
  ExpectNetDown("DuplicateSocket", [&] {
    return spi_->Duplicate(s, static_cast<DWORD>(getpid()), &info);
  });
  ExpectNetDown("Socket, from another's", [&] {
    SOCKET duplicate;
    return spi_->SocketFrom(&ticket, &duplicate);
  });
  ExpectNetDown("JoinLeaf", [&] {
    SocketAddress group(endpoint_);
    reinterpret_cast<sockaddr_in*>(group.get())->sin_addr.s_addr =
        htonl(0xE9FC0001);  // 233.252.0.1
    return code_of(table.lpWSPJoinLeaf(datagrams_, group.get(), group.length,
                                       nullptr, nullptr, nullptr, nullptr,
                                       JL_BOTH, &error) == INVALID_SOCKET);
  });
  ExpectNetDown("SendDisconnect", [&] {
    return code_of(table.lpWSPSendDisconnect(s, nullptr, &error) != 0);
  });
  ExpectNetDown("RecvDisconnect", [&] {
    return code_of(table.lpWSPRecvDisconnect(s, nullptr, &error) != 0);
  });
  ExpectNetDown("Ioctl(SIO_ADDRESS_LIST_QUERY)", [&] {
    char list[1024];
    DWORD bytes;
    return code_of(table.lpWSPIoctl(s, SIO_ADDRESS_LIST_QUERY, nullptr, 0, list,
                                    sizeof(list), &bytes, nullptr, nullptr,
                                    nullptr, &error) != 0);
  });
  ExpectNetDown("Ioctl(SIO_ADDRESS_LIST_CHANGE)", [&] {
    DWORD bytes;
    return code_of(table.lpWSPIoctl(s, SIO_ADDRESS_LIST_CHANGE, nullptr, 0,
                                    nullptr, 0, &bytes, nullptr, nullptr,
                                    nullptr, &error) != 0);
  });
  ExpectNetDown("Cleanup", [&] { return spi_->Cleanup(); });
}

TEST_F(NetDownTest, ExtensionFunctions) {
  const auto accept =
      GetExtension<LPFN_ACCEPTEX>(*spi_, fresh_, WSAID_ACCEPTEX);
  const auto connect =
      GetExtension<LPFN_CONNECTEX>(*spi_, fresh_, WSAID_CONNECTEX);
  const auto disconnect =
      GetExtension<LPFN_DISCONNECTEX>(*spi_, fresh_, WSAID_DISCONNECTEX);
  const auto transmit_file =
      GetExtension<LPFN_TRANSMITFILE>(*spi_, fresh_, WSAID_TRANSMITFILE);
  const auto transmit_packets =
      GetExtension<LPFN_TRANSMITPACKETS>(*spi_, fresh_, WSAID_TRANSMITPACKETS);
  const auto receive =
      GetExtension<LPFN_WSARECVMSG>(*spi_, datagrams_, WSAID_WSARECVMSG);
  const auto send =
      GetExtension<LPFN_WSASENDMSG>(*spi_, datagrams_, WSAID_WSASENDMSG);
  const auto poll = GetExtension<LPFN_WSAPOLL>(*spi_, fresh_, WSAID_WSAPOLL);
  daemon_.Kill();

  const SOCKET s = connection_.socket;
  SocketAddress peer(endpoint_);
  char data[256] = "x";
  DWORD bytes;
  ExpectNetDown("AcceptEx", [&] {
    constexpr DWORD kRoom = sizeof(sockaddr_in) + 16;
    WSAOVERLAPPED overlapped = {};
    return CodeOfBool(
        accept(listening_, fresh_, data, 0, kRoom, kRoom, &bytes, &overlapped));
  });
  ExpectNetDown("ConnectEx", [&] {
    WSAOVERLAPPED overlapped = {};
    return CodeOfBool(connect(bound_, peer.get(), peer.length, nullptr, 0,
                              &bytes, &overlapped));
  });
  ExpectNetDown("TransmitFile", [&] {
    TRANSMIT_FILE_BUFFERS buffers = {data, 1, nullptr, 0};
    return CodeOfBool(transmit_file(s, nullptr, 0, 0, nullptr, &buffers, 0));
  });
  ExpectNetDown("TransmitPackets", [&] {
    TRANSMIT_PACKETS_ELEMENT element = {};
    element.dwElFlags = TP_ELEMENT_MEMORY;
    element.cLength = 1;
    element.pBuffer = data;
    return CodeOfBool(transmit_packets(s, &element, 1, 0, nullptr, 0));
  });
  WSABUF buffer = {sizeof(data), data};
  WSAMSG message = {};
  message.name = peer.get();
  message.namelen = peer.length;
  message.lpBuffers = &buffer;
  message.dwBufferCount = 1;
  ExpectNetDown("WSASendMsg", [&] {
    return CodeOfInt(send(datagrams_, &message, 0, &bytes, nullptr, nullptr));
  });
  ExpectNetDown("WSARecvMsg", [&] {
    return CodeOfInt(receive(datagrams_, &message, &bytes, nullptr, nullptr));
  });
  ExpectNetDown("WSAPoll", [&] {
    WSAPOLLFD entry = {s, POLLRDNORM, 0};
    return CodeOfInt(poll(&entry, 1, -1) == SOCKET_ERROR ? SOCKET_ERROR : 0);
  });
  ExpectNetDown("DisconnectEx",
                [&] { return CodeOfBool(disconnect(s, nullptr, 0, 0)); });
  ExpectNetDown("Cleanup", [&] { return spi_->Cleanup(); });
}

}  // namespace
}  // namespace wspd::testing
