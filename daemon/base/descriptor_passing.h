#ifndef WSPD_DAEMON_BASE_DESCRIPTOR_PASSING_H_
#define WSPD_DAEMON_BASE_DESCRIPTOR_PASSING_H_

namespace wspd {

// Whether the peer of a Unix socket may send descriptors along (SCM_RIGHTS):
// then the last close of whatever they are is the daemon's, and may take as
// long as the peer likes (a socket that lingers). A listening socket's choice
// is that of what it accepts. If not, the peer's sendmsg() is EPERM.
//
// Only Linux from 6.16 on can refuse; elsewhere this does nothing, and whoever
// receives has to dispose of what comes. False there.
bool SetDescriptorPassing(int fd, bool allowed);

}  // namespace wspd

#endif  // WSPD_DAEMON_BASE_DESCRIPTOR_PASSING_H_
