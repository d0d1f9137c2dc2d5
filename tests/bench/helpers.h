#ifndef WSPD_TESTS_BENCH_HELPERS_H_
#define WSPD_TESTS_BENCH_HELPERS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace wspd::bench {

// Processes that a row starts: this program under another role. The provider
// is a path.

// Stands for the kernel's own sockets.
constexpr char kNoProvider[] = "";

// Connects `count` times to a port, writes a line, and holds the connections.
std::vector<std::string> HolderCommand(const std::string& provider,
                                       uint16_t port, int count);
// Connects once to a port that echoes and `idle` times to another, and writes a
// line; then measures for each line that it reads, and writes the median round
// trip in microseconds.
std::vector<std::string> EchoerCommand(const std::string& provider,
                                       uint16_t echo_port, uint16_t idle_port,
                                       int idle, int round_trips);
// Writes a line of how long loading and WSPStartup took, in milliseconds.
std::vector<std::string> StartupCommand(const std::string& provider);
// Connects to a port that echoes, does one overlapped receive, and writes a
// line: how many threads the provider has added at most, and how many KiB of
// resident memory.
std::vector<std::string> FootprintCommand(const std::string& provider,
                                          uint16_t echo_port);

// Plays the role that such a command's arguments name. Returns false if they
// name none.
bool PlayRole(const std::vector<std::string>& arguments);

}  // namespace wspd::bench

#endif  // WSPD_TESTS_BENCH_HELPERS_H_
