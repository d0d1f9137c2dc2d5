// Processes of different users: none gets at a socket, an address or a listing
// of another's. Needs root, to become others.
#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "tests/testing/admin_view.h"
#include "tests/testing/child_process.h"
#include "tests/testing/other_user.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/role.h"
#include "tests/testing/socket_holder.h"

namespace wspd::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr WsaCode kInval{WSAEINVAL};
constexpr WsaCode kAddrInUse{WSAEADDRINUSE};
constexpr WsaCode kAccess{WSAEACCES};

class UsersTest : public ProviderTest {
 protected:
  UsersTest()
      : ProviderTest([] {
          DaemonOptions options;
          options.config = "group: \"" + std::to_string(kTheirGroup) + "\"";
          return options;
        }()) {}

  void SetUp() override {
    if (!MayBecomeOthers()) {
      GTEST_SKIP() << "needs root, and users besides it, to become others";
    }
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
  }

  static SocketHolder::Answer Connect(SocketHolder* holder,
                                      PeerListener* listener,
                                      PeerSocket* peer) {
    SocketHolder::Answer answer =
        holder->Do("connect " + std::to_string(listener->endpoint().port));
    *peer = listener->Accept();
    return answer;
  }
};

// -------------------------------------------------------------------- sockets

TEST_F(UsersTest, ATicketIsOfNoUseToAnotherUser) {
  SocketHolder source(kAlice), stranger(kBob), target(kAlice);
  PeerSocket peer;
  ASSERT_EQ(Connect(&source, &listener_, &peer).code, kOk);
  WSAPROTOCOL_INFOW info = {};
  // Given to the other on purpose: that the daemon says so at once, or when it
  // is used, makes no difference.
  if (source.Duplicate(stranger.pid(), &info).ok()) {
    EXPECT_EQ(stranger.Claim(info), kInval);
    EXPECT_EQ(stranger.Claim(info), kInval);
  }
  // Stolen on its way.
  ASSERT_EQ(source.Duplicate(target.pid(), &info), kOk);
  EXPECT_EQ(stranger.Claim(info), kInval);
  EXPECT_EQ(target.Claim(info), kOk) << "it is still the target's";
  EXPECT_EQ(target.Do("send hers").code, kOk);
  EXPECT_EQ(peer.Read(4), "hers");
  // The stranger's end changes nothing.
  EXPECT_EQ(stranger.Do("cleanup").code, kOk);
  EXPECT_EQ(source.Do("send still").code, kOk);
  EXPECT_EQ(peer.Read(5), "still");
}

TEST_F(UsersTest, RootsTicketIsOfNoUseToOthersNorTheirsToRoot) {
  SocketHolder alice(kAlice);
  Connection connection = ProviderTest::Connect();
  WSAPROTOCOL_INFOW info = {};
  if (spi_->Duplicate(connection.socket, static_cast<DWORD>(alice.pid()), &info)
          .ok()) {
    EXPECT_EQ(alice.Claim(info), kInval);
  }
  PeerSocket peer;
  ASSERT_EQ(Connect(&alice, &listener_, &peer).code, kOk);
  if (alice.Duplicate(getpid(), &info).ok()) {
    SOCKET s;
    EXPECT_EQ(spi_->SocketFrom(&info, &s), kInval);
  }
  EXPECT_EQ(alice.Do("send hers").code, kOk);
  EXPECT_EQ(peer.Read(4), "hers");
}

TEST_F(UsersTest, TheDeathOfOnesProcessLeavesTheOthersAlone) {
  SocketHolder alice(kAlice), bob(kBob);
  PeerSocket hers, his;
  ASSERT_EQ(Connect(&alice, &listener_, &hers).code, kOk);
  ASSERT_EQ(Connect(&bob, &listener_, &his).code, kOk);
  alice.process().Kill();
  EXPECT_EQ(hers.WaitForEnd(), Ending::kReset);
  EXPECT_EQ(bob.Do("send his").code, kOk);
  EXPECT_EQ(his.Read(3), "his");
}

// ------------------------------------------------------------------ addresses

// What the second bind says, of one user and of two; SO_REUSEADDR, the last of
// the options, is the one that shares.
struct Sharing {
  const char* first;  // "any" or "loopback"
  const char* second;
  bool first_reuses;
  bool second_reuses;
  WsaCode same_user;
  WsaCode other_user;
};

