#include "daemon/wspctl/format.h"

#include <errno.h>
#include <netinet/in.h>

#include <memory>
#include <string>

#include "absl/synchronization/notification.h"
#include "daemon/base/steady_time.h"
#include "daemon/wspctl/address_text.h"
#include "daemon/wspctl/client_table.h"
#include "daemon/wspctl/names.h"
#include "daemon/wspctl/socket_table.h"
#include "daemon/wspctl/value_text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

const absl::Time kNow = absl::FromUnixSeconds(1700000000);

int64_t NsBefore(absl::Duration age) { return absl::ToUnixNanos(kNow - age); }

wsp::v1::SocketAddress Ipv4(uint32_t address, uint32_t port) {
  wsp::v1::SocketAddress result;
  result.mutable_ipv4()->set_address(address);
  result.mutable_ipv4()->set_port(port);
  return result;
}

wsp::v1::SocketAddress Ipv6(const std::string& address, uint32_t port,
                            uint32_t scope = 0) {
  wsp::v1::SocketAddress result;
  result.mutable_ipv6()->set_address(address);
  result.mutable_ipv6()->set_port(port);
  result.mutable_ipv6()->set_scope_id(scope);
  return result;
}

TEST(FormatAddressTest, BothFamiliesAndNone) {
  EXPECT_EQ(FormatAddress(Ipv4(0x01020304, 80)), "1.2.3.4:80");
  EXPECT_EQ(FormatAddress(Ipv4(0xffffffff, 65535)), "255.255.255.255:65535");
  const std::string loopback = std::string(15, '\0') + '\1';
  EXPECT_EQ(FormatAddress(Ipv6(loopback, 80)), "[::1]:80");
  const std::string local = "\xfe\x80" + std::string(13, '\0') + '\1';
  EXPECT_EQ(FormatAddress(Ipv6(local, 80, 2)), "[fe80::1%2]:80");
  EXPECT_EQ(FormatAddress(Ipv6("short", 80)), "[?]:80");
  EXPECT_EQ(FormatAddress(wsp::v1::SocketAddress()), "-");
}

TEST(FormatAgeTest, TwoUnitsAtMost) {
  EXPECT_EQ(FormatAge(absl::Seconds(-3)), "0s");
  EXPECT_EQ(FormatAge(absl::Milliseconds(59999)), "59s");
  EXPECT_EQ(FormatAge(absl::Seconds(184)), "3m04s");
  EXPECT_EQ(FormatAge(absl::Hours(5) + absl::Minutes(2)), "5h02m");
  EXPECT_EQ(FormatAge(absl::Hours(76)), "3d04h");
}

TEST(FormatClientsTest, OneLineEach) {
  wsp::v1::ListClientsResponse response;
  auto* client = response.add_clients();
  client->set_client_id(1);
  client->set_pid(4242);
  client->set_uid(1000);
  client->set_personality(wsp::v1::PERSONALITY_WINSOCK);
  client->mutable_version()->set_major(1);
  client->set_startups(2);
  client->set_sockets(3);
  client->set_pending_calls(4);
  client->set_attached_at_ns(NsBefore(absl::Seconds(75)));
  client->add_command_line("wspcat");
  client->add_command_line("--listen");
  response.add_clients()->set_client_id(2);
  EXPECT_EQ(FormatClients(response, kNow),
            "CLIENT   PID   UID  KIND     WIRE  STARTUPS  SOCKETS  PENDING  "
            "ATTACHED  LAST CALL  COMMAND\n"
            "     1  4242  1000  winsock  1.0          2        3        4  "
            "   1m15s          -  wspcat --listen\n"
            "     2     -     0  -        0.0          0        0        0  "
            "       -          -  -\n");
}

TEST(FormatClientsTest, ContainersAreShownWhereThereAreAny) {
  const std::string id = "0123456789abcdef" + std::string(48, '7');
  wsp::v1::ListClientsResponse response;
  response.add_clients()->set_pid(11);
  EXPECT_THAT(FormatClients(response, kNow), Not(HasSubstr("CONTAINER")));
  wsp::v1::Client* const contained = response.add_clients();
  contained->set_pid(22);
  contained->set_container_id(id);
  EXPECT_THAT(FormatClients(response, kNow),
              AllOf(HasSubstr("  PID  UID  CONTAINER     KIND  "),
                    HasSubstr("   11    0  -             -     "),
                    HasSubstr("   22    0  0123456789ab  -     ")));
  EXPECT_THAT(FormatClient(*contained, {}, kNow),
              HasSubstr("container             " + id + "\n"));
  EXPECT_THAT(FormatClientsJson(response),
              HasSubstr("\"container_id\":\"" + id + "\""));
}

