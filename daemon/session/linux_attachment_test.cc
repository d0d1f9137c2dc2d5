#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "daemon/session/registry.h"
#include "daemon/session/testing/session_harness.h"
#include "daemon/winsock/wsa_error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::Contains;
using ::testing::Not;
using wsp::v1::Completion;
using wsp::v1::Hello;
using Request = wsp::v1::LinuxSocketRequest;

constexpr absl::Duration kDeadline = absl::Seconds(30);
constexpr int kPid = 4242;

// Keeps what a client would get.
class RecordingSink : public DescriptorSink {
 public:
  int SendDescriptor(uint64_t call_id, uint64_t cookie, int fd) override {
    absl::MutexLock lock(&mu_);
    if (error_ != 0) return error_;
    call_ids_.push_back(call_id);
    cookies_.push_back(cookie);
    fds_.emplace_back(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    return 0;
  }
  void ReadOn() override {}
  void Close() override {
    absl::MutexLock lock(&mu_);
    closed_ = true;
  }

  void FailWith(int error) {
    absl::MutexLock lock(&mu_);
    error_ = error;
  }
  bool closed() {
    absl::MutexLock lock(&mu_);
    return closed_;
  }
  size_t size() {
    absl::MutexLock lock(&mu_);
    return fds_.size();
  }
  uint64_t last_call_id() {
    absl::MutexLock lock(&mu_);
    return call_ids_.back();
  }
  uint64_t last_cookie() {
    absl::MutexLock lock(&mu_);
    return cookies_.back();
  }
  OwnedFd TakeLast() {
    absl::MutexLock lock(&mu_);
    OwnedFd fd = std::move(fds_.back());
    fds_.pop_back();
    return fd;
  }
  void CloseAll() {
    absl::MutexLock lock(&mu_);
    fds_.clear();
  }

 private:
  absl::Mutex mu_;
  int error_ ABSL_GUARDED_BY(mu_) = 0;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<uint64_t> call_ids_ ABSL_GUARDED_BY(mu_);
  std::vector<uint64_t> cookies_ ABSL_GUARDED_BY(mu_);
  std::vector<OwnedFd> fds_ ABSL_GUARDED_BY(mu_);
};

Peer ProcessOf(pid_t pid) {
  Peer peer;
  peer.identity.pid = pid;
  peer.identity.uid = geteuid();
  peer.identity.start_time_ticks = pid;
  return peer;
}

Hello LinuxHello() {
  Hello hello;
  hello.mutable_version()->set_major(1);
  hello.set_personality(wsp::v1::PERSONALITY_LINUX);
  hello.add_capabilities(wsp::v1::CAPABILITY_FORWARDED);
  hello.add_capabilities(wsp::v1::CAPABILITY_LENT);
  hello.add_capabilities(wsp::v1::CAPABILITY_RESUME);
  return hello;
}

Hello WinsockHello() {
  Hello hello = LinuxHello();
  hello.set_personality(wsp::v1::PERSONALITY_WINSOCK);
  return hello;
}

class LinuxAttachmentTest : public testing::Test {
 protected:
  // One attached stream, and its descriptors.
  struct Attached {
    SessionHarness::Attached session;
    wsp::v1::Welcome welcome;
    std::shared_ptr<RecordingSink> sink;
  };

  LinuxAttachmentTest()
      : lent_(LentSockets::Create({}, control_.get())),
        environment_({control_.get()}, &lingerer_, nullptr, absl::Minutes(1),
                     lent_.get()) {}

  void Make(const SessionLimits& limits = SessionLimits()) {
    Registry::Options options;
    options.limits = limits;
    registry_ = std::make_unique<Registry>(options, control_.get(),
                                           &environment_, &lingerer_);
  }

  Attached Attach(const Hello& hello = LinuxHello(), int pid = kPid) {
    Attached attached;
    attached.session.stream = std::make_shared<RecordingStream>();
    attached.session.attachment =
        registry_->Attach(ProcessOf(pid), hello, 0, attached.session.stream)
            .value();
    attached.welcome = attached.session.stream->NextFrame().welcome();
    attached.session.attachment->OnWritten(attached.session.stream.get());
    return attached;
  }

  // With descriptors.
  Attached AttachLinux(int pid = kPid) {
    Attached attached = Attach(LinuxHello(), pid);
    attached.sink = std::make_shared<RecordingSink>();
    EXPECT_TRUE(attached.session.attachment->BindDescriptors(attached.sink));
    return attached;
  }

  void EndStream(const Attached& attached) {
    registry_->OnStreamEnded(attached.session.attachment,
                             attached.session.stream.get());
  }

