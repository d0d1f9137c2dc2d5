/* clang-format off */
#include "client_stub/spi/name_space_record.h"  // before all others
/* clang-format on */

#include <ws2tcpip.h>

#include <cstring>
#include <utility>

#include "client_stub/spi/socket_addresses.h"
#include "client_stub/spi/utf16.h"
#include "proto/wire_fields.h"

namespace wsp {
namespace {

constexpr size_t kAlignment = 8;

// Hands out a buffer piece by piece. Counts on beyond its end, where there is
// nothing to write to.
class Packer {
 public:
  Packer(void* base, size_t capacity)
      : base_(static_cast<uint8_t*>(base)), capacity_(capacity) {}

  // Zeroed; null if it lies beyond the end.
  template <typename T>
  T* Take(size_t count = 1) {
    used_ = (used_ + kAlignment - 1) / kAlignment * kAlignment;
    const size_t begin = used_;
    used_ += count * sizeof(T);
    if (base_ == nullptr || used_ > capacity_) return nullptr;
    std::memset(base_ + begin, 0, count * sizeof(T));
    return reinterpret_cast<T*>(base_ + begin);
  }

  size_t used() const { return used_; }

 private:
  uint8_t* const base_;
  const size_t capacity_;
  size_t used_ = 0;
};

LPWSTR PackName(const ByteBuffer& utf8, Packer* packer) {
  auto* wide = packer->Take<WCHAR>(WideLength(utf8) + 1);
  if (wide != nullptr) Utf8ToWide(utf8, wide);
  return wide;
}

template <typename T>
T* PackCopy(const T& value, Packer* packer) {
  T* copy = packer->Take<T>();
  if (copy != nullptr) *copy = value;
  return copy;
}

void PackSocketAddress(const Address& address, Packer* packer,
                       SOCKET_ADDRESS* out) {
  int length = SocketAddressLength(address.family == Address::kIpv4 ? AF_INET
                                                                    : AF_INET6);
  auto* bytes = packer->Take<char>(static_cast<size_t>(length));
  if (bytes == nullptr || out == nullptr) return;
  out->lpSockaddr = reinterpret_cast<LPSOCKADDR>(bytes);
  WriteSocketAddress(address, out->lpSockaddr, &length);
  out->iSockaddrLength = length;
}

struct SocketKind {
  int type;
  int protocol;
};

SocketKind KindOf(uint32_t wire_type, const NameSpaceQuery& query) {
  switch (wire_type) {
    case wire::SocketRequest::TYPE_STREAM:
      return {SOCK_STREAM, IPPROTO_TCP};
    case wire::SocketRequest::TYPE_DATAGRAM:
      return {SOCK_DGRAM, IPPROTO_UDP};
    default:
      return {query.socket_type, query.protocol};
  }
}

void PackAddress(const Address& prime, const NameSpaceQuery& query,
                 SocketKind kind, Packer* packer, CSADDR_INFO* out) {
  Address other;
  other.family = prime.family;
  // For whom is going to listen there.
  const bool for_service = (query.flags & LUP_RES_SERVICE) != 0;
  const Address& local = for_service ? prime : other;
  const Address& remote = for_service ? other : prime;
  PackSocketAddress(local, packer, out ? &out->LocalAddr : nullptr);
  PackSocketAddress(remote, packer, out ? &out->RemoteAddr : nullptr);
  if (out == nullptr) return;
  out->iSocketType = kind.type;
  out->iProtocol = kind.protocol;
}

void PackAddresses(const NameSpaceQuery& query, const LookupReply& reply,
                   const LookupReply::Service* service, Packer* packer,
                   LPWSAQUERYSETW out) {
  const size_t count = service != nullptr ? 1 : reply.addresses.size();
  if (count == 0) return;
  auto* list = packer->Take<CSADDR_INFO>(count);
  out->dwNumberOfCsAddrs = static_cast<DWORD>(count);
  out->lpcsaBuffer = list;
  if (service != nullptr) {
    Address any;
    any.family = Address::kIpv4;
    any.port = service->port;
    return PackAddress(any, query, KindOf(service->type, query), packer, list);
  }
  for (size_t i = 0; i < count; ++i) {
    const LookupReply::Entry& entry = reply.addresses[i];
    Address remote = entry.address;
    if (remote.port == 0) remote.port = query.port;
    PackAddress(remote, query, KindOf(entry.type, query), packer,
                list != nullptr ? list + i : nullptr);
  }
}

// -------------------------------------------------------------------- blobs

// A blob being written: pieces of it by their offsets from its beginning.
class Blob {
 public:
  size_t Add(const void* data, size_t size) {
    const size_t at = bytes_.size();
    bytes_.resize((at + size + kAlignment - 1) / kAlignment * kAlignment);
    if (size > 0) std::memcpy(&bytes_[at], data, size);
    return at;
  }

