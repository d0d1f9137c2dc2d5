#!/usr/bin/env bash
# Runs Debian's programs, as they are, under wsprun in a network namespace with
# nothing in it, against a wspd of their own, and compares what they do with the
# same programs run natively. The last line is "N passed, N failed".
#   tests/interop/run.sh [--plane lent|relayed|native|all] [--long] [--body MIB]
#                        [--seconds N] [--bin FOLDER] [--list] [NAME...]
# NAME           a program (nginx) or a case (nginx.reloads_under_load), also with
#                * and ?; all if there is none
# --plane PLANE  where the programs' sockets are; each plane but native is compared
#                with a native run. all by default
# --long         large bodies have 1 GiB instead of 64 MiB, loads last 60 s instead
#                of 10
# --bin FOLDER   takes wspd, wspctl, wsprun and libwsp_preload.so from below there,
#                as Bazel puts them, instead of building them
# Ended by SIGTERM, SIGINT, SIGHUP or the end of who started it, it leaves no
# process, namespace or folder behind. Needs root, for network namespaces and for
# programs that give root up. Installs by name what is missing of the packages.
set -euo pipefail

bin=
arguments=()
while [ $# -gt 0 ]; do
  case "$1" in
    --help | -h)
      sed -n '2,/^# programs that/s/^# //p' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    --bin) bin=$(realpath -- "${2:?--bin needs a folder}"); shift ;;
    --bin=*) bin=$(realpath -- "${1#--bin=}") ;;
    *) arguments+=("$1") ;;
  esac
  shift
done

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
[ "$(id -u)" -eq 0 ] || {
  echo "$0: needs root" >&2
  exit 1
}
bash deploy/install_packages.sh --interop
if [ -z "$bin" ]; then
  bazel build --noshow_progress --ui_event_filters=-info \
    --disk_cache="${XDG_CACHE_HOME:-$HOME/.cache}/wspd-bazel" \
    //daemon:wspd //daemon/wspctl //client_stub:wsprun \
    //client_stub:libwsp_preload.so >&2
  bin=$PWD/bazel-bin
fi
exec /usr/bin/python3 -B tests/interop/run.py --bin "$bin" --parent "$PPID" \
  "${arguments[@]}"
