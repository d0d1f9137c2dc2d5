// WSPDuplicateSocket: one socket, several descriptors (4.11), in one process.
#include <unistd.h>

#include <string>

#include "tests/conformance/fixture.h"
#include "tests/testing/peer_datagrams.h"

namespace wspd::conformance {
namespace {

class DuplicateSocketTest : public VariantTest {
 protected:
  WsaCode Open(WSAPROTOCOL_INFOW* info, SOCKET* s) {
    return Socket(s, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO,
                  WSA_FLAG_OVERLAPPED, info);
  }
  // Another descriptor, or INVALID_SOCKET and a failure of the case.
  SOCKET Duplicate(SOCKET s) {
    WSAPROTOCOL_INFOW info = {};
    EXPECT_EQ(DuplicateSocket(s, static_cast<DWORD>(getpid()), &info), kOk);
    SOCKET copy = INVALID_SOCKET;
    EXPECT_EQ(Open(&info, &copy), kOk);
    return copy;
  }
  // A bound socket, listening if it can.
  SOCKET NewAwaiting() {
    return tcp() ? NewListener(family()) : NewBound(family(), protocol());
  }
  LONG awaited() { return tcp() ? FD_ACCEPT : FD_READ; }
  // Has that happen to `s`.
  void Happen(SOCKET s) {
    SockAddr name;
    ASSERT_EQ(GetSockName(s, &name), kOk);
    if (tcp()) {
      peer_ = PeerSocket::ConnectTo(name.ToEndpoint());
      ASSERT_TRUE(peer_.is_open());
    } else {
      testing::PeerDatagrams sender(family());
      ASSERT_TRUE(sender.Send("x", name.ToEndpoint()));
    }
  }
  bool tcp() { return protocol() == Protocol::kTcp; }
  int Int(SOCKET s, int option) {
    int value = -1;
    EXPECT_EQ(GetInt(s, SOL_SOCKET, option, &value), kOk);
    return value;
  }

