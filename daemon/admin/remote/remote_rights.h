#ifndef WSPD_DAEMON_ADMIN_REMOTE_REMOTE_RIGHTS_H_
#define WSPD_DAEMON_ADMIN_REMOTE_REMOTE_RIGHTS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"

namespace wspd {

// Whether `name` is one that rights can be given to: "DNS:NAME", "URI:NAME" or
// "CN:NAME", in UTF-8 and without control characters.
bool IsCertificateName(absl::string_view name);

// Who may do what from elsewhere, by the names of certificates, compared to the
// letter. Immutable.
class RemoteRights {
 public:
  enum class Level {
    kNone,
    // Sees everything.
    kReader,
    // Does everything.
    kAdministrator,
  };

  RemoteRights(const std::vector<std::string>& administrators,
               const std::vector<std::string>& readers)
      : administrators_(administrators.begin(), administrators.end()),
        readers_(readers.begin(), readers.end()) {}

  static std::shared_ptr<const RemoteRights> Nobody() {
    return std::make_shared<const RemoteRights>(std::vector<std::string>(),
                                                std::vector<std::string>());
  }

  // The most that any of the names has.
  Level Of(const std::vector<std::string>& names) const;

 private:
  const absl::flat_hash_set<std::string> administrators_;
  const absl::flat_hash_set<std::string> readers_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_REMOTE_REMOTE_RIGHTS_H_