TEST(FormatClientsTest, AContainerOnALaterPageAddsItsColumn) {
  ClientPrinter printer(ClientTable(), false, TextStyle());
  EXPECT_THAT(printer.needed_fields(), Contains("container_id"));
  wsp::v1::ListClientsResponse page;
  page.add_clients()->set_pid(11);
  EXPECT_THAT(printer.Format(page, kNow), HasSubstr("  PID  UID  KIND  "));
  EXPECT_THAT(printer.Format(page, kNow), Not(HasSubstr("PID")));
  page.mutable_clients(0)->set_container_id(std::string(64, '7'));
  EXPECT_THAT(printer.Format(page, kNow),
              AllOf(HasSubstr("  PID  UID  CONTAINER     KIND  "),
                    HasSubstr("   11    0  777777777777  -     ")));
  page.mutable_clients(0)->clear_container_id();
  EXPECT_THAT(printer.Format(page, kNow),
              AllOf(HasSubstr("   11    0  -             -     "),
                    Not(HasSubstr("CONTAINER"))));
}

TEST(FormatClientsTest, EveryFieldHasAColumn) {
  wsp::v1::ListClientsResponse response;
  auto* client = response.add_clients();
  client->set_cgroup("/a\nb");
  client->set_executable("/bin/x");
  client->set_client_name("\x1b[2J");
  client->set_kept_result_bytes(7);
  EXPECT_EQ(ClientPrinter::Create(ClientTable(),
                                  {"kept_result_bytes", "cgroup", "client_name",
                                   "container_id", "command_line"},
                                  false, TextStyle())
                ->Format(response, kNow),
            "KEPT  CONTROL GROUP  CALLS ITSELF  CONTAINER  COMMAND\n"
            "   7  /a\\nb          \\x1b[2J       -          /bin/x\n");
  const auto* type = wsp::v1::Client::descriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    EXPECT_NE(ClientTable().Find(type->field(i)->name()), nullptr)
        << type->field(i)->name();
  }
}

TEST(FormatClientsTest, AClientsWordsCannotReachTheTerminal) {
  wsp::v1::ListClientsResponse response;
  auto* client = response.add_clients();
  client->add_command_line("\x1b[2J\nroot\xc2\x9b");
  EXPECT_THAT(FormatClients(response, kNow),
              HasSubstr("\\x1b[2J\\nroot\\xc2\\x9b"));
  client->set_command_line(0, std::string(500, 'x'));
  EXPECT_THAT(FormatClients(response, kNow),
              HasSubstr(" " + std::string(500, 'x') + "\n"));
  EXPECT_THAT(FormatClients(response, kNow, {120, false}), HasSubstr("x...\n"));
}

wsp::v1::ListSocketsResponse OneSocket() {
  wsp::v1::ListSocketsResponse response;
  auto* socket = response.add_sockets();
  socket->set_client_id(1);
  socket->set_pid(4242);
  socket->set_uid(1000);
  socket->set_socket_id(0xabcdef);
  socket->set_protocol(6);
  socket->set_state(wsp::v1::SOCKET_STATE_CONNECTED);
  *socket->mutable_local() = Ipv4(0x7f000001, 40000);
  *socket->mutable_peer() = Ipv4(0x7f000001, 80);
  socket->set_bytes_sent(10);
  socket->set_bytes_received(uint64_t{1} << 63);
  socket->set_opened_at_ns(NsBefore(absl::Seconds(5)));
  return response;
}

TEST(FormatSocketsTest, OneLineEach) {
  EXPECT_EQ(FormatSockets(OneSocket(), kNow),
            "CLIENT   PID   UID  SOCKET            PLANE      PROTO  STATE     "
            " LOCAL            PEER          PENDING  SENT             RECEIVED"
            "  AGE  IDLE\n"
            "     1  4242  1000  0000000000abcdef  forwarded  tcp    connected "
            " 127.0.0.1:40000  127.0.0.1:80        0    10  "
            "9223372036854775808   5s     -\n");
}

