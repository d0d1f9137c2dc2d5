#ifndef WSPD_DAEMON_ADMIN_REFLECTION_H_
#define WSPD_DAEMON_ADMIN_REFLECTION_H_

#include <string>
#include <vector>

#include "proto/grpc/reflection/v1alpha/reflection.pb.h"

namespace wspd {

// What grpc.reflection.v1alpha answers, from the messages that are linked in.
// Immutable, and so thread-safe.
class Reflection {
 public:
  // `services`: the full names that are listed.
  explicit Reflection(std::vector<std::string> services);

  // The answer to one request of the stream; an unknown name is answered with
  // an error_response, and the stream goes on.
  grpc::reflection::v1alpha::ServerReflectionResponse Respond(
      const grpc::reflection::v1alpha::ServerReflectionRequest& request) const;

 private:
  const std::vector<std::string> services_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_REFLECTION_H_
