#ifndef WSPD_DAEMON_RELAY_LOCAL_ADDRESS_H_
#define WSPD_DAEMON_RELAY_LOCAL_ADDRESS_H_

#include <sys/types.h>

#include <string>

#include "daemon/linux/linux_socket.h"
#include "daemon/socket/net_address.h"
#include "daemon/winsock/address_table.h"

namespace wspd {

// The address that a relayed socket's real socket is bound to, and
// SO_REUSEADDR and SO_REUSEPORT, by which it shares that: with sockets of its
// user alone, whosever the kernel takes them all for.
//
// An address that is asked for is first taken in the table of all clients'.
// What the kernel chooses is nobody else's only if the socket has neither
// option, so that it hasn't while the kernel does. Datagram sockets come to a
// port by sending, too: the real one has the options from bind() on.
//
// A port that a connection was made from by itself is not in the table: the
// kernel lets nobody else listen there. Nor is a group's address, of which each
// has a copy.
//
// Functions with `fd` take the real socket, always the same one. Not
// thread-safe.
class LocalAddress {
 public:
  // `table` outlives this.
  LocalAddress(AddressTable* table, const LinuxSocketKind& kind, uid_t uid);

  // Return errno. EADDRINUSE: another user's, too. `anothers` may be null:
  // whether it is that by the table, whatever the kernel would say.
  int Bind(int fd, const NetAddress& address, bool* anothers = nullptr);
  int Listen(int fd, int backlog);

  // setsockopt() and getsockopt() of options that IsSharing(). Return errno.
  int SetSharing(int fd, int name, const std::string& value);
  // `value` is what getsockopt() has made of the real socket's.
  void CorrectSharing(int name, void* value, size_t size) const;
  static bool IsSharing(int level, int name);

  // After connect() to nowhere, which takes a port back that the kernel has
  // chosen.
  void Look(int fd);
  // The real socket is closed.
  void Release() { hold_.reset(); }

 private:
  // Values of the options.
  struct Sharing {
    int address = 0;
    int port = 0;
  };

  Sharing Wanted(int fd) const;
  static void Share(int fd, const Sharing& sharing);
  AddressTable::Bind EntryOf(int fd, const NetAddress& address) const;
  int BindToPort(int fd, const NetAddress& address, bool* anothers);
  int BindToAnyPort(int fd, const NetAddress& address);
  // What the kernel has chosen. Whether it may be shared.
  bool TakeChosen(int fd);

  AddressTable* const table_;
  const LinuxSocketKind kind_;
  const uid_t uid_;
  AddressTable::Hold hold_;
  // Of datagram sockets: what the program has set, and whether the real socket
  // has it.
  Sharing wanted_;
  bool shares_ = false;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_RELAY_LOCAL_ADDRESS_H_