  size_t AddText(const ByteBuffer& text) {
    ByteBuffer copy = text;
    copy.push_back(0);
    return Add(copy.data(), copy.size());
  }

  // A list of pointers, with the null at its end.
  size_t AddList(std::vector<uint64_t> offsets) {
    offsets.push_back(0);
    return Add(offsets.data(), offsets.size() * sizeof(uint64_t));
  }

  size_t AddNames(const std::vector<ByteBuffer>& names) {
    std::vector<uint64_t> offsets;
    for (const ByteBuffer& name : names) offsets.push_back(AddText(name));
    return AddList(std::move(offsets));
  }

  template <typename T>
  void Set(const T& head) {
    std::memcpy(bytes_.data(), &head, sizeof head);
  }

  const ByteBuffer& bytes() const { return bytes_; }

 private:
  ByteBuffer bytes_;
};

template <typename T>
T OffsetAsPointer(size_t offset) {
  return reinterpret_cast<T>(static_cast<uintptr_t>(offset));
}

ByteBuffer HostBlob(const LookupReply& reply) {
  bool ipv4 = reply.addresses.empty();
  for (const auto& entry : reply.addresses) {
    ipv4 |= entry.address.family == Address::kIpv4;
  }
  const auto family = ipv4 ? Address::kIpv4 : Address::kIpv6;
  HOSTENT host = {};
  host.h_addrtype = static_cast<short>(ipv4 ? AF_INET : AF_INET6);
  host.h_length = static_cast<short>(ipv4 ? 4 : 16);
  Blob blob;
  blob.Add(&host, sizeof host);
  host.h_name = OffsetAsPointer<char*>(blob.AddText(reply.canonical_name));
  host.h_aliases = OffsetAsPointer<char**>(blob.AddNames(reply.aliases));
  std::vector<uint64_t> offsets;
  const Address* last = nullptr;
  for (const auto& entry : reply.addresses) {
    const Address& address = entry.address;
    if (address.family != family) continue;
    // One that is there for TCP and for UDP is one address.
    const bool again =
        last != nullptr && std::memcmp(last->bytes, address.bytes, 16) == 0;
    last = &address;
    if (again) continue;
    offsets.push_back(
        blob.Add(address.bytes, static_cast<size_t>(host.h_length)));
  }
  host.h_addr_list = OffsetAsPointer<char**>(blob.AddList(std::move(offsets)));
  blob.Set(host);
  return blob.bytes();
}

ByteBuffer ServiceBlob(const LookupReply::Service& service) {
  const bool tcp = service.type == wire::SocketRequest::TYPE_STREAM;
  SERVENT entry = {};
  Blob blob;
  blob.Add(&entry, sizeof entry);
  entry.s_name = OffsetAsPointer<char*>(blob.AddText(service.name));
  entry.s_aliases = OffsetAsPointer<char**>(blob.AddNames(service.aliases));
  entry.s_proto = OffsetAsPointer<char*>(blob.Add(tcp ? "tcp" : "udp", 4));
  entry.s_port = static_cast<short>(htons(service.port));
  blob.Set(entry);
  return blob.bytes();
}

void PackBlob(const LookupReply& reply, const LookupReply::Service* service,
              Packer* packer, LPWSAQUERYSETW out) {
  const ByteBuffer bytes =
      service != nullptr ? ServiceBlob(*service) : HostBlob(reply);
  auto* blob = packer->Take<BLOB>();
  auto* data = packer->Take<BYTE>(bytes.size());
  if (blob == nullptr || data == nullptr) return;
  std::memcpy(data, bytes.data(), bytes.size());
  blob->cbSize = static_cast<ULONG>(bytes.size());
  blob->pBlobData = data;
  out->lpBlob = blob;
}

// ------------------------------------------------------------------ records

void Pack(const NameSpaceQuery& query, const LookupReply& reply,
          const NameSpaceRecord& record, DWORD flags, Packer* packer) {
  auto* out = packer->Take<WSAQUERYSETW>();
  // Written to while only the size is counted.
  WSAQUERYSETW nowhere = {};
  LPWSAQUERYSETW set = out != nullptr ? out : &nowhere;
  set->dwSize = sizeof *set;
  set->dwNameSpace = NS_DNS;
  set->lpNSProviderId = PackCopy(kNameSpaceProviderId, packer);
  if (record.is_alias) set->dwOutputFlags = RESULT_IS_ALIAS;
  if (record.is_alias || (flags & LUP_RETURN_NAME) != 0) {
    set->lpszServiceInstanceName = PackName(*record.name, packer);
  }
  if ((flags & LUP_RETURN_TYPE) != 0) {
    set->lpServiceClassId = PackCopy(query.service_class, packer);
  }
  if (record.is_alias) return;
  if ((flags & LUP_RETURN_ADDR) != 0) {
    PackAddresses(query, reply, record.service, packer, set);
  }
  if ((flags & LUP_RETURN_BLOB) != 0) {
    PackBlob(reply, record.service, packer, set);
  }
  if ((flags & LUP_RETURN_QUERY_STRING) != 0 && !query.query_string.empty()) {
    auto* text = packer->Take<WCHAR>(query.query_string.size());
    if (text != nullptr) {
      std::memcpy(text, query.query_string.data(),
                  query.query_string.size() * sizeof(WCHAR));
    }
    set->lpszQueryString = text;
  }
}

void AddAliases(const std::vector<ByteBuffer>& aliases,
                const LookupReply::Service* service,
                std::vector<NameSpaceRecord>* records) {
  for (const ByteBuffer& alias : aliases) {
    records->push_back({&alias, service, /*is_alias=*/true});
  }
}

}  // namespace

std::vector<NameSpaceRecord> RecordsOf(const NameSpaceQuery& query,
                                       const LookupReply& reply) {
  const bool aliases = (query.flags & LUP_RETURN_ALIASES) != 0;
  std::vector<NameSpaceRecord> records;
  if (query.params.kind == wire::LookupRequest::KIND_SERVICE) {
    for (const LookupReply::Service& service : reply.services) {
      records.push_back({&service.name, &service, /*is_alias=*/false});
      if (aliases) AddAliases(service.aliases, &service, &records);
    }
    return records;
  }
  records.push_back({&reply.canonical_name, nullptr, /*is_alias=*/false});
  if (aliases) AddAliases(reply.aliases, nullptr, &records);
  return records;
}

size_t WriteRecord(const NameSpaceQuery& query, const LookupReply& reply,
                   const NameSpaceRecord& record, DWORD flags, size_t capacity,
                   LPWSAQUERYSETW out) {
  Packer measure(nullptr, 0);
  Pack(query, reply, record, flags, &measure);
  if (out == nullptr || measure.used() > capacity) return measure.used();
  Packer packer(out, capacity);
  Pack(query, reply, record, flags, &packer);
  return measure.used();
}

}  // namespace wsp