  wsp::v1::Call* AddCall(wsp::v1::ClientFrame* frame, uint64_t socket_id = 0) {
    auto* call = frame->add_calls();
    call->set_call_id(++call_id_);
    call->set_socket_id(socket_id);
    return call;
  }

  Completion Run(const Attached& attached, const wsp::v1::ClientFrame& frame) {
    EXPECT_TRUE(SessionHarness::Send(attached.session, frame).ok());
    return SessionHarness::Await(attached.session, call_id_);
  }

  static Request NewRequest(Request::Type type = Request::TYPE_STREAM) {
    Request request;
    request.set_plane(wsp::v1::PLANE_LENT);
    request.set_family(Request::FAMILY_IPV4);
    request.set_type(type);
    return request;
  }

  Completion Lend(const Attached& attached,
                  const Request& request = NewRequest(),
                  uint64_t socket_id = 77) {
    wsp::v1::ClientFrame frame;
    *AddCall(&frame, socket_id)->mutable_linux_socket() = request;
    return Run(attached, frame);
  }

  uint32_t Startup(const Attached& attached) {
    wsp::v1::ClientFrame frame;
    AddCall(&frame)->mutable_startup()->set_version_requested(0x0202);
    return Run(attached, frame).wsa_error();
  }

  uint32_t WinsockSocketOf(const Attached& attached, uint64_t socket_id) {
    wsp::v1::ClientFrame frame;
    auto* request = AddCall(&frame, socket_id)->mutable_socket();
    request->set_family(wsp::v1::SocketRequest::FAMILY_IPV4);
    request->set_type(wsp::v1::SocketRequest::TYPE_STREAM);
    return Run(attached, frame).wsa_error();
  }

  bool AwaitLent(size_t size) {
    const absl::Time end = absl::Now() + kDeadline;
    while (lent_->size() != size && absl::Now() < end) {
      absl::SleepFor(absl::Milliseconds(1));
    }
    return lent_->size() == size;
  }

  std::vector<wsp::v1::Socket> Sockets() {
    return registry_->ListSockets(InventoryFilter());
  }

