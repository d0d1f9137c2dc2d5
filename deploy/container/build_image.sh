#!/usr/bin/env bash
# Builds the images of Containerfile from what Bazel builds on this machine,
# which has to be Debian 12: the same content as the Containerfile's, without a
# registry.
#   deploy/container/build_image.sh [--bin FOLDER] [--engine COMMAND]
# Tags them localhost/wspd:VERSION and localhost/wspd-client:VERSION, and
# :latest, and prints the first. --bin takes what Bazel has built from that folder.
# COMMAND is podman or docker, by default the first that is there; it may have
# options of its own: --engine "podman --storage-driver vfs".
set -euo pipefail

usage() {
  echo "usage: $0 [--bin FOLDER] [--engine COMMAND]" >&2
  exit 64
}
bin=()
engine=()
while [ $# -gt 0 ]; do
  [ $# -gt 1 ] || usage
  case "$1" in
    --bin) bin=(--bin "$(realpath "$2")") ;;
    --engine) read -ra engine <<<"$2" ;;
    *) usage ;;
  esac
  shift 2
done
cd "$(dirname "$0")/../.."
if [ ${#engine[@]} -eq 0 ]; then
  engine=("$(command -v podman || command -v docker)") || {
    echo "$0: neither podman nor docker is installed" >&2
    exit 1
  }
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/wspd-image.XXXXXX")
trap 'rm -rf "$work"' EXIT
bash deploy/container/make_roots.sh "${bin[@]}" "$work/roots"
# The last stages; what they copy from the stage "build" is in the context.
sed -n -e 's|--from=build \(.*\)/roots/|\1|' -e '/^# What an image needs/,$p' \
  deploy/container/Containerfile >"$work/Containerfile"
if grep -q -e --from=build -e '^FROM debian' "$work/Containerfile"; then
  echo "$0: deploy/container/Containerfile has changed too much" >&2
  exit 1
fi

# Of docker's format are health checks, which only podman has to be told.
format=()
if [[ ${engine[0]##*/} == podman* ]]; then
  # The last commit's time, so that the same commit gives the same image.
  format=(--format docker --timestamp
    "${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}")
fi
version=$(sed -n 's/.*kVersion\[\] = "\(.*\)".*/\1/p' daemon/base/version.h)
build() {
  local target=$1 name=$2
  "${engine[@]}" build -q "${format[@]}" -f "$work/Containerfile" \
    --target "$target" -t "$name:$version" -t "$name:latest" "$work/roots" >/dev/null
}
build client localhost/wspd-client
build daemon localhost/wspd
echo "localhost/wspd:$version"
