#include "tests/conformance/network_event_fixture.h"

#include "tests/testing/wait_until.h"

namespace wspd::conformance {
namespace {

using testing::Clock;
using testing::milliseconds;

constexpr const char* kNames[FD_MAX_EVENTS] = {"FD_READ",
                                               "FD_WRITE",
                                               "FD_OOB",
                                               "FD_ACCEPT",
                                               "FD_CONNECT",
                                               "FD_CLOSE",
                                               "FD_QOS",
                                               "FD_GROUP_QOS",
                                               "FD_ROUTING_INTERFACE_CHANGE",
                                               "FD_ADDRESS_LIST_CHANGE"};

LONG BitsOf(const std::map<LONG, int>& told) {
  LONG bits = 0;
  for (const auto& event : told) bits |= event.first;
  return bits;
}

}  // namespace

std::string EventNames(LONG events) {
  std::string names;
  for (int i = 0; i < FD_MAX_EVENTS; ++i) {
    if ((events & 1 << i) == 0) continue;
    names += (names.empty() ? "" : "|") + std::string(kNames[i]);
  }
  return names.empty() ? "none" : names;
}

void NetworkEventTest::SetUp() {
  ConformanceTest::SetUp();
  if (HasFatalFailure()) return;
  const SOCKET probe = NewSocket(Family::kIpv4);
  ASSERT_NE(Register(probe, FD_READ), WsaCode{WSAEOPNOTSUPP});
  EXPECT_EQ(Close(probe), kOk);
}

WsaCode NetworkEventTest::Register(SOCKET s, LONG events) {
  if (message_mode()) {
    return AsyncSelect(s, window_.handle(), events == 0 ? 0 : kMessage, events);
  }
  return EventSelect(s, events == 0 ? WSA_INVALID_EVENT : event_.get(), events);
}

bool NetworkEventTest::TakeNext(SOCKET s, DWORD timeout_ms, Told* told) {
  if (message_mode()) {
    PostedMessage message;
    if (!window_.Take(&message, timeout_ms)) return false;
    const LONG event = WSAGETSELECTEVENT(message.lparam);
    EXPECT_EQ(message.message, kMessage);
    EXPECT_EQ(message.wparam, static_cast<WPARAM>(s));
    EXPECT_EQ(told->count(event), 0u) << EventNames(event) << " told twice";
    (*told)[event] = WSAGETSELECTERROR(message.lparam);
    return true;
  }
  if (!event_.Wait(timeout_ms)) return false;
  WSANETWORKEVENTS events = {};
  const WsaCode code = EnumNetworkEvents(s, event_.get(), &events);
  EXPECT_EQ(code, kOk);
  EXPECT_NE(events.lNetworkEvents, 0) << "the event is set for nothing";
  for (int i = 0; i < FD_MAX_EVENTS; ++i) {
    const LONG event = 1 << i;
    if ((events.lNetworkEvents & event) == 0) continue;
    EXPECT_EQ(told->count(event), 0u) << EventNames(event) << " told twice";
    (*told)[event] = events.iErrorCode[i];
  }
  return code.ok();
}

NetworkEventTest::Told NetworkEventTest::Expect(SOCKET s, LONG events) {
  const auto end = Clock::now() + milliseconds(kSoonMs);
  Told told;
  while ((BitsOf(told) & events) != events) {
    const auto left =
        std::chrono::duration_cast<milliseconds>(end - Clock::now());
    if (left.count() <= 0 ||
        !TakeNext(s, static_cast<DWORD>(left.count()), &told)) {
      break;
    }
  }
  EXPECT_EQ(EventNames(BitsOf(told)), EventNames(events));
  return told;
}

void NetworkEventTest::Expect(SOCKET s, LONG event, int error) {
  EXPECT_EQ(WsaCode{Expect(s, event)[event]}, WsaCode{error});
}

void NetworkEventTest::ExpectNothing(SOCKET s) {
  Told told;
  TakeNext(s, kNotAtAllMs, &told);
  EXPECT_EQ(EventNames(BitsOf(told)), "none");
  if (!message_mode()) {
    EXPECT_EQ(EventNames(Enumerate(s)), "none") << "and the event isn't set";
  }
}

void NetworkEventTest::Forget(SOCKET s) {
  if (!message_mode()) {
    Enumerate(s);
    return;
  }
  PostedMessage message;
  while (window_.Take(&message, 0)) continue;
}

LONG NetworkEventTest::Enumerate(SOCKET s) {
  WSANETWORKEVENTS events = {};
  EXPECT_EQ(EnumNetworkEvents(s, event_.get(), &events), kOk);
  return events.lNetworkEvents;
}

NetworkEventTest::Pair NetworkEventTest::NewRegistered(Family family,
                                                       LONG events) {
  Pair pair = NewConnection(family);
  EXPECT_EQ(Register(pair.socket, events), kOk);
  // In event mode the connect that has ended before is told too (4.5).
  LONG at_once = events & FD_WRITE;
  if (!message_mode()) at_once |= events & FD_CONNECT;
  if (at_once != 0) Expect(pair.socket, at_once);
  return pair;
}

SOCKET NetworkEventTest::NewRegisteredListener(Family family, SockAddr* name,
                                               LONG events) {
  const SOCKET listener = NewListener(family, name);
  EXPECT_EQ(Register(listener, FD_ACCEPT | events), kOk);
  return listener;
}

}  // namespace wspd::conformance
