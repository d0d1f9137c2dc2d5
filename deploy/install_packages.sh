#!/usr/bin/env bash
# Installs, by name, the Debian 12 packages that wspd builds and tests with.
# Does nothing when all are there. Needs root or sudo.
#   deploy/install_packages.sh [--tests | --interop | --bench]
# --tests    also what the tests need, --bench's among it
# --interop  also the programs that tests/interop runs
# --bench    also the programs that tests/bench measures
set -euo pipefail

packages=(
  # Build.
  bazel-bootstrap bazel-rules-java bazel-rules-proto g++
  libgrpc++-dev libgrpc-dev protobuf-compiler protobuf-compiler-grpc
  libprotobuf-dev libabsl-dev libnghttp2-dev libprotozero-dev
  libc-ares-dev
  python3 python3-protobuf
)
test_packages=(
  # Test.
  libgtest-dev libgmock-dev python3-grpcio g++-mingw-w64-x86-64
  clang clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev llvm-14
  binutils curl iproute2 linux-perf
)
run_packages=(nginx-light util-linux)
# tests/interop.
interop_packages=(
  curl haproxy iperf3 iproute2 memcached nodejs openssh-client openssh-server
  openssl postgresql redis-server redis-tools socat sockperf wget wrk
)
# tests/bench.
bench_packages=(
  dante-server iperf3 iproute2 procps proxychains4 redis-server redis-tools
  sockperf wrk
)

wanted=("${packages[@]}" "${run_packages[@]}")
case "${1:-}" in
  "") ;;
  --tests) wanted+=("${test_packages[@]}" "${bench_packages[@]}") ;;
  --interop) wanted+=("${interop_packages[@]}") ;;
  --bench) wanted+=("${bench_packages[@]}") ;;
  *)
    echo "usage: $0 [--tests | --interop | --bench]" >&2
    exit 64
    ;;
esac

missing=()
for package in "${wanted[@]}"; do
  status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
  [ "$status" = "install ok installed" ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "$0: needs root or sudo to install: ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo)
fi
echo "Installing: ${missing[*]}"
# Servers must not start on the machine: they are only run by the scripts.
# Debian's way to say so is a policy; where there is none, one stands in for as
# long as this takes.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
fi
as_installer=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive)
"${as_installer[@]}" apt-get update -qq
"${as_installer[@]}" apt-get install -y -qq --no-install-recommends \
  "${missing[@]}" >/dev/null
