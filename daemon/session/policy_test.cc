// What rules deny to the calls of a client: every one that takes an address.
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/policy/policy_store.h"
#include "daemon/policy/rule_set.h"
#include "daemon/policy/subject.h"
#include "daemon/policy/unprivileged_ports.h"
#include "daemon/resolver/resolver.h"
#include "daemon/session/registry.h"
#include "daemon/session/testing/session_client.h"
#include "daemon/session/testing/session_harness.h"
#include "daemon/testing/tcp_pair.h"
#include "daemon/winsock/wsa_error.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using wsp::v1::Call;
using wsp::v1::Completion;
using wsp::v1::SocketAddress;
using wsp::v1::SocketRequest;

constexpr uint64_t kTcp = 71;
constexpr uint64_t kUdp = 72;
constexpr uint64_t kAccepted = 73;
constexpr uint32_t kDenied = 0x7f000002;
constexpr uint32_t kAllowed = 0x7f000001;
constexpr char kDenyRule[] =
    "rules { name: 'no' verdict: DENY addresses: '127.0.0.2' }";

std::shared_ptr<RuleSet> Parse(const std::string& text) {
  Policy policy;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &policy));
  std::vector<PolicyProblem> problems;
  auto rules = RuleSet::Make(policy, &problems);
  for (const auto& problem : problems) ADD_FAILURE() << problem.message;
  return rules;
}

void SetV4(SocketAddress* address, uint32_t host, int port) {
  address->mutable_ipv4()->set_address(host);
  address->mutable_ipv4()->set_port(static_cast<uint32_t>(port));
}

// ::ffff:HOST.
void SetMapped(SocketAddress* address, uint32_t host, int port) {
  std::string bytes(16, '\0');
  bytes[10] = bytes[11] = '\xff';
  for (int i = 0; i < 4; ++i) {
    bytes[12 + i] = static_cast<char>(host >> (24 - 8 * i));
  }
  address->mutable_ipv6()->set_address(bytes);
  address->mutable_ipv6()->set_port(static_cast<uint32_t>(port));
}

class PolicyTest : public ::testing::Test {
 protected:
  PolicyTest() {
    std::ofstream(folder_ + "hosts") << "127.0.0.1 good.example\n"
                                        "127.0.0.2 bad.example\n";
    std::ofstream(folder_ + "resolv.conf") << "nameserver 127.0.0.1\n";
    std::ofstream(folder_ + "services");
    Resolver::Options options;
    options.dns.resolv_conf = folder_ + "resolv.conf";
    options.hosts_file = folder_ + "hosts";
    options.services_file = folder_ + "services";
    resolver_ = *Resolver::Create(options);
    harness_ =
        std::make_unique<SessionHarness>(SessionLimits(), resolver_.get());
    client_ = std::make_unique<SessionClient>(harness_.get());
  }

  void Apply(const std::string& text) {
    harness_->policy()->Replace(Parse(text));
  }

  // The Winsock code of a call on a socket.
  uint32_t Run(uint64_t socket_id, const std::function<void(Call*)>& fill) {
    fill(client_->Add(socket_id));
    return client_->Run().wsa_error();
  }

  uint32_t Connect(uint64_t socket_id, uint32_t host, int port,
                   bool extended = false) {
    return Run(socket_id, [=](Call* call) {
      SetV4(call->mutable_connect()->mutable_address(), host, port);
      call->mutable_connect()->set_extended(extended);
    });
  }

  uint32_t Bind(uint64_t socket_id, uint32_t host) {
    return Run(socket_id, [=](Call* call) {
      SetV4(call->mutable_bind()->mutable_address(), host, 0);
    });
  }

  uint32_t SendTo(uint32_t host, int port) {
    return Run(kUdp, [=](Call* call) {
      SetV4(call->mutable_send_to()->mutable_to(), host, port);
      call->mutable_send_to()->set_data("x");
    });
  }

  uint32_t JoinLeaf(uint32_t flags) {
    return Run(kUdp, [=](Call* call) {
      SetV4(call->mutable_join_leaf()->mutable_address(), 0xef010101, 4000);
      call->mutable_join_leaf()->set_flags(flags);
    });
  }

