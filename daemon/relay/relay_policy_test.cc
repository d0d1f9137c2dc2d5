// What rules deny to relayed sockets: by calls, and by what comes without one.
#include <arpa/inet.h>
#include <net/if.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "daemon/journal/event_journal.h"
#include "daemon/journal/event_reader.h"
#include "daemon/policy/policy_events.h"
#include "daemon/policy/policy_store.h"
#include "daemon/policy/rule_set.h"
#include "daemon/relay/relay_address.h"
#include "daemon/relay/relay_calls.h"
#include "daemon/relay/relay_fixture.h"
#include "daemon/winsock/address_codec.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "proto/relay_wire.h"

namespace wspd {
namespace {

using wsp::v1::LinuxCallRequest;
using wsp::v1::LinuxCallResult;

std::shared_ptr<RuleSet> Parse(const std::string& text) {
  Policy policy;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &policy));
  std::vector<PolicyProblem> problems;
  auto rules = RuleSet::Make(policy, &problems);
  for (const auto& problem : problems) ADD_FAILURE() << problem.message;
  return rules;
}

NetAddress At(uint32_t host, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(host);
  return NetAddress(address);
}

// The same as the host part of ::ffff:0:0/96.
NetAddress MappedAt(uint32_t host, int port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(static_cast<uint16_t>(port));
  address.sin6_addr.s6_addr[10] = address.sin6_addr.s6_addr[11] = 0xff;
  const uint32_t ipv4 = htonl(host);
  memcpy(&address.sin6_addr.s6_addr[12], &ipv4, sizeof(ipv4));
  return NetAddress(address);
}

constexpr uint32_t kDenied = 0x7f000002;
constexpr uint32_t kAllowed = 0x7f000001;

class RelayPolicyTest : public RelayFixture {
 protected:
  RelayPolicyTest() { Start(); }
  // What is told of refusals ends before the sockets do.
  ~RelayPolicyTest() override { table_->Stop(); }

  void Apply(const std::string& text) {
    events_.SetJournal(&journal_);
    store_ = PolicyStore::Create(Parse(text), &events_);
    PeerIdentity identity;
    identity.pid = 42;
    identity.start_time_ticks = 1;
    access_ = store_->AccessOf(identity, ProcessKey::Of(identity, ""),
                               ClientNumber(owner_, &owner_->client_id));
  }

  Relayed MakeRestricted(int type, int family = AF_INET) {
    wsp::v1::LinuxSocketRequest request;
    request.set_family(family == AF_INET
                           ? wsp::v1::LinuxSocketRequest::FAMILY_IPV4
                           : wsp::v1::LinuxSocketRequest::FAMILY_IPV6);
    request.set_type(type == SOCK_STREAM
                         ? wsp::v1::LinuxSocketRequest::TYPE_STREAM
                         : wsp::v1::LinuxSocketRequest::TYPE_DATAGRAM);
    const auto& owner = limited_ == nullptr ? owner_ : limited_;
    EXPECT_EQ(owner->Count(UINT32_MAX, 0), 0);
    Relayed relayed;
    EXPECT_EQ(table_->Make(request, 7, owner, &relayed.program, &relayed.socket,
                           access_),
              0);
    SetDeadline(relayed.program.get());
    return relayed;
  }

  int Call(const Relayed& relayed, const LinuxCallRequest& request) {
    LinuxCallResult result;
    return RunRelayCall(request, *access_, relayed.socket.get(), &result);
  }

  int Bind(const Relayed& relayed, const NetAddress& address) {
    LinuxCallRequest request;
    EncodeAddress(address, request.mutable_bind()->mutable_address());
    return Call(relayed, request);
  }

  int Connect(const Relayed& relayed, const NetAddress& address,
              uint32_t filler = 0) {
    LinuxCallRequest request;
    EncodeAddress(address, request.mutable_connect()->mutable_address());
    request.mutable_connect()->set_filler(filler);
    return Call(relayed, request);
  }

  // Fills the program's end, as its client does before it connects.
  static uint32_t Fill(const Relayed& relayed) {
    uint32_t filler = 0;
    while (send(relayed.program.get(), "", 1, MSG_DONTWAIT) == 1) ++filler;
    return filler;
  }