TEST(FormatSocketsTest, OfRelayedOnesTheIdleTimeIsKnown) {
  wsp::v1::ListSocketsResponse response = OneSocket();
  auto* socket = response.mutable_sockets(0);
  socket->set_plane(wsp::v1::PLANE_RELAYED);
  socket->set_active_at_ns(NsBefore(absl::Seconds(3)));
  EXPECT_THAT(FormatSockets(response, kNow),
              HasSubstr("  relayed  tcp    connected  127.0.0.1:40000  "
                        "127.0.0.1:80        0    10  9223372036854775808   5s"
                        "    3s\n"));
}

TEST(FormatSocketsTest, EveryFieldHasAColumn) {
  wsp::v1::ListSocketsResponse response = OneSocket();
  auto* socket = response.mutable_sockets(0);
  socket->set_sends(3);
  socket->set_receives(4);
  socket->set_last_errno(ECONNRESET);
  socket->mutable_tcp()->set_rtt_us(1500);
  socket->mutable_tcp()->set_congestion_window(10);
  const auto show = [&response](const std::string& field) {
    return SocketPrinter::Create(SocketTable(), {field}, false, TextStyle())
        ->Format(response, kNow);
  };
  EXPECT_EQ(show("sends"), "SENDS\n    3\n");
  EXPECT_EQ(show("receives"), "RECEIVES\n       4\n");
  EXPECT_EQ(show("last_errno"), "ERROR\nECONNRESET\n");
  EXPECT_EQ(show("tcp"),
            "TCP\nrtt=1.500ms cwnd=10 retrans=0 unacked=0 unsent=0\n");
  socket->set_operations_unknown(true);
  EXPECT_EQ(show("sends"), "SENDS\n    -\n");
  const auto* type = wsp::v1::Socket::descriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    EXPECT_NE(SocketTable().Find(type->field(i)->name()), nullptr)
        << type->field(i)->name();
  }
}

TEST(FormatSocketsTest, UnknownCountsAreNoZeros) {
  wsp::v1::ListSocketsResponse response = OneSocket();
  auto* socket = response.mutable_sockets(0);
  socket->set_plane(wsp::v1::PLANE_LENT);
  socket->set_protocol(17);
  socket->set_bytes_unknown(true);
  EXPECT_THAT(FormatSockets(response, kNow),
              HasSubstr("  lent   udp    connected  127.0.0.1:40000  "
                        "127.0.0.1:80        0     -         -   5s     -\n"));
}

TEST(FormatSocketsTest, WithoutANumberTheCookieNamesIt) {
  wsp::v1::ListSocketsResponse response;
  response.add_sockets()->set_cookie(0xabc);
  EXPECT_THAT(FormatSockets(response, kNow), HasSubstr("  sk:abc  "));
}

TEST(FormatSocketsTest, NamesAreWaitedForOnceAndNotAtEachPage) {
  const auto answer = std::make_shared<absl::Notification>();
  Names names([answer](const wsp::v1::SocketAddress&) {
    answer->WaitForNotification();
    return "";
  });
  auto printer =
      *SocketPrinter::Create(SocketTable(), {"peer"}, false, TextStyle());
  wsp::v1::ListSocketsResponse page = OneSocket();
  // A wait for each would be minutes.
  constexpr int kPages = 100;
  const absl::Duration begin = SteadyTime();
  for (int i = 0; i < kPages; ++i) {
    page.mutable_sockets(0)->mutable_peer()->mutable_ipv4()->set_address(1 + i);
    printer.Format(page, {kNow, &names});
  }
  EXPECT_LT(SteadyTime() - begin, absl::Seconds(100));
  answer->Notify();
}

