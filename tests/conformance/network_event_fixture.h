#ifndef WSPD_TESTS_CONFORMANCE_NETWORK_EVENT_FIXTURE_H_
#define WSPD_TESTS_CONFORMANCE_NETWORK_EVENT_FIXTURE_H_

#include <map>
#include <string>
#include <tuple>

#include "client_stub/spi_client/message_window.h"
#include "tests/conformance/fixture.h"
#include "tests/testing/peer_datagrams.h"

namespace wspd::conformance {

using spi_client::MessageWindow;
using spi_client::PostedMessage;

// The two ways to be told of network events: WSPEventSelect with
// WSPEnumNetworkEvents, and the messages of WSPAsyncSelect.
enum class Notice { kEvent, kMessage };

inline std::string NoticeName(Notice notice) {
  return notice == Notice::kEvent ? "Event" : "Message";
}

// "FD_READ|FD_CLOSE", "none".
std::string EventNames(LONG events);

// Registrations and what they tell.
class NetworkEventTest : public ConformanceTest {
 protected:
  static constexpr unsigned kMessage = 0x400;  // WM_USER

  explicit NetworkEventTest(Notice notice = Notice::kEvent) : notice_(notice) {}

  // Ends the case where the provider has no such function: it would wait in
  // vain.
  void SetUp() override;

  bool message_mode() const { return notice_ == Notice::kMessage; }

  // Registers `s` for `events`, in either way; with 0 cancels.
  WsaCode Register(SOCKET s, LONG events);

  // What has been told: the error of each event.
  using Told = std::map<LONG, int>;
  // Waits until all `events` have been told of `s`, and nothing else besides;
  // fails the case if something else is, or one of them twice.
  Told Expect(SOCKET s, LONG events);
  // The same for one event and its error.
  void Expect(SOCKET s, LONG event, int error);
  // Fails the case if something is told of any socket.
  void ExpectNothing(SOCKET s);
  // Takes what there is.
  void Forget(SOCKET s);

  // WSPEnumNetworkEvents with our event object: the events alone.
  LONG Enumerate(SOCKET s);

  // A connected stream pair, with the events that come of that forgotten.
  Pair NewRegistered(Family family, LONG events);
  // A listener registered for FD_ACCEPT and `events`.
  SOCKET NewRegisteredListener(Family family, SockAddr* name, LONG events = 0);

  Event event_;
  MessageWindow window_;

 private:
  // Adds what is told next, at most within `timeout_ms`. False if nothing is.
  bool TakeNext(SOCKET s, DWORD timeout_ms, Told* told);

  const Notice notice_;
};

using NoticeVariant = std::tuple<Notice, Family>;

// For cases that are run for both kinds of notice and both families.
class NoticeTest : public NetworkEventTest,
                   public ::testing::WithParamInterface<NoticeVariant> {
 protected:
  NoticeTest()
      : NetworkEventTest(std::get<Notice>(GetParam())), sender_(family()) {}
  Family family() const { return std::get<Family>(GetParam()); }

  SOCKET NewDatagrams() { return NewBound(family(), Protocol::kUdp); }
  // A datagram of the kernel's to the port of `s`.
  void SendDatagram(SOCKET s, const std::string& data) {
    SockAddr name;
    ASSERT_EQ(GetSockName(s, &name), kOk);
    ASSERT_TRUE(sender_.Send(data, name.ToEndpoint()));
  }
  // A datagram socket that has been told of FD_READ for "one" and "two".
  SOCKET NewWithTwoDatagrams() {
    const SOCKET s = NewDatagrams();
    SendDatagram(s, "one");
    SendDatagram(s, "two");
    EXPECT_TRUE(WaitReadable(s));
    EXPECT_EQ(Register(s, FD_READ), kOk);
    Expect(s, FD_READ);
    return s;
  }

  testing::PeerDatagrams sender_;
};

#define WSPD_FOR_ALL_NOTICES(Fixture)                                         \
  INSTANTIATE_TEST_SUITE_P(                                                   \
      , Fixture,                                                              \
      ::testing::Combine(::testing::Values(Notice::kEvent, Notice::kMessage), \
                         ::testing::Values(Family::kIpv4, Family::kIpv6)),    \
      [](const auto& info) {                                                  \
        return NoticeName(std::get<Notice>(info.param)) +                     \
               FamilyName(std::get<Family>(info.param));                      \
      })

}  // namespace wspd::conformance

#endif  // WSPD_TESTS_CONFORMANCE_NETWORK_EVENT_FIXTURE_H_
