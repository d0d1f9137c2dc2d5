#include "daemon/session/registry.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/notification.h"
#include "daemon/base/owned_fd.h"
#include "daemon/session/testing/session_harness.h"
#include "daemon/testing/tcp_pair.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using wsp::v1::Hello;
using wsp::v1::Welcome;

constexpr absl::Duration kDeadline = absl::Seconds(30);

// A process as the kernel would describe it; pid 0: it can't.
Peer ProcessOf(pid_t pid, uid_t uid = 1000) {
  Peer peer;
  peer.identity.pid = pid;
  peer.identity.uid = uid;
  peer.identity.start_time_ticks = pid;
  return peer;
}

Hello NewHello() {
  Hello hello;
  hello.mutable_version()->set_major(1);
  hello.set_personality(wsp::v1::PERSONALITY_WINSOCK);
  return hello;
}

InventoryFilter OfPid(int pid) {
  InventoryFilter filter;
  filter.pid = pid;
  return filter;
}

class RegistryTest : public testing::Test {
 protected:
  struct Attached {
    absl::Status status;
    std::shared_ptr<Attachment> attachment;
    std::shared_ptr<RecordingStream> stream;
    Welcome welcome;
  };

  RegistryTest()
      : control_(*EventLoop::Create("control")),
        lingerer_({}),
        environment_({control_.get()}, &lingerer_) {}

  void Make(Registry::Options options = {}) {
    registry_ = std::make_unique<Registry>(options, control_.get(),
                                           &environment_, &lingerer_);
  }

  Attached Attach(Peer peer, const Hello& hello = NewHello(),
                  uint64_t ack_sequence = 0) {
    Attached attached;
    attached.stream = std::make_shared<RecordingStream>();
    auto attachment = registry_->Attach(std::move(peer), hello, ack_sequence,
                                        attached.stream);
    attached.status = attachment.status();
    if (!attachment.ok()) return attached;
    attached.attachment = *std::move(attachment);
    attached.welcome = attached.stream->NextFrame().welcome();
    attached.attachment->OnWritten(attached.stream.get());
    return attached;
  }

  // WSPStartup, so that there is something to keep.
  static void Startup(const Attached& attached) {
    wsp::v1::ClientFrame frame;
    auto* call = frame.add_calls();
    call->set_call_id(1);
    call->mutable_startup()->set_version_requested(0x0202);
    const SessionHarness::Attached session = SessionOf(attached);
    ASSERT_TRUE(SessionHarness::Send(session, frame).ok());
    EXPECT_EQ(SessionHarness::Await(session, 1).wsa_error(), 0u);
  }

  static SessionHarness::Attached SessionOf(const Attached& attached) {
    return {attached.attachment, attached.stream};
  }

  static void OpenSocket(const Attached& attached, uint64_t socket_id) {
    wsp::v1::ClientFrame frame;
    auto* call = frame.add_calls();
    call->set_call_id(11);
    call->set_socket_id(socket_id);
    call->mutable_socket()->set_family(wsp::v1::SocketRequest::FAMILY_IPV4);
    call->mutable_socket()->set_type(wsp::v1::SocketRequest::TYPE_STREAM);
    const SessionHarness::Attached session = SessionOf(attached);
    ASSERT_TRUE(SessionHarness::Send(session, frame).ok());
    EXPECT_EQ(SessionHarness::Await(session, 11).wsa_error(), 0u);
  }

  static void Cleanup(const Attached& attached) {
    wsp::v1::ClientFrame frame;
    auto* call = frame.add_calls();
    call->set_call_id(2);
    call->mutable_cleanup();
    const SessionHarness::Attached session = SessionOf(attached);
    ASSERT_TRUE(SessionHarness::Send(session, frame).ok());
    EXPECT_EQ(SessionHarness::Await(session, 2).wsa_error(), 0u);
  }

