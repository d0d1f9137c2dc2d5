/* The service classes of the TCP/IP name space, as Windows' <svcguid.h> numbers
 * them. */
#ifndef _SVCGUID_
#define _SVCGUID_

#include "winsock2.h"

#define WSPD_SVCID(number, record)                          \
  {                                                         \
    (number), 0, (record), { 0xC0, 0, 0, 0, 0, 0, 0, 0x46 } \
  }

/* The own host, or the one named. */
#define SVCID_HOSTNAME WSPD_SVCID(0x0002a800, 0)
/* A host by its numeric address. */
#define SVCID_INET_HOSTADDRBYINETSTRING WSPD_SVCID(0x0002a801, 0)
/* A service, "NAME" or "NAME/PROTOCOL". */
#define SVCID_INET_SERVICEBYNAME WSPD_SVCID(0x0002a802, 0)
/* A host by its name. */
#define SVCID_INET_HOSTADDRBYNAME WSPD_SVCID(0x0002a803, 0)

/* A service by its port, and the type of DNS record, 0 for any. */
#define SVCID_TCP_RR(_Port, _RR) WSPD_SVCID((0x0009 << 16) | (_Port), _RR)
#define SVCID_TCP(_Port) SVCID_TCP_RR(_Port, 0)
#define SVCID_UDP_RR(_Port, _RR) WSPD_SVCID((0x000A << 16) | (_Port), _RR)
#define SVCID_UDP(_Port) SVCID_UDP_RR(_Port, 0)
#define SVCID_DNS(_RecordType) SVCID_TCP_RR(53, _RecordType)

#define PORT_FROM_SVCID_TCP(_g) ((WORD)((_g)->Data1 & 0xFFFF))
#define PORT_FROM_SVCID_UDP(_g) ((WORD)((_g)->Data1 & 0xFFFF))
#define RR_FROM_SVCID(_g) ((_g)->Data3)

#endif /* _SVCGUID_ */
