// WSPDuplicateSocket, and the WSPSocket that takes what it gives: one socket
// with several descriptors (reference, section 4.11).
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

#include "tests/testing/provider_test.h"
#include "tests/testing/socket_holder.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kInval{WSAEINVAL};
constexpr WsaCode kFault{WSAEFAULT};
constexpr WsaCode kNotSock{WSAENOTSOCK};
constexpr WsaCode kWouldBlock{WSAEWOULDBLOCK};
constexpr WsaCode kShutdown{WSAESHUTDOWN};
constexpr WsaCode kTimedOut{WSAETIMEDOUT};

class DuplicateSocketTest : public ProviderTest {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
  }

  // Gives the holder a duplicate.
  void Share(SOCKET s, SocketHolder* holder) {
    WSAPROTOCOL_INFOW info;
    ASSERT_EQ(spi_->Duplicate(s, static_cast<DWORD>(holder->pid()), &info),
              kOk);
    ASSERT_EQ(holder->Claim(info), kOk);
  }
  // A connection that the holder has, too.
  Connection ConnectAndShare(SocketHolder* holder) {
    Connection connection = Connect();
    Share(connection.socket, holder);
    return connection;
  }
};

TEST_F(DuplicateSocketTest, RefusesWhatTheReferenceRefuses) {
  const Connection connection = Connect();
  const auto own = static_cast<DWORD>(getpid());
  WSAPROTOCOL_INFOW info;
  EXPECT_EQ(spi_->Duplicate(connection.socket, own, nullptr), kFault);
  EXPECT_EQ(spi_->Duplicate(0xdead, own, &info), kNotSock);
  EXPECT_EQ(spi_->Duplicate(connection.socket, 0, &info), kInval);
  EXPECT_EQ(spi_->Duplicate(connection.socket, 0xdeadbeef, &info), kInval);
  SocketHolder ended;
  ended.process().Kill();
  EXPECT_EQ(spi_->Duplicate(connection.socket, static_cast<DWORD>(ended.pid()),
                            &info),
            kInval);
}

TEST_F(DuplicateSocketTest, TheStructureIsTheSocketsEntryAndATicket) {
  const Connection connection = Connect();
  WSAPROTOCOL_INFOW entry;
  int length = sizeof entry;
  int error = 0;
  ASSERT_EQ(spi_->table().lpWSPGetSockOpt(
                connection.socket, SOL_SOCKET, SO_PROTOCOL_INFOW,
                reinterpret_cast<char*>(&entry), &length, &error),
            0);
  WSAPROTOCOL_INFOW info;
  ASSERT_EQ(
      spi_->Duplicate(connection.socket, static_cast<DWORD>(getpid()), &info),
      kOk);
  EXPECT_NE(info.dwProviderReserved, 0u);
  info.dwProviderReserved = 0;
  EXPECT_EQ(std::memcmp(&info, &entry, sizeof info), 0);
}

TEST_F(DuplicateSocketTest, AStructureWithoutATicketMakesANewSocket) {
  const Connection connection = Connect();
  WSAPROTOCOL_INFOW info;
  ASSERT_EQ(
      spi_->Duplicate(connection.socket, static_cast<DWORD>(getpid()), &info),
      kOk);
  info.dwProviderReserved = 0;
  SOCKET other;
  ASSERT_EQ(spi_->SocketFrom(&info, &other), kOk);
  Endpoint name;
  EXPECT_EQ(spi_->GetPeerName(other, &name), WsaCode{WSAENOTCONN});
}

TEST_F(DuplicateSocketTest, AProcessMayDuplicateToItself) {
  Connection connection = Connect();
  WSAPROTOCOL_INFOW info;
  ASSERT_EQ(
      spi_->Duplicate(connection.socket, static_cast<DWORD>(getpid()), &info),
      kOk);
  SOCKET other;
  ASSERT_EQ(spi_->SocketFrom(&info, &other), kOk);
  EXPECT_NE(other, connection.socket);
  Endpoint name, same_name;
  ASSERT_EQ(spi_->GetSockName(connection.socket, &name), kOk);
  ASSERT_EQ(spi_->GetSockName(other, &same_name), kOk);
  EXPECT_EQ(name, same_name);
  // The ticket is used up.
  SOCKET third;
  EXPECT_EQ(spi_->SocketFrom(&info, &third), kInval);
  EXPECT_EQ(spi_->Close(connection.socket), kOk);
  EXPECT_EQ(connection.peer.PeekEnd(), Ending::kStillOpen);
  ASSERT_EQ(spi_->Send(other, "still"), kOk);
  EXPECT_EQ(connection.peer.Read(5), "still");
  EXPECT_EQ(spi_->Close(other), kOk);
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kOrderly);
}