  const std::unique_ptr<EventLoop> control_ = *EventLoop::Create("control");
  Lingerer lingerer_{{}};
  const std::shared_ptr<LentSockets> lent_;
  SessionEnvironment environment_;
  std::unique_ptr<Registry> registry_;
  uint64_t call_id_ = 1000;
};

TEST_F(LinuxAttachmentTest, CapabilitiesAreThoseOfThePersonality) {
  Make();
  const auto in_force = [](const Attached& attached) {
    const auto& all = attached.welcome.capabilities();
    return std::vector<int>(all.begin(), all.end());
  };
  EXPECT_EQ(in_force(Attach(LinuxHello())),
            std::vector<int>{wsp::v1::CAPABILITY_LENT});
  EXPECT_EQ(
      in_force(Attach(WinsockHello())),
      (std::vector<int>{wsp::v1::CAPABILITY_FORWARDED, wsp::v1::CAPABILITY_LENT,
                        wsp::v1::CAPABILITY_RESUME}));
  Hello modest = LinuxHello();
  modest.clear_capabilities();
  const Attached attached = Attach(modest);
  EXPECT_TRUE(in_force(attached).empty());
  const auto sink = std::make_shared<RecordingSink>();
  EXPECT_TRUE(attached.session.attachment->BindDescriptors(sink));
  EXPECT_EQ(Lend({attached.session, {}, sink}).linux_errno(),
            static_cast<uint32_t>(EPERM));
}

TEST_F(LinuxAttachmentTest, ADaemonThatDoesNotLendSaysSo) {
  SessionEnvironment other({control_.get()}, &lingerer_);
  registry_ = std::make_unique<Registry>(Registry::Options(), control_.get(),
                                         &other, &lingerer_);
  const Attached attached = AttachLinux();
  EXPECT_EQ(attached.welcome.capabilities_size(), 0);
  const Completion result = Lend(attached);
  EXPECT_EQ(result.linux_errno(), static_cast<uint32_t>(EPERM));
  EXPECT_EQ(result.wsa_error(), kWsaAcces);
  registry_.reset();
}

TEST_F(LinuxAttachmentTest, LendsTheSocketThatIsAskedFor) {
  Make();
  const Attached attached = AttachLinux();
  Request request = NewRequest(Request::TYPE_DATAGRAM);
  request.set_family(Request::FAMILY_IPV6);
  request.set_nonblocking(true);
  const Completion result = Lend(attached, request);
  EXPECT_EQ(result.wsa_error(), 0u);
  // There by the time of the result.
  ASSERT_EQ(attached.sink->size(), 1u);
  EXPECT_EQ(attached.sink->last_call_id(), result.call_id());
  EXPECT_EQ(attached.sink->last_cookie(), result.linux_socket().cookie());
  OwnedFd fd = attached.sink->TakeLast();
  const auto option = [&](int name) {
    int value = -1;
    socklen_t size = sizeof(value);
    EXPECT_EQ(getsockopt(fd.get(), SOL_SOCKET, name, &value, &size), 0);
    return value;
  };
  EXPECT_EQ(option(SO_DOMAIN), AF_INET6);
  EXPECT_EQ(option(SO_TYPE), SOCK_DGRAM);
  EXPECT_EQ(option(SO_PROTOCOL), IPPROTO_UDP);
  EXPECT_NE(fcntl(fd.get(), F_GETFL) & O_NONBLOCK, 0);
  uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  ASSERT_EQ(getsockopt(fd.get(), SOL_SOCKET, SO_COOKIE, &cookie, &size), 0);
  EXPECT_EQ(cookie, result.linux_socket().cookie());
  // The daemon has none.
  EXPECT_TRUE(AwaitLent(1));
  fd.Reset();
  EXPECT_TRUE(AwaitLent(0));
}

TEST_F(LinuxAttachmentTest, BlocksUnlessAskedOtherwise) {
  Make();
  const Attached attached = AttachLinux();
  EXPECT_EQ(Lend(attached).wsa_error(), 0u);
  const OwnedFd fd = attached.sink->TakeLast();
  EXPECT_EQ(fcntl(fd.get(), F_GETFL) & O_NONBLOCK, 0);
}

TEST_F(LinuxAttachmentTest, WhatCannotBeLentIsAnErrno) {
  Make();
  const Attached attached = AttachLinux();
  Request relayed = NewRequest();
  relayed.set_plane(wsp::v1::PLANE_RELAYED);
  Request no_plane = NewRequest();
  no_plane.clear_plane();
  Request raw = NewRequest(Request::TYPE_RAW);
  Request sctp = NewRequest();
  sctp.set_protocol(132);
  Request no_family = NewRequest();
  no_family.clear_family();
  const std::pair<Request, int> cases[] = {{relayed, EPERM},
                                           {no_plane, EINVAL},
                                           {raw, EPERM},
                                           {sctp, EPROTONOSUPPORT},
                                           {no_family, EAFNOSUPPORT}};
  for (const auto& [request, error] : cases) {
    const Completion result = Lend(attached, request);
    EXPECT_EQ(result.linux_errno(), static_cast<uint32_t>(error));
    EXPECT_NE(result.wsa_error(), 0u);
    EXPECT_FALSE(result.has_linux_socket());
  }
  EXPECT_EQ(Lend(attached, NewRequest(), 0).linux_errno(),
            static_cast<uint32_t>(EINVAL));
  EXPECT_EQ(attached.sink->size(), 0u);
  EXPECT_EQ(lent_->size(), 0u);
}

TEST_F(LinuxAttachmentTest, WithoutDescriptorsItIsNotConnected) {
  Make();
  const Attached attached = Attach();
  EXPECT_EQ(Lend(attached).linux_errno(), static_cast<uint32_t>(ENOTCONN));
  const auto sink = std::make_shared<RecordingSink>();
  EXPECT_TRUE(attached.session.attachment->BindDescriptors(sink));
  EXPECT_EQ(Lend(attached).linux_errno(), 0u);
  attached.session.attachment->UnbindDescriptors(sink.get());
  EXPECT_EQ(Lend(attached).linux_errno(), static_cast<uint32_t>(ENOTCONN));
}

// So that it attaches anew, and has another plane.
TEST_F(LinuxAttachmentTest, WhomRatesComeToApplyToIsLentNoMore) {
  Make();
  const Attached attached = AttachLinux();
  ASSERT_EQ(Lend(attached).linux_errno(), 0u);
  environment_.owners()->SetLimits({}, {0, 1000});
  EXPECT_EQ(Lend(attached).linux_errno(), static_cast<uint32_t>(ENOTCONN));
  // What it has it keeps.
  EXPECT_EQ(lent_->size(), 1u);
  const Attached other = Attach();
  EXPECT_THAT(other.welcome.capabilities(),
              Not(Contains(wsp::v1::CAPABILITY_LENT)));
  environment_.owners()->SetLimits({}, {});
  EXPECT_EQ(Lend(attached, NewRequest(), 12).linux_errno(), 0u);
  EXPECT_THAT(Attach().welcome.capabilities(),
              Contains(wsp::v1::CAPABILITY_LENT));
}

TEST_F(LinuxAttachmentTest, ANewerDescriptorConnectionReplacesTheOlder) {
  Make();
  const Attached attached = AttachLinux();
  const auto newer = std::make_shared<RecordingSink>();
  EXPECT_TRUE(attached.session.attachment->BindDescriptors(newer));
  EXPECT_TRUE(attached.sink->closed());
  // The end of the older one is nothing to it.
  attached.session.attachment->UnbindDescriptors(attached.sink.get());
  EXPECT_EQ(Lend(attached).wsa_error(), 0u);
  EXPECT_EQ(newer->size(), 1u);
}

TEST_F(LinuxAttachmentTest, ADescriptorThatDoesNotGoOutIsAnError) {
  Make();
  const Attached attached = AttachLinux();
  attached.sink->FailWith(ENOBUFS);
  const Completion result = Lend(attached);
  EXPECT_EQ(result.linux_errno(), static_cast<uint32_t>(ENOBUFS));
  EXPECT_EQ(result.wsa_error(), kWsaNoBufs);
  EXPECT_EQ(lent_->size(), 0u);
  wsp::v1::GetServerInfoResponse info;
  registry_->FillServerInfo(&info);
  EXPECT_EQ(info.sockets(), 0u);
}

TEST_F(LinuxAttachmentTest, OtherCallsAreRefusedAlone) {
  Make();
  const Attached attached = AttachLinux();
  EXPECT_EQ(Startup(attached), kWsaOpNotSupp);
  EXPECT_EQ(WinsockSocketOf(attached, 5), kWsaOpNotSupp);
  wsp::v1::ClientFrame frame;
  AddCall(&frame)->mutable_cleanup();
  EXPECT_EQ(Run(attached, frame).linux_errno(),
            static_cast<uint32_t>(EOPNOTSUPP));
  frame.Clear();
  AddCall(&frame, 77)->mutable_recv()->set_max_bytes(1);
  EXPECT_EQ(Run(attached, frame).wsa_error(), kWsaOpNotSupp);
  // No name space here, but it is asked.
  frame.Clear();
  AddCall(&frame)->mutable_lookup()->set_kind(
      wsp::v1::LookupRequest::KIND_OWN_HOST);
  EXPECT_EQ(Run(attached, frame).wsa_error(), kWsaOpNotSupp);
  EXPECT_EQ(Lend(attached).wsa_error(), 0u);
}

TEST_F(LinuxAttachmentTest, WinsockHasNoUseForIt) {
  Make();
  const Attached attached = Attach(WinsockHello());
  EXPECT_EQ(Lend(attached).wsa_error(), kWsaOpNotSupp);
  EXPECT_EQ(Startup(attached), 0u);
  EXPECT_EQ(Lend(attached).wsa_error(), kWsaOpNotSupp);
}

TEST_F(LinuxAttachmentTest, TheLimitCountsWhatLivesOnBothPersonalities) {
  SessionLimits limits;
  limits.sockets_per_client = 3;
  Make(limits);
  const Attached winsock = Attach(WinsockHello());
  const Attached linux_one = AttachLinux();
  EXPECT_EQ(Startup(winsock), 0u);
  EXPECT_EQ(WinsockSocketOf(winsock, 1), 0u);
  EXPECT_EQ(Lend(linux_one).linux_errno(), 0u);
  EXPECT_EQ(Lend(linux_one).linux_errno(), 0u);
  EXPECT_EQ(Lend(linux_one).linux_errno(), static_cast<uint32_t>(EMFILE));
  EXPECT_EQ(WinsockSocketOf(winsock, 2), kWsaMfile);
  EXPECT_EQ(registry_->ListClients(InventoryFilter())[0].sockets(), 3u);
  linux_one.sink->TakeLast().Reset();
  EXPECT_TRUE(AwaitLent(1));
  EXPECT_EQ(WinsockSocketOf(winsock, 2), 0u);
  EXPECT_EQ(Lend(linux_one).linux_errno(), static_cast<uint32_t>(EMFILE));
}

TEST_F(LinuxAttachmentTest, AFinalCleanupElsewhereIsNothingToIt) {
  Make();
  const Attached attached = AttachLinux();
  const Attached winsock = Attach(WinsockHello());
  EXPECT_EQ(Startup(winsock), 0u);
  EXPECT_EQ(Lend(attached).wsa_error(), 0u);
  wsp::v1::ClientFrame frame;
  AddCall(&frame)->mutable_cleanup();
  EXPECT_TRUE(Run(winsock, frame).cleanup().final());
  EXPECT_FALSE(attached.session.stream->HasFrame());
  EXPECT_EQ(Lend(attached).wsa_error(), 0u);
  EXPECT_EQ(lent_->size(), 2u);
}

TEST_F(LinuxAttachmentTest, ItKeepsNoRegistrationOfOthersAlive) {
  SessionLimits limits;
  limits.grace = absl::ZeroDuration();
  Make(limits);
  const Attached attached = AttachLinux();
  const Attached one = Attach(WinsockHello());
  const Attached other = Attach(WinsockHello());
  // More cleanups than startups here, fewer there.
  EXPECT_EQ(Startup(one), 0u);
  EXPECT_EQ(Startup(one), 0u);
  wsp::v1::ClientFrame frame;
  AddCall(&frame)->mutable_cleanup();
  EXPECT_EQ(Run(other, frame).wsa_error(), 0u);
  EndStream(other);
  EndStream(one);
  const auto startups = [&] {
    return registry_->ListClients(InventoryFilter())[0].startups();
  };
  const absl::Time end = absl::Now() + kDeadline;
  while (startups() > 0 && absl::Now() < end) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  EXPECT_EQ(startups(), 0u);
  EXPECT_EQ(Lend(attached).wsa_error(), 0u);
}

TEST_F(LinuxAttachmentTest, MisuseEndsTheClientAsAWhole) {
  Make();
  const Attached attached = AttachLinux();
  const Attached winsock = Attach(WinsockHello());
  registry_->EndForMisuse(winsock.session.attachment,
                          absl::InvalidArgumentError("a test"));
  EXPECT_TRUE(attached.session.stream->ended());
  EXPECT_TRUE(attached.sink->closed());
}

TEST_F(LinuxAttachmentTest, ItsEndLeavesItsSocketsAlone) {
  Make();
  Attached attached = AttachLinux();
  EXPECT_EQ(Lend(attached).wsa_error(), 0u);
  EXPECT_EQ(Sockets()[0].client_id(), 1u);
  EXPECT_EQ(registry_->ListClients(InventoryFilter())[0].personality(),
            wsp::v1::PERSONALITY_LINUX);
  EndStream(attached);
  EXPECT_TRUE(attached.sink->closed());
  EXPECT_FALSE(attached.session.attachment->BindDescriptors(
      std::make_shared<RecordingSink>()));
  // At once, without a grace time.
  EXPECT_TRUE(registry_->ListClients(InventoryFilter()).empty());
  ASSERT_EQ(Sockets().size(), 1u);
  EXPECT_EQ(Sockets()[0].client_id(), 0u);
  EXPECT_EQ(Sockets()[0].pid(), kPid);
  // It counts for the process when that is back, which is a client anew.
  Hello again = LinuxHello();
  again.set_resume_token(attached.welcome.attachment_token());
  const Attached back = Attach(again);
  EXPECT_FALSE(back.welcome.resumed());
  EXPECT_EQ(Sockets()[0].client_id(), 2u);
  EXPECT_EQ(registry_->ListClients(InventoryFilter())[0].sockets(), 1u);
  attached.sink->CloseAll();
  EXPECT_TRUE(AwaitLent(0));
  EXPECT_EQ(registry_->ListClients(InventoryFilter())[0].sockets(), 0u);
}

TEST_F(LinuxAttachmentTest, AWinsockHelloDoesNotResumeIt) {
  Make();
  const Attached attached = AttachLinux();
  Hello hello = WinsockHello();
  hello.set_resume_token(attached.welcome.attachment_token());
  EXPECT_FALSE(Attach(hello).welcome.resumed());
  EXPECT_FALSE(attached.session.stream->ended());
}

TEST_F(LinuxAttachmentTest, DescriptorConnectionsFindTheirOwnOnly) {
  Make();
  const Attached attached = Attach();
  Hello modest = WinsockHello();
  modest.clear_capabilities();
  const Attached winsock = Attach(modest);
  const PeerIdentity own = ProcessOf(kPid).identity;
  const std::string& token = attached.welcome.attachment_token();
  EXPECT_EQ(*registry_->FindForDescriptors(own, token),
            attached.session.attachment);
  const auto code = [&](const PeerIdentity& identity, const std::string& of) {
    return registry_->FindForDescriptors(identity, of).status().code();
  };
  EXPECT_EQ(code(own, std::string(16, 'x')), absl::StatusCode::kNotFound);
  EXPECT_EQ(code(ProcessOf(kPid + 1).identity, token),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(code(own, winsock.welcome.attachment_token()),
            absl::StatusCode::kFailedPrecondition);
  EndStream(attached);
  EXPECT_EQ(code(own, token), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace wspd
