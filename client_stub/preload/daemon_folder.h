#ifndef WSPD_CLIENT_STUB_PRELOAD_DAEMON_FOLDER_H_
#define WSPD_CLIENT_STUB_PRELOAD_DAEMON_FOLDER_H_

#include <sys/socket.h>

#include "client_stub/preload/own_descriptors.h"

namespace wsp {

// The daemon after chroot(): the folder of its socket, opened while the path
// still led there, and a thread with a working folder of its own that connects
// from within it. Nothing else in the process notices. Where the process can
// have no other thread, the calling one goes to the folder and comes back; it
// has a working folder, root and umask of its own from then on.

// Opens the folder, if that wasn't done. Before the root is changed.
void KeepDaemonFolder();
// The root was changed: from now on ConnectToDaemonSocket goes by the folder.
void LeaveDaemonsRoot();

// Connects `fd`, a Unix stream socket, to the daemon's socket; as the kernel's
// connect(), which ends at the socket's SO_SNDTIMEO with EAGAIN. 0, or a
// negative errno: -ENOENT if the folder couldn't be kept or was closed; if the
// calling thread has to go there, and wouldn't come back, what the kernel says
// of opening its working folder (-EACCES, -EMFILE).
int ConnectToDaemonSocket(int fd);

// What a forked child keeps; null if there is none.
const OwnDescriptor* DaemonFolderAfterFork();

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_DAEMON_FOLDER_H_
