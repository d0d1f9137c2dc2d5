#ifndef WSPD_PROTO_RELAY_WIRE_H_
#define WSPD_PROTO_RELAY_WIRE_H_

#include <stdint.h>

// What travels between the two ends of a relayed socket besides a stream's own
// bytes (README.md, "Relayed sockets"). Both ends are of one machine: fields
// are in its own byte order, but ports and addresses, which are as the network
// has them. Whatever comes from the other end is checked by who reads it.
namespace wsp::relay {

// Of addresses below.
enum : uint8_t { kNoAddress = 0, kIpv4 = 4, kIpv6 = 6 };

struct Address {
  // kNoAddress, kIpv4 or kIpv6.
  uint8_t family;
  uint8_t zero;
  // Network order.
  uint16_t port;
  // Flow label and traffic class, network order; 0 for IPv4.
  uint32_t flow_info;
  // IPv4 in the first four bytes, the others 0.
  uint8_t bytes[16];
  // Interface index in the daemon's network namespace; 0 for IPv4.
  uint32_t scope_id;
};
static_assert(sizeof(Address) == 28);

// A connection that was accepted: one message of this size from the daemon on a
// listening socket, with the new socket's descriptor (SCM_RIGHTS).
struct Accepted {
  Address peer;
  Address local;
  // The new socket's.
  uint64_t number;
};
static_assert(sizeof(Accepted) == 64);

enum : uint8_t {
  // A datagram: DatagramHeader, its control block, its payload.
  kDatagram = 0,
  // Only from the daemon: an error that came between the datagrams, which the
  // next receive returns: DatagramHeader alone.
  kError = 1,
};

// In front of each datagram, in both directions.
struct DatagramHeader {
  uint8_t kind;
  uint8_t zero;
  // Bytes of the control block that follows: cmsghdrs, padded as CMSG_SPACE
  // does. At most kMaxControlBytes.
  uint16_t control_bytes;
  // To the daemon: MSG_DONTROUTE, MSG_CONFIRM. From it: MSG_CTRUNC, or the
  // errno of a kError.
  int32_t flags;
  // Where it goes, kNoAddress: to the connected peer. Where it comes from.
  Address address;
};
static_assert(sizeof(DatagramHeader) == 36);

constexpr uint16_t kMaxControlBytes = 1024;
// The longest that IPv4 and IPv6 can carry without jumbograms.
constexpr uint32_t kMaxDatagramBytes = 65535;

}  // namespace wsp::relay

#endif  // WSPD_PROTO_RELAY_WIRE_H_
