#ifndef WSPD_TESTS_PRELOAD_SOCKET_SESSION_FIXTURE_H_
#define WSPD_TESTS_PRELOAD_SOCKET_SESSION_FIXTURE_H_

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cstdint>
#include <future>
#include <memory>
#include <string>

#include "client_stub/preload/credentials.h"
#include "client_stub/preload/relayed_calls.h"
#include "client_stub/preload/settings.h"
#include "client_stub/preload/socket_session.h"
#include "gtest/gtest.h"
#include "proto/wsp/v1/provider.pb.h"
#include "tests/testing/owned_fd.h"
#include "tests/testing/scripted_daemon.h"
#include "tests/testing/temp_dir.h"

namespace wspd::testing {

// Of the sockets that the scripted daemon gives.
inline constexpr uint64_t kCookie = 4711;

// The library's conversation about sockets, and a scripted daemon.
class SocketSessionTest : public ::testing::Test {
 protected:
  SocketSessionTest() {
    setenv("WSPD_SOCKET", dir_.File("s").c_str(), 1);
    wsp::ReadProcessSettings();
    Listen();
  }
  ~SocketSessionTest() override {
    // The next test's is another daemon.
    wsp::CountCredentialsChange();
  }

  void Listen() { daemon_ = std::make_unique<ScriptedDaemon>(dir_.File("s")); }

  static std::future<int> Ask(int family = AF_INET, int type = SOCK_STREAM,
                              int protocol = 0,
                              wsp::Plane plane = wsp::Plane::kLent) {
    return std::async(std::launch::async, [=] {
      bool relayed;
      const int fd = wsp::MakeSocket(family, type, protocol, plane, &relayed);
      EXPECT_EQ(relayed && fd >= 0, fd >= 0 && plane == wsp::Plane::kRelayed);
      return fd;
    });
  }

  // A state call about the socket `number`, as `fd`.
  static std::future<int> AskState(int fd, uint64_t number,
                                   wsp::RelayedState* state) {
    return std::async(std::launch::async, [=] {
      wsp::relay::Name name;
      name.number = number;
      return wsp::StateOfRelayed(fd, name, state);
    });
  }

  wsp::v1::Call NextStateCall() {
    const auto call = daemon_->NextCall();
    EXPECT_TRUE(call.has_value() && call->linux_call().has_state());
    return call.value_or(wsp::v1::Call());
  }

  void AnswerState(const wsp::v1::Call& call, int linux_errno,
                   int pending = 0) {
    wsp::v1::ServerFrame frame;
    wsp::v1::Completion* const result =
        daemon_->AddResult(&frame, call.call_id());
    if (linux_errno == 0) {
      auto* const state = result->mutable_linux_call()->mutable_state();
      state->set_state(wsp::v1::LinuxStateResult::STATE_ENDED);
      state->set_error(pending);
    } else {
      result->set_linux_errno(static_cast<uint32_t>(linux_errno));
      result->set_wsa_error(10000);
    }
    daemon_->Send(frame);
  }

  // Attaches by a lent socket.
  void Begin() {
    auto first = Ask();
    Attach();
    Lend(NextCall());
    const OwnedFd lent(first.get());
  }

  // Both connections, of a new session.
  void Attach() {
    const auto hello = daemon_->Accept();
    ASSERT_TRUE(hello.has_value());
    EXPECT_EQ(hello->personality(), wsp::v1::PERSONALITY_LINUX);
    EXPECT_EQ(hello->resume_token(), "");
    daemon_->Welcome(false, 0);
    ASSERT_EQ(daemon_->AcceptDescriptors(),
              std::string("WSPDFD1\n") + ScriptedDaemon::kToken);
    daemon_->SendDescriptor(0, 0, -1);
  }

  wsp::v1::Call NextCall() {
    const auto call = daemon_->NextCall();
    EXPECT_TRUE(call.has_value() && call->has_linux_socket());
    return call.value_or(wsp::v1::Call());
  }

  // `number`: of a relayed one.
  void Answer(const wsp::v1::Call& call, int linux_errno = 0,
              uint64_t number = 0) {
    wsp::v1::ServerFrame frame;
    wsp::v1::Completion* const result =
        daemon_->AddResult(&frame, call.call_id());
    if (linux_errno == 0) {
      result->mutable_linux_socket()->set_cookie(kCookie);
      result->mutable_linux_socket()->set_number(number);
    } else {
      result->set_linux_errno(static_cast<uint32_t>(linux_errno));
      result->set_wsa_error(10000);
    }
    daemon_->Send(frame);
  }

  // A socket, as a daemon gives it. It is a Unix one: its family is its sign.
  void Lend(const wsp::v1::Call& call, uint64_t number = 0) {
    const OwnedFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    daemon_->SendDescriptor(call.call_id(), kCookie, fd.get());
    Answer(call, 0, number);
  }

  static bool IsLent(int fd) {
    int domain = 0;
    socklen_t size = sizeof domain;
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
           domain == AF_UNIX;
  }

  const TempDir dir_;
  std::unique_ptr<ScriptedDaemon> daemon_;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_PRELOAD_SOCKET_SESSION_FIXTURE_H_
