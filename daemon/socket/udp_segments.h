#ifndef WSPD_DAEMON_SOCKET_UDP_SEGMENTS_H_
#define WSPD_DAEMON_SOCKET_UDP_SEGMENTS_H_

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>

namespace wspd {

// A send of a UDP socket that has UDP_SEGMENT goes as several datagrams of that
// many bytes. These say by what a send has, its socket or its ancillary data;
// 0: nothing of it.
size_t SegmentBytesOf(int fd);
size_t SegmentBytesOf(const msghdr& message);

// How many datagrams a send of `bytes` is.
inline uint64_t DatagramsOf(uint64_t bytes, size_t segment_bytes) {
  if (segment_bytes == 0 || bytes == 0) return 1;
  return (bytes + segment_bytes - 1) / segment_bytes;
}

}  // namespace wspd

#endif  // WSPD_DAEMON_SOCKET_UDP_SEGMENTS_H_