  static std::string ControlItem(int level, int type, const std::string& data) {
    std::string control(CMSG_SPACE(data.size()), '\0');
    auto* const item = reinterpret_cast<cmsghdr*>(&control[0]);
    item->cmsg_level = level;
    item->cmsg_type = type;
    item->cmsg_len = CMSG_LEN(data.size());
    memcpy(CMSG_DATA(item), data.data(), data.size());
    return control;
  }

  int Send(const Relayed& relayed, const NetAddress& address,
           const std::string& control = "") {
    LinuxCallRequest request;
    EncodeAddress(address, request.mutable_send()->mutable_to());
    request.mutable_send()->set_control(control);
    request.mutable_send()->set_data("called");
    return Call(relayed, request);
  }

  int Listen(const Relayed& relayed) {
    LinuxCallRequest request;
    request.mutable_listen()->set_backlog(5);
    return Call(relayed, request);
  }

  // As the program does, without a call.
  static void Write(const Relayed& relayed, const NetAddress& to,
                    const std::string& payload,
                    const std::string& control = "") {
    wsp::relay::DatagramHeader header{};
    header.address = ToRelayAddress(to);
    header.control_bytes = static_cast<uint32_t>(control.size());
    const std::string message =
        std::string(reinterpret_cast<const char*>(&header), sizeof(header)) +
        control + payload;
    ASSERT_EQ(send(relayed.program.get(), message.data(), message.size(), 0),
              static_cast<ssize_t>(message.size()));
  }

  EventJournal journal_;
  PolicyEvents events_;
  // In place of owner_; null: owner_.
  std::shared_ptr<SocketOwner> limited_;
  std::shared_ptr<PolicyStore> store_;
  std::shared_ptr<const ClientAccess> access_ = ClientAccess::Unrestricted();
};

constexpr char kDenyRule[] =
    "rules { name: 'no' verdict: DENY addresses: '127.0.0.2' }";

TEST_F(RelayPolicyTest, CallsOfStreamsAreDenied) {
  Apply(kDenyRule);
  const TcpListener listener = ListenOnLoopback();
  const Relayed stream = MakeRestricted(SOCK_STREAM);
  EXPECT_EQ(Connect(stream, At(kDenied, listener.port)), EACCES);
  EXPECT_EQ(Connect(stream, At(kAllowed, listener.port)), 0);
  const Relayed other = MakeRestricted(SOCK_STREAM);
  EXPECT_EQ(Bind(other, At(kDenied, 0)), EACCES);
  EXPECT_EQ(Bind(other, At(0, 0)), EACCES);
  // Without a bind it would listen everywhere.
  EXPECT_EQ(Listen(other), EACCES);
  EXPECT_EQ(Bind(other, At(kAllowed, 0)), 0);
  EXPECT_EQ(Listen(other), 0);
}

TEST_F(RelayPolicyTest, AnUnawaitedConnectIsDeniedAsOneThatFails) {
  Apply(kDenyRule);
  const Relayed stream = MakeRestricted(SOCK_STREAM);
  LinuxCallRequest request;
  EncodeAddress(At(kDenied, 1), request.mutable_connect()->mutable_address());
  request.mutable_connect()->set_filler(Fill(stream));
  request.mutable_connect()->set_unawaited(true);
  EXPECT_EQ(Call(stream, request), EACCES);
  EXPECT_NE(EventsNow(stream.program.get()) & POLLOUT, 0);
  int error = 0;
  EXPECT_EQ(stream.socket->TakeError(&error), 0);
  EXPECT_EQ(error, EACCES);
  // Whoever waits has been told.
  request.mutable_connect()->set_unawaited(false);
  request.mutable_connect()->set_filler(0);
  const Relayed other = MakeRestricted(SOCK_STREAM);
  EXPECT_EQ(Call(other, request), EACCES);
  EXPECT_EQ(other.socket->TakeError(&error), 0);
  EXPECT_EQ(error, 0);
}