 private:
  PeerSocket peer_;
};
WSPD_FOR_ALL_VARIANTS(DuplicateSocketTest);

// Bad pid → WSAEINVAL. No process has this one: the kernel's are smaller.
TEST_P(DuplicateSocketTest, UnknownProcessIsInvalid) {
  WSAPROTOCOL_INFOW info = {};
  EXPECT_EQ(DuplicateSocket(New(), 0x7ffffff0, &info), WsaCode{WSAEINVAL});
}

TEST_P(DuplicateSocketTest, NoProcessIsInvalid) {
  WSAPROTOCOL_INFOW info = {};
  EXPECT_EQ(DuplicateSocket(New(), 0, &info), WsaCode{WSAEINVAL});
}

// NULL info → WSAEFAULT.
TEST_P(DuplicateSocketTest, WithoutAPlaceForTheInfoItIsAFault) {
  EXPECT_EQ(DuplicateSocket(New(), static_cast<DWORD>(getpid()), nullptr),
            WsaCode{WSAEFAULT});
}

// Bad socket → WSAENOTSOCK.
TEST_P(DuplicateSocketTest, ClosedSocketIsNoSocket) {
  const SOCKET s = New();
  EXPECT_EQ(Close(s), kOk);
  WSAPROTOCOL_INFOW info = {};
  EXPECT_EQ(DuplicateSocket(s, static_cast<DWORD>(getpid()), &info),
            WsaCode{WSAENOTSOCK});
}

// The socket's entry; dwCatalogEntryId stays the provider's own.
TEST_P(DuplicateSocketTest, InfoIsTheSocketsEntry) {
  const bool tcp = protocol() == Protocol::kTcp;
  const SOCKET s = New();
  WSAPROTOCOL_INFOW info = {};
  ASSERT_EQ(DuplicateSocket(s, static_cast<DWORD>(getpid()), &info), kOk);
  EXPECT_EQ(info.iAddressFamily, AddressFamily(family()));
  EXPECT_EQ(info.iSocketType, tcp ? SOCK_STREAM : SOCK_DGRAM);
  EXPECT_EQ(info.iProtocol, tcp ? IPPROTO_TCP : IPPROTO_UDP);
  WSAPROTOCOL_INFOW own = {};
  int length = sizeof(own);
  EXPECT_EQ(GetOption(s, SOL_SOCKET, SO_PROTOCOL_INFOW, &own, &length), kOk);
  EXPECT_EQ(info.dwCatalogEntryId, own.dwCatalogEntryId);
}

TEST_P(DuplicateSocketTest, CopyHasAHandleOfItsOwn) {
  const SOCKET s = New();
  const SOCKET copy = Duplicate(s);
  EXPECT_NE(copy, INVALID_SOCKET);
  EXPECT_NE(copy, s);
}

// Both descriptors share one socket: its state.
TEST_P(DuplicateSocketTest, CopyIsBoundWhereTheSocketIs) {
  const SOCKET s = New();
  const SOCKET copy = Duplicate(s);
  ASSERT_EQ(Bind(s, SockAddr::Loopback(family())), kOk);
  SockAddr name, name_of_copy;
  EXPECT_EQ(GetSockName(s, &name), kOk);
  EXPECT_EQ(GetSockName(copy, &name_of_copy), kOk);
  EXPECT_EQ(name, name_of_copy);
  EXPECT_EQ(Bind(copy, SockAddr::Loopback(family())), WsaCode{WSAEINVAL});
}

// … its options …
TEST_P(DuplicateSocketTest, CopyHasTheSameOptions) {
  const SOCKET s = New();
  const SOCKET copy = Duplicate(s);
  EXPECT_EQ(SetInt(s, SOL_SOCKET, SO_RCVBUF, 12345), kOk);
  EXPECT_EQ(Int(copy, SO_RCVBUF), 12345);
  EXPECT_EQ(SetInt(copy, SOL_SOCKET, SO_RCVTIMEO, 321), kOk);
  EXPECT_EQ(Int(s, SO_RCVTIMEO), 321);
}

// … its blocking mode.
TEST_P(DuplicateSocketTest, CopyBlocksIfTheSocketDoes) {
  const SOCKET s = New();
  ASSERT_EQ(Bind(s, SockAddr::Loopback(family())), kOk);
  const SOCKET copy = Duplicate(s);
  if (protocol() == Protocol::kTcp) {
    ASSERT_EQ(Listen(s), kOk);
  }
  ASSERT_EQ(SetNonBlocking(s), kOk);
  SOCKET accepted;
  std::string data;
  EXPECT_EQ(protocol() == Protocol::kTcp ? Accept(copy, &accepted)
                                         : RecvText(copy, 1, &data),
            WsaCode{WSAEWOULDBLOCK});
}

// The handle is consumed.
TEST_P(DuplicateSocketTest, InfoServesOnce) {
  WSAPROTOCOL_INFOW info = {};
  ASSERT_EQ(DuplicateSocket(New(), static_cast<DWORD>(getpid()), &info), kOk);
  WSAPROTOCOL_INFOW again = info;
  SOCKET copy;
  EXPECT_EQ(Open(&info, &copy), kOk);
  EXPECT_NE(Open(&again, &copy), kOk);
}

// Never trust the struct otherwise: a made-up one opens nothing that is there.
TEST_P(DuplicateSocketTest, ForgedInfoFindsNoSocket) {
  const SOCKET s = NewBound(family(), protocol());
  WSAPROTOCOL_INFOW info = {};
  ASSERT_EQ(DuplicateSocket(s, static_cast<DWORD>(getpid()), &info), kOk);
  info.dwProviderReserved ^= 0x5a5a5a5a;
  info.dwServiceFlags3 ^= 0x5a5a5a5a;
  info.dwServiceFlags4 ^= 0x5a5a5a5a;
  SOCKET copy;
  if (!Open(&info, &copy).ok()) return;
  SockAddr name;
  EXPECT_EQ(GetSockName(copy, &name), WsaCode{WSAEINVAL}) << "not bound";
}

// The underlying socket lives until the last descriptor closes.
TEST_P(DuplicateSocketTest, CopyOutlivesTheSocket) {
  const SOCKET s = NewBound(family(), protocol());
  const SOCKET copy = Duplicate(s);
  EXPECT_EQ(Close(s), kOk);
  SockAddr name;
  EXPECT_EQ(GetSockName(copy, &name), kOk);
  EXPECT_EQ(GetSockName(s, &name), WsaCode{WSAENOTSOCK});
}

TEST_P(DuplicateSocketTest, SocketOutlivesTheCopy) {
  const SOCKET s = NewBound(family(), protocol());
  EXPECT_EQ(Close(Duplicate(s)), kOk);
  SockAddr name;
  EXPECT_EQ(GetSockName(s, &name), kOk);
}

// An info holds the socket until it is used.
TEST_P(DuplicateSocketTest, InfoOutlivesTheSocket) {
  const SOCKET s = NewBound(family(), protocol());
  SockAddr name, name_of_copy;
  ASSERT_EQ(GetSockName(s, &name), kOk);
  WSAPROTOCOL_INFOW info = {};
  ASSERT_EQ(DuplicateSocket(s, static_cast<DWORD>(getpid()), &info), kOk);
  EXPECT_EQ(Close(s), kOk);
  SOCKET copy;
  ASSERT_EQ(Open(&info, &copy), kOk);
  EXPECT_EQ(GetSockName(copy, &name_of_copy), kOk);
  EXPECT_EQ(name, name_of_copy);
}

TEST_P(DuplicateSocketTest, CopyOfACopyIsTheSameSocket) {
  const SOCKET s = NewBound(family(), protocol());
  const SOCKET first = Duplicate(s);
  const SOCKET second = Duplicate(first);
  EXPECT_EQ(Close(s), kOk);
  EXPECT_EQ(Close(first), kOk);
  SockAddr name;
  EXPECT_EQ(GetSockName(second, &name), kOk);
}

// 4.5: a new selection replaces any earlier one for all descriptors.
TEST_P(DuplicateSocketTest, SelectionOnOneReplacesThatOnTheOther) {
  const SOCKET s = NewAwaiting();
  const SOCKET copy = Duplicate(s);
  Event event, other;
  ASSERT_EQ(EventSelect(s, event.get(), awaited()), kOk);
  ASSERT_EQ(EventSelect(copy, other.get(), awaited()), kOk);
  Happen(s);
  EXPECT_TRUE(other.Wait(kSoonMs));
  EXPECT_FALSE(event.Wait(kNotAtAllMs));
}

TEST_P(DuplicateSocketTest, CancellingOnOneCancelsTheOthersSelection) {
  const SOCKET s = NewAwaiting();
  const SOCKET copy = Duplicate(s);
  Event event;
  ASSERT_EQ(EventSelect(s, event.get(), awaited()), kOk);
  ASSERT_EQ(EventSelect(copy, nullptr, 0), kOk);
  Happen(s);
  EXPECT_FALSE(event.Wait(kNotAtAllMs));
  EXPECT_EQ(SetNonBlocking(s, false), kOk) << "nothing is registered";
}

// 6.1 [WT]: duplicates die at cleanup too.
TEST_P(DuplicateSocketTest, CleanupEndsBoth) {
  const SOCKET s = NewBound(family(), protocol());
  const SOCKET copy = Duplicate(s);
  ASSERT_EQ(Cleanup(), kOk);
  ASSERT_EQ(spi().Startup(), kOk);
  EXPECT_EQ(Close(s), WsaCode{WSAENOTSOCK});
  EXPECT_EQ(Close(copy), WsaCode{WSAENOTSOCK});
}

// -------------------------------------------------- a connection, twice over

class DuplicateConnectionTest : public FamilyTest {
 protected:
  void SetUp() override {
    FamilyTest::SetUp();
    if (HasFatalFailure()) return;
    pair_ = NewConnection(family());
    ASSERT_EQ(
        DuplicateSocket(pair_.socket, static_cast<DWORD>(getpid()), &info_),
        kOk);
    ASSERT_EQ(Socket(&copy_, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO,
                     FROM_PROTOCOL_INFO, WSA_FLAG_OVERLAPPED, &info_),
              kOk);
  }