TEST_F(DuplicateSocketTest, ATicketIsForOneProcessAndOneUse) {
  const Connection connection = Connect();
  SocketHolder target, stranger;
  WSAPROTOCOL_INFOW info;
  ASSERT_EQ(spi_->Duplicate(connection.socket, static_cast<DWORD>(target.pid()),
                            &info),
            kOk);
  EXPECT_EQ(stranger.Claim(info), kInval);
  SOCKET own;
  EXPECT_EQ(spi_->SocketFrom(&info, &own), kInval);
  WSAPROTOCOL_INFOW altered = info;
  altered.iAddressFamily = AF_INET6;
  EXPECT_EQ(target.Claim(altered), kInval);
  altered = info;
  altered.dwProviderReserved ^= 1;
  EXPECT_EQ(target.Claim(altered), kInval);
  EXPECT_EQ(target.Claim(info), kOk);
  EXPECT_EQ(target.Claim(info), kInval);
}

TEST_F(DuplicateSocketTest, BothSendAndReceiveOnTheSameConnection) {
  SocketHolder holder;
  Connection connection = ConnectAndShare(&holder);
  EXPECT_EQ(holder.Do("send from-it").code, kOk);
  EXPECT_EQ(connection.peer.Read(7), "from-it");
  ASSERT_EQ(spi_->Send(connection.socket, "from-us"), kOk);
  EXPECT_EQ(connection.peer.Read(7), "from-us");
  EXPECT_EQ(holder.Do("send again").code, kOk);
  EXPECT_EQ(connection.peer.Read(5), "again");
  ASSERT_TRUE(connection.peer.Write("abcdef"));
  EXPECT_EQ(holder.Do("receive 3").text, "abc");
  std::string data;
  ASSERT_EQ(spi_->RecvExactly(connection.socket, 3, &data), kOk);
  EXPECT_EQ(data, "def");
}

TEST_F(DuplicateSocketTest, NothingOfTwoSendersIsLostOrDoubled) {
  constexpr int kRecords = 2000;
  SocketHolder holder;
  Connection connection = ConnectAndShare(&holder);
  holder.Begin("sendmany b " + std::to_string(kRecords));
  ThreadGroup threads;
  threads.Start("send", [&] {
    for (int i = 0; i < kRecords; ++i) {
      char record[16];
      snprintf(record, sizeof record, "a%07d", i);
      ASSERT_EQ(spi_->Send(connection.socket, std::string(record, 8)), kOk);
    }
  });
  std::map<char, int> next;
  const std::string all = connection.peer.Read(2 * kRecords * 8);
  for (size_t at = 0; at + 8 <= all.size(); at += 8) {
    ASSERT_EQ(std::atoi(&all[at + 1]), next[all[at]]++) << all.substr(at, 8);
  }
  EXPECT_EQ(next['a'], kRecords);
  EXPECT_EQ(next['b'], kRecords);
  EXPECT_EQ(holder.Finish().code, kOk);
}

TEST_F(DuplicateSocketTest, TheLastDescriptorEndsTheConnection) {
  SocketHolder holder;
  Connection connection = ConnectAndShare(&holder);
  EXPECT_EQ(spi_->Close(connection.socket), kOk);
  EXPECT_EQ(connection.peer.PeekEnd(), Ending::kStillOpen);
  EXPECT_EQ(holder.Do("send last").code, kOk);
  EXPECT_EQ(holder.Do("close").code, kOk);
  const PeerSocket::Rest rest = connection.peer.ReadToEnd();
  EXPECT_EQ(rest.data, "last");
  EXPECT_EQ(rest.ending, Ending::kOrderly);
}

