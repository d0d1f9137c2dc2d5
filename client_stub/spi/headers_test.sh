#!/usr/bin/env bash
# A translation unit includes Winsock's headers or the system's socket headers.
# Both together don't compile, whichever comes first; <sys/ioctl.h> may come
# second, and changes nothing then.
set -uo pipefail
headers=(winsock2.h ws2tcpip.h mswsock.h ws2spi.h mstcpip.h)
failed=0

fail() {
  echo "$language: $*"
  failed=1
}

# Compiles what includes the headers and says `code`.
compile() {
  local code=$1
  shift
  { printf '#include <%s>\n' "$@"; echo "$code"; } |
    gcc -x "$language" -fsyntax-only -Wall -Werror \
      -Iclient_stub/spi/include - 2>&1
}

numbers="FIONREAD == 0x4004667f && FIONBIO == 0x8004667e &&
  FIOASYNC == 0x8004667d && SIOCATMARK == 0x40047307 &&
  SIO_ADDRESS_LIST_QUERY == 0x48000016 && SIO_UDP_CONNRESET == 0x9800000c &&
  SIO_GET_EXTENSION_FUNCTION_POINTER == 0xc8000006"
for language in c c++; do
  [ $language = c ] && assert=_Static_assert || assert=static_assert
  for ours in "${headers[@]}"; do
    said=$(compile "" "$ours") || fail "$ours alone: $said"
  done
  for system in sys/socket.h netinet/in.h sys/ioctl.h; do
    said=$(compile "" "$system" winsock2.h) && fail "winsock2.h after $system"
    grep -q "Winsock's headers or the system's" <<<"$said" ||
      fail "winsock2.h after $system: $said"
  done
  for system in sys/socket.h netinet/in.h; do
    compile "" winsock2.h $system >/dev/null && fail "$system after winsock2.h"
  done
  said=$(compile "$assert($numbers, \"\");" winsock2.h mswsock.h sys/ioctl.h) ||
    fail "sys/ioctl.h after winsock2.h: $said"
done
exit $failed