// The peer of the next attempt isn't sent it, and the program may write.
TEST_F(RelayPolicyTest, FillerOfADeniedConnectIsTakenOff) {
  Apply(kDenyRule);
  const TcpListener listener = ListenOnLoopback();
  const Relayed stream = MakeRestricted(SOCK_STREAM);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Connect(stream, At(kDenied, listener.port), Fill(stream)),
              EACCES);
    EXPECT_NE(EventsNow(stream.program.get()) & POLLOUT, 0);
  }
  // Such as is too much changes nothing.
  EXPECT_EQ(Connect(stream, At(kDenied, listener.port), UINT32_MAX), EACCES);
  EXPECT_EQ(Connect(stream, At(kAllowed, listener.port), Fill(stream)), 0);
  const OwnedFd peer = AcceptFrom(listener);
  EXPECT_NE(AwaitEvents(stream.program.get(), POLLOUT) & POLLOUT, 0);
  ASSERT_EQ(send(stream.program.get(), "first", 5, 0), 5);
  char bytes[6] = {};
  EXPECT_EQ(recv(peer.get(), bytes, 5, MSG_WAITALL), 5);
  EXPECT_STREQ(bytes, "first");
}

TEST_F(RelayPolicyTest, CallsOfDatagramSocketsAreDenied) {
  Apply(kDenyRule);
  const Relayed relayed = MakeRestricted(SOCK_DGRAM);
  EXPECT_EQ(Send(relayed, At(kDenied, 4000)), EACCES);
  EXPECT_EQ(Send(relayed, At(kAllowed, 4000)), 0);
  EXPECT_EQ(Connect(relayed, At(kAllowed, 4000)), 0);
  EXPECT_EQ(Connect(relayed, At(kDenied, 4000)), EACCES);
}

