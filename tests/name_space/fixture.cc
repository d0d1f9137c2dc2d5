#include "tests/name_space/fixture.h"

#include <ws2tcpip.h>

#include <cstdint>
#include <cstring>
#include <utility>

#include "tests/testing/provider_test.h"
#include "tests/testing/spawn.h"

namespace wspd::testing {
namespace {

// Names in tests are ASCII.
std::string Narrow(const WCHAR* wide) {
  std::string text;
  for (; wide != nullptr && *wide != 0; ++wide) {
    text.push_back(static_cast<char>(*wide));
  }
  return text;
}

std::string AddressText(int family, const void* bytes) {
  const auto* at = static_cast<const uint8_t*>(bytes);
  char text[64];
  if (family == AF_INET) {
    snprintf(text, sizeof(text), "%d.%d.%d.%d", at[0], at[1], at[2], at[3]);
    return text;
  }
  std::string groups;
  for (int i = 0; i < 16; i += 2) {
    snprintf(text, sizeof(text), i > 0 ? ":%x" : "%x", at[i] << 8 | at[i + 1]);
    groups += text;
  }
  return groups;
}

std::string Describe(const CSADDR_INFO& info) {
  const sockaddr* address = info.RemoteAddr.lpSockaddr;
  const int family = address->sa_family;
  EXPECT_EQ(info.LocalAddr.lpSockaddr->sa_family, family);
  EXPECT_EQ(info.LocalAddr.iSockaddrLength, info.RemoteAddr.iSockaddrLength);
  std::string text;
  int port;
  if (family == AF_INET) {
    EXPECT_EQ(info.RemoteAddr.iSockaddrLength,
              static_cast<int>(sizeof(sockaddr_in)));
    const auto* in = reinterpret_cast<const sockaddr_in*>(address);
    text = AddressText(family, &in->sin_addr);
    port = ntohs(in->sin_port);
  } else {
    EXPECT_EQ(family, AF_INET6);
    EXPECT_EQ(info.RemoteAddr.iSockaddrLength,
              static_cast<int>(sizeof(sockaddr_in6)));
    const auto* in6 = reinterpret_cast<const sockaddr_in6*>(address);
    text = AddressText(family, &in6->sin6_addr);
    port = ntohs(in6->sin6_port);
  }
  const bool tcp = info.iSocketType == SOCK_STREAM;
  EXPECT_EQ(info.iProtocol, tcp ? IPPROTO_TCP : IPPROTO_UDP);
  return text + " " + std::to_string(port) + (tcp ? " tcp" : " udp");
}

// Follows the offsets in a blob.
class BlobReader {
 public:
  explicit BlobReader(const BLOB& blob)
      : base_(reinterpret_cast<const char*>(blob.pBlobData)),
        size_(blob.cbSize) {}

  const char* At(const void* offset) const {
    const auto at = reinterpret_cast<uintptr_t>(offset);
    EXPECT_LT(at, size_) << "an offset leads out of the blob";
    return base_ + at;
  }
  std::vector<const char*> List(const void* offset) const {
    std::vector<const char*> list;
    const char* at = At(offset);
    for (uint64_t item; std::memcpy(&item, at, sizeof(item)), item != 0;
         at += sizeof(item)) {
      list.push_back(At(reinterpret_cast<const void*>(item)));
    }
    return list;
  }
  std::string Names(const void* offset) const {
    std::string text;
    for (const char* name : List(offset)) text += std::string(" ") + name;
    return text;
  }

