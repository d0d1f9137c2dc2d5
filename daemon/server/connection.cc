#include "daemon/server/connection.h"

#include <sys/socket.h>

namespace wspd {

void Connection::Shutdown() { shutdown(duplicate_.get(), SHUT_RDWR); }

}  // namespace wspd
