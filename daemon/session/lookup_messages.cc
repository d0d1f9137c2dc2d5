#include "daemon/session/lookup_messages.h"

#include <errno.h>
#include <sys/socket.h>

#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "daemon/base/utf8.h"
#include "daemon/winsock/address_codec.h"
#include "daemon/winsock/wsa_error.h"

namespace wspd {
namespace {

using ::wsp::v1::LookupRequest;
using ::wsp::v1::LookupResult;
using ::wsp::v1::SocketRequest;

constexpr size_t kMostNameBytes = 253;
constexpr size_t kMostServiceBytes = 64;

bool IsName(absl::string_view name) {
  absl::ConsumeSuffix(&name, ".");
  return !name.empty() && name.size() <= kMostNameBytes &&
         name.find('\0') == absl::string_view::npos;
}

bool DecodeFamily(SocketRequest::Family family, int* to) {
  switch (family) {
    case SocketRequest::FAMILY_UNSPECIFIED:
      *to = AF_UNSPEC;
      return true;
    case SocketRequest::FAMILY_IPV4:
      *to = AF_INET;
      return true;
    case SocketRequest::FAMILY_IPV6:
      *to = AF_INET6;
      return true;
    default:
      return false;
  }
}

bool DecodeType(SocketRequest::Type type, int* to) {
  switch (type) {
    case SocketRequest::TYPE_UNSPECIFIED:
      *to = 0;
      return true;
    case SocketRequest::TYPE_STREAM:
      *to = SOCK_STREAM;
      return true;
    case SocketRequest::TYPE_DATAGRAM:
      *to = SOCK_DGRAM;
      return true;
    default:
      return false;
  }
}

SocketRequest::Type EncodeType(int type) {
  switch (type) {
    case SOCK_STREAM:
      return SocketRequest::TYPE_STREAM;
    case SOCK_DGRAM:
      return SocketRequest::TYPE_DATAGRAM;
    default:
      return SocketRequest::TYPE_UNSPECIFIED;
  }
}

bool DecodeKind(const LookupRequest& request, LookupQuestion* question) {
  switch (request.kind()) {
    case LookupRequest::KIND_HOST:
      question->kind = LookupQuestion::Kind::kHost;
      question->name = request.name();
      return IsName(question->name);
    case LookupRequest::KIND_ADDRESS:
      question->kind = LookupQuestion::Kind::kAddress;
      return DecodeAddress(request.address(), &question->address);
    case LookupRequest::KIND_SERVICE:
      question->kind = LookupQuestion::Kind::kService;
      return !request.service().empty();
    case LookupRequest::KIND_OWN_HOST:
      question->kind = LookupQuestion::Kind::kOwnHost;
      return true;
    default:
      return false;
  }
}

CallResult ErrorResult(LookupError error) {
  switch (error) {
    case LookupError::kHostNotFound:
      return CallResult(kWsaHostNotFound, ENOENT);
    case LookupError::kNoData:
      return CallResult(kWsaNoData, ENODATA);
    case LookupError::kTryAgain:
      return CallResult(kWsaTryAgain, EAGAIN);
    case LookupError::kServiceNotFound:
      return CallResult(kWsaServiceNotFound, ENOENT);
    case LookupError::kTimedOut:
      return CallResult(kWsaTimedOut, ETIMEDOUT);
    default:
      return CallResult(kWsaNoRecovery, EIO);
  }
}

}  // namespace

bool DecodeLookup(const LookupRequest& request, LookupQuestion* question) {
  question->service = request.service();
  question->want_aliases = request.want_aliases();
  return DecodeKind(request, question) &&
         DecodeFamily(request.family(), &question->family) &&
         DecodeType(request.type(), &question->type) &&
         question->service.size() <= kMostServiceBytes;
}

CallResult EncodeLookup(const LookupAnswer& answer) {
  if (answer.error != LookupError::kNone) return ErrorResult(answer.error);
  LookupResult message;
  message.set_canonical_name(ToValidUtf8(answer.canonical_name));
  for (const std::string& alias : answer.aliases) {
    message.add_aliases(ToValidUtf8(alias));
  }
  for (const LookupAnswer::Address& each : answer.addresses) {
    LookupResult::Address* entry = message.add_addresses();
    EncodeAddress(each.address, entry->mutable_address());
    entry->set_type(EncodeType(each.type));
  }
  for (const LookupService& each : answer.services) {
    LookupResult::Service* entry = message.add_services();
    entry->set_name(each.name);
    entry->set_port(each.port);
    entry->set_type(EncodeType(each.type));
    for (const std::string& alias : each.aliases) entry->add_aliases(alias);
  }
  CallResult result;
  result.body = message.SerializeAsString();
  return result;
}

}  // namespace wspd