  Pair pair_;
  WSAPROTOCOL_INFOW info_ = {};
  SOCKET copy_ = INVALID_SOCKET;
};
WSPD_FOR_BOTH_FAMILIES(DuplicateConnectionTest);

TEST_P(DuplicateConnectionTest, BothSendOnIt) {
  EXPECT_EQ(SendText(pair_.socket, "one "), kOk);
  EXPECT_EQ(SendText(copy_, "and "), kOk);
  EXPECT_EQ(SendText(pair_.socket, "two"), kOk);
  EXPECT_EQ(pair_.peer.Read(11), "one and two");
}

// What one has received the other doesn't.
TEST_P(DuplicateConnectionTest, BothReceiveFromIt) {
  ASSERT_TRUE(pair_.peer.Write("abcd"));
  std::string data;
  EXPECT_EQ(RecvExactly(pair_.socket, 2, &data), kOk);
  EXPECT_EQ(data, "ab");
  EXPECT_EQ(RecvExactly(copy_, 2, &data), kOk);
  EXPECT_EQ(data, "cd");
}

TEST_P(DuplicateConnectionTest, BothKnowThePeer) {
  SockAddr name, name_of_copy;
  EXPECT_EQ(GetPeerName(pair_.socket, &name), kOk);
  EXPECT_EQ(GetPeerName(copy_, &name_of_copy), kOk);
  EXPECT_EQ(name, name_of_copy);
}

TEST_P(DuplicateConnectionTest, ConnectionEndsWithTheLastClose) {
  EXPECT_EQ(Close(pair_.socket), kOk);
  EXPECT_EQ(SendText(copy_, "open"), kOk);
  EXPECT_EQ(pair_.peer.Read(4), "open");
  EXPECT_EQ(pair_.peer.PeekEnd(), Ending::kStillOpen);
  EXPECT_EQ(Close(copy_), kOk);
  EXPECT_EQ(pair_.peer.WaitForEnd(), Ending::kOrderly);
}

// Shutdown acts on all.
TEST_P(DuplicateConnectionTest, ShutdownActsOnBoth) {
  EXPECT_EQ(Shutdown(copy_, SD_SEND), kOk);
  EXPECT_EQ(pair_.peer.WaitForEnd(), Ending::kOrderly);
  EXPECT_EQ(SendText(pair_.socket, "x"), WsaCode{WSAESHUTDOWN});
}

// Notification goes to whoever registered.
TEST_P(DuplicateConnectionTest, EventIsSetWhicheverRegistered) {
  Event event;
  ASSERT_EQ(EventSelect(copy_, event.get(), FD_READ), kOk);
  ASSERT_TRUE(pair_.peer.Write("x"));
  EXPECT_TRUE(event.Wait(kSoonMs));
}

// A blocking call on one ends with the data, whatever becomes of the other.
TEST_P(DuplicateConnectionTest, CloseOfOneLeavesTheCallsOfTheOther) {
  ThreadGroup threads;
  WsaCode code;
  std::string data;
  threads.Start("receive", [&] { code = RecvText(copy_, 1, &data); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_EQ(Close(pair_.socket), kOk);
  ASSERT_TRUE(pair_.peer.Write("x"));
  threads.JoinAll();
  EXPECT_EQ(code, kOk);
  EXPECT_EQ(data, "x");
}

TEST_P(DuplicateConnectionTest, CloseAbortsOverlappedCallsOfItsDescriptor) {
  Overlapped operation(1);
  ASSERT_EQ(Recv(copy_, &operation.wsabuf, 1, &operation.bytes,
                 &operation.flags, operation.WithEvent()),
            kPending);
  EXPECT_EQ(Close(copy_), kOk);
  EXPECT_TRUE(operation.event.Wait(kSoonMs));
  EXPECT_NE(operation.status(), 0u);
  EXPECT_EQ(SendText(pair_.socket, "x"), kOk);
  EXPECT_EQ(pair_.peer.Read(1), "x");
}

}  // namespace
}  // namespace wspd::conformance