  void EndStream(const Attached& attached) {
    registry_->OnStreamEnded(attached.attachment, attached.stream.get());
  }

  // "PID KIND DETAIL" of each event.
  std::vector<std::string> Journal() {
    std::vector<std::string> lines;
    uint64_t sequence = 1, lost = 0;
    EventRecord record;
    while (registry_->events()->Read(&sequence, &record, &lost)) {
      absl::string_view kind = wsp::v1::JournalEvent::Kind_Name(record.kind);
      absl::ConsumePrefix(&kind, "KIND_CLIENT_");
      lines.push_back(absl::StrCat(record.pid, " ", kind,
                                   record.detail().empty() ? "" : " ",
                                   record.detail()));
    }
    return lines;
  }

  static Hello Resuming(const Attached& attached) {
    Hello hello = NewHello();
    hello.set_resume_token(attached.welcome.attachment_token());
    return hello;
  }

  void AwaitClients(uint32_t count) {
    const absl::Time end = absl::Now() + kDeadline;
    wsp::v1::GetServerInfoResponse info;
    do {
      RunControl();
      registry_->FillServerInfo(&info);
    } while (info.clients() != count && absl::Now() < end);
    EXPECT_EQ(info.clients(), count);
  }

  void RunControl() {
    absl::Notification done;
    control_->Post([&done] { done.Notify(); });
    done.WaitForNotification();
  }

  const std::unique_ptr<EventLoop> control_;
  Lingerer lingerer_;
  SessionEnvironment environment_;
  std::unique_ptr<Registry> registry_;
};

TEST_F(RegistryTest, TheLowerMinorVersionIsInForce) {
  Make();
  Hello hello = NewHello();
  hello.mutable_version()->set_minor(99);
  const Attached newer = Attach(ProcessOf(1), hello);
  EXPECT_EQ(newer.welcome.version().major(), 1u);
  EXPECT_LT(newer.welcome.version().minor(), 99u);
  EXPECT_EQ(newer.welcome.limits().frame_bytes(), kFrameBytes);
}

TEST_F(RegistryTest, WhatIsNotOfferedIsAFailedPrecondition) {
  Make();
  Hello other_major = NewHello();
  other_major.mutable_version()->set_major(2);
  Hello other_personality = NewHello();
  other_personality.set_personality(wsp::v1::PERSONALITY_UNSPECIFIED);
  for (const Hello& hello : {other_major, other_personality}) {
    const absl::Status status = Attach(ProcessOf(1), hello).status;
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_NE(status.message(), "");
  }
  AwaitClients(0);
}

TEST_F(RegistryTest, TheCapabilitiesOfBothAreInForce) {
  Make();
  Hello hello = NewHello();
  EXPECT_EQ(Attach(ProcessOf(1), hello).welcome.capabilities_size(), 0);
  hello.add_capabilities(wsp::v1::CAPABILITY_RESUME);
  hello.add_capabilities(static_cast<wsp::v1::Capability>(99));
  const Welcome welcome = Attach(ProcessOf(1), hello).welcome;
  ASSERT_EQ(welcome.capabilities_size(), 1);
  EXPECT_EQ(welcome.capabilities(0), wsp::v1::CAPABILITY_RESUME);
}

TEST_F(RegistryTest, ATokenIsGoodForItsProcessOnly) {
  Make();
  const Attached first = Attach(ProcessOf(1));
  Startup(first);
  for (pid_t pid : {0, 2}) {
    EXPECT_EQ(Attach(ProcessOf(pid), Resuming(first)).status.code(),
              absl::StatusCode::kPermissionDenied)
        << pid;
  }
  EXPECT_TRUE(Attach(ProcessOf(1), Resuming(first)).welcome.resumed());
}

