// Lookups of an attachment, from the call to its result.
#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "daemon/resolver/resolver.h"
#include "daemon/session/testing/session_harness.h"
#include "daemon/winsock/wsa_error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/dns_responder.h"

namespace wspd {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;
using ::wsp::v1::Call;
using ::wsp::v1::ClientFrame;
using ::wsp::v1::Completion;
using ::wsp::v1::LookupRequest;
using ::wsp::v1::SocketRequest;

class LookupTest : public ::testing::Test {
 protected:
  LookupTest() {
    limits_.lookups_per_client = 2;
    std::ofstream(folder_ + "hosts") << "192.0.2.1 files.example f\n";
    std::ofstream(folder_ + "services") << "http 80/tcp www\n";
    std::ofstream(folder_ + "resolv.conf") << "nameserver 127.0.0.1\n";
    Resolver::Options options;
    sockaddr_in server{};
    server.sin_family = AF_INET;
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const std::string address = dns_.address();
    options.dns.servers = {NetAddress(server).WithPort(static_cast<uint16_t>(
        std::stoi(address.substr(address.find(':') + 1))))};
    options.dns.resolv_conf = folder_ + "resolv.conf";
    options.hosts_file = folder_ + "hosts";
    options.services_file = folder_ + "services";
    options.max_lookups = 3;
    resolver_ = *Resolver::Create(options);
    harness_ = std::make_unique<SessionHarness>(limits_, resolver_.get());
    dns_.AddSilence("silent.example");
  }

  static LookupRequest Host(const std::string& name) {
    LookupRequest request;
    request.set_kind(LookupRequest::KIND_HOST);
    request.set_name(name);
    return request;
  }

  static void Begin(const SessionHarness::Attached& attached, uint64_t call_id,
                    const LookupRequest& request) {
    ClientFrame frame;
    Call* call = frame.add_calls();
    call->set_call_id(call_id);
    *call->mutable_lookup() = request;
    ASSERT_TRUE(SessionHarness::Send(attached, frame).ok());
  }

  static Completion Look(const SessionHarness::Attached& attached,
                         uint64_t call_id, const LookupRequest& request) {
    Begin(attached, call_id, request);
    return SessionHarness::Await(attached, call_id);
  }

  static void Startup(const SessionHarness::Attached& attached,
                      uint64_t call_id) {
    ClientFrame frame;
    Call* call = frame.add_calls();
    call->set_call_id(call_id);
    call->mutable_startup()->set_version_requested(0x0202);
    ASSERT_TRUE(SessionHarness::Send(attached, frame).ok());
    ASSERT_EQ(SessionHarness::Await(attached, call_id).wsa_error(), 0u);
  }

  uint32_t lookups() { return harness_->client()->usage().lookups.load(); }

