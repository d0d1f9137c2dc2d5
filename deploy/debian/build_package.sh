#!/usr/bin/env bash
# Builds the Debian package of wspd for this machine's architecture.
#   deploy/debian/build_package.sh [--version VERSION] [--bin FOLDER] [FOLDER]
# Writes wspd_VERSION_ARCH.deb into FOLDER, by default the current one, and
# prints its path. VERSION is by default the daemon's own. --bin takes what Bazel
# has built from that folder instead of building it.
set -euo pipefail

usage() {
  echo "usage: $0 [--version VERSION] [--bin FOLDER] [FOLDER]" >&2
  exit 64
}
version=
bin=
out=$PWD
while [ $# -gt 0 ]; do
  case "$1" in
    --version | --bin)
      [ $# -gt 1 ] || usage
      if [ "$1" = --bin ]; then bin=$(realpath "$2"); else version=$2; fi
      shift 2
      ;;
    -*) usage ;;
    *)
      [ $# -eq 1 ] || usage
      out=$(realpath "$1")
      shift
      ;;
  esac
done
cd "$(dirname "$0")/../.."

if ! command -v dh_installsysusers >/dev/null; then
  bash deploy/install_packages.sh --package >&2
fi
if [ -z "$bin" ]; then
  bazel build --noshow_progress --ui_event_filters=-info \
    --disk_cache="${XDG_CACHE_HOME:-$HOME/.cache}/wspd-bazel" \
    //daemon:wspd //daemon/wspctl //client_stub:wsprun \
    //client_stub:libwsp.so //client_stub:libwsp_preload.so >&2
  bin=$(bazel info --noshow_progress bazel-bin 2>/dev/null)
fi
own_version=$(sed -n 's/.*kVersion\[\] = "\(.*\)".*/\1/p' daemon/base/version.h)
version=${version:-$own_version}

work=$(mktemp -d /tmp/wspd-package.XXXXXX)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
tree=$work/wspd-$version
mkdir -p "$tree/files/man" "$tree/files/bash_completion" "$tree/files/metrics"
cp -r deploy/debian/debian "$tree/debian"
install -m 755 "$bin/daemon/wspd" "$bin/daemon/wspctl/wspctl" \
  "$bin/client_stub/wsprun" "$bin/client_stub/libwsp.so" \
  "$bin/client_stub/libwsp_preload.so" "$tree/files"
cp deploy/systemd/wspd.service deploy/systemd/wspd.socket \
  deploy/systemd/wspd-admin.socket "$tree/files"
cp deploy/systemd/sysusers.conf "$tree/debian/wspd.sysusers"
cp deploy/systemd/tmpfiles.conf "$tree/debian/wspd.tmpfiles"
cp deploy/bash_completion/* "$tree/files/bash_completion"
cp deploy/prometheus/wspd.rules.yaml deploy/grafana/dashboard.json \
  "$tree/files/metrics"
cp README.md SECURITY.md "$tree"
# As wspd.service has it. Where it is started as root without systemd, it becomes
# its user, too.
sed 's/^  # user: "wspd"/  user: "wspd"/' deploy/wspd.textproto \
  >"$tree/files/wspd.textproto"
grep -q '^  user: "wspd"' "$tree/files/wspd.textproto"
/usr/bin/python3 -B deploy/man/make_pages.py --version "$version" \
  --wspctl "$tree/files/wspctl" --wsprun "$tree/files/wsprun" \
  --config_proto proto/wspd/config.proto "$tree/files/man"

# The last commit's time, so that the same commit gives the same package.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
cat >"$tree/debian/changelog" <<CHANGES
wspd ($version) unstable; urgency=medium

  * See https://keepachangelog.com/: CHANGELOG.md of the sources.

 -- wspd maintainers <maintainers@wspd.invalid>  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
CHANGES

# Built by somebody else's rules only what those say: no flags of the caller's.
(cd "$tree" && dpkg-buildpackage --build=binary --no-sign --no-check-builddeps) \
  >"$work/log" 2>&1 || {
  cat "$work/log" >&2
  exit 1
}
package=wspd_${version}_$(dpkg --print-architecture).deb
cp "$work/$package" "$out/$package"
echo "$out/$package"