TEST_F(DuplicateSocketTest, TheSourceMayCloseBeforeTheTargetHasIt) {
  SocketHolder holder;
  Connection connection = Connect();
  WSAPROTOCOL_INFOW info;
  ASSERT_EQ(spi_->Duplicate(connection.socket, static_cast<DWORD>(holder.pid()),
                            &info),
            kOk);
  EXPECT_EQ(spi_->Close(connection.socket), kOk);
  ASSERT_EQ(holder.Claim(info), kOk);
  EXPECT_EQ(holder.Do("send there").code, kOk);
  EXPECT_EQ(connection.peer.Read(5), "there");
}

TEST_F(DuplicateSocketTest, ADescriptorsOwnCallsEndWithIt) {
  SocketHolder holder;
  Connection connection = ConnectAndShare(&holder);
  Operation operation;
  Event event;
  operation.overlapped.hEvent = event.get();
  ASSERT_EQ(spi_->StartRecv(connection.socket, &operation, 10), kPending);
  EXPECT_EQ(holder.Do("startrecv 10").code, kPending);
  EXPECT_EQ(spi_->Close(connection.socket), kOk);
  ASSERT_TRUE(event.Wait());
  EXPECT_EQ(operation.error(), static_cast<DWORD>(WSA_OPERATION_ABORTED));
  ASSERT_TRUE(connection.peer.Write("to-it"));
  const SocketHolder::Answer answer = holder.Do("awaitrecv");
  EXPECT_EQ(answer.code, kOk);
  EXPECT_EQ(answer.text, "to-it");
}

TEST_F(DuplicateSocketTest, ShutdownActsOnAll) {
  SocketHolder holder;
  Connection connection = ConnectAndShare(&holder);
  EXPECT_EQ(holder.Do("shutdown " + std::to_string(SD_SEND)).code, kOk);
  EXPECT_EQ(spi_->Send(connection.socket, "x"), kShutdown);
  EXPECT_EQ(connection.peer.ReadToEnd().ending, Ending::kOrderly);
}

TEST_F(DuplicateSocketTest, TheModeIsTheSockets) {
  SocketHolder holder;
  Connection connection = ConnectAndShare(&holder);
  EXPECT_EQ(holder.Do("nonblocking 1").code, kOk);
  std::string data;
  EXPECT_EQ(spi_->Recv(connection.socket, 1, &data), kWouldBlock);
  EXPECT_EQ(holder.Do("nonblocking 0").code, kOk);
  ThreadGroup threads;
  threads.Start("recv", [&] {
    std::string came;
    EXPECT_EQ(spi_->Recv(connection.socket, 1, &came), kOk);
    EXPECT_EQ(came, "x");
  });
  threads.WaitUntilBlocked();
  ASSERT_TRUE(connection.peer.Write("x"));
  threads.JoinAll();
  // A duplicate begins in the mode that there is.
  EXPECT_EQ(spi_->SetNonBlocking(connection.socket, true), kOk);
  SocketHolder second;
  Share(connection.socket, &second);
  EXPECT_EQ(second.Do("recv 1").code, kWouldBlock);
}

TEST_F(DuplicateSocketTest, ASendInAModeThatOthersMadeTakesWhatFits) {
  SocketHolder holder;
  Connection connection = ConnectAndShare(&holder);
  EXPECT_EQ(holder.Do("nonblocking 1").code, kOk);
  // More than the kernel takes; each byte says where it was.
  std::string data(32 << 20, '\0');
  for (size_t i = 0; i < data.size(); ++i) {
    data[i] = static_cast<char>(i % 251);
  }
  size_t sent = 0;
  ASSERT_EQ(spi_->Send(connection.socket, data, &sent), kOk);
  EXPECT_GT(sent, 0u);
  EXPECT_LT(sent, data.size());
  EXPECT_EQ(spi_->Close(connection.socket), kOk);
  EXPECT_EQ(holder.Do("close").code, kOk);
  const PeerSocket::Rest rest = connection.peer.ReadToEnd();
  EXPECT_EQ(rest.ending, Ending::kOrderly);
  EXPECT_EQ(rest.data.size(), sent);
  EXPECT_TRUE(rest.data == data.substr(0, sent));
}

