/* The TCP/IP specific ioctls of Windows' <mstcpip.h>. */
#ifndef _MSTCPIP_
#define _MSTCPIP_

#include "winsock2.h"

struct tcp_keepalive {
  u_long onoff;
  u_long keepalivetime;     /* milliseconds */
  u_long keepaliveinterval; /* milliseconds */
};

#define SIO_RCVALL _WSAIOW(IOC_VENDOR, 1)
#define SIO_RCVALL_MCAST _WSAIOW(IOC_VENDOR, 2)
#define SIO_RCVALL_IGMPMCAST _WSAIOW(IOC_VENDOR, 3)
#define SIO_KEEPALIVE_VALS _WSAIOW(IOC_VENDOR, 4)
#define SIO_LOOPBACK_FAST_PATH _WSAIOW(IOC_VENDOR, 16)
#define SIO_TCP_INITIAL_RTO _WSAIOW(IOC_VENDOR, 17)

#endif /* _MSTCPIP_ */