const Sharing kSharings[] = {
    {"any", "any", true, true, kOk, kAccess},
    {"loopback", "loopback", true, true, kOk, kAccess},
    {"any", "any", false, true, kAccess, kAccess},
    {"loopback", "loopback", false, false, kAddrInUse, kAddrInUse},
    {"any", "any", true, false, kAddrInUse, kAddrInUse},
    // A part of another user's address would be taken away from it.
    {"any", "loopback", false, false, kOk, kAccess},
    {"any", "loopback", true, true, kOk, kAccess},
    // The rest of it takes nothing away.
    {"loopback", "any", false, false, kOk, kOk},
    {"loopback", "any", true, true, kOk, kOk},
};

class SharingTest : public UsersTest,
                    public ::testing::WithParamInterface<int> {
 protected:
  SocketHolder::Answer Bind(SocketHolder* holder, const char* where,
                            bool reuses, const std::string& port) {
    EXPECT_EQ(holder->Do("socket " + std::to_string(GetParam())).code, kOk);
    if (reuses) {
      EXPECT_EQ(holder
                    ->Do("setoption " + std::to_string(SOL_SOCKET) + " " +
                         std::to_string(SO_REUSEADDR) + " 1")
                    .code,
                kOk);
    }
    return holder->Do("bind " + std::string(where) + " " + port);
  }
};

TEST_P(SharingTest, AddressesAreSharedByTheSocketsOfOneUserOnly) {
  SocketHolder first(kAlice), same(kAlice), other(kBob);
  for (const Sharing& sharing : kSharings) {
    const std::string what = std::string(sharing.first) + " and " +
                             sharing.second +
                             (sharing.first_reuses ? ", first reuses" : "") +
                             (sharing.second_reuses ? ", second reuses" : "");
    const SocketHolder::Answer bound =
        Bind(&first, sharing.first, sharing.first_reuses, "0");
    ASSERT_EQ(bound.code, kOk) << what;
    EXPECT_EQ(
        Bind(&other, sharing.second, sharing.second_reuses, bound.text).code,
        sharing.other_user)
        << what;
    EXPECT_EQ(other.Do("close").code, kOk);
    EXPECT_EQ(
        Bind(&same, sharing.second, sharing.second_reuses, bound.text).code,
        sharing.same_user)
        << what;
    EXPECT_EQ(same.Do("close").code, kOk);
    EXPECT_EQ(first.Do("close").code, kOk);
  }
}

// However it came to be free.
TEST_P(SharingTest, AnAddressThatIsFreeIsForAnyUser) {
  for (const bool dies : {false, true}) {
    SocketHolder alice(kAlice), bob(kBob);
    const SocketHolder::Answer bound = Bind(&alice, "any", true, "0");
    ASSERT_EQ(bound.code, kOk);
    EXPECT_EQ(Bind(&bob, "any", true, bound.text).code, kAccess);
    if (dies) {
      alice.process().Kill();
    } else {
      EXPECT_EQ(alice.Do("cleanup").code, kOk);
    }
    EXPECT_TRUE(WaitUntil(
        [&] { return Bind(&bob, "any", true, bound.text).code.ok(); }));
  }
}

INSTANTIATE_TEST_SUITE_P(Types, SharingTest,
                         ::testing::Values(SOCK_STREAM, SOCK_DGRAM),
                         [](const auto& info) {
                           return info.param == SOCK_STREAM ? "Stream"
                                                            : "Datagram";
                         });

// ------------------------------------------------------------------- operators

std::string Join(std::vector<pid_t> pids) {
  std::sort(pids.begin(), pids.end());
  std::ostringstream text;
  for (const pid_t pid : pids) text << pid << " ";
  return text.str();
}

// Another user who asks at the admin socket. Arguments: the user, the socket.
// It answers "clients", "sockets", "knows PID" and "disconnect PID".
int Operator(Role& role) {
  WSPD_ROLE_CHECK(BecomeUser(static_cast<uid_t>(std::stoul(role.arguments[0]))),
                  "another user");
  AdminView view(role.arguments[1]);
  for (;;) {
    std::istringstream request(role.parent.Receive());
    std::string verb;
    pid_t pid = 0;
    request >> verb >> pid;
    if (verb.empty()) return 0;
    if (verb == "clients") {
      role.parent.Send(Join(view.ListClients()));
    } else if (verb == "sockets") {
      role.parent.Send(Join(view.ListSockets()));
    } else if (verb == "knows") {
      role.parent.Send(view.FindClient(pid) ? "yes" : "no");
    } else {
      role.parent.Send(view.Disconnect(pid));
    }
  }
}
const RoleRegistration kOperator("Operator", Operator);