TEST_F(DuplicateSocketTest, OptionsAreTheSockets) {
  SocketHolder holder;
  Connection connection = ConnectAndShare(&holder);
  const std::string level = std::to_string(SOL_SOCKET) + " ";
  EXPECT_EQ(
      holder.Do("setoption " + level + std::to_string(SO_KEEPALIVE) + " 1")
          .code,
      kOk);
  int value = 0;
  EXPECT_EQ(
      spi_->GetOption(connection.socket, SOL_SOCKET, SO_KEEPALIVE, &value),
      kOk);
  EXPECT_EQ(value, 1);
  // What the stub itself puts into its calls is shared as well.
  EXPECT_EQ(
      holder.Do("setoption " + level + std::to_string(SO_RCVTIMEO) + " 20")
          .code,
      kOk);
  std::string data;
  EXPECT_EQ(spi_->Recv(connection.socket, 1, &data), kTimedOut);
  EXPECT_EQ(spi_->SetOption(connection.socket, SOL_SOCKET, SO_RCVTIMEO, 0),
            kOk);
  holder.Begin("recv 1");
  ASSERT_TRUE(connection.peer.Write("x"));
  EXPECT_EQ(holder.Finish().text, "x");
}

TEST_F(DuplicateSocketTest, AStateThatAnotherBroughtAboutIsSeen) {
  SOCKET s;
  ASSERT_EQ(spi_->Socket(&s), kOk);
  SocketHolder holder;
  Share(s, &holder);
  ASSERT_EQ(spi_->Connect(s, listener_.endpoint()), kOk);
  PeerSocket peer = listener_.Accept();
  EXPECT_EQ(holder.Do("send connected").code, kOk);
  EXPECT_EQ(peer.Read(9), "connected");
}

TEST_F(DuplicateSocketTest, BothAcceptOnOneListener) {
  SOCKET listener, accepted;
  Endpoint endpoint;
  ASSERT_EQ(spi_->ListenNew(&listener, &endpoint), kOk);
  SocketHolder holder;
  Share(listener, &holder);
  PeerSocket first = PeerSocket::ConnectTo(endpoint);
  EXPECT_EQ(holder.Do("accept").code, kOk);
  EXPECT_EQ(holder.Do("send first").code, kOk);
  EXPECT_EQ(first.Read(5), "first");
  PeerSocket second = PeerSocket::ConnectTo(endpoint);
  ASSERT_EQ(spi_->Accept(listener, &accepted), kOk);
  ASSERT_EQ(spi_->Send(accepted, "second"), kOk);
  EXPECT_EQ(second.Read(6), "second");
}

TEST_F(DuplicateSocketTest, DatagramSocketsAreShared) {
  SOCKET s, other;
  ASSERT_EQ(spi_->DatagramSocket(&s), kOk);
  ASSERT_EQ(spi_->Bind(s, {Family::kIpv4, 0}), kOk);
  Endpoint endpoint;
  ASSERT_EQ(spi_->GetSockName(s, &endpoint), kOk);
  SocketHolder holder;
  Share(s, &holder);
  ASSERT_EQ(spi_->DatagramSocket(&other), kOk);
  ASSERT_EQ(spi_->SendTo(other, "to both", endpoint), kOk);
  EXPECT_EQ(holder.Do("recv 100").text, "to both");
  EXPECT_EQ(spi_->Close(s), kOk);
  ASSERT_EQ(spi_->SendTo(other, "to it", endpoint), kOk);
  EXPECT_EQ(holder.Do("recv 100").text, "to it");
}

TEST_F(DuplicateSocketTest, ADuplicateMayBeDuplicated) {
  SocketHolder holder;
  Connection connection = ConnectAndShare(&holder);
  SocketHolder second;
  Share(connection.socket, &second);
  holder.process().Kill();
  EXPECT_EQ(spi_->Close(connection.socket), kOk);
  EXPECT_EQ(second.Do("send third").code, kOk);
  EXPECT_EQ(connection.peer.Read(5), "third");
}

}  // namespace
}  // namespace wspd::testing