TEST(FormatSocketsTest, JsonHasAddressesAsText) {
  EXPECT_EQ(
      FormatSocketsJson(OneSocket()),
      "{\"client_id\":\"1\",\"pid\":4242,\"socket_id\":\"11259375\","
      "\"protocol\":6,\"state\":\"SOCKET_STATE_CONNECTED\","
      "\"local\":\"127.0.0.1:40000\",\"peer\":\"127.0.0.1:80\","
      "\"pending_calls\":0,\"bytes_sent\":\"10\","
      "\"bytes_received\":\"9223372036854775808\","
      "\"opened_at_ns\":\"1699999995000000000\",\"uid\":1000,"
      "\"plane\":\"PLANE_UNSPECIFIED\",\"cookie\":\"0\","
      "\"bytes_unknown\":false,\"active_at_ns\":\"0\","
      "\"datagrams_dropped\":\"0\",\"listener_cookie\":\"0\",\"sends\":\"0\","
      "\"receives\":\"0\",\"operations_unknown\":false,"
      "\"last_errno\":0}\n");
}

// U+009B begins a control sequence, as ESC [ does.
TEST(FormatClientsTest, JsonHasNoControlsForTerminals) {
  wsp::v1::ListClientsResponse response;
  response.add_clients()->add_command_line(
      "a\xc2\x9b"
      "2J\x1b[2J\xc2\xa0z");
  const std::string json = FormatClientsJson(response);
  EXPECT_THAT(json, HasSubstr("\"a\\u009b2J\\u001b[2J\xc2\xa0z\""));
}

TEST(FormatClientsTest, JsonIsOneObjectALineWithEveryField) {
  wsp::v1::ListClientsResponse response;
  response.add_clients()->set_client_id(7);
  response.add_clients()->add_command_line("a\n\"b\"");
  const std::string json = FormatClientsJson(response);
  EXPECT_EQ(std::count(json.begin(), json.end(), '\n'), 2);
  EXPECT_THAT(json, HasSubstr("{\"client_id\":\"7\",\"pid\":0,"));
  EXPECT_THAT(json, HasSubstr("\"command_line\":[\"a\\n\\\"b\\\"\"]"));
  EXPECT_THAT(json, HasSubstr("\"last_call_at_ns\":\"0\""));
  EXPECT_EQ(FormatClientsJson(wsp::v1::ListClientsResponse()), "");
}

TEST(FormatInfoTest, TextAndJson) {
  wsp::v1::GetServerInfoResponse info;
  info.set_version("1.2.3");
  info.set_started_at_ns(NsBefore(absl::Hours(30)));
  info.set_instance("\x01\xff");
  const std::string text = FormatInfo(info, kNow);
  EXPECT_THAT(text, HasSubstr("version               1.2.3\n"));
  EXPECT_THAT(text, HasSubstr("up                    1d06h\n"));
  EXPECT_THAT(text, HasSubstr("instance              01ff\n"));
  EXPECT_THAT(text, HasSubstr("provider socket       -\n"));
  const std::string json = FormatInfoJson(info);
  EXPECT_THAT(json, HasSubstr("\"version\":\"1.2.3\""));
  EXPECT_EQ(json.find('\n'), json.size() - 1);
}

TEST(FormatInfoTest, ConfiguredLimits) {
  wsp::v1::GetServerInfoResponse info;
  wsp::v1::ConfiguredLimit* limit = info.add_configured_limits();
  limit->set_name("sockets_per_client");
  limit->set_value(4096);
  limit = info.add_configured_limits();
  limit->set_name("bytes_per_second_per_client");
  const std::string text = FormatInfo(info, kNow);
  EXPECT_THAT(text,
              HasSubstr("\nlimits.sockets_per_client                4096\n"
                        "limits.bytes_per_second_per_client       none\n"));
}

TEST(FormatInfoTest, StateAndRates) {
  wsp::v1::GetServerInfoResponse info;
  info.set_log_level(wsp::v1::LOG_LEVEL_WARNING);
  EXPECT_THAT(FormatInfo(info, kNow),
              HasSubstr("state                 serving\n"
                        "log level             warning\n"));
  info.set_draining_since_ns(NsBefore(absl::Minutes(3)));
  for (const double seconds : {1.0, 10.0}) {
    wsp::v1::Rates* rates = info.add_rates();
    rates->set_seconds(seconds);
    rates->set_calls(1234.56 / seconds);
    rates->set_connections(1.25);
  }
  const std::string text = FormatInfo(info, kNow);
  EXPECT_THAT(text, HasSubstr("state                 draining for 3m00s\n"));
  EXPECT_THAT(text,
              HasSubstr("calls/s               1235 in 1 s, 123 in 10 s\n"));
  EXPECT_THAT(text,
              HasSubstr("connections/s         1.2 in 1 s, 1.2 in 10 s\n"));
}

