#include "daemon/wspctl/name_table.h"

#include <string>

#include "absl/time/time.h"
#include "daemon/wspctl/field_table.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::wsp::v1::ListNamesResponse;
using ::wsp::v1::LookedUpName;

constexpr int64_t kSecond = 1'000'000'000;
const CellView kView(absl::FromUnixSeconds(100));

LookedUpName* Add(ListNamesResponse* response, const std::string& name) {
  LookedUpName* const entry = response->add_names();
  entry->set_number(response->names_size());
  entry->set_client_id(1);
  entry->set_pid(11);
  entry->set_uid(1000);
  entry->set_name(name);
  entry->set_lookups(1);
  entry->set_last_at_ns(90 * kSecond);
  return entry;
}

TEST(NameTableTest, SaysWhatWasFoundAndWhatNot) {
  ListNamesResponse response;
  LookedUpName* name = Add(&response, "a.example");
  name->set_lookups(3);
  name->set_failures(1);
  name->set_found_at_ns(40 * kSecond);
  name->set_family(LookedUpName::FAMILY_IPV4);
  name->add_addresses("192.0.2.1");
  name->add_addresses("192.0.2.2");
  name->set_address_count(7);
  name->set_wsa_error(11002);
  name = Add(&response, "none.example");
  name->set_pid(0);
  name->set_failures(1);
  name->set_wsa_error(11001);
  EXPECT_EQ(
      NamePrinter(NameTable(), false, TextStyle()).Format(response, kView),
      "CLIENT  PID   UID  NAME          FAMILY  LOOKUPS  FAILED  LAST  FOUND  "
      "ERROR              ADDRESSES\n"
      "     1   11  1000  a.example     ipv4          3       1   10s  1m00s  "
      "WSATRY_AGAIN       192.0.2.1,192.0.2.2 and 5 more\n"
      "     1    -  1000  none.example  any           1       1   10s      -  "
      "WSAHOST_NOT_FOUND  -\n");
}

TEST(NameTableTest, NothingReachesTheTerminal) {
  ListNamesResponse response;
  LookedUpName* const name = Add(&response, "\x1b[2Ja\nb.example");
  name->add_addresses("\x1b[31m");
  const std::string text =
      NamePrinter(NameTable(), false, TextStyle()).Format(response, kView);
  EXPECT_THAT(text, HasSubstr("\\x1b[2Ja\\nb.example"));
  EXPECT_THAT(text, HasSubstr("\\x1b[31m"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(
      NamePrinter(NameTable(), true, TextStyle()).Format(response, kView),
      Not(HasSubstr("\x1b")));
}

TEST(NameTableTest, JsonHasAllFieldsAndTheEndpoint) {
  ListNamesResponse response;
  Add(&response, "a.example")->add_addresses("192.0.2.1");
  EXPECT_EQ(NamePrinter(NameTable(), true, TextStyle(), true)
                .Format(response, kView, "host:1"),
            "{\"endpoint\":\"host:1\",\"number\":\"1\",\"client_id\":\"1\","
            "\"pid\":11,\"uid\":1000,\"name\":\"a.example\","
            "\"family\":\"FAMILY_UNSPECIFIED\",\"canonical_name\":\"\","
            "\"addresses\":[\"192.0.2.1\"],\"address_count\":0,"
            "\"wsa_error\":0,\"lookups\":\"1\",\"failures\":\"0\","
            "\"first_at_ns\":\"0\",\"last_at_ns\":\"90000000000\","
            "\"found_at_ns\":\"0\"}\n");
}

TEST(NameTableTest, EveryFieldHasAColumn) {
  ListNamesResponse response;
  LookedUpName* const name = Add(&response, "a.example");
  name->set_canonical_name("web\n.example");
  name->set_first_at_ns(70 * kSecond);
  const auto* type = LookedUpName::descriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    EXPECT_NE(NameTable().Find(type->field(i)->name()), nullptr)
        << type->field(i)->name();
  }
  EXPECT_EQ(NamePrinter::Create(NameTable(),
                                {"canonical_name", "first_at_ns", "number"},
                                false, TextStyle())
                ->Format(response, kView),
            "CANONICAL NAME  FIRST  NUMBER\n"
            "web\\n.example     30s       1\n");
}

TEST(NameTableTest, ErrorsHaveWinsocksNames) {
  EXPECT_EQ(LookupErrorName(0), "-");
  EXPECT_EQ(LookupErrorName(10013), "WSAEACCES");
  EXPECT_EQ(LookupErrorName(11004), "WSANO_DATA");
  EXPECT_EQ(LookupErrorName(12345), "12345");
}

}  // namespace
}  // namespace wspd
