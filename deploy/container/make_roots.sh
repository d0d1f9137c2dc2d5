#!/usr/bin/env bash
# Makes the roots of the images: what they contain, as files.
#   deploy/container/make_roots.sh [--bin FOLDER] FOLDER
# Makes in FOLDER, which may not exist yet,
#   daemon/  wspd and wspctl, with the shared libraries that they need
#   run/     the folders of their sockets, for /run, to be given to the daemon's
#            user
#   client/  wsprun and the libraries for clients
# Needs Debian 12. --bin takes what Bazel has built from that folder instead of
# building it.
set -euo pipefail

usage() {
  echo "usage: $0 [--bin FOLDER] FOLDER" >&2
  exit 64
}
bin=
if [ "${1:-}" = --bin ]; then
  [ $# -gt 1 ] || usage
  bin=$(realpath "$2")
  shift 2
fi
if [ $# -ne 1 ] || [[ $1 == -* ]]; then usage; fi
out=$(realpath -m "$1")
cd "$(dirname "$0")/../.."

if [ -z "$bin" ]; then
  bazel build --noshow_progress --ui_event_filters=-info \
    --disk_cache="${XDG_CACHE_HOME:-$HOME/.cache}/wspd-bazel" \
    //daemon:wspd //daemon/wspctl //client_stub:wsprun \
    //client_stub:libwsp.so //client_stub:libwsp_preload.so >&2
  bin=$(bazel info --noshow_progress bazel-bin 2>/dev/null)
fi
umask 022
mkdir "$out"
libraries=usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null ||
  gcc -print-multiarch)

# The user of Containerfile's USER.
daemon=$out/daemon
mkdir -p "$daemon/etc/wspd"
echo 'wspd:x:65532:65532:Winsock provider daemon:/:/usr/sbin/nologin' \
  >"$daemon/etc/passwd"
echo 'wspd:x:65532:' >"$daemon/etc/group"
cp /etc/services "$daemon/etc/services"
# Out of the folder that clients share: in a container that has users of its own,
# root is no root to be trusted.
sed 's|^admin_socket: .*|admin_socket: "/run/wspd-admin/admin.sock"|' \
  deploy/wspd.textproto >"$daemon/etc/wspd/wspd.textproto"
grep -q '^admin_socket: "/run/wspd-admin/' "$daemon/etc/wspd/wspd.textproto"
install -D -m 755 "$bin/daemon/wspd" "$daemon/usr/sbin/wspd"
install -D -m 755 "$bin/daemon/wspctl/wspctl" "$daemon/usr/bin/wspctl"
strip "$daemon/usr/sbin/wspd" "$daemon/usr/bin/wspctl"
bash deploy/container/copy_libraries.sh "$daemon" \
  "$daemon/usr/sbin/wspd" "$daemon/usr/bin/wspctl"
install -D -m 644 LICENSE "$daemon/usr/share/doc/wspd/copyright"
mkdir -p "$daemon/run" "$out/run/wspd"
mkdir -m 700 "$out/run/wspd-admin"

client=$out/client
install -D -m 755 "$bin/client_stub/wsprun" "$client/usr/bin/wsprun"
install -D -m 644 -t "$client/$libraries/wspd" \
  "$bin/client_stub/libwsp.so" "$bin/client_stub/libwsp_preload.so"
strip --strip-unneeded "$client/usr/bin/wsprun" "$client/$libraries/wspd"/*
install -D -m 644 LICENSE "$client/usr/share/doc/wspd/copyright"