TEST_F(RelayPolicyTest, AMappedAddressIsTheIPv4One) {
  Apply(kDenyRule);
  const TcpListener listener = ListenOnLoopback();
  const Relayed stream = MakeRestricted(SOCK_STREAM, AF_INET6);
  EXPECT_EQ(Connect(stream, MappedAt(kDenied, listener.port)), EACCES);
  EXPECT_EQ(Connect(stream, MappedAt(kAllowed, listener.port)), 0);
  EXPECT_EQ(Bind(MakeRestricted(SOCK_STREAM, AF_INET6), MappedAt(kDenied, 0)),
            EACCES);
  OwnedFd peer(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const NetAddress any = At(0, 0);
  ASSERT_EQ(bind(peer.get(), any.get(), any.size()), 0);
  SetDeadline(peer.get());
  const int port = NetAddress::LocalOf(peer.get()).port();
  const Relayed datagrams = MakeRestricted(SOCK_DGRAM, AF_INET6);
  EXPECT_EQ(Send(datagrams, MappedAt(kDenied, port)), EACCES);
  EXPECT_EQ(Connect(datagrams, MappedAt(kDenied, port)), EACCES);
  Write(datagrams, MappedAt(kDenied, port), "denied");
  Write(datagrams, MappedAt(kAllowed, port), "allowed");
  char buffer[16] = {};
  ASSERT_EQ(recv(peer.get(), buffer, sizeof(buffer), 0), 7);
  EXPECT_STREQ(buffer, "allowed");
}

TEST_F(RelayPolicyTest, OptionsThatJoinIPv6GroupsAreDenied) {
  Apply("rules { verdict: DENY addresses: 'ff00::/8' }");
  const Relayed relayed = MakeRestricted(SOCK_DGRAM, AF_INET6);
  ipv6_mreq any{};
  inet_pton(AF_INET6, "ff02::1234", &any.ipv6mr_multiaddr);
  any.ipv6mr_interface = if_nametoindex("lo");
  const auto join = [&](int name) {
    LinuxCallRequest request;
    auto* option = request.mutable_set_option();
    option->set_level(IPPROTO_IPV6);
    option->set_name(name);
    option->set_value(
        std::string(reinterpret_cast<const char*>(&any), sizeof(any)));
    return Call(relayed, request);
  };
  EXPECT_EQ(join(IPV6_JOIN_GROUP), EACCES);
  Apply("rules { verdict: DENY addresses: '239.0.0.0/8' }");
  EXPECT_EQ(join(IPV6_JOIN_GROUP), 0);
}

// Those that are of any family.
TEST_F(RelayPolicyTest, GenericOptionsThatJoinIPv6GroupsAreDenied) {
  Apply("rules { verdict: DENY addresses: 'ff00::/8' }");
  const Relayed relayed = MakeRestricted(SOCK_DGRAM, AF_INET6);
  sockaddr_in6 group{};
  group.sin6_family = AF_INET6;
  // The program's to choose, and of no meaning.
  group.sin6_port = htons(4000);
  inet_pton(AF_INET6, "ff02::1234", &group.sin6_addr);
  sockaddr_in6 from{};
  from.sin6_family = AF_INET6;
  from.sin6_addr = in6addr_loopback;
  group_source_req source{};
  source.gsr_interface = if_nametoindex("lo");
  memcpy(&source.gsr_group, &group, sizeof(group));
  memcpy(&source.gsr_source, &from, sizeof(from));
  group_req any{};
  any.gr_interface = source.gsr_interface;
  memcpy(&any.gr_group, &group, sizeof(group));
  const auto join = [&](int name, const void* value, size_t size) {
    LinuxCallRequest request;
    auto* option = request.mutable_set_option();
    option->set_level(IPPROTO_IPV6);
    option->set_name(name);
    option->set_value(std::string(static_cast<const char*>(value), size));
    return Call(relayed, request);
  };
  for (const char* const rules :
       {"rules { verdict: DENY addresses: 'ff00::/8' }",
        "rules { verdict: DENY addresses: 'ff02::1234' ports: '0' }"}) {
    Apply(rules);
    EXPECT_EQ(join(MCAST_JOIN_GROUP, &any, sizeof(any)), EACCES);
    EXPECT_EQ(join(MCAST_JOIN_SOURCE_GROUP, &source, sizeof(source)), EACCES);
  }
  Apply("rules { verdict: DENY addresses: '224.0.0.0/4' }");
  EXPECT_EQ(join(MCAST_JOIN_SOURCE_GROUP, &source, sizeof(source)), 0);
}

TEST_F(RelayPolicyTest, OptionsThatJoinGroupsAreDenied) {
  const Relayed relayed = MakeRestricted(SOCK_DGRAM);
  const auto join = [&](int name, const void* value, size_t size) {
    LinuxCallRequest request;
    auto* option = request.mutable_set_option();
    option->set_level(IPPROTO_IP);
    option->set_name(name);
    option->set_value(std::string(static_cast<const char*>(value), size));
    return Call(relayed, request);
  };
  const in_addr group{htonl(0xef010101)};
  const in_addr loopback{htonl(INADDR_LOOPBACK)};
  const ip_mreq any{group, loopback};
  const ip_mreq_source source{group, loopback, loopback};
  group_req generic{};
  auto* const address = reinterpret_cast<sockaddr_in*>(&generic.gr_group);
  address->sin_family = AF_INET;
  address->sin_addr = group;
  Apply("rules { verdict: DENY addresses: '239.0.0.0/8' }");
  EXPECT_EQ(join(IP_ADD_MEMBERSHIP, &any, sizeof(any)), EACCES);
  EXPECT_EQ(join(IP_ADD_SOURCE_MEMBERSHIP, &source, sizeof(source)), EACCES);
  EXPECT_EQ(join(MCAST_JOIN_GROUP, &generic, sizeof(generic)), EACCES);
  // The port that is in there is the program's to choose.
  address->sin_port = htons(4000);
  Apply("rules { verdict: DENY addresses: '239.0.0.0/8' ports: '0' }");
  EXPECT_EQ(join(IP_ADD_MEMBERSHIP, &any, sizeof(any)), EACCES);
  EXPECT_EQ(join(MCAST_JOIN_GROUP, &generic, sizeof(generic)), EACCES);
  Apply("rules { verdict: DENY addresses: '239.0.0.0/8' ports: '4000' }");
  EXPECT_NE(join(MCAST_JOIN_GROUP, &generic, sizeof(generic)), EACCES);
  Apply("rules { verdict: DENY actions: SEND addresses: '239.0.0.0/8' }");
  EXPECT_EQ(join(IP_ADD_MEMBERSHIP, &any, sizeof(any)), 0);
}

// By calls and without.
TEST_F(RelayPolicyTest, RefusalsNameClientAndSocket) {
  Apply(kDenyRule);
  owner_->client_id = 5;
  const Relayed stream = MakeRestricted(SOCK_STREAM);
  const Relayed datagrams = MakeRestricted(SOCK_DGRAM);
  EXPECT_EQ(Connect(stream, At(kDenied, 4000)), EACCES);
  EXPECT_EQ(Bind(stream, At(kDenied, 0)), EACCES);
  EXPECT_EQ(Send(datagrams, At(kDenied, 4000)), EACCES);
  EventReader reader(&journal_);
  std::vector<EventRecord> refused = reader.Read();
  ASSERT_EQ(refused.size(), 3u);
  owner_->client_id = 0;
  Write(datagrams, At(kDenied, 4000), "denied");
  refused.push_back(
      reader.AwaitKind(wsp::v1::JournalEvent::KIND_SOCKET_REFUSED).at(0));
  for (size_t i = 0; i < refused.size(); ++i) {
    const EventRecord& event = refused[i];
    const RelayedSocketInfo& info = (i < 2 ? stream : datagrams).socket->info();
    // Its program has another one, or none, by then.
    EXPECT_EQ(event.client_id, i < 3 ? 5u : 0u);
    EXPECT_EQ(event.pid, 42);
    EXPECT_EQ(event.plane, wsp::v1::PLANE_RELAYED);
    EXPECT_EQ(event.protocol, i < 2 ? IPPROTO_TCP : IPPROTO_UDP);
    EXPECT_EQ(event.socket_id, info.number);
    EXPECT_EQ(event.cookie, info.cookie);
    EXPECT_EQ(WordsOf(event), "socket_refused 13 no");
  }
}

// With a call and without, by the datagram itself and by the option.
TEST_F(RelayPolicyTest, SourcesThatAreNamedAreBoundTo) {
  Apply(
      "rules { name: 'no' verdict: DENY actions: BIND addresses: '127.0.0.2' "
      "}");
  OwnedFd peer(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const NetAddress any = At(kAllowed, 0);
  ASSERT_EQ(bind(peer.get(), any.get(), any.size()), 0);
  SetDeadline(peer.get());
  const NetAddress to = NetAddress::LocalOf(peer.get());
  const Relayed relayed = MakeRestricted(SOCK_DGRAM);
  const auto from = [](uint32_t host) {
    in_pktinfo info{};
    info.ipi_spec_dst.s_addr = htonl(host);
    return ControlItem(
        IPPROTO_IP, IP_PKTINFO,
        std::string(reinterpret_cast<const char*>(&info), sizeof(info)));
  };
  EventReader reader(&journal_);
  EXPECT_EQ(Send(relayed, to, from(kDenied)), EACCES);
  EXPECT_EQ(Send(relayed, to, from(kAllowed)), 0);
  EXPECT_EQ(WordsOf(reader.Read().at(0)), "socket_refused 13 no");
  char buffer[16] = {};
  ASSERT_EQ(recv(peer.get(), buffer, sizeof(buffer), 0), 6);
  Write(relayed, to, "denied", from(kDenied));
  Write(relayed, to, "allowed", from(kAllowed));
  ASSERT_EQ(recv(peer.get(), buffer, sizeof(buffer), 0), 7);
  EXPECT_STREQ(buffer, "allowed");
  const EventRecord refused =
      reader.AwaitKind(wsp::v1::JournalEvent::KIND_SOCKET_REFUSED).at(0);
  EXPECT_EQ(refused.action, wsp::v1::POLICY_ACTION_BIND);
  // That of the socket, which its first datagram has given it.
  EXPECT_EQ(refused.local.port(), relayed.socket->Report().local.port());
  EXPECT_NE(refused.local.port(), 0);
  const auto set_interface = [&](uint32_t host, size_t before) {
    const in_addr address{htonl(host)};
    LinuxCallRequest request;
    auto* option = request.mutable_set_option();
    option->set_level(IPPROTO_IP);
    option->set_name(IP_MULTICAST_IF);
    option->set_value(
        std::string(before, '\0') +
        std::string(reinterpret_cast<const char*>(&address), sizeof(address)) +
        std::string(before, '\0'));
    return Call(relayed, request);
  };
  for (const size_t before : {0, 4}) {
    EXPECT_EQ(set_interface(kDenied, before), EACCES) << before;
    EXPECT_EQ(set_interface(kAllowed, before), 0) << before;
    EXPECT_EQ(set_interface(0, before), 0) << before;
  }
}

// Whatever the rules say, and by a name that stands in a rule's place.
TEST_F(RelayPolicyTest, WhatTakesAPrivilegeIsTold) {
  Apply("rules { verdict: ALLOW }");
  const Relayed relayed = MakeRestricted(SOCK_DGRAM);
  const int one = 1;
  const std::string value(reinterpret_cast<const char*>(&one), sizeof(one));
  const auto set = [&](int level, int name) {
    LinuxCallRequest request;
    request.mutable_set_option()->set_level(level);
    request.mutable_set_option()->set_name(name);
    request.mutable_set_option()->set_value(value);
    return Call(relayed, request);
  };
  EventReader reader(&journal_);
  (void)reader.Read();
  EXPECT_EQ(set(IPPROTO_IP, IP_TRANSPARENT), EPERM);
  EXPECT_EQ(set(SOL_SOCKET, SO_MARK), EPERM);
  EXPECT_EQ(set(SOL_SOCKET, SO_BINDTODEVICE), EPERM);
  // It takes none, nor does any rule of the policy's.
  EXPECT_EQ(set(SOL_SOCKET, SO_ATTACH_FILTER), EPERM);
  const std::string mark = ControlItem(SOL_SOCKET, SO_MARK, value);
  EXPECT_EQ(Send(relayed, At(kAllowed, 4000), mark), EPERM);
  std::vector<std::string> told;
  for (const EventRecord& event : reader.Read()) {
    EXPECT_EQ(event.action, wsp::v1::POLICY_ACTION_PRIVILEGE);
    EXPECT_EQ(event.linux_errno, EPERM);
    EXPECT_EQ(event.socket_id, relayed.socket->info().number);
    told.push_back(std::string(event.detail()));
  }
  EXPECT_EQ(told, std::vector<std::string>(
                      {"option 0/19 takes a privilege",
                       "option 1/36 takes a privilege",
                       "option 1/25 takes a privilege",
                       "ancillary data that takes a privilege"}));
  Write(relayed, At(kAllowed, 4000), "marked", mark);
  const EventRecord dropped =
      reader.AwaitKind(wsp::v1::JournalEvent::KIND_SOCKET_REFUSED).at(0);
  EXPECT_EQ(dropped.action, wsp::v1::POLICY_ACTION_PRIVILEGE);
  EXPECT_EQ(dropped.detail(), "ancillary data that takes a privilege");
}

TEST_F(RelayPolicyTest, AnotherUsersAddressIsTold) {
  Apply("");
  const Relayed first = MakeRestricted(SOCK_STREAM);
  ASSERT_EQ(Bind(first, At(kAllowed, 0)), 0);
  const int port = first.socket->Report().local.port();
  EventReader reader(&journal_);
  (void)reader.Read();
  // One's own is the kernel's word.
  EXPECT_EQ(Bind(MakeRestricted(SOCK_STREAM), At(kAllowed, port)), EADDRINUSE);
  limited_ = std::make_shared<SocketOwner>(
      43, geteuid() + 1, std::make_shared<SocketUser>(nullptr), nullptr);
  EXPECT_EQ(Bind(MakeRestricted(SOCK_STREAM), At(kAllowed, port)), EADDRINUSE);
  std::vector<EventRecord> refused;
  for (const EventRecord& event : reader.Read()) {
    if (event.kind != wsp::v1::JournalEvent::KIND_SOCKET_REFUSED) continue;
    refused.push_back(event);
  }
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0].action, wsp::v1::POLICY_ACTION_BIND);
  EXPECT_EQ(refused[0].linux_errno, EADDRINUSE);
  EXPECT_EQ(refused[0].local.port(), port);
  EXPECT_EQ(refused[0].detail(), "another user has the address");
}

