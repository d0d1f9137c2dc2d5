#ifndef WSPD_DAEMON_CONFIG_LIMIT_LIST_H_
#define WSPD_DAEMON_CONFIG_LIMIT_LIST_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "proto/wspd/config.pb.h"

namespace wspd {

// All limits of a configuration whose defaults are filled in, by the names of
// their fields, in the order of the schema.
std::vector<std::pair<std::string, uint64_t>> ListLimits(
    const Config::Limits& limits);

}  // namespace wspd

#endif  // WSPD_DAEMON_CONFIG_LIMIT_LIST_H_
