#include "daemon/config/config.h"

#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "daemon/config/config_rules.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string ErrorOf(absl::string_view text) {
  const auto config = ParseConfig(text, "f");
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(config.status().message());
}

TEST(ConfigTest, EmptyFileGivesTheDocumentedDefaults) {
  const Config config = ParseConfig("", "f").value();
  EXPECT_EQ(config.provider_socket(), "/run/wspd/wspd.sock");
  EXPECT_EQ(config.admin_socket(), "/run/wspd/admin.sock");
  EXPECT_EQ(config.group(), "");
  EXPECT_EQ(config.log_level(), "INFO");
  EXPECT_EQ(config.limits().sockets_per_client(), 4096u);
  EXPECT_EQ(config.limits().queued_bytes_per_client(), 8388608u);
  EXPECT_EQ(config.times().grace_ms(), 2000u);
  EXPECT_EQ(config.times().stop_ms(), 5000u);
  EXPECT_EQ(config.resolver().hosts_file(), "/etc/hosts");
  EXPECT_EQ(config.resolver().servers_size(), 0);
  EXPECT_GE(config.threads().queues(), 1u);
  EXPECT_LE(config.threads().loops(), 4u);
  EXPECT_TRUE(ValidateConfig(config).ok());
}

TEST(ConfigTest, EveryNumberOfTheSchemaHasARule) {
  size_t numbers = 0;
  for (const char* section : {"limits", "times", "threads"}) {
    numbers += Config::descriptor()
                   ->FindFieldByName(section)
                   ->message_type()
                   ->field_count();
  }
  EXPECT_EQ(NumberRules().size(), numbers);
}

TEST(ConfigTest, SetValuesStay) {
  const Config config = ParseConfig(
                            "provider_socket: '/tmp/p' group: 'root'\n"
                            "log_level: 'DEBUG'  # a comment\n"
                            "limits { clients: 7 } threads { queues: 3 }\n",
                            "f")
                            .value();
  EXPECT_EQ(config.provider_socket(), "/tmp/p");
  EXPECT_EQ(config.group(), "root");
  EXPECT_EQ(config.limits().clients(), 7u);
  EXPECT_EQ(config.limits().calls_per_client(), 8192u);
  EXPECT_EQ(config.threads().queues(), 3u);
}

TEST(ConfigTest, AFalseThatIsWrittenDownIsNotTheDefault) {
  EXPECT_TRUE(DefaultConfig().planes().lent());
  EXPECT_FALSE(ParseConfig("planes { lent: false }", "f")->planes().lent());
  EXPECT_TRUE(ParseConfig("planes { lent: false }", "f")->planes().relayed());
  EXPECT_TRUE(DefaultConfig().planes().relayed());
  EXPECT_FALSE(
      ParseConfig("planes { relayed: false }", "f")->planes().relayed());
  EXPECT_FALSE(DefaultConfig().planes().reset_lent());
  EXPECT_TRUE(
      ParseConfig("planes { reset_lent: true }", "f")->planes().reset_lent());
}

TEST(ConfigTest, SyntaxErrorsNameThePlace) {
  EXPECT_THAT(ErrorOf("group: 'a'\n  log_level DEBUG\n"),
              StartsWith("f:2:13: "));
  EXPECT_THAT(ErrorOf("limits { clients: many }"),
              StartsWith("f:1:19: Expected integer"));
}

TEST(ConfigTest, AMisspeltFieldGetsASuggestion) {
  EXPECT_EQ(
      ErrorOf("\nlimits {\n  socket_per_client: 1\n}"),
      "f:3:20: there is no field \"socket_per_client\" here; did you mean "
      "\"sockets_per_client\"?");
}

TEST(ConfigTest, AnInventedFieldGetsTheList) {
  EXPECT_EQ(ErrorOf("times { xyz: 1 }"),
            "f:1:12: there is no field \"xyz\" here; there are grace_ms, "
            "linger_ms, attach_ms, stop_ms, ticket_ms");
}

TEST(ConfigTest, OutOfRangeNamesFieldPlaceAndRange) {
  EXPECT_EQ(ErrorOf("group: ''\nlimits {\n  sockets_per_client: 1000001 }"),
            "f:3:3: limits.sockets_per_client is 1000001; it may be 1 to "
            "1000000");
  EXPECT_TRUE(ParseConfig("limits { sockets_per_client: 1000000 }", "f").ok());
}

TEST(ConfigTest, AWrittenZeroIsNotTheDefault) {
  EXPECT_EQ(ErrorOf("times { grace_ms: 0 }"),
            "f:1:9: times.grace_ms is 0; it may be 1 to 3600000");
  EXPECT_TRUE(ParseConfig("threads { queues: 0 loops: 0 }", "f").ok());
}

TEST(ConfigTest, AllProblemsAreListed) {
  EXPECT_EQ(ErrorOf("log_level: 'LOUD'\nadmin_socket: 'a'\nthreads { loops: 65 "
                    "}"),
            "f:2:1: admin_socket is \"a\"; it must begin with /\n"
            "f:1:1: log_level is wrong: \"LOUD\" is not a log level; there are "
            "ERROR, WARNING, INFO and DEBUG\n"
            "f:3:11: threads.loops is 65; it may be 1 to 64");
}