// Whoever isn't let in would else use up what those who are need.
TEST_F(RelayPolicyTest, DeniedConnectionsCostNoRate) {
  limited_ = std::make_shared<SocketOwner>(
      42, geteuid(), std::make_shared<SocketUser>(nullptr),
      RateQuota::Create(Rates{0, 1}, nullptr));
  Apply("rules { verdict: DENY actions: ACCEPT }");
  const Relayed listener = MakeRestricted(SOCK_STREAM);
  ASSERT_EQ(Bind(listener, At(kAllowed, 0)), 0);
  ASSERT_EQ(Listen(listener), 0);
  const absl::Time begin = absl::Now();
  for (int i = 0; i < 50; ++i) {
    const OwnedFd peer =
        ConnectToLoopback(listener.socket->Report().local.port());
    char byte;
    EXPECT_EQ(recv(peer.get(), &byte, 1, 0), -1);
    EXPECT_EQ(errno, ECONNRESET);
  }
  // One a second it would be otherwise.
  EXPECT_LT(absl::Now() - begin, absl::Seconds(40));
}

// The sender hears of it with its next call.
TEST_F(RelayPolicyTest, DatagramsWithoutACallAreDroppedAndTold) {
  Apply(kDenyRule);
  OwnedFd peer(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const NetAddress any = At(0, 0);
  ASSERT_EQ(bind(peer.get(), any.get(), any.size()), 0);
  SetDeadline(peer.get());
  const int port = NetAddress::LocalOf(peer.get()).port();
  const Relayed relayed = MakeRestricted(SOCK_DGRAM);
  Write(relayed, At(kDenied, port), "denied");
  Write(relayed, At(kAllowed, port), "allowed");
  char buffer[16] = {};
  ASSERT_EQ(recv(peer.get(), buffer, sizeof(buffer), 0), 7);
  EXPECT_STREQ(buffer, "allowed");
  EXPECT_TRUE(Await([&] { return relayed.socket->dropped() == 1; }));
  wsp::relay::DatagramHeader header{};
  ASSERT_EQ(recv(relayed.program.get(), &header, sizeof(header), 0),
            static_cast<ssize_t>(sizeof(header)));
  EXPECT_EQ(header.kind, wsp::relay::kError);
  EXPECT_EQ(header.flags, EACCES);
}

TEST_F(RelayPolicyTest, WhatIsNotToBeAcceptedIsReset) {
  Apply("rules { verdict: DENY actions: ACCEPT addresses: '127.0.0.2' }");
  const Relayed listener = MakeRestricted(SOCK_STREAM);
  ASSERT_EQ(Bind(listener, At(kAllowed, 0)), 0);
  ASSERT_EQ(Listen(listener), 0);
  const int port = listener.socket->Report().local.port();
  OwnedFd denied(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  SetDeadline(denied.get());
  const NetAddress from = At(kDenied, 0);
  const NetAddress to = At(kAllowed, port);
  ASSERT_EQ(bind(denied.get(), from.get(), from.size()), 0);
  ASSERT_EQ(connect(denied.get(), to.get(), to.size()), 0);
  char byte;
  EXPECT_EQ(recv(denied.get(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
  const EventRecord refused =
      EventReader(&journal_)
          .AwaitKind(wsp::v1::JournalEvent::KIND_SOCKET_REFUSED)
          .at(0);
  EXPECT_EQ(refused.plane, wsp::v1::PLANE_RELAYED);
  EXPECT_EQ(refused.listener_socket_id, listener.socket->info().number);
  EXPECT_EQ(refused.socket_id, 0u);
  EXPECT_EQ(refused.local.port(), port);
  EXPECT_EQ(refused.peer.port(), NetAddress::LocalOf(denied.get()).port());
  const OwnedFd allowed = ConnectToLoopback(port);
  wsp::relay::Accepted message;
  ASSERT_EQ(recv(listener.program.get(), &message, sizeof(message), 0),
            static_cast<ssize_t>(sizeof(message)));
  // It was received without room for its descriptor, and has ended by that.
  EXPECT_TRUE(Await([this] { return owner_->sockets.load() == 1; }));
}

}  // namespace
}  // namespace wspd