  // Of ff02::1234, at port 4000.
  uint32_t JoinIPv6Leaf(uint32_t flags) {
    return Run(kUdp, [=](Call* call) {
      auto* group = call->mutable_join_leaf()->mutable_address();
      group->mutable_ipv6()->set_address(GroupBytes());
      group->mutable_ipv6()->set_port(4000);
      group->mutable_ipv6()->set_scope_id(if_nametoindex("lo"));
      call->mutable_join_leaf()->set_flags(flags);
    });
  }

  // By IPV6_ADD_MEMBERSHIP, which IPV6_JOIN_GROUP is, too.
  uint32_t JoinIPv6GroupByOption() {
    return Run(kUdp, [=](Call* call) {
      ipv6_mreq value{};
      memcpy(&value.ipv6mr_multiaddr, GroupBytes().data(),
             sizeof(value.ipv6mr_multiaddr));
      value.ipv6mr_interface = if_nametoindex("lo");
      auto* request = call->mutable_set_sock_opt();
      request->set_level(IPPROTO_IPV6);
      request->set_option(12);
      request->mutable_value()->set_raw(
          std::string(reinterpret_cast<const char*>(&value), sizeof(value)));
    });
  }

  static std::string GroupBytes() {
    std::string bytes(16, '\0');
    inet_pton(AF_INET6, "ff02::1234", bytes.data());
    return bytes;
  }

  void MakeIPv6Datagrams() {
    auto* request = client_->Add(kUdp)->mutable_socket();
    request->set_family(SocketRequest::FAMILY_IPV6);
    request->set_type(SocketRequest::TYPE_DATAGRAM);
    ASSERT_EQ(client_->Run().wsa_error(), 0u);
  }

  uint32_t LookUp(const std::string& name) {
    return Run(0, [&](Call* call) {
      auto* lookup = call->mutable_lookup();
      lookup->set_kind(wsp::v1::LookupRequest::KIND_HOST);
      lookup->set_name(name);
    });
  }

  const std::string folder_ = std::string(getenv("TEST_TMPDIR")) + "/";
  std::unique_ptr<Resolver> resolver_;
  std::unique_ptr<SessionHarness> harness_;
  std::unique_ptr<SessionClient> client_;
};

TEST_F(PolicyTest, ConnectIsDenied) {
  Apply(kDenyRule);
  const TcpListener listener = ListenOnLoopback();
  client_->MakeSocket(kTcp);
  EXPECT_EQ(Connect(kTcp, kDenied, listener.port), kWsaAcces);
  // The socket is as it was.
  EXPECT_EQ(Connect(kTcp, kAllowed, listener.port), 0u);
}

TEST_F(PolicyTest, ConnectExIsDenied) {
  Apply(kDenyRule);
  client_->MakeSocket(kTcp);
  client_->Bind(kTcp);
  EXPECT_EQ(Connect(kTcp, kDenied, 80, true), kWsaAcces);
}

TEST_F(PolicyTest, AMappedAddressIsTheIPv4One) {
  Apply(kDenyRule);
  auto* request = client_->Add(kTcp)->mutable_socket();
  request->set_family(SocketRequest::FAMILY_IPV6);
  request->set_type(SocketRequest::TYPE_STREAM);
  ASSERT_EQ(client_->Run().wsa_error(), 0u);
  EXPECT_EQ(Run(kTcp,
                [](Call* call) {
                  SetMapped(call->mutable_connect()->mutable_address(), kDenied,
                            80);
                }),
            kWsaAcces);
}

TEST_F(PolicyTest, BindAndListenAreDenied) {
  Apply(kDenyRule);
  client_->MakeSocket(kTcp);
  EXPECT_EQ(Bind(kTcp, kDenied), kWsaAcces);
  // That has the denied address, too.
  EXPECT_EQ(Bind(kTcp, 0), kWsaAcces);
  EXPECT_EQ(Bind(kTcp, kAllowed), 0u);
  Apply("rules { verdict: DENY actions: LISTEN addresses: '127.0.0.1' }");
  EXPECT_EQ(Run(kTcp, [](Call* call) { call->mutable_listen(); }), kWsaAcces);
  Apply("");
  EXPECT_EQ(Run(kTcp, [](Call* call) { call->mutable_listen(); }), 0u);
}

// A connection to the port, from an address of loopback.
OwnedFd ConnectFrom(uint32_t host, int port) {
  OwnedFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(host);
  EXPECT_EQ(
      bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)),
      0);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  EXPECT_EQ(
      connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)),
      0);
  return fd;
}

