#ifndef WSPD_TESTS_NAME_SPACE_FIXTURE_H_
#define WSPD_TESTS_NAME_SPACE_FIXTURE_H_

#include <memory>
#include <string>
#include <vector>

#include "client_stub/spi_client/name_space_client.h"
#include "gmock/gmock.h"
#include "tests/testing/daemon_process.h"
#include "tests/testing/dns_responder.h"
#include "tests/testing/spi.h"  // before any system socket header
#include "tests/testing/temp_dir.h"

namespace wspd::testing {

// One result of NSPLookupServiceNext, in C++.
struct LookupRecord {
  std::string name;
  bool is_alias = false;
  bool has_type = false;
  // "192.0.2.1 80 tcp"; IPv6 in eight groups.
  std::vector<std::string> addresses;
  std::string query_string;
  // Of a HOSTENT or SERVENT: "NAME | ALIAS ALIAS | what it has else".
  std::string blob;
};

// The functions of a loaded name-space provider, with C++ arguments. Each gives
// the call's error code.
class NameSpace {
 public:
  // Null, and a test failure, if it can't be loaded.
  static std::unique_ptr<NameSpace> Load();

  spi_client::NameSpaceClient& client() { return *client_; }
  const NSP_ROUTINE& table() const { return client_->table(); }
  bool Unload() { return client_->Unload(); }

  WsaCode Startup() { return {client_->Startup()}; }
  WsaCode Cleanup(GUID provider = spi_client::kTcpIpNameSpace);
  int CleanupAll();

  WsaCode Begin(GUID service_class, const char16_t* name, DWORD flags,
                HANDLE* lookup);
  WsaCode BeginWith(WSAQUERYSETW query, DWORD flags, HANDLE* lookup);
  WsaCode Next(HANDLE lookup, LookupRecord* record = nullptr, DWORD flags = 0);
  WsaCode End(HANDLE lookup);

  // Begin, Next until there is no more, End. The code that ended it.
  WsaCode LookUp(GUID service_class, const char16_t* name, DWORD flags,
                 std::vector<LookupRecord>* records);
  WsaCode LookUpWith(const WSAQUERYSETW& query, DWORD flags,
                     std::vector<LookupRecord>* records);

  // What a failed call left behind.
  static WsaCode Result(int result);

 private:
  explicit NameSpace(std::unique_ptr<spi_client::NameSpaceClient> client)
      : client_(std::move(client)) {}

  std::unique_ptr<spi_client::NameSpaceClient> client_;
};

constexpr WsaCode kNoMore{WSA_E_NO_MORE};
constexpr WsaCode kCancelled{WSA_E_CANCELLED};

// A daemon that asks a DNS server and a hosts file of the test's own, and the
// provider loaded to use it, not started up yet. The server never answers for
// "silent.example".
class NameSpaceTest : public ::testing::Test {
 protected:
  NameSpaceTest();

  void SetUp() override;
  void TearDown() override;

  const TempDir files_;
  DnsResponder dns_;
  DaemonProcess daemon_;
  std::unique_ptr<NameSpace> name_space_;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_NAME_SPACE_FIXTURE_H_
