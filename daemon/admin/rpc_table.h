#ifndef WSPD_DAEMON_ADMIN_RPC_TABLE_H_
#define WSPD_DAEMON_ADMIN_RPC_TABLE_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "daemon/base/utf8.h"

namespace wspd {

// Who makes a call: by the kernel's word on the process that connected, or by a
// certificate.
struct Caller {
  // Somebody from elsewhere, who is no user of this system.
  struct Remote {
    std::vector<std::string> names;
    bool is_administrator = false;
  };
  // Somebody in no group that matters.
  // NOLINTNEXTLINE(google-explicit-constructor)
  Caller(uid_t uid, std::vector<gid_t> groups = {})
      : uid(uid), groups(std::move(groups)) {}
  explicit Caller(Remote remote)
      : uid(static_cast<uid_t>(-1)), remote(std::move(remote)) {}

  // All that it is known by: "uid 5", "DNS:a.test,CN:a".
  std::string key() const {
    return remote ? absl::StrJoin(remote->names, ",")
                  : absl::StrCat("uid ", uid);
  }
  // The same for people, who need no more of a certificate with many names.
  std::string text() const {
    constexpr size_t kMostBytes = 256;
    std::string text = key();
    if (text.size() > kMostBytes) {
      text = ToValidUtf8(absl::StrCat(text.substr(0, kMostBytes), "..."));
    }
    return text;
  }

  uid_t uid;
  // The effective one and the supplementary ones, as far as they are known.
  std::vector<gid_t> groups;
  // None: a process of this system.
  absl::optional<Remote> remote;
};

enum class RpcKind {
  // One request, one answer.
  kUnary,
  // One answer for each request, until the client has no more.
  kBidi,
  // One request; its answer now, and again whenever it has changed.
  kWatch,
  // One request; messages as they come. Also one answer that takes its time.
  kStream,
};

// Where the messages of a stream come from. The server's thread only.
class RpcSource {
 public:
  virtual ~RpcSource() = default;

  // The next encoded message. None if there is none now: once there is one, or
  // an end, RpcServer::Recheck() has to be called.
  virtual absl::optional<std::string> Next() = 0;

  // How the call ends. Asked when there is no message; none: not yet.
  virtual absl::optional<absl::Status> End() { return absl::nullopt; }
};

// One method of a server, on encoded messages.
struct RpcMethod {
  // As gRPC writes it: "/wsp.v1.Admin/ListClients".
  std::string name;
  RpcKind kind;
  // The answer for a caller. An error ends the call.
  std::function<absl::StatusOr<std::string>(const Caller& caller,
                                            const std::string& request)>
      answer;
  // Of a stream, in its place.
  std::function<absl::StatusOr<std::unique_ptr<RpcSource>>(
      const Caller& caller, const std::string& request)>
      open = nullptr;
};

// The methods that a server offers. Immutable once it serves.
class RpcTable {
 public:
  // `handler`: absl::StatusOr<Response>(const Caller&, const Request&).
  template <typename Request, typename Handler>
  void Add(std::string name, RpcKind kind, Handler handler) {
    methods_.push_back({std::move(name), kind,
                        [handler = std::move(handler)](const Caller& caller,
                                                       const std::string& bytes)
                            -> absl::StatusOr<std::string> {
                          Request request;
                          if (!request.ParseFromString(bytes))
                            return NotA(request);
                          auto response = handler(caller, request);
                          if (!response.ok()) return response.status();
                          return response->SerializeAsString();
                        },
                        nullptr});
  }

  // `open`: absl::StatusOr<std::unique_ptr<RpcSource>>(const Caller&, const
  // Request&).
  template <typename Request, typename Open>
  void AddStream(std::string name, Open open) {
    methods_.push_back({std::move(name), RpcKind::kStream, nullptr,
                        [open = std::move(open)](const Caller& caller,
                                                 const std::string& bytes)
                            -> absl::StatusOr<std::unique_ptr<RpcSource>> {
                          Request request;
                          if (!request.ParseFromString(bytes))
                            return NotA(request);
                          return open(caller, request);
                        }});
  }

  // Null if there is none.
  const RpcMethod* Find(absl::string_view name) const {
    for (const RpcMethod& method : methods_) {
      if (method.name == name) return &method;
    }
    return nullptr;
  }

 private:
  template <typename Request>
  static absl::Status NotA(const Request& request) {
    return absl::InvalidArgumentError("the request isn't a " +
                                      request.GetTypeName());
  }

  std::vector<RpcMethod> methods_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_RPC_TABLE_H_