TEST_F(PolicyTest, WhatIsNotToBeAcceptedIsReset) {
  Apply("rules { verdict: DENY actions: ACCEPT addresses: '127.0.0.2' }");
  const int port = client_->MakeListener(kTcp);
  const OwnedFd denied = ConnectFrom(kDenied, port);
  const OwnedFd allowed = ConnectFrom(kAllowed, port);
  client_->Add(kTcp)->mutable_accept()->set_accepted_socket_id(kAccepted);
  const Completion result = client_->Run();
  ASSERT_EQ(result.wsa_error(), 0u);
  EXPECT_EQ(result.accept().peer().ipv4().address(), kAllowed);
  char byte;
  EXPECT_EQ(read(denied.get(), &byte, 1), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(PolicyTest, AcceptExWaitsForOneThatIsAllowed) {
  Apply("rules { verdict: DENY actions: ACCEPT addresses: '127.0.0.2' }");
  const int port = client_->MakeListener(kTcp);
  client_->MakeSocket(kAccepted);
  auto* accept = client_->Add(kTcp)->mutable_accept();
  accept->set_accepted_socket_id(kAccepted);
  accept->set_extended(true);
  const uint64_t call = client_->Send();
  const OwnedFd denied = ConnectFrom(kDenied, port);
  char byte;
  EXPECT_EQ(read(denied.get(), &byte, 1), -1);
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_FALSE(client_->Has(call));
  const OwnedFd allowed = ConnectFrom(kAllowed, port);
  EXPECT_EQ(client_->Await(call).wsa_error(), 0u);
}

TEST_F(PolicyTest, DatagramsAreDenied) {
  Apply(kDenyRule);
  client_->MakeSocket(kUdp, SocketRequest::TYPE_DATAGRAM);
  EXPECT_EQ(SendTo(kDenied, 4000), kWsaAcces);
  EXPECT_EQ(SendTo(kAllowed, 4000), 0u);
  EXPECT_EQ(Connect(kUdp, kDenied, 4000), kWsaAcces);
  EXPECT_EQ(Connect(kUdp, kAllowed, 4000), 0u);
  // Again, and by the other name of the same thing.
  EXPECT_EQ(Connect(kUdp, kDenied, 4000), kWsaAcces);
  EXPECT_EQ(SendTo(kDenied, 4000), kWsaAcces);
  Apply("rules { verdict: DENY actions: SEND addresses: '127.0.0.2' }");
  EXPECT_EQ(Connect(kUdp, kDenied, 4000), kWsaAcces);
}

TEST_F(PolicyTest, MessagesWithAncillaryDataAreDenied) {
  client_->MakeSocket(kUdp, SocketRequest::TYPE_DATAGRAM);
  Apply(kDenyRule);
  for (const uint32_t host : {kDenied, kAllowed}) {
    EXPECT_EQ(Run(kUdp,
                  [&](Call* call) {
                    auto* send = call->mutable_send_to();
                    SetV4(send->mutable_to(), host, 4000);
                    auto* control = send->add_control();
                    control->set_level(0);
                    control->set_type(19);  // IP_PKTINFO
                    control->set_data(std::string(8, '\0'));
                    send->set_data("x");
                  }),
              host == kDenied ? kWsaAcces : 0u);
  }
}

TEST_F(PolicyTest, SourcesThatAreNamedAreBoundTo) {
  client_->MakeSocket(kUdp, SocketRequest::TYPE_DATAGRAM);
  Apply("rules { verdict: DENY actions: BIND addresses: '127.0.0.2' }");
  for (const uint32_t host : {kDenied, kAllowed}) {
    // IP_PKTINFO has the address, and an interface's number.
    const uint32_t info[] = {htonl(host), 0};
    EXPECT_EQ(Run(kUdp,
                  [&](Call* call) {
                    auto* send = call->mutable_send_to();
                    SetV4(send->mutable_to(), kAllowed, 4000);
                    auto* control = send->add_control();
                    control->set_level(0);
                    control->set_type(19);
                    control->set_data(
                        std::string(reinterpret_cast<const char*>(info), 8));
                    send->set_data("x");
                  }),
              host == kDenied ? kWsaAcces : 0u);
    // IP_MULTICAST_IF.
    EXPECT_EQ(Run(kUdp,
                  [&](Call* call) {
                    auto* request = call->mutable_set_sock_opt();
                    request->set_level(IPPROTO_IP);
                    request->set_option(9);
                    request->mutable_value()->set_number(htonl(host));
                  }),
              host == kDenied ? kWsaAcces : 0u);
  }
}

TEST_F(PolicyTest, SourcesThatAreNamedInIPv6AreBoundTo) {
  MakeIPv6Datagrams();
  const auto send_from_loopback = [this] {
    return Run(kUdp, [](Call* call) {
      auto* send = call->mutable_send_to();
      std::string loopback(16, '\0');
      loopback[15] = 1;
      send->mutable_to()->mutable_ipv6()->set_address(loopback);
      send->mutable_to()->mutable_ipv6()->set_port(4000);
      auto* control = send->add_control();
      control->set_level(41);
      control->set_type(19);
      control->set_data(loopback + std::string(4, '\0'));
      send->set_data("x");
    });
  };
  Apply("rules { verdict: DENY actions: BIND addresses: '::1' }");
  EXPECT_EQ(send_from_loopback(), kWsaAcces);
  Apply("rules { verdict: DENY actions: BIND addresses: '::2' }");
  EXPECT_EQ(send_from_loopback(), 0u);
}

TEST_F(PolicyTest, MappedDatagramsAreDenied) {
  Apply(kDenyRule);
  auto* request = client_->Add(kUdp)->mutable_socket();
  request->set_family(SocketRequest::FAMILY_IPV6);
  request->set_type(SocketRequest::TYPE_DATAGRAM);
  ASSERT_EQ(client_->Run().wsa_error(), 0u);
  EXPECT_EQ(Run(kUdp,
                [](Call* call) {
                  auto* send = call->mutable_send_to();
                  SetMapped(send->mutable_to(), kDenied, 4000);
                  send->set_data("x");
                }),
            kWsaAcces);
  EXPECT_EQ(Run(kUdp,
                [](Call* call) {
                  SetMapped(call->mutable_connect()->mutable_address(), kDenied,
                            4000);
                }),
            kWsaAcces);
}

TEST_F(PolicyTest, JoinLeafIsDenied) {
  client_->MakeSocket(kUdp, SocketRequest::TYPE_DATAGRAM);
  Apply("rules { verdict: DENY addresses: '239.0.0.0/8' }");
  for (const uint32_t flags : {1u, 2u, 4u}) {
    EXPECT_EQ(JoinLeaf(flags), kWsaAcces) << flags;
  }
  // Who only receives doesn't send.
  Apply("rules { verdict: DENY actions: SEND addresses: '239.0.0.0/8' }");
  EXPECT_EQ(JoinLeaf(1), kWsaAcces);
  EXPECT_NE(JoinLeaf(2), kWsaAcces);
}

// Else whoever joins chooses by it which rules are asked.
TEST_F(PolicyTest, ThePortOfAJoinIsNone) {
  client_->MakeSocket(kUdp, SocketRequest::TYPE_DATAGRAM);
  Apply("rules { verdict: DENY addresses: '239.0.0.0/8' ports: '0' }");
  EXPECT_NE(JoinLeaf(1), kWsaAcces);
  EXPECT_EQ(JoinLeaf(2), kWsaAcces);
  EXPECT_EQ(JoinLeaf(4), kWsaAcces);
  Apply("rules { verdict: DENY addresses: '239.0.0.0/8' ports: '4000' }");
  EXPECT_EQ(JoinLeaf(1), kWsaAcces);
  EXPECT_NE(JoinLeaf(2), kWsaAcces);
}

TEST_F(PolicyTest, OptionsThatJoinGroupsAreDenied) {
  client_->MakeSocket(kUdp, SocketRequest::TYPE_DATAGRAM);
  const auto join = [&](int option) {
    return Run(kUdp, [=](Call* call) {
      auto* request = call->mutable_set_sock_opt();
      request->set_level(IPPROTO_IP);
      request->set_option(option);
      // 239.1.1.1, by 127.0.0.1, and for the longer one from there.
      request->mutable_value()->set_raw(
          std::string("\xef\x01\x01\x01\x7f\x00\x00\x01", 8) +
          (option == 15 ? std::string("\x7f\x00\x00\x01", 4) : ""));
    });
  };
  Apply("rules { verdict: DENY addresses: '239.0.0.0/8' }");
  EXPECT_EQ(join(12), kWsaAcces);
  EXPECT_EQ(join(15), kWsaAcces);
  Apply("rules { verdict: DENY actions: SEND addresses: '239.0.0.0/8' }");
  EXPECT_EQ(join(12), 0u);
  EXPECT_NE(join(15), kWsaAcces);
}

TEST_F(PolicyTest, JoinLeafOfAnIPv6GroupIsDenied) {
  MakeIPv6Datagrams();
  Apply("rules { verdict: DENY addresses: 'ff00::/8' }");
  for (const uint32_t flags : {1u, 2u, 4u}) {
    EXPECT_EQ(JoinIPv6Leaf(flags), kWsaAcces) << flags;
  }
  // At port 0, as one of IPv4.
  Apply("rules { verdict: DENY addresses: 'ff00::/8' ports: '0' }");
  EXPECT_EQ(JoinIPv6Leaf(2), kWsaAcces);
  EXPECT_EQ(JoinIPv6Leaf(4), kWsaAcces);
  // Nor is a rule for IPv4's groups about it.
  Apply("rules { verdict: DENY addresses: '224.0.0.0/4' }");
  EXPECT_EQ(JoinIPv6Leaf(2), 0u);
}

TEST_F(PolicyTest, OptionsThatJoinIPv6GroupsAreDenied) {
  MakeIPv6Datagrams();
  Apply("rules { verdict: DENY addresses: 'ff00::/8' }");
  EXPECT_EQ(JoinIPv6GroupByOption(), kWsaAcces);
  Apply("rules { verdict: DENY addresses: 'ff02::1234' ports: '0' }");
  EXPECT_EQ(JoinIPv6GroupByOption(), kWsaAcces);
  // Joining isn't sending.
  Apply("rules { verdict: DENY actions: SEND addresses: 'ff00::/8' }");
  EXPECT_EQ(JoinIPv6GroupByOption(), 0u);
}

TEST_F(PolicyTest, LookupsAreDenied) {
  Apply("rules { verdict: DENY actions: RESOLVE hosts: 'bad.example' }");
  EXPECT_EQ(LookUp("bad.example"), kWsaAcces);
  EXPECT_EQ(LookUp("BAD.example."), kWsaAcces);
  EXPECT_EQ(LookUp("good.example"), 0u);
  Apply(kDenyRule);
  EXPECT_EQ(Run(0,
                [](Call* call) {
                  auto* lookup = call->mutable_lookup();
                  lookup->set_kind(wsp::v1::LookupRequest::KIND_ADDRESS);
                  SetV4(lookup->mutable_address(), kDenied, 0);
                }),
            kWsaAcces);
}

TEST_F(PolicyTest, AnAddressThatWasFoundByAnAllowedNameIsAllowed) {
  Apply("otherwise: DENY rules { verdict: ALLOW hosts: 'good.example' }");
  const TcpListener listener = ListenOnLoopback();
  client_->MakeSocket(kTcp);
  EXPECT_EQ(Connect(kTcp, kAllowed, listener.port), kWsaAcces);
  EXPECT_EQ(LookUp("bad.example"), kWsaAcces);
  ASSERT_EQ(LookUp("good.example"), 0u);
  EXPECT_EQ(Connect(kTcp, kAllowed, listener.port), 0u);
  client_->MakeSocket(kUdp, SocketRequest::TYPE_DATAGRAM);
  EXPECT_EQ(SendTo(kDenied, 4000), kWsaAcces);
}

TEST_F(PolicyTest, RawSocketsAreForNobody) {
  const auto make_raw = [this](SocketRequest::Family family) {
    return Run(kTcp, [family](Call* call) {
      call->mutable_socket()->set_family(family);
      call->mutable_socket()->set_type(SocketRequest::TYPE_RAW);
      call->mutable_socket()->set_protocol(IPPROTO_ICMP);
    });
  };
  for (const char* rules : {"", "rules { verdict: ALLOW actions: RAW }",
                            "rules { verdict: DENY actions: RAW }"}) {
    Apply(rules);
    EXPECT_EQ(make_raw(SocketRequest::FAMILY_IPV4), kWsaAcces) << rules;
    EXPECT_EQ(make_raw(SocketRequest::FAMILY_IPV6), kWsaAcces) << rules;
  }
  EXPECT_EQ(make_raw(SocketRequest::FAMILY_UNSPECIFIED), kWsaAfNoSupport);
}

TEST_F(PolicyTest, OtherRulesLeaveConnectionsAlone) {
  const OwnedFd peer = client_->MakeConnected(kTcp);
  Apply("otherwise: DENY");
  ASSERT_EQ(write(peer.get(), "x", 1), 1);
  EXPECT_EQ(client_->Receive(kTcp, 1), 0u);
  client_->MakeSocket(kUdp, SocketRequest::TYPE_DATAGRAM);
  EXPECT_EQ(SendTo(kAllowed, 4000), kWsaAcces);
}

TEST_F(PolicyTest, NoConnectionIsLentToWhoIsRestricted) {
  const OwnedFd peer = client_->MakeConnected(kTcp);
  Apply(kDenyRule);
  client_->Add(kTcp)->mutable_lend_socket();
  EXPECT_EQ(client_->Run().linux_errno(), static_cast<uint32_t>(EPERM));
}

// ---------------------------------------------------------------- attaching

class PolicyAttachTest : public ::testing::Test {
 protected:
  PolicyAttachTest()
      : lent_(LentSockets::Create({}, control_.get())),
        policy_(PolicyStore::Create(Parse(
            "rules { verdict: DENY uids: '4711' addresses: '10.0.0.0/8' }"))),
        environment_({control_.get()}, &lingerer_, nullptr, absl::Minutes(1),
                     lent_.get(), nullptr, policy_.get()),
        registry_(Registry::Options(), control_.get(), &environment_,
                  &lingerer_) {}

  struct Attached {
    std::shared_ptr<Attachment> attachment;
    bool lent = false;
  };

  // Of the daemon's own user, whom sockets can be lent to whatever it may do.
  Attached Attach(wsp::v1::Personality personality) {
    Peer peer;
    peer.identity.pid = 4712;
    peer.identity.uid = geteuid();
    peer.identity.start_time_ticks = 1;
    wsp::v1::Hello hello;
    hello.mutable_version()->set_major(1);
    hello.set_personality(personality);
    hello.add_capabilities(wsp::v1::CAPABILITY_LENT);
    auto stream = std::make_shared<RecordingStream>();
    Attached attached;
    attached.attachment =
        registry_.Attach(std::move(peer), hello, 0, stream).value();
    const wsp::v1::ServerFrame frame = stream->NextFrame();
    for (const int capability : frame.welcome().capabilities()) {
      attached.lent |= capability == wsp::v1::CAPABILITY_LENT;
    }
    return attached;
  }

  static std::string OwnRule() {
    return absl::StrCat("rules { verdict: DENY uids: '", geteuid(),
                        "' addresses: '10.0.0.0/8' }");
  }

  const std::unique_ptr<EventLoop> control_ = *EventLoop::Create("control");
  Lingerer lingerer_{Lingerer::Options()};
  const std::shared_ptr<LentSockets> lent_;
  const std::shared_ptr<PolicyStore> policy_;
  SessionEnvironment environment_;
  Registry registry_;
};

TEST_F(PolicyAttachTest, WhoIsRestrictedIsOfferedNoLentSockets) {
  for (const auto personality :
       {wsp::v1::PERSONALITY_LINUX, wsp::v1::PERSONALITY_WINSOCK}) {
    policy_->Replace(Parse("rules { verdict: DENY uids: '4711' }"));
    const Attached free = Attach(personality);
    EXPECT_TRUE(free.lent);
    EXPECT_TRUE(free.attachment->access().is_unrestricted());
    policy_->Replace(Parse(OwnRule()));
    EXPECT_FALSE(Attach(personality).lent);
  }
}

// The process attaches again and learns that it has another plane.
TEST_F(PolicyAttachTest, WhoIsRestrictedMeanwhileHasToAttachAgain) {
  EXPECT_TRUE(Attach(wsp::v1::PERSONALITY_LINUX).lent);
  policy_->Replace(Parse(OwnRule()));
  EXPECT_FALSE(Attach(wsp::v1::PERSONALITY_LINUX).lent);
}

TEST_F(PolicyAttachTest, SaysWhatTheRulesWouldSay) {
  wsp::v1::TestPolicyRequest request;
  request.set_uid(4711);
  request.set_action(wsp::v1::POLICY_ACTION_CONNECT);
  SetV4(request.mutable_address(), 0x0a000001, 80);
  auto response = registry_.TestPolicy(request).value();
  EXPECT_FALSE(response.allowed());
  EXPECT_FALSE(response.unrestricted());
  EXPECT_EQ(response.rule_number(), 1u);
  EXPECT_EQ(response.rule(), "rule 1");
  request.set_uid(4712);
  response = registry_.TestPolicy(request).value();
  EXPECT_TRUE(response.allowed());
  EXPECT_TRUE(response.unrestricted());
  EXPECT_EQ(response.rule_number(), 0u);
  EXPECT_EQ(response.rule(), "otherwise");
}

TEST_F(PolicyAttachTest, RawSocketsAreForNobodyByWhateverRule) {
  wsp::v1::TestPolicyRequest request;
  request.set_uid(4712);
  request.set_action(wsp::v1::POLICY_ACTION_RAW);
  const auto ask = [&](const char* rules) {
    policy_->Replace(Parse(rules));
    const auto response = registry_.TestPolicy(request).value();
    EXPECT_FALSE(response.allowed()) << rules;
    EXPECT_EQ(response.unrestricted(), response.rule() != "otherwise");
    return std::to_string(response.rule_number()) + " " + response.rule();
  };
  EXPECT_EQ(ask(""), "0 wspd makes no raw sockets");
  EXPECT_EQ(ask("rules { name: 'yes' verdict: ALLOW actions: RAW }"),
            "0 wspd makes no raw sockets");
  EXPECT_EQ(ask("rules { name: 'no' verdict: DENY actions: RAW }"), "1 no");
  EXPECT_EQ(ask("otherwise: DENY"), "0 otherwise");
}

TEST_F(PolicyAttachTest, LowPortsAreForThePrivilegedByWhateverRule) {
  PolicySubject user;
  user.uid = 4712;
  if (MayBindPort(user, 1)) GTEST_SKIP() << "no port needs a privilege here";
  wsp::v1::TestPolicyRequest request;
  request.set_action(wsp::v1::POLICY_ACTION_BIND);
  const auto ask = [&](uid_t uid, int port, const char* rules) {
    policy_->Replace(Parse(rules));
    request.set_uid(uid);
    SetV4(request.mutable_address(), 0x0a000001, port);
    const auto response = registry_.TestPolicy(request).value();
    return std::string(response.allowed() ? "+" : "-") +
           std::to_string(response.rule_number()) + " " + response.rule();
  };
  const std::string by_default = "-0 low ports take CAP_NET_BIND_SERVICE";
  const char* const allow = "rules { name: 'yes' verdict: ALLOW ports: '1' }";
  EXPECT_EQ(ask(4712, 1, ""), by_default);
  EXPECT_EQ(ask(4712, 1, allow), by_default);
  EXPECT_EQ(ask(4712, 1, "rules { name: 'no' verdict: DENY }"), "-1 no");
  EXPECT_EQ(ask(4712, 0, ""), "+0 otherwise");
  EXPECT_EQ(ask(4712, 65535, ""), "+0 otherwise");
  EXPECT_EQ(ask(0, 1, allow), "+1 yes");
  // What is at another's port isn't one's own.
  request.set_action(wsp::v1::POLICY_ACTION_CONNECT);
  EXPECT_EQ(ask(4712, 1, ""), "+0 otherwise");
}

TEST_F(PolicyAttachTest, AQuestionHasToBeAboutSomething) {
  wsp::v1::TestPolicyRequest request;
  EXPECT_EQ(registry_.TestPolicy(request).status().code(),
            absl::StatusCode::kInvalidArgument);
  request.set_action(wsp::v1::POLICY_ACTION_RESOLVE);
  EXPECT_EQ(registry_.TestPolicy(request).status().code(),
            absl::StatusCode::kInvalidArgument);
  request.set_host("example.com");
  EXPECT_TRUE(registry_.TestPolicy(request).ok());
  // No rule is about that.
  request.set_action(wsp::v1::POLICY_ACTION_PRIVILEGE);
  SetV4(request.mutable_address(), 0x0a000001, 80);
  EXPECT_EQ(registry_.TestPolicy(request).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace wspd