 private:
  const char* const base_;
  const size_t size_;
};

std::string DescribeHost(const BLOB& blob) {
  HOSTENT host;
  std::memcpy(&host, blob.pBlobData, sizeof(host));
  const BlobReader reader(blob);
  std::string text = reader.At(host.h_name);
  text += " |" + reader.Names(host.h_aliases) + " |";
  EXPECT_EQ(host.h_length, host.h_addrtype == AF_INET ? 4 : 16);
  for (const char* address : reader.List(host.h_addr_list)) {
    text += " " + AddressText(host.h_addrtype, address);
  }
  return text;
}

std::string DescribeService(const BLOB& blob) {
  SERVENT service;
  std::memcpy(&service, blob.pBlobData, sizeof(service));
  const BlobReader reader(blob);
  std::string text = reader.At(service.s_name);
  text += " |" + reader.Names(service.s_aliases) + " | ";
  text += std::to_string(ntohs(static_cast<u_short>(service.s_port)));
  return text + " " + reader.At(service.s_proto);
}

LookupRecord RecordOf(const WSAQUERYSETW& set) {
  EXPECT_EQ(set.dwSize, sizeof(set));
  EXPECT_EQ(set.dwNameSpace, static_cast<DWORD>(NS_DNS));
  EXPECT_EQ(std::memcmp(set.lpNSProviderId, &spi_client::kTcpIpNameSpace,
                        sizeof(GUID)),
            0);
  LookupRecord record;
  record.name = Narrow(set.lpszServiceInstanceName);
  record.is_alias = (set.dwOutputFlags & RESULT_IS_ALIAS) != 0;
  record.has_type = set.lpServiceClassId != nullptr;
  record.query_string = Narrow(set.lpszQueryString);
  for (DWORD i = 0; i < set.dwNumberOfCsAddrs; ++i) {
    record.addresses.push_back(Describe(set.lpcsaBuffer[i]));
  }
  if (set.lpBlob == nullptr) return record;
  // The two are as large as each other; a host's third field is a family.
  HOSTENT host;
  std::memcpy(&host, set.lpBlob->pBlobData, sizeof(host));
  const bool is_host = (host.h_addrtype == AF_INET && host.h_length == 4) ||
                       (host.h_addrtype == AF_INET6 && host.h_length == 16);
  record.blob =
      is_host ? DescribeHost(*set.lpBlob) : DescribeService(*set.lpBlob);
  return record;
}

DaemonOptions OptionsOf(const TempDir& files, const DnsResponder& dns) {
  DaemonOptions options;
  options.config = "resolver { servers: '" + dns.address() +
                   "' resolv_conf: '" + files.File("resolv.conf") +
                   "' hosts_file: '" + files.File("hosts") +
                   "' services_file: '" + files.File("services") + "' }\n";
  return options;
}

}  // namespace

std::unique_ptr<NameSpace> NameSpace::Load() {
  std::string error;
  auto client = spi_client::NameSpaceClient::Load(kProviderPath, &error);
  if (client == nullptr) {
    ADD_FAILURE() << error;
    return nullptr;
  }
  return std::unique_ptr<NameSpace>(new NameSpace(std::move(client)));
}

WsaCode NameSpace::Result(int result) {
  if (result == 0) return kOk;
  EXPECT_EQ(result, SOCKET_ERROR);
  const int code = WSAGetLastError();
  return code == 0 ? kNoErrorGiven : WsaCode{code};
}

WsaCode NameSpace::Cleanup(GUID provider) {
  WSASetLastError(0);
  return Result(table().NSPCleanup(&provider));
}

int NameSpace::CleanupAll() {
  if (table().NSPCleanup == nullptr) return 0;
  int count = 0;
  while (Cleanup() == kOk) ++count;
  return count;
}

WsaCode NameSpace::BeginWith(WSAQUERYSETW query, DWORD flags, HANDLE* lookup) {
  GUID provider = spi_client::kTcpIpNameSpace;
  query.dwSize = sizeof(query);
  WSASetLastError(0);
  return Result(
      table().NSPLookupServiceBegin(&provider, &query, nullptr, flags, lookup));
}

WsaCode NameSpace::Begin(GUID service_class, const char16_t* name, DWORD flags,
                         HANDLE* lookup) {
  WSAQUERYSETW query = {};
  query.lpServiceClassId = &service_class;
  query.lpszServiceInstanceName = const_cast<LPWSTR>(name);
  return BeginWith(query, flags, lookup);
}

WsaCode NameSpace::Next(HANDLE lookup, LookupRecord* record, DWORD flags) {
  alignas(WSAQUERYSETW) char buffer[8192];
  DWORD length = sizeof(buffer);
  auto* set = reinterpret_cast<LPWSAQUERYSETW>(buffer);
  WSASetLastError(0);
  const WsaCode code =
      Result(table().NSPLookupServiceNext(lookup, flags, &length, set));
  if (code.ok() && record != nullptr) *record = RecordOf(*set);
  return code;
}

WsaCode NameSpace::End(HANDLE lookup) {
  WSASetLastError(0);
  return Result(table().NSPLookupServiceEnd(lookup));
}

WsaCode NameSpace::LookUpWith(const WSAQUERYSETW& query, DWORD flags,
                              std::vector<LookupRecord>* records) {
  records->clear();
  HANDLE lookup;
  if (const WsaCode code = BeginWith(query, flags, &lookup); !code.ok()) {
    return code;
  }
  LookupRecord record;
  WsaCode code = Next(lookup, &record);
  for (; code.ok(); code = Next(lookup, &record)) records->push_back(record);
  EXPECT_EQ(End(lookup), kOk);
  return code;
}

WsaCode NameSpace::LookUp(GUID service_class, const char16_t* name, DWORD flags,
                          std::vector<LookupRecord>* records) {
  WSAQUERYSETW query = {};
  query.lpServiceClassId = &service_class;
  query.lpszServiceInstanceName = const_cast<LPWSTR>(name);
  return LookUpWith(query, flags, records);
}

NameSpaceTest::NameSpaceTest() : daemon_(OptionsOf(files_, dns_)) {
  WriteFile(files_.File("hosts"),
            "192.0.2.1 files.example f\n"
            "2001:db8::1 files.example\n");
  WriteFile(files_.File("services"),
            "domain 53/tcp\n"
            "domain 53/udp dns\n"
            "http 80/tcp www\n");
  WriteFile(files_.File("resolv.conf"), "options timeout:30 attempts:1\n");
  dns_.AddSilence("silent.example");
}

void NameSpaceTest::SetUp() {
  ASSERT_TRUE(daemon_.Start());
  UseDaemonAt(daemon_.provider_socket());
  name_space_ = NameSpace::Load();
  ASSERT_NE(name_space_, nullptr);
}

void NameSpaceTest::TearDown() {
  if (name_space_ != nullptr) {
    name_space_->CleanupAll();
    name_space_->Unload();
  }
  if (!daemon_.is_running()) return;
  const int status = daemon_.Stop();
  EXPECT_EQ(status, 0) << "the daemon: " << DescribeStatus(status);
}

}  // namespace wspd::testing