class OperatorTest : public UsersTest {
 protected:
  std::string Ask(uid_t user, const std::string& request) {
    ChildProcess process("Operator",
                         {std::to_string(user), daemon_.admin_socket()});
    process.channel().Send(request);
    return process.channel().Receive();
  }
};

TEST_F(OperatorTest, EachUserSeesTheirOwnAndRootSeesAll) {
  SocketHolder hers(kAlice), also_hers(kAlice), his(kBob);
  PeerSocket peers[3];
  ASSERT_EQ(Connect(&hers, &listener_, &peers[0]).code, kOk);
  ASSERT_EQ(Connect(&his, &listener_, &peers[1]).code, kOk);
  Connection roots = ProviderTest::Connect();
  EXPECT_EQ(also_hers.Do("socket " + std::to_string(SOCK_STREAM)).code, kOk);

  AdminView root(daemon_.admin_socket());
  EXPECT_THAT(
      root.ListClients(),
      UnorderedElementsAre(hers.pid(), also_hers.pid(), his.pid(), getpid()));
  EXPECT_THAT(
      root.ListSockets(),
      UnorderedElementsAre(hers.pid(), also_hers.pid(), his.pid(), getpid()));
  EXPECT_THAT(root.ListClients(kAlice),
              UnorderedElementsAre(hers.pid(), also_hers.pid()));
  EXPECT_THAT(root.ListClients(kBob), ElementsAre(his.pid()));
  EXPECT_THAT(root.ListClients(0), ElementsAre(getpid()));

  const std::string hers_only = Join({hers.pid(), also_hers.pid()});
  EXPECT_EQ(Ask(kAlice, "clients"), hers_only);
  EXPECT_EQ(Ask(kAlice, "sockets"), hers_only);
  EXPECT_EQ(Ask(kBob, "clients"), Join({his.pid()}));
  EXPECT_EQ(Ask(kBob, "sockets"), Join({his.pid()}));
  EXPECT_EQ(Ask(kBob, "knows " + std::to_string(his.pid())), "yes");
  EXPECT_EQ(Ask(kBob, "knows " + std::to_string(hers.pid())), "no");
  EXPECT_EQ(Ask(kBob, "knows " + std::to_string(getpid())), "no");
}

TEST_F(OperatorTest, ALingeringSocketIsItsUsersToSee) {
  const PeerListener::Options options = {Family::kIpv4, 10, 4096};
  PeerListener slow(options);
  SocketHolder hers(kAlice);
  PeerSocket peer;
  ASSERT_EQ(Connect(&hers, &slow, &peer).code, kOk);
  EXPECT_EQ(hers.Do("nonblocking 1").code, kOk);
  const std::string send = "send " + std::string(32000, 'x');
  while (hers.Do(send).code.ok()) {
  }
  EXPECT_EQ(hers.Do("close").code, kOk);
  EXPECT_EQ(Ask(kAlice, "sockets"), Join({hers.pid()}));
  EXPECT_EQ(Ask(kBob, "sockets"), "");
}

TEST_F(OperatorTest, OnlyRootDisconnectsClients) {
  SocketHolder hers(kAlice);
  PeerSocket peer;
  ASSERT_EQ(Connect(&hers, &listener_, &peer).code, kOk);
  const std::string request = "disconnect " + std::to_string(hers.pid());
  EXPECT_THAT(Ask(kBob, request), HasSubstr(std::to_string(kBob)));
  EXPECT_THAT(Ask(kAlice, request), HasSubstr(std::to_string(kAlice)))
      << "her own either";
  EXPECT_EQ(hers.Do("send on").code, kOk);
  EXPECT_EQ(peer.Read(2), "on");
  AdminView root(daemon_.admin_socket());
  EXPECT_THAT(root.Disconnect(hers.pid()), IsEmpty());
  EXPECT_EQ(peer.WaitForEnd(), Ending::kReset);
}

}  // namespace
}  // namespace wspd::testing
