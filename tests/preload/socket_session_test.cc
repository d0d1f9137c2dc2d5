// What the preloaded library's conversation with the daemon makes of each order
// of events, against a scripted daemon.
#include "client_stub/preload/socket_session.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <string>

#include "client_stub/preload/datagram_requests.h"
#include "client_stub/preload/relayed_calls.h"
#include "client_stub/preload/session_state.h"
#include "gtest/gtest.h"
#include "tests/preload/socket_session_fixture.h"

namespace wspd::testing {
namespace {

TEST_F(SocketSessionTest, AsksForWhatTheProgramAsksFor) {
  auto first = Ask(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, IPPROTO_UDPLITE);
  Attach();
  wsp::v1::Call call = NextCall();
  EXPECT_EQ(call.linux_socket().plane(), wsp::v1::PLANE_LENT);
  EXPECT_EQ(call.linux_socket().family(),
            wsp::v1::LinuxSocketRequest::FAMILY_IPV6);
  EXPECT_EQ(call.linux_socket().type(),
            wsp::v1::LinuxSocketRequest::TYPE_DATAGRAM);
  EXPECT_EQ(call.linux_socket().protocol(), IPPROTO_UDPLITE);
  EXPECT_TRUE(call.linux_socket().nonblocking());
  const uint64_t socket_id = call.socket_id();
  EXPECT_NE(socket_id, 0u);
  Lend(call);
  const OwnedFd open(first.get());
  EXPECT_TRUE(IsLent(open.get()));
  EXPECT_EQ(fcntl(open.get(), F_GETFD), 0);

  auto second = Ask(AF_INET, SOCK_STREAM | SOCK_CLOEXEC);
  call = NextCall();
  EXPECT_EQ(call.linux_socket().family(),
            wsp::v1::LinuxSocketRequest::FAMILY_IPV4);
  EXPECT_EQ(call.linux_socket().type(),
            wsp::v1::LinuxSocketRequest::TYPE_STREAM);
  EXPECT_FALSE(call.linux_socket().nonblocking());
  EXPECT_NE(call.socket_id(), socket_id);
  Lend(call);
  const OwnedFd closing(second.get());
  EXPECT_EQ(fcntl(closing.get(), F_GETFD), FD_CLOEXEC);
}

// It owes one from the greeting on.
TEST_F(SocketSessionTest, AFarewellIsSaidBeforeTheGreetingsAnswer) {
  auto asked = Ask();
  ASSERT_TRUE(daemon_->Accept().has_value());
  daemon_->Welcome(false, 0, true);
  ASSERT_NE(daemon_->AcceptDescriptors(), "");
  // The library may be about to note that it has greeted.
  uint64_t said = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (said == 0 && std::chrono::steady_clock::now() < end) {
    wsp::SayFarewell();
    said = daemon_->HasSaid() ? daemon_->TakeFarewell() : 0;
    wsp::TakeFarewellBack();
  }
  EXPECT_EQ(said, 1u);
  daemon_->SendDescriptor(0, 0, -1);
  Lend(NextCall());
  const OwnedFd fd(asked.get());
  EXPECT_TRUE(IsLent(fd.get()));
}

TEST_F(SocketSessionTest, RefusalsAreTheCalls) {
  auto refused = Ask();
  Attach();
  Answer(NextCall(), EPROTONOSUPPORT);
  EXPECT_EQ(refused.get(), -EPROTONOSUPPORT);
  // The session goes on.
  auto limited = Ask();
  Answer(NextCall(), EMFILE);
  EXPECT_EQ(limited.get(), -EMFILE);
}

TEST_F(SocketSessionTest, DescriptorsThatNobodyWaitsForAreClosed) {
  auto asked = Ask();
  Attach();
  const wsp::v1::Call call = NextCall();
  OwnedFd stale[2];
  {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    stale[0] = OwnedFd(ends[0]);
    stale[1] = OwnedFd(ends[1]);
  }
  daemon_->SendDescriptor(call.call_id() - 1, 1, stale[1].get());
  stale[1].Reset(-1);
  Lend(call);
  const OwnedFd lent(asked.get());
  EXPECT_TRUE(IsLent(lent.get()));
  // The library's was the last copy.
  char byte;
  EXPECT_EQ(recv(stale[0].get(), &byte, 1, 0), 0);
}

TEST_F(SocketSessionTest, WithoutANumberItIsEmfile) {
  auto asked = Ask();
  Attach();
  const wsp::v1::Call call = NextCall();
  const OwnedFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none = {3, limit.rlim_max};
  daemon_->SendDescriptor(call.call_id(), kCookie, fd.get());
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  Answer(call);
  EXPECT_EQ(asked.get(), -EMFILE);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  // And the one after it is.
  auto next = Ask();
  Lend(NextCall());
  EXPECT_TRUE(IsLent(OwnedFd(next.get()).get()));
}

TEST_F(SocketSessionTest, ALostStreamIsMadeAnew) {
  auto first = Ask();
  Attach();
  Lend(NextCall());
  EXPECT_TRUE(IsLent(OwnedFd(first.get()).get()));
  daemon_->Break();
  daemon_->BreakDescriptors();
  auto second = Ask();
  Attach();
  Lend(NextCall());
  EXPECT_TRUE(IsLent(OwnedFd(second.get()).get()));
}

TEST_F(SocketSessionTest, AStreamThatIsLostInACallIsMadeAnewOnce) {
  auto first = Ask();
  Attach();
  Lend(NextCall());
  EXPECT_TRUE(IsLent(OwnedFd(first.get()).get()));
  auto second = Ask();
  NextCall();
  daemon_->Break();
  Attach();
  NextCall();
  daemon_->Break();
  EXPECT_EQ(second.get(), -ENETDOWN);
}

TEST_F(SocketSessionTest, ALostDescriptorConnectionIsMadeAnew) {
  auto first = Ask();
  Attach();
  Lend(NextCall());
  EXPECT_TRUE(IsLent(OwnedFd(first.get()).get()));
  // The daemon noticed.
  auto second = Ask();
  Answer(NextCall(), ENOTCONN);
  Attach();
  Lend(NextCall());
  EXPECT_TRUE(IsLent(OwnedFd(second.get()).get()));
  // It didn't: the result comes without the descriptor.
  auto third = Ask();
  Answer(NextCall());
  Attach();
  Lend(NextCall());
  EXPECT_TRUE(IsLent(OwnedFd(third.get()).get()));
}

TEST_F(SocketSessionTest, NewCredentialsAreShownToTheDaemon) {
  auto first = Ask();
  Attach();
  Lend(NextCall());
  EXPECT_TRUE(IsLent(OwnedFd(first.get()).get()));
  wsp::CountCredentialsChange();
  auto second = Ask();
  Attach();
  Lend(NextCall());
  EXPECT_TRUE(IsLent(OwnedFd(second.get()).get()));
}

TEST_F(SocketSessionTest, ThePlaneIsTheOneThatIsWanted) {
  auto asked = Ask(AF_INET, SOCK_STREAM, 0, wsp::Plane::kRelayed);
  Attach();
  const wsp::v1::Call call = NextCall();
  EXPECT_EQ(call.linux_socket().plane(), wsp::v1::PLANE_RELAYED);
  Lend(call);
  EXPECT_GE(OwnedFd(asked.get()).get(), 0);
}

// The welcome of the scripted daemon has no lent sockets.
TEST_F(SocketSessionTest, WithoutLentSocketsTheyAreRelayed) {
  auto asked = std::async(std::launch::async, [] {
    bool relayed = false;
    const int fd =
        wsp::MakeSocket(AF_INET, SOCK_STREAM, 0, wsp::Plane::kAuto, &relayed);
    EXPECT_TRUE(relayed);
    return fd;
  });
  Attach();
  const wsp::v1::Call call = NextCall();
  EXPECT_EQ(call.linux_socket().plane(), wsp::v1::PLANE_RELAYED);
  Lend(call);
  EXPECT_GE(OwnedFd(asked.get()).get(), 0);
}

TEST_F(SocketSessionTest, ACallNamesItsSocket) {
  Begin();
  wsp::RelayedState state;
  auto asked = AskState(0, 4711, &state);
  const wsp::v1::Call call = NextStateCall();
  EXPECT_EQ(call.socket_id(), 4711u);
  AnswerState(call, 0, ECONNRESET);
  EXPECT_EQ(asked.get(), 0);
  EXPECT_EQ(state.state,
            static_cast<uint32_t>(wsp::v1::LinuxStateResult::STATE_ENDED));
  EXPECT_EQ(state.error, ECONNRESET);
  auto failing = AskState(0, 4711, &state);
  AnswerState(NextStateCall(), ENOMEM);
  EXPECT_EQ(failing.get(), -ENOMEM);
}

// What the kernel never refuses isn't waited for, where the daemon knows the
// socket; nobody hears of its result.
TEST_F(SocketSessionTest, SwitchesAreSetWithoutAWait) {
  constexpr uint64_t kNumber = 4711;
  auto asked = Ask(AF_INET, SOCK_STREAM, 0, wsp::Plane::kRelayed);
  Attach();
  const wsp::v1::Call made = NextCall();
  const OwnedFd pair(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  daemon_->SendDescriptor(made.call_id(), kCookie, pair.get());
  wsp::v1::ServerFrame frame;
  daemon_->AddResult(&frame, made.call_id())
      ->mutable_linux_socket()
      ->set_number(kNumber);
  daemon_->Send(frame);
  const OwnedFd fd(asked.get());

  wsp::relay::Name name;
  name.number = kNumber;
  const int on = 1;
  EXPECT_EQ(wsp::SetRelayedOption(fd.get(), name, IPPROTO_TCP, TCP_NODELAY, &on,
                                  sizeof on),
            0);
  wsp::RelayedState state;
  auto next = AskState(fd.get(), kNumber, &state);
  const auto set = daemon_->NextCall();
  ASSERT_TRUE(set.has_value());
  EXPECT_EQ(set->socket_id(), kNumber);
  EXPECT_EQ(set->linux_call().set_option().name(), TCP_NODELAY);
  const wsp::v1::Call call = NextStateCall();
  AnswerState(*set, ENOMEM);
  AnswerState(call, 0);
  EXPECT_EQ(next.get(), 0);
}

TEST_F(SocketSessionTest, SwitchesOfUnknownSocketsWaitForTheirAnswer) {
  Begin();
  const OwnedFd held(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  auto asked = std::async(std::launch::async, [&] {
    wsp::relay::Name name;
    name.number = 4712;
    const int on = 1;
    return wsp::SetRelayedOption(held.get(), name, IPPROTO_TCP, TCP_NODELAY,
                                 &on, sizeof on);
  });
  AnswerState(daemon_->NextCall().value_or(wsp::v1::Call()), EBADF);
  OwnedFd shown;
  EXPECT_EQ(daemon_->TakeShown(&shown), 4712u);
  daemon_->AnswerShown(4712, 0);
  AnswerState(daemon_->NextCall().value_or(wsp::v1::Call()), ENOMEM);
  EXPECT_EQ(asked.get(), -ENOMEM);
}

// As after fork and exec: the attachment has no right to the socket yet.
TEST_F(SocketSessionTest, ASocketThatTheDaemonHasNotSeenIsShown) {
  Begin();
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const OwnedFd held(ends[0]);
  const OwnedFd other(ends[1]);
  wsp::RelayedState state;
  auto asked = AskState(held.get(), 4711, &state);
  AnswerState(NextStateCall(), EBADF);
  OwnedFd shown;
  EXPECT_EQ(daemon_->TakeShown(&shown), 4711u);
  // It is the same one.
  EXPECT_EQ(write(other.get(), "x", 1), 1);
  char byte;
  EXPECT_EQ(read(shown.get(), &byte, 1), 1);
  daemon_->AnswerShown(4711, 0);
  AnswerState(NextStateCall(), 0);
  EXPECT_EQ(asked.get(), 0);
}

// Another daemon's, which is gone.
TEST_F(SocketSessionTest, ASocketThatTheDaemonDoesNotKnowIsEnetdown) {
  Begin();
  const OwnedFd held(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  wsp::RelayedState state;
  auto asked = AskState(held.get(), 4711, &state);
  AnswerState(NextStateCall(), EBADF);
  OwnedFd shown;
  EXPECT_EQ(daemon_->TakeShown(&shown), 4711u);
  daemon_->AnswerShown(4711, EBADF);
  EXPECT_EQ(asked.get(), -ENETDOWN);
  // The session goes on.
  auto next = Ask();
  Lend(NextCall());
  EXPECT_TRUE(IsLent(OwnedFd(next.get()).get()));
}

// Numbers are a daemon's own: another one, from before a restart, may have had
// the same for another socket.
TEST_F(SocketSessionTest, SocketsOfAnotherDaemonAreNotAskedAbout) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const OwnedFd program(ends[0]);
  const OwnedFd daemon(ends[1]);
  wsp::relay::Name name;
  name.instance = static_cast<uint64_t>(getpid());
  name.number = 4711;
  name.protocol = IPPROTO_TCP;
  const sockaddr_un address = wsp::relay::FormatName(name);
  ASSERT_EQ(bind(daemon.get(), reinterpret_cast<const sockaddr*>(&address),
                 wsp::relay::kNameAddressBytes),
            0);
  auto asked = Ask(AF_INET, SOCK_STREAM, 0, wsp::Plane::kRelayed);
  Attach();
  const wsp::v1::Call made = NextCall();
  daemon_->SendDescriptor(made.call_id(), kCookie, program.get());
  Answer(made);
  const OwnedFd fd(asked.get());
  wsp::relay::Name other = name;
  ++other.instance;
  wsp::RelayedState state;
  EXPECT_EQ(wsp::StateOfRelayed(fd.get(), other, &state), -ENETDOWN);
  // Its own is.
  auto own = std::async(std::launch::async, [&] {
    return wsp::StateOfRelayed(fd.get(), name, &state);
  });
  const wsp::v1::Call call = NextStateCall();
  EXPECT_EQ(call.socket_id(), 4711u);
  AnswerState(call, 0);
  EXPECT_EQ(own.get(), 0);
}

// The call is made on the next one.
TEST_F(SocketSessionTest, AnAttachmentIsMadeAnewForACall) {
  Begin();
  wsp::RelayedState state;
  auto asked = AskState(0, 4711, &state);
  NextStateCall();
  daemon_->Break();
  Attach();
  AnswerState(NextStateCall(), 0);
  EXPECT_EQ(asked.get(), 0);
}

// bind(), told again since its answer was lost, is refused if it was done the
// first time: the socket's address says so.
TEST_F(SocketSessionTest, ARepeatedBindIsWhatTheFirstOneWas) {
  constexpr uint32_t kAsked = 0x7f000001, kElse = 0x7f000002;
  const struct {
    uint16_t asked_port;
    uint32_t bound_host;
    uint16_t bound_port;
    int error;
  } cases[] = {{80, kAsked, 80, 0},
               {0, kAsked, 4711, 0},
               {80, kAsked, 81, -EINVAL},
               {80, kElse, 80, -EINVAL}};
  Begin();
  for (const auto& [asked_port, bound_host, bound_port, error] : cases) {
    auto asked = std::async(std::launch::async, [port = asked_port] {
      wsp::relay::Name name;
      name.number = 4711;
      wsp::Address address;
      address.family = wsp::Address::kIpv4;
      address.port = port;
      const uint32_t host = htonl(kAsked);
      memcpy(address.bytes, &host, sizeof host);
      return wsp::BindRelayed(0, name, address);
    });
    const auto first = daemon_->NextCall();
    ASSERT_TRUE(first.has_value() && first->linux_call().has_bind());
    daemon_->Break();
    Attach();
    const auto second = daemon_->NextCall();
    ASSERT_TRUE(second.has_value() && second->linux_call().has_bind());
    AnswerState(*second, EINVAL);
    const auto call = daemon_->NextCall();
    ASSERT_TRUE(call.has_value() && call->linux_call().has_name());
    wsp::v1::ServerFrame frame;
    auto* const bound = daemon_->AddResult(&frame, call->call_id())
                            ->mutable_linux_call()
                            ->mutable_name()
                            ->mutable_address()
                            ->mutable_ipv4();
    bound->set_address(bound_host);
    bound->set_port(bound_port);
    daemon_->Send(frame);
    EXPECT_EQ(asked.get(), error);
  }
}

// Where the first answer came, EINVAL is the kernel's.
TEST_F(SocketSessionTest, ARefusedBindIsRefused) {
  Begin();
  auto asked = std::async(std::launch::async, [] {
    wsp::relay::Name name;
    name.number = 4711;
    wsp::Address address;
    address.family = wsp::Address::kIpv4;
    return wsp::BindRelayed(0, name, address);
  });
  AnswerState(daemon_->NextCall().value_or(wsp::v1::Call()), EINVAL);
  EXPECT_EQ(asked.get(), -EINVAL);
}

// It may have gone.
TEST_F(SocketSessionTest, ADatagramIsNotSentOnTheNext) {
  Begin();
  auto asked = std::async(std::launch::async, [] {
    wsp::relay::Name name;
    name.number = 4711;
    wsp::relay::DatagramHeader header = {};
    char data[] = "once";
    const iovec part = {data, 4};
    return wsp::AskToSendDatagram(0, name, {&header, nullptr, &part, 1, 4});
  });
  const auto call = daemon_->NextCall();
  ASSERT_TRUE(call.has_value());
  EXPECT_EQ(call->linux_call().send().data(), "once");
  daemon_->Break();
  EXPECT_EQ(asked.get(), -ENETDOWN);
  wsp::RelayedState state;
  auto next = AskState(0, 4711, &state);
  Attach();
  AnswerState(NextStateCall(), 0);
  EXPECT_EQ(next.get(), 0);
}

// Not a fault with the session's lock held.
TEST_F(SocketSessionTest, AQueuedErrorIntoNowhereIsEfault) {
  Begin();
  for (const bool nowhere : {true, false}) {
    auto asked = std::async(std::launch::async, [nowhere] {
      wsp::relay::Name name;
      name.number = 4711;
      char data[8] = {};
      iovec part = {nowhere ? reinterpret_cast<void*>(16) : data, sizeof data};
      msghdr message = {};
      message.msg_iov = &part;
      message.msg_iovlen = 1;
      const long size = wsp::AskForQueuedError(0, name, &message);
      EXPECT_EQ(std::string(data), nowhere ? "" : "lost");
      EXPECT_EQ(message.msg_flags, nowhere ? 0 : MSG_ERRQUEUE);
      return size;
    });
    const auto call = daemon_->NextCall();
    ASSERT_TRUE(call.has_value());
    EXPECT_EQ(call->linux_call().receive_error().data_length(), 8u);
    wsp::v1::ServerFrame frame;
    auto* const error = daemon_->AddResult(&frame, call->call_id())
                            ->mutable_linux_call()
                            ->mutable_receive_error();
    error->set_data("lost");
    error->set_flags(MSG_ERRQUEUE);
    daemon_->Send(frame);
    EXPECT_EQ(asked.get(), nowhere ? -EFAULT : 4);
  }
}

TEST_F(SocketSessionTest, WhatIsNoDaemonIsEnetdown) {
  // It refuses the stream.
  auto refused = Ask();
  ASSERT_TRUE(daemon_->Accept().has_value());
  daemon_->Break();
  EXPECT_EQ(refused.get(), -ENETDOWN);
  // Or the descriptor connection.
  auto without = Ask();
  ASSERT_TRUE(daemon_->Accept().has_value());
  daemon_->Welcome(false, 0);
  EXPECT_EQ(daemon_->AcceptDescriptors().size(), 24u);
  daemon_->BreakDescriptors();
  EXPECT_EQ(without.get(), -ENETDOWN);
  // Or welcomes it with something else.
  auto wrong = Ask();
  ASSERT_TRUE(daemon_->Accept().has_value());
  daemon_->Welcome(false, 0);
  EXPECT_EQ(daemon_->AcceptDescriptors().size(), 24u);
  daemon_->SendDescriptor(1, 0, -1);
  EXPECT_EQ(wrong.get(), -ENETDOWN);
  // Or isn't there.
  daemon_.reset();
  EXPECT_EQ(Ask().get(), -ENETDOWN);
}

}  // namespace
}  // namespace wspd::testing