TEST_F(RegistryTest, ATokenOfAnUnseenProcessIsGoodForItsUserOnly) {
  Make();
  const Attached first = Attach(ProcessOf(0, 1000));
  Startup(first);
  EXPECT_EQ(Attach(ProcessOf(0, 1001), Resuming(first)).status.code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Attach(ProcessOf(7, 1000), Resuming(first)).status.code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(Attach(ProcessOf(0, 1000), Resuming(first)).welcome.resumed());
}

TEST_F(RegistryTest, AnUnknownTokenIsANewAttachment) {
  Make();
  Hello hello = NewHello();
  hello.set_resume_token(std::string(16, '?'));
  const Attached attached = Attach(ProcessOf(1), hello);
  ASSERT_TRUE(attached.status.ok());
  EXPECT_FALSE(attached.welcome.resumed());
  EXPECT_NE(attached.welcome.attachment_token(), hello.resume_token());
}

TEST_F(RegistryTest, AResumeEndsTheStreamBefore) {
  Make();
  const Attached first = Attach(ProcessOf(1));
  Startup(first);
  const Attached second = Attach(ProcessOf(1), Resuming(first));
  EXPECT_EQ(second.attachment, first.attachment);
  EXPECT_EQ(second.welcome.startups(), 1u);
  EXPECT_EQ(first.stream->end_status().code(), absl::StatusCode::kAborted);
}

TEST_F(RegistryTest, AResumeThatAcknowledgesTooMuchEndsTheClient) {
  Make();
  const Attached first = Attach(ProcessOf(1));
  Startup(first);
  registry_->OnStreamEnded(first.attachment, first.stream.get());
  EXPECT_EQ(Attach(ProcessOf(1), Resuming(first), 99).status.code(),
            absl::StatusCode::kInvalidArgument);
  AwaitClients(0);
  EXPECT_EQ(first.attachment->client()->startups(), 0u);
}

TEST_F(RegistryTest, AfterTheGraceTimeItIsOver) {
  Registry::Options options;
  options.limits.grace = absl::Milliseconds(20);
  Make(options);
  const Attached first = Attach(ProcessOf(1));
  Startup(first);
  registry_->OnStreamEnded(first.attachment, first.stream.get());
  AwaitClients(0);
  const Attached late = Attach(ProcessOf(1), Resuming(first));
  EXPECT_FALSE(late.welcome.resumed());
  EXPECT_EQ(late.welcome.startups(), 0u);
}

TEST_F(RegistryTest, WhatEndedDoesNotStartUpAgain) {
  Make();
  const Attached attached = Attach(ProcessOf(1));
  Startup(attached);
  ASSERT_TRUE(registry_->DisconnectClient({1}).ok());
  EXPECT_EQ(attached.stream->end_status().code(), absl::StatusCode::kAborted);
  wsp::v1::ClientFrame frame;
  auto* call = frame.add_calls();
  call->set_call_id(2);
  call->mutable_startup()->set_version_requested(0x0202);
  EXPECT_TRUE(
      SessionHarness::Send({attached.attachment, attached.stream}, frame).ok());
  EXPECT_EQ(attached.attachment->client()->startups(), 0u);
  // The end of its stream changes nothing any more.
  registry_->OnStreamEnded(attached.attachment, attached.stream.get());
  AwaitClients(0);
}

TEST_F(RegistryTest, ClientsAreLimited) {
  Registry::Options options;
  options.limits.clients = 2;
  Make(options);
  for (pid_t pid : {1, 2}) EXPECT_TRUE(Attach(ProcessOf(pid)).status.ok());
  const absl::Status status = Attach(ProcessOf(3)).status;
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_TRUE(Attach(ProcessOf(2)).status.ok()) << "a second of the process";
}

TEST_F(RegistryTest, AttachmentsOfAProcessAreLimited) {
  Registry::Options options;
  options.limits.attachments_per_process = 2;
  Make(options);
  EXPECT_TRUE(Attach(ProcessOf(1)).status.ok());
  EXPECT_TRUE(Attach(ProcessOf(1)).status.ok());
  EXPECT_EQ(Attach(ProcessOf(1)).status.code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(Attach(ProcessOf(2)).status.ok()) << "of another process";
}

TEST_F(RegistryTest, TheListingsLeaveOutWhatTheFilterDoes) {
  Make();
  const std::vector<Attached> all = {Attach(ProcessOf(1, 1000)),
                                     Attach(ProcessOf(2, 1000)),
                                     Attach(ProcessOf(3, 0))};
  for (const Attached& attached : all) {
    Startup(attached);
    OpenSocket(attached, 77);
  }
  InventoryFilter of_uid, of_root, of_client;
  of_uid.uid = 1000;
  of_root.uid = 0;
  of_client.client_id = all[1].attachment->client_id();
  for (const auto& [filter, count] :
       {std::pair(InventoryFilter(), 3u), std::pair(OfPid(2), 1u),
        std::pair(of_uid, 2u), std::pair(of_root, 1u),
        std::pair(of_client, 1u)}) {
    EXPECT_EQ(registry_->ListClients(filter).size(), count);
    EXPECT_EQ(registry_->ListSockets(filter).size(), count);
  }
}

TEST_F(RegistryTest, OfNamesTheFirstAreListedWhosesoeverTheyAre) {
  Make();
  const Attached clients[] = {Attach(ProcessOf(1)), Attach(ProcessOf(2))};
  for (int i = 0; i < 10; ++i) {
    clients[i % 2].attachment->client()->names()->Note(
        absl::StrCat(i, ".example"), AF_UNSPEC, 0, {}, absl::Now());
  }
  const auto numbers = [this](const InventoryFilter& filter) {
    std::vector<uint64_t> listed;
    for (const auto& name : registry_->ListNames(filter)) {
      listed.push_back(name.number());
    }
    return listed;
  };
  InventoryFilter filter;
  EXPECT_THAT(numbers(filter), SizeIs(10));
  filter.most_names = 3;
  EXPECT_THAT(numbers(filter), UnorderedElementsAre(1, 2, 3));
  filter.after_number = 3;
  EXPECT_THAT(numbers(filter), UnorderedElementsAre(4, 5, 6));
  filter.after_number = 8;
  EXPECT_THAT(numbers(filter), UnorderedElementsAre(9, 10));
  filter = OfPid(2);
  filter.most_names = 3;
  filter.after_number = 2;
  EXPECT_THAT(numbers(filter), UnorderedElementsAre(4, 6, 8));
}

TEST_F(RegistryTest, TheControlGroupSaysWhichContainerAClientIsIn) {
  Make();
  const std::string id(64, 'c');
  Peer contained = ProcessOf(1);
  contained.identity.cgroup = "/machine.slice/libpod-" + id + ".scope";
  const Attached first = Attach(std::move(contained));
  const Attached second = Attach(ProcessOf(2));
  EXPECT_EQ(registry_->ListClients(OfPid(1))[0].container_id(), id);
  EXPECT_EQ(registry_->ListClients(OfPid(2))[0].container_id(), "");
}

TEST_F(RegistryTest, LivesOfClientsAreInTheJournal) {
  Make();
  Attached cleaned = Attach(ProcessOf(1));
  Startup(cleaned);
  Cleanup(cleaned);
  Attached disconnected = Attach(ProcessOf(2));
  Startup(disconnected);
  EXPECT_TRUE(registry_->DisconnectClient({2}).ok());
  Attached nothing_done = Attach(ProcessOf(3));
  EndStream(nothing_done);
  EXPECT_THAT(
      Journal(),
      ElementsAre("1 ATTACHED", "1 STARTED", "1 CLEANED_UP", "2 ATTACHED",
                  "2 STARTED", "2 CLEANED_UP disconnected by an administrator",
                  "2 GONE disconnected by an administrator", "3 ATTACHED",
                  "3 GONE"));
}

TEST_F(RegistryTest, DeathIsInTheJournal) {
  Make();
  const pid_t child = fork();
  if (child == 0) {
    for (;;) pause();
  }
  Peer peer = ProcessOf(child);
  peer.pidfd = OwnedFd(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
  Startup(Attach(std::move(peer)));
  absl::Notification written;
  registry_->events()->SetWake([&written] { written.Notify(); });
  registry_->events()->WakeOnce();
  kill(child, SIGKILL);
  EXPECT_TRUE(written.WaitForNotificationWithTimeout(kDeadline));
  waitpid(child, nullptr, 0);
  EXPECT_EQ(Journal().back(),
            absl::StrCat(child, " DIED died without its last WSPCleanup"));
}

// The daemon doesn't see what lent sockets carry, nor what they connect to.
TEST_F(RegistryTest, NothingIsLentToWhomRatesApply) {
  const auto lent = LentSockets::Create({}, control_.get());
  const auto lends = [&](uid_t uid, const Rates& of_user,
                         const Rates& of_client) {
    UserLimits limits;
    limits.rates = of_user;
    const SessionEnvironment environment({control_.get()}, &lingerer_, nullptr,
                                         absl::Minutes(1), lent.get(), nullptr,
                                         nullptr, limits, of_client);
    Peer peer = ProcessOf(1);
    peer.identity.uid = uid;
    const auto owner = environment.owners()->Of(
        ProcessKey::Of(peer.identity, ""), peer.identity);
    EXPECT_EQ(environment.owners()->HasRates(uid), owner->quota->applies());
    return environment
        .PlanesFor(*ClientAccess::Unrestricted(), owner->quota.get(), geteuid())
        .lent;
  };
  const uid_t own = geteuid();
  const uid_t other = own + 4711;
  EXPECT_TRUE(lends(other, {}, {}));
  for (const Rates& rates : {Rates{1000, 0}, Rates{0, 10}, Rates{0, 0, 10}}) {
    EXPECT_FALSE(lends(other, rates, {}));
    EXPECT_FALSE(lends(other, {}, rates));
    // Users' limits are none of the daemon's own user's.
    EXPECT_TRUE(lends(own, rates, {}));
    EXPECT_FALSE(lends(own, {}, rates));
  }
}

TEST_F(RegistryTest, NothingMoreIsLentToWhomRatesComeToApply) {
  const auto lent = LentSockets::Create({}, control_.get());
  const SessionEnvironment environment({control_.get()}, &lingerer_, nullptr,
                                       absl::Minutes(1), lent.get());
  Peer peer = ProcessOf(1);
  const auto owner = environment.owners()->Of(ProcessKey::Of(peer.identity, ""),
                                              peer.identity);
  const auto lends = [&] {
    return environment
        .PlanesFor(*ClientAccess::Unrestricted(), owner->quota.get(), geteuid())
        .lent;
  };
  EXPECT_TRUE(lends());
  environment.owners()->SetLimits({}, {1000, 0});
  EXPECT_FALSE(lends());
  environment.owners()->SetLimits({}, {});
  EXPECT_TRUE(lends());
}

TEST_F(RegistryTest, ANameIsCutAt64Bytes) {
  Make();
  Hello hello = NewHello();
  for (const size_t size : {64, 65}) {
    hello.set_client_name(std::string(size, 'n'));
    EXPECT_EQ(Attach(ProcessOf(1), hello).attachment->client_name(),
              std::string(64, 'n'));
  }
}

TEST_F(RegistryTest, OneClientsSocketIdsAreNothingToAnother) {
  Make();
  const Attached one = Attach(ProcessOf(1));
  const Attached other = Attach(ProcessOf(2));
  for (const Attached* attached : {&one, &other}) {
    Startup(*attached);
    if (attached == &other) {
      // Of the other client's socket, by its id.
      wsp::v1::ClientFrame frame;
      auto* close = frame.add_calls();
      close->set_call_id(10);
      close->set_socket_id(77);
      close->mutable_close_socket();
      const SessionHarness::Attached session = SessionOf(other);
      ASSERT_TRUE(SessionHarness::Send(session, frame).ok());
      EXPECT_EQ(SessionHarness::Await(session, 10).wsa_error(), 10038u);
    }
    OpenSocket(*attached, 77);
  }
  EXPECT_EQ(registry_->ListSockets(OfPid(1)).size(), 1u);
  EXPECT_EQ(registry_->ListSockets(OfPid(2)).size(), 1u);
}

TEST_F(RegistryTest, EndsTheSocketThatIsMeantAlone) {
  Make();
  const Attached one = Attach(ProcessOf(1));
  const Attached other = Attach(ProcessOf(2));
  const TcpListener listener = ListenOnLoopback();
  std::vector<OwnedFd> peers;
  for (const Attached* attached : {&one, &other}) {
    Startup(*attached);
    OpenSocket(*attached, 77);
    wsp::v1::ClientFrame frame;
    auto* call = frame.add_calls();
    call->set_call_id(12);
    call->set_socket_id(77);
    auto* address = call->mutable_connect()->mutable_address()->mutable_ipv4();
    address->set_address(INADDR_LOOPBACK);
    address->set_port(static_cast<uint32_t>(listener.port));
    const SessionHarness::Attached session = SessionOf(*attached);
    ASSERT_TRUE(SessionHarness::Send(session, frame).ok());
    ASSERT_EQ(SessionHarness::Await(session, 12).wsa_error(), 0u);
    peers.emplace_back(
        accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }
  SocketSelector selector;
  selector.socket_id = 77;
  const absl::Status several =
      registry_->EndSocket(selector, ForcedEnd::kReset).status();
  EXPECT_EQ(several.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(several.message().find("there are 2 of that number"),
            std::string::npos)
      << several;
  selector.client_id = other.attachment->client_id();
  const auto reset = registry_->EndSocket(selector, ForcedEnd::kReset);
  ASSERT_TRUE(reset.ok()) << reset.status();
  EXPECT_EQ(reset->pid(), 2);
  char byte;
  EXPECT_EQ(recv(peers[1].get(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_EQ(recv(peers[0].get(), &byte, 1, MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, EAGAIN);
  // It is there until it is closed.
  EXPECT_EQ(registry_->ListSockets(OfPid(2)).size(), 1u);
  selector.client_id = one.attachment->client_id();
  EXPECT_TRUE(registry_->EndSocket(selector, ForcedEnd::kOrderly).ok());
  EXPECT_EQ(recv(peers[0].get(), &byte, 1, 0), 0);
  const absl::Status twice =
      registry_->EndSocket(selector, ForcedEnd::kOrderly).status();
  EXPECT_EQ(twice.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(twice.message().find("it has been closed"), std::string::npos)
      << twice;
  selector.socket_id = 78;
  EXPECT_EQ(registry_->EndSocket(selector, ForcedEnd::kReset).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(RegistryTest, LimitsThatAreReplacedHoldForWhatIsNew) {
  Registry::Options options;
  options.limits.clients = 2;
  Make(options);
  const Attached first = Attach(ProcessOf(1));
  const Attached second = Attach(ProcessOf(2));
  SessionLimits limits;
  limits.clients = 1;
  limits.attachments_per_process = 2;
  limits.sockets_per_client = 7;
  limits.queued_bytes_per_client = 123456;
  registry_->SetLimits(limits);
  // Nobody has to go.
  EXPECT_EQ(registry_->client_count(), 2u);
  EXPECT_EQ(Attach(ProcessOf(3)).status.code(),
            absl::StatusCode::kResourceExhausted);
  // A second of the process, and a third.
  const Attached other = Attach(ProcessOf(1));
  ASSERT_TRUE(other.status.ok()) << other.status;
  EXPECT_EQ(other.welcome.limits().sockets(), 7u);
  EXPECT_EQ(other.welcome.limits().client_send_credit_bytes(), 123456u);
  EXPECT_EQ(Attach(ProcessOf(1)).status.code(),
            absl::StatusCode::kResourceExhausted);
  wsp::v1::GetServerInfoResponse info;
  registry_->FillServerInfo(&info);
  EXPECT_EQ(info.limits().sockets(), 7u);
  EXPECT_EQ(registry_->Totals().max_clients, 1u);
  limits.clients = 3;
  registry_->SetLimits(limits);
  EXPECT_TRUE(Attach(ProcessOf(3)).status.ok());
}

// What it was told when it attached it goes on by.
TEST_F(RegistryTest, AClientIsHeldToTheMostThatItWasTold) {
  Make();
  const Attached first = Attach(ProcessOf(1));
  const Client& client = *first.attachment->client();
  SessionLimits limits;
  limits.calls_per_client = 7;
  limits.queued_bytes_per_client = 100 << 20;
  registry_->SetLimits(limits);
  EXPECT_EQ(client.told_calls(), SessionLimits().calls_per_client);
  EXPECT_EQ(client.told_queued_bytes(),
            SessionLimits().queued_bytes_per_client);
  Attach(ProcessOf(1));
  EXPECT_EQ(client.told_calls(), SessionLimits().calls_per_client);
  EXPECT_EQ(client.told_queued_bytes(), uint64_t{100} << 20);
}

TEST_F(RegistryTest, TheGraceTimeIsNoLimitThatIsReplaced) {
  Registry::Options options;
  options.limits.grace = absl::Milliseconds(20);
  Make(options);
  const Attached first = Attach(ProcessOf(1));
  Startup(first);
  SessionLimits limits;
  limits.grace = absl::Hours(1);
  registry_->SetLimits(limits);
  EndStream(first);
  AwaitClients(0);
}

TEST_F(RegistryTest, ReceivesThatWereHeldBackGoOnWithMoreRoom) {
  Registry::Options options;
  options.limits.kept_bytes_per_client = 2000;
  Make(options);
  const Attached attached = Attach(ProcessOf(1));
  Startup(attached);
  OpenSocket(attached, 77);
  const TcpListener listener = ListenOnLoopback();
  const auto send = [&](uint64_t id, const auto& fill) {
    wsp::v1::ClientFrame frame;
    auto* call = frame.add_calls();
    call->set_call_id(id);
    call->set_socket_id(77);
    fill(call);
    EXPECT_TRUE(SessionHarness::Send(SessionOf(attached), frame).ok());
  };
  send(12, [&](wsp::v1::Call* call) {
    auto* address = call->mutable_connect()->mutable_address()->mutable_ipv4();
    address->set_address(INADDR_LOOPBACK);
    address->set_port(static_cast<uint32_t>(listener.port));
  });
  EXPECT_EQ(SessionHarness::Await(SessionOf(attached), 12).wsa_error(), 0u);
  const OwnedFd peer(accept(listener.fd.get(), nullptr, nullptr));
  ASSERT_EQ(write(peer.get(), std::string(4000, 'x').data(), 4000), 4000);
  const auto receive = [](wsp::v1::Call* call) {
    call->mutable_recv()->set_max_bytes(3000);
  };
  send(13, receive);
  SessionHarness::Await(SessionOf(attached), 13);
  send(14, receive);
  EXPECT_FALSE(attached.stream->HasFrame());
  // Not enough yet.
  SessionLimits limits;
  limits.kept_bytes_per_client = 3000;
  registry_->SetLimits(limits);
  EXPECT_FALSE(attached.stream->HasFrame());
  limits.kept_bytes_per_client = 100000;
  registry_->SetLimits(limits);
  EXPECT_EQ(SessionHarness::Await(SessionOf(attached), 14).recv().data().size(),
            1000u);
}

}  // namespace
}  // namespace wspd