TEST(ConfigTest, SocketPathsAreChecked) {
  const std::string longest = "/" + std::string(106, 'x');
  EXPECT_TRUE(
      ParseConfig(absl::StrCat("provider_socket: '", longest, "'"), "f").ok());
  EXPECT_EQ(ErrorOf(absl::StrCat("provider_socket: '", longest, "x'")),
            "f:1:1: provider_socket has 108 bytes; it may have 107");
  EXPECT_EQ(ErrorOf("provider_socket: '/a' admin_socket: '/a'"),
            "f:1:23: admin_socket is the same path as provider_socket");
}

TEST(ConfigTest, AnUnknownGroupIsAProblem) {
  EXPECT_EQ(ErrorOf("group: 'nobody knows'"),
            "f:1:1: group is unknown: there is no group \"nobody knows\"");
}

TEST(ConfigTest, TheResolversServersAndFilesAreChecked) {
  EXPECT_TRUE(ParseConfig("resolver { servers: '192.0.2.1:5353' }", "f").ok());
  EXPECT_EQ(ErrorOf("resolver {\n  servers: 'dns.example'\n"
                    "  hosts_file: 'hosts' }"),
            "f:2:3: resolver.servers is wrong: \"dns.example\" is no ADDRESS "
            "or ADDRESS:PORT\n"
            "f:3:3: resolver.hosts_file is \"hosts\"; it must begin with /");
}

TEST(ConfigTest, TheAddressOfMetricsIsInNumbersAndHasAPort) {
  EXPECT_EQ(DefaultConfig().metrics().address(), "");
  for (const char* good : {"127.0.0.1:9464", "[::1]:9464", "0.0.0.0:0"}) {
    EXPECT_TRUE(
        ParseConfig(absl::StrCat("metrics { address: '", good, "' }"), "f")
            .ok())
        << good;
  }
  EXPECT_EQ(ErrorOf("metrics {\n  address: 'localhost:9464' }"),
            "f:2:3: metrics.address is \"localhost:9464\"; it must be "
            "ADDRESS:PORT, in numbers, as 127.0.0.1:9464 or [::1]:9464");
  EXPECT_THAT(ErrorOf("metrics { address: '127.0.0.1' }"),
              HasSubstr("must be ADDRESS:PORT"));
}

TEST(ConfigTest, RemoteAdministrationIsCompleteOrOff) {
  const std::string good =
      "remote_admin { address: '[::]:7443' certificate: '/c' key: '/k' "
      "client_ca: '/a' ";
  EXPECT_TRUE(ParseConfig(good + "readers: 'CN:alice' }", "f").ok());
  EXPECT_TRUE(ParseConfig("remote_admin { key: '/k' }", "f").ok());
  EXPECT_EQ(
      ErrorOf(good + "}"),
      "f: remote_admin.administrators is empty, and so is readers; nobody "
      "could do anything");
  EXPECT_EQ(ErrorOf(good + "\nreaders: 'alice' }"),
            "f:2:1: remote_admin.readers has \"alice\"; it must be DNS:NAME, "
            "URI:NAME or CN:NAME");
  EXPECT_EQ(ErrorOf("remote_admin {\n address: 'x'\n certificate: 'c'\n "
                    "client_ca: '/a' readers: 'CN:a' }"),
            "f:2:2: remote_admin.address is \"x\"; it must be ADDRESS:PORT, in "
            "numbers, as 192.0.2.1:7443 or [::]:7443\n"
            "f:3:2: remote_admin.certificate is \"c\"; it must begin with /\n"
            "f: remote_admin.key is missing; remote_admin.address needs it");
}

TEST(ConfigTest, AProblemOfARuleNamesPlaceRuleAndField) {
  const std::string message = ErrorOf(
      "policy {\n  rules { name: 'a' verdict: DENY ports: '80' }\n"
      "  rules {\n    name: 'b' verdict: DENY\n"
      "    ports: '80'\n    ports: '9-1'\n  }\n"
      "  rules {\n    uids: '5'\n  }\n}\n");
  EXPECT_THAT(message, HasSubstr("f:6:5: policy rule 2 (b): ports is \"9-1\""));
  EXPECT_THAT(message, HasSubstr("f:8:3: policy rule 3: verdict is missing"));
}

TEST(ConfigTest, ValidateNamesTheFieldOfAFlag) {
  Config config = DefaultConfig();
  config.mutable_times()->set_stop_ms(3600001);
  EXPECT_EQ(ValidateConfig(config).message(),
            "times.stop_ms is 3600001; it may be 1 to 3600000");
}

TEST(ConfigTest, AMissingFileSaysSo) {
  const auto config = LoadConfig("/nowhere/wspd.textproto");
  EXPECT_EQ(config.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(config.status().message()),
              HasSubstr("open(/nowhere/wspd.textproto)"));
}

TEST(ConfigTest, TheSampleFileStatesTheDefaults) {
  Config sample = LoadConfig("deploy/wspd.textproto").value();
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(
      sample, DefaultConfig()))
      << sample.DebugString();
}

TEST(ConfigTest, TheSampleFileMentionsEveryField) {
  std::ifstream file("deploy/wspd.textproto");
  const std::string sample((std::istreambuf_iterator<char>(file)), {});
  const auto* config = Config::descriptor();
  for (int i = 0; i < config->field_count(); ++i) {
    EXPECT_THAT(sample, HasSubstr(config->field(i)->name()));
  }
  for (const NumberRule& rule : NumberRules()) {
    EXPECT_THAT(sample, HasSubstr(absl::StrCat(rule.field, ": ")));
  }
}

}  // namespace
}  // namespace wspd