TEST(FormatEventsTest, ALineEach) {
  wsp::v1::WatchEventsResponse response;
  response.set_lost(3);
  wsp::v1::JournalEvent* event = response.add_events();
  event->set_kind(wsp::v1::JournalEvent::KIND_CLIENT_DIED);
  event->set_at_ns(1'700'000'000'123'000'000);
  event->set_client_id(4);
  event->set_pid(5);
  event->set_uid(6);
  event->set_detail("a\nb");
  event = response.add_events();
  event->set_kind(wsp::v1::JournalEvent::KIND_SOCKET_REFUSED);
  event->set_socket_id(16);
  event->set_plane(wsp::v1::PLANE_RELAYED);
  event->set_protocol(IPPROTO_TCP);
  event->mutable_peer()->mutable_ipv4()->set_address(0x7f000001);
  event->mutable_peer()->mutable_ipv4()->set_port(80);
  event->set_linux_errno(EACCES);
  event->set_suppressed(7);
  event->set_action(wsp::v1::POLICY_ACTION_CONNECT);
  event->set_host("a\nb");
  event = response.add_events();
  event->set_kind(wsp::v1::JournalEvent::KIND_SOCKET_REFUSED);
  event->set_listener_socket_id(16);
  event->set_protocol(IPPROTO_TCP);
  event->set_action(wsp::v1::POLICY_ACTION_ACCEPT);
  event = response.add_events();
  event->set_kind(wsp::v1::JournalEvent::KIND_SOCKET_REFUSED);
  event->set_plane(wsp::v1::PLANE_LENT);
  event->set_protocol(IPPROTO_ICMP);
  event->set_action(wsp::v1::POLICY_ACTION_RAW);
  event = response.add_events();
  event->set_kind(wsp::v1::JournalEvent::KIND_SOCKET_ACCEPTED);
  event->set_socket_id(17);
  event->set_listener_socket_id(16);
  event->set_protocol(IPPROTO_TCP);
  event = response.add_events();
  event->set_kind(wsp::v1::JournalEvent::KIND_SOCKET_CLOSED);
  event->set_cookie(0xabc);
  event->set_listener_socket_id(16);
  event->set_plane(wsp::v1::PLANE_LENT);
  event->set_protocol(IPPROTO_TCP);
  const std::string text = FormatEvents(response, absl::UTCTimeZone());
  EXPECT_EQ(text,
            "lost 3 events: they came faster than they were read\n"
            "2023-11-14T22:13:20.123+00:00 client_died client=4 pid=5 uid=6 "
            "detail=\"a\\nb\"\n"
            "1970-01-01T00:00:00.000+00:00 socket_refused client=0 pid=0 uid=0 "
            "socket=0000000000000010 plane=relayed protocol=tcp "
            "peer=127.0.0.1:80 action=connect host=\"a\\nb\" "
            "error=\"Permission denied\" suppressed=7\n"
            "1970-01-01T00:00:00.000+00:00 socket_refused client=0 pid=0 uid=0 "
            "plane=forwarded protocol=tcp listener=0000000000000010 "
            "action=accept\n"
            "1970-01-01T00:00:00.000+00:00 socket_refused client=0 pid=0 uid=0 "
            "plane=lent protocol=icmp action=raw\n"
            "1970-01-01T00:00:00.000+00:00 socket_accepted client=0 pid=0 "
            "uid=0 socket=0000000000000011 plane=forwarded protocol=tcp "
            "listener=0000000000000010\n"
            "1970-01-01T00:00:00.000+00:00 socket_closed client=0 pid=0 uid=0 "
            "socket=sk:abc plane=lent protocol=tcp "
            "listener=0000000000000010\n");
  const std::string json = FormatEventsJson(response);
  EXPECT_EQ(std::count(json.begin(), json.end(), '\n'), 7);
  EXPECT_THAT(json, HasSubstr("{\"lost\":\"3\"}\n"));
  EXPECT_THAT(json, HasSubstr("\"kind\":\"KIND_CLIENT_DIED\""));
  EXPECT_THAT(json, HasSubstr("\"peer\":\"127.0.0.1:80\","));
}

}  // namespace
}  // namespace wspd