  const std::string folder_ = std::string(getenv("TEST_TMPDIR")) + "/";
  testing::DnsResponder dns_;
  SessionLimits limits_;
  std::unique_ptr<Resolver> resolver_;
  std::unique_ptr<SessionHarness> harness_;
};

TEST_F(LookupTest, ALookupNeedsNoStartup) {
  const auto attached = harness_->Attach();
  LookupRequest request = Host("f");
  request.set_service("www");
  request.set_want_aliases(true);
  const Completion completion = Look(attached, 1, request);
  EXPECT_EQ(completion.wsa_error(), 0u);
  EXPECT_EQ(completion.lookup().canonical_name(), "files.example");
  EXPECT_THAT(completion.lookup().aliases(), ElementsAre("f"));
  ASSERT_EQ(completion.lookup().addresses_size(), 1);
  const auto& address = completion.lookup().addresses(0);
  EXPECT_EQ(address.address().ipv4().address(), 0xc0000201);
  EXPECT_EQ(address.address().ipv4().port(), 80u);
  EXPECT_EQ(address.type(), SocketRequest::TYPE_STREAM);
  EXPECT_EQ(lookups(), 0u);
}

TEST_F(LookupTest, WhatWasLookedUpIsRemembered) {
  const auto attached = harness_->Attach();
  Look(attached, 1, Host("F"));
  Look(attached, 2, Host("none.example"));
  LookupRequest service;
  service.set_kind(LookupRequest::KIND_SERVICE);
  service.set_service("http");
  Look(attached, 3, service);
  // One that has no end.
  Begin(attached, 4, Host("silent.example"));
  ClientFrame frame;
  frame.add_cancels()->set_call_id(4);
  ASSERT_TRUE(SessionHarness::Send(attached, frame).ok());
  SessionHarness::Await(attached, 4);
  // Of both attachments.
  Look(harness_->Attach(), 1, Host("f"));

  std::vector<wsp::v1::LookedUpName> names;
  harness_->client()->DescribeNames(0, UINT64_MAX, &names);
  ASSERT_THAT(names, SizeIs(2));
  EXPECT_EQ(names[0].name(), "f");
  EXPECT_EQ(names[0].canonical_name(), "files.example");
  EXPECT_THAT(names[0].addresses(), ElementsAre("192.0.2.1"));
  EXPECT_EQ(names[0].lookups(), 2u);
  EXPECT_EQ(names[0].wsa_error(), 0u);
  EXPECT_EQ(names[0].client_id(), 1u);
  EXPECT_EQ(names[0].pid(), getpid());
  EXPECT_NE(names[0].found_at_ns(), 0);
  EXPECT_EQ(names[1].name(), "none.example");
  EXPECT_EQ(names[1].wsa_error(), kWsaHostNotFound);
  EXPECT_EQ(names[1].failures(), 1u);
  EXPECT_EQ(names[1].found_at_ns(), 0);
}

TEST_F(LookupTest, AnAddressAndAServiceAreLookedUp) {
  const auto attached = harness_->Attach();
  LookupRequest address;
  address.set_kind(LookupRequest::KIND_ADDRESS);
  address.mutable_address()->mutable_ipv4()->set_address(0xc0000201);
  EXPECT_EQ(Look(attached, 1, address).lookup().canonical_name(),
            "files.example");
  LookupRequest service;
  service.set_kind(LookupRequest::KIND_SERVICE);
  service.set_service("http");
  const Completion completion = Look(attached, 2, service);
  ASSERT_EQ(completion.lookup().services_size(), 1);
  EXPECT_EQ(completion.lookup().services(0).port(), 80u);
}

TEST_F(LookupTest, ErrorsHaveBothCodes) {
  const auto attached = harness_->Attach();
  Completion completion = Look(attached, 1, Host("none.example"));
  EXPECT_EQ(completion.wsa_error(), kWsaHostNotFound);
  EXPECT_EQ(completion.linux_errno(), static_cast<uint32_t>(ENOENT));
  dns_.AddFailure("broken.example", 2);
  EXPECT_EQ(Look(attached, 2, Host("broken.example")).wsa_error(),
            kWsaTryAgain);
}

TEST_F(LookupTest, ImpossibleRequestsAreRefused) {
  const auto attached = harness_->Attach();
  uint64_t call_id = 0;
  const auto expect_refused = [&](const LookupRequest& request) {
    EXPECT_EQ(Look(attached, ++call_id, request).wsa_error(), kWsaInval)
        << request.DebugString();
  };
  expect_refused(LookupRequest());
  expect_refused(Host(""));
  expect_refused(Host("."));
  expect_refused(Host(std::string(254, 'a')));
  expect_refused(Host(std::string("a\0b", 3)));
  LookupRequest request = Host("f");
  request.set_type(SocketRequest::TYPE_RAW);
  expect_refused(request);
  request = Host("f");
  request.set_service(std::string(65, 'a'));
  expect_refused(request);
  request = LookupRequest();
  request.set_kind(LookupRequest::KIND_ADDRESS);
  expect_refused(request);
  request.set_kind(LookupRequest::KIND_SERVICE);
  expect_refused(request);
  EXPECT_EQ(Look(attached, ++call_id, Host(std::string(253, 'a'))).wsa_error(),
            kWsaHostNotFound);
}

TEST_F(LookupTest, ACancelledLookupEndsWithWsaEintr) {
  const auto attached = harness_->Attach();
  Begin(attached, 1, Host("silent.example"));
  ASSERT_TRUE(dns_.AwaitQuestionFor("silent.example"));
  EXPECT_EQ(lookups(), 1u);
  ClientFrame frame;
  frame.add_cancels()->set_call_id(1);
  ASSERT_TRUE(SessionHarness::Send(attached, frame).ok());
  EXPECT_EQ(SessionHarness::Await(attached, 1).wsa_error(), kWsaIntr);
  EXPECT_EQ(lookups(), 0u);
}

TEST_F(LookupTest, ATimeLimitEndsALookup) {
  const auto attached = harness_->Attach();
  ClientFrame frame;
  Call* call = frame.add_calls();
  call->set_call_id(1);
  call->set_timeout_ms(5);
  *call->mutable_lookup() = Host("silent.example");
  ASSERT_TRUE(SessionHarness::Send(attached, frame).ok());
  EXPECT_EQ(SessionHarness::Await(attached, 1).wsa_error(), kWsaTimedOut);
}

TEST_F(LookupTest, AClientHasSoManyLookupsAndNoMore) {
  const auto one = harness_->Attach();
  const auto other = harness_->Attach();
  Begin(one, 1, Host("silent.example"));
  Begin(other, 1, Host("silent.example"));
  EXPECT_EQ(Look(one, 2, Host("f")).wsa_error(), kWsaNoBufs);
  ClientFrame frame;
  frame.add_cancels()->set_call_id(1);
  ASSERT_TRUE(SessionHarness::Send(one, frame).ok());
  EXPECT_EQ(Look(other, 2, Host("f")).wsa_error(), 0u);
}

TEST_F(LookupTest, AllClientsTogetherHaveSoManyLookupsAndNoMore) {
  SessionHarness other(limits_, resolver_.get());
  const auto one = harness_->Attach();
  const auto two = other.Attach();
  Begin(one, 1, Host("silent.example"));
  Begin(one, 2, Host("silent.example"));
  Begin(two, 1, Host("silent.example"));
  EXPECT_EQ(Look(two, 2, Host("f")).wsa_error(), kWsaNoBufs);
  EXPECT_EQ(other.client()->usage().lookups.load(), 1u);
}

TEST_F(LookupTest, TheFinalCleanupEndsLookupsOfAllAttachmentsUnanswered) {
  const auto one = harness_->Attach();
  const auto other = harness_->Attach();
  Startup(one, 1);
  Begin(one, 2, Host("silent.example"));
  Begin(other, 2, Host("silent.example"));
  ASSERT_TRUE(dns_.AwaitQuestionFor("silent.example"));
  ClientFrame frame;
  Call* call = frame.add_calls();
  call->set_call_id(3);
  call->mutable_cleanup();
  ASSERT_TRUE(SessionHarness::Send(one, frame).ok());
  EXPECT_TRUE(SessionHarness::Await(one, 3).cleanup().final());
  EXPECT_EQ(lookups(), 0u);
  EXPECT_FALSE(one.attachment->IsPending(2));
  EXPECT_FALSE(other.attachment->IsPending(2));
  // Both places are free again, and each attachment goes on as before.
  EXPECT_EQ(Look(one, 4, Host("f")).wsa_error(), 0u);
}

TEST_F(LookupTest, ALookupEndsWithItsAttachment) {
  const auto attached = harness_->Attach();
  Begin(attached, 1, Host("silent.example"));
  ASSERT_TRUE(dns_.AwaitQuestionFor("silent.example"));
  harness_->client()->RemoveAttachment(attached.attachment.get());
  EXPECT_EQ(lookups(), 0u);
  EXPECT_FALSE(attached.stream->HasFrame());
}

TEST_F(LookupTest, WithoutAResolverThereIsNoNameSpace) {
  SessionHarness bare;
  EXPECT_EQ(Look(bare.Attach(), 1, Host("f")).wsa_error(), kWsaOpNotSupp);
}

}  // namespace
}  // namespace wspd
