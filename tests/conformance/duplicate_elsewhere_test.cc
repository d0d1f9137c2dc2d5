// WSPDuplicateSocket: one socket in two processes (4.11).
#include <unistd.h>

#include <memory>
#include <sstream>
#include <string>

#include "tests/conformance/fixture.h"
#include "tests/testing/role.h"

namespace wspd::conformance {
namespace {

using testing::ChildProcess;
using testing::Role;
using testing::RoleRegistration;

// An info as text, to be sent to another process.
std::string ToHex(const WSAPROTOCOL_INFOW& info) {
  constexpr char kDigits[] = "0123456789abcdef";
  const auto* const bytes = reinterpret_cast<const unsigned char*>(&info);
  std::string text;
  for (size_t i = 0; i < sizeof(info); ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

WSAPROTOCOL_INFOW FromHex(const std::string& text) {
  WSAPROTOCOL_INFOW info = {};
  auto* const bytes = reinterpret_cast<unsigned char*>(&info);
  for (size_t i = 0; i < sizeof(info); ++i) {
    bytes[i] = static_cast<unsigned char>(
        std::stoi(text.substr(2 * i, 2), nullptr, 16));
  }
  return info;
}

// The target process: it does what it is told, a command a line, and answers
// with the error code and what else there is to say.
class Target : private Calls {
 public:
  explicit Target(Role* role) : role_(role), spi_(Spi::Load(ProviderPath())) {
    WSPD_ROLE_CHECK(spi_ != nullptr && spi_->Startup() == kOk, "startup");
    UseTable(&spi_->table());
  }

  void Run() {
    for (std::string line = role_->parent.Receive(); !line.empty();
         line = role_->parent.Receive()) {
      std::istringstream words(line);
      std::string command;
      words >> command;
      std::ostringstream answer;
      WsaCode code = Do(command, &words, &answer);
      role_->parent.Send(std::to_string(code.code) + " " + answer.str());
    }
  }

 private:
  WsaCode Do(const std::string& command, std::istream* words,
             std::ostream* answer) {
    std::string text;
    *words >> text;
    const int number = atoi(text.c_str());
    if (command == "open") {
      WSAPROTOCOL_INFOW info = FromHex(text);
      return Socket(&socket_, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO,
                    FROM_PROTOCOL_INFO, WSA_FLAG_OVERLAPPED, &info);
    }
    if (command == "send") return SendText(socket_, text);
    if (command == "receive") {
      std::string data;
      const WsaCode code = RecvText(socket_, number, &data);
      *answer << data;
      return code;
    }
    if (command == "close") return Close(socket_);
    if (command == "shutdown") return Shutdown(socket_, number);
    if (command == "nonblocking") return SetNonBlocking(socket_, number != 0);
    if (command == "keepalive") {
      return SetInt(socket_, SOL_SOCKET, SO_KEEPALIVE, number);
    }
    if (command == "select") {
      return EventSelect(socket_, number == 0 ? nullptr : event_.get(), number);
    }
    if (command == "event") return {event_.Wait(kSoonMs) ? 0 : -1};
    if (command == "noevent") return {event_.Wait(kNotAtAllMs) ? -1 : 0};
    if (command == "accept") {
      SOCKET accepted;
      const WsaCode code = Accept(socket_, &accepted);
      if (code.ok()) socket_ = accepted;
      return code;
    }
    if (command == "cleanup") return Cleanup();
    WSPD_ROLE_CHECK(false, command);
    return kNoErrorGiven;
  }

  Role* const role_;
  std::unique_ptr<Spi> spi_;
  Event event_;
  SOCKET socket_ = INVALID_SOCKET;
};

int BeTarget(Role& role) {
  Target(&role).Run();
  return 0;
}
const RoleRegistration kTarget("BeTarget", BeTarget);

class DuplicateElsewhereTest : public FamilyTest {
 protected:
  DuplicateElsewhereTest() : target_("BeTarget") {}

  // The error of what the other process is told to do.
  WsaCode Tell(const std::string& command, std::string* answer = nullptr) {
    target_.channel().Send(command);
    const std::string line = target_.channel().Receive();
    EXPECT_NE(line, "") << "the other process has ended";
    if (line.empty()) return kNoErrorGiven;
    if (answer != nullptr) *answer = line.substr(line.find(' ') + 1);
    return WsaCode{atoi(line.c_str())};
  }
  // What the target does, in this process.
  WsaCode Open(WSAPROTOCOL_INFOW* info, SOCKET* copy) {
    return Socket(copy, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO,
                  FROM_PROTOCOL_INFO, WSA_FLAG_OVERLAPPED, info);
  }
  // Gives the other process a descriptor of `s`.
  void Share(SOCKET s) {
    WSAPROTOCOL_INFOW info = {};
    ASSERT_EQ(DuplicateSocket(s, static_cast<DWORD>(target_.pid()), &info),
              kOk);
    ASSERT_EQ(Tell("open " + ToHex(info)), kOk);
  }

  ChildProcess target_;
};
WSPD_FOR_BOTH_FAMILIES(DuplicateElsewhereTest);

TEST_P(DuplicateElsewhereTest, BothSendAndReceive) {
  Pair pair = NewConnection(family());
  Share(pair.socket);
  EXPECT_EQ(SendText(pair.socket, "one"), kOk);
  EXPECT_EQ(pair.peer.Read(3), "one");
  EXPECT_EQ(Tell("send two"), kOk);
  EXPECT_EQ(pair.peer.Read(3), "two");
  ASSERT_TRUE(pair.peer.Write("ab"));
  std::string data, there;
  EXPECT_EQ(RecvText(pair.socket, 1, &data), kOk);
  EXPECT_EQ(Tell("receive 1", &there), kOk);
  EXPECT_EQ(data + there, "ab");
}

TEST_P(DuplicateElsewhereTest, SocketOutlivesTheSourcesDescriptor) {
  Pair pair = NewConnection(family());
  Share(pair.socket);
  EXPECT_EQ(Close(pair.socket), kOk);
  EXPECT_EQ(Tell("send hello"), kOk);
  EXPECT_EQ(pair.peer.Read(5), "hello");
  EXPECT_EQ(Tell("close"), kOk);
  EXPECT_EQ(pair.peer.WaitForEnd(), Ending::kOrderly);
}

// 3.4: cleanup of one process releases only its reference, without a reset.
TEST_P(DuplicateElsewhereTest, CleanupOfOneLeavesTheOther) {
  Pair pair = NewConnection(family());
  Share(pair.socket);
  EXPECT_EQ(Tell("cleanup"), kOk);
  EXPECT_EQ(SendText(pair.socket, "hello"), kOk);
  EXPECT_EQ(pair.peer.Read(5), "hello");
  EXPECT_EQ(pair.peer.PeekEnd(), Ending::kStillOpen);
}

TEST_P(DuplicateElsewhereTest, CleanupOfTheSourceLeavesTheTarget) {
  Pair pair = NewConnection(family());
  Share(pair.socket);
  ASSERT_EQ(Cleanup(), kOk);
  EXPECT_EQ(Tell("send hello"), kOk);
  EXPECT_EQ(pair.peer.Read(5), "hello");
}

// 3.3 C7: a death is as a cleanup.
TEST_P(DuplicateElsewhereTest, DeathOfOneLeavesTheOther) {
  Pair pair = NewConnection(family());
  Share(pair.socket);
  target_.Kill();
  EXPECT_EQ(SendText(pair.socket, "hello"), kOk);
  EXPECT_EQ(pair.peer.Read(5), "hello");
  ASSERT_TRUE(pair.peer.Write("x"));
  std::string data;
  EXPECT_EQ(RecvText(pair.socket, 1, &data), kOk);
}

TEST_P(DuplicateElsewhereTest, DeathOfTheLastOwnerResets) {
  Pair pair = NewConnection(family());
  Share(pair.socket);
  EXPECT_EQ(Close(pair.socket), kOk);
  target_.Kill();
  EXPECT_EQ(pair.peer.WaitForEnd(), Ending::kReset);
}

TEST_P(DuplicateElsewhereTest, ShutdownActsOnBoth) {
  Pair pair = NewConnection(family());
  Share(pair.socket);
  EXPECT_EQ(Tell("shutdown 1"), kOk);
  EXPECT_EQ(pair.peer.WaitForEnd(), Ending::kOrderly);
  EXPECT_EQ(SendText(pair.socket, "x"), WsaCode{WSAESHUTDOWN});
}

TEST_P(DuplicateElsewhereTest, OptionsAndBlockingModeAreShared) {
  Pair pair = NewConnection(family());
  Share(pair.socket);
  EXPECT_EQ(Tell("keepalive 1"), kOk);
  int value = 0;
  EXPECT_EQ(GetInt(pair.socket, SOL_SOCKET, SO_KEEPALIVE, &value), kOk);
  EXPECT_EQ(value & 0xff, 1);
  EXPECT_EQ(Tell("nonblocking 1"), kOk);
  std::string data;
  EXPECT_EQ(RecvText(pair.socket, 1, &data), WsaCode{WSAEWOULDBLOCK});
}

// A select in either process cancels the other's.
TEST_P(DuplicateElsewhereTest, SelectionThereReplacesTheOneHere) {
  Pair pair = NewConnection(family());
  Share(pair.socket);
  Event event;
  ASSERT_EQ(EventSelect(pair.socket, event.get(), FD_READ), kOk);
  EXPECT_EQ(Tell("select " + std::to_string(FD_READ)), kOk);
  ASSERT_TRUE(pair.peer.Write("x"));
  EXPECT_EQ(Tell("event"), kOk);
  EXPECT_FALSE(event.Wait(kNotAtAllMs));
}

TEST_P(DuplicateElsewhereTest, SelectionHereReplacesTheOneThere) {
  Pair pair = NewConnection(family());
  Share(pair.socket);
  Event event;
  EXPECT_EQ(Tell("select " + std::to_string(FD_READ)), kOk);
  ASSERT_EQ(EventSelect(pair.socket, event.get(), FD_READ), kOk);
  ASSERT_TRUE(pair.peer.Write("x"));
  EXPECT_TRUE(event.Wait(kSoonMs));
  EXPECT_EQ(Tell("noevent"), kOk);
}

// One for nothing, too; then the blocking mode is anybody's to set.
TEST_P(DuplicateElsewhereTest, CancellingThereCancelsTheSelectionHere) {
  Pair pair = NewConnection(family());
  Share(pair.socket);
  Event event;
  ASSERT_EQ(EventSelect(pair.socket, event.get(), FD_READ), kOk);
  EXPECT_EQ(Tell("select 0"), kOk);
  ASSERT_TRUE(pair.peer.Write("x"));
  EXPECT_TRUE(WaitReadable(pair.socket));
  EXPECT_FALSE(event.Wait(kNotAtAllMs));
  EXPECT_EQ(SetNonBlocking(pair.socket, false), kOk);
}

TEST_P(DuplicateElsewhereTest, CancellingHereCancelsTheSelectionThere) {
  Pair pair = NewConnection(family());
  Share(pair.socket);
  EXPECT_EQ(Tell("select " + std::to_string(FD_READ)), kOk);
  ASSERT_EQ(EventSelect(pair.socket, nullptr, 0), kOk);
  ASSERT_TRUE(pair.peer.Write("x"));
  EXPECT_TRUE(WaitReadable(pair.socket));
  EXPECT_EQ(Tell("noevent"), kOk);
  EXPECT_EQ(Tell("nonblocking 0"), kOk);
}

TEST_P(DuplicateElsewhereTest, ListenerAcceptsThere) {
  SockAddr name;
  const SOCKET listener = NewListener(family(), &name);
  Share(listener);
  EXPECT_EQ(Close(listener), kOk);
  PeerSocket peer = PeerSocket::ConnectTo(name.ToEndpoint());
  ASSERT_TRUE(peer.is_open());
  EXPECT_EQ(Tell("accept 0"), kOk);
  EXPECT_EQ(Tell("send hello"), kOk);
  EXPECT_EQ(peer.Read(5), "hello");
}

// The info is for one process.
TEST_P(DuplicateElsewhereTest, InfoForAnotherOpensNothingHere) {
  Pair pair = NewConnection(family());
  WSAPROTOCOL_INFOW info = {};
  ASSERT_EQ(
      DuplicateSocket(pair.socket, static_cast<DWORD>(target_.pid()), &info),
      kOk);
  WSAPROTOCOL_INFOW used_here = info;
  SOCKET copy;
  EXPECT_NE(Open(&used_here, &copy), kOk);
  // Nor is it used up by that.
  EXPECT_EQ(Tell("open " + ToHex(info)), kOk);
  EXPECT_EQ(Tell("send hello"), kOk);
  EXPECT_EQ(pair.peer.Read(5), "hello");
}

TEST_P(DuplicateElsewhereTest, InfoForHereOpensNothingThere) {
  Pair pair = NewConnection(family());
  WSAPROTOCOL_INFOW info = {};
  ASSERT_EQ(DuplicateSocket(pair.socket, static_cast<DWORD>(getpid()), &info),
            kOk);
  EXPECT_NE(Tell("open " + ToHex(info)), kOk);
  SOCKET copy = INVALID_SOCKET;
  EXPECT_EQ(Open(&info, &copy), kOk);
  EXPECT_EQ(SendText(copy, "hello"), kOk);
  EXPECT_EQ(pair.peer.Read(5), "hello");
}

}  // namespace
}  // namespace wspd::conformance
