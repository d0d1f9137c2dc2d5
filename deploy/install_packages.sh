#!/usr/bin/env bash
# Installs, by name, the Debian 12 packages that wspd builds and tests with.
# Does nothing when all are there. Needs root or sudo.
#   deploy/install_packages.sh [--tests | --package | --container | --machine |
#                              --interop | --bench]
# --tests    also what the tests need, and --bench's, --package's, --container's
#            and Prometheus as far as they can be had: their tests say what isn't there
# --package  also what deploy/debian/build_package.sh needs, and its tests
# --container  also what deploy/container/build_image.sh needs, and what
#            tests/containers runs
# --machine  also what emulates a machine, for tests/service/boot_vm.sh
# --interop  also the programs that tests/interop runs
# --bench    also the programs that tests/bench measures
set -euo pipefail

packages=(
  # Build.
  bazel-bootstrap bazel-rules-java bazel-rules-proto g++
  libgrpc++-dev libgrpc-dev protobuf-compiler protobuf-compiler-grpc
  libprotobuf-dev libabsl-dev libnghttp2-dev libprotozero-dev
  libc-ares-dev libseccomp-dev libssl-dev prometheus-cpp-dev
  python3 python3-protobuf
)
test_packages=(
  # Test.
  libgtest-dev libgmock-dev python3-grpcio g++-mingw-w64-x86-64
  clang clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev llvm-14
  binutils curl iproute2 linux-perf openssl
)
# tests/metrics.
metrics_packages=(prometheus)
# deploy/debian, tests/service.
package_packages=(debhelper lintian man-db mmdebstrap podman runc systemd)
# deploy/container, tests/containers.
container_packages=(
  binutils curl docker-compose podman python3-kubernetes python3-yaml runc
)
machine_packages=(debhelper e2fsprogs mmdebstrap qemu-system-x86)
run_packages=(netbase nginx-light util-linux)
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
optional=()
case "${1:-}" in
  "") ;;
  --tests)
    wanted+=("${test_packages[@]}")
    optional=("${metrics_packages[@]}" "${bench_packages[@]}"
      "${package_packages[@]}" "${container_packages[@]}")
    # For tests/admin; other vendors' nodejs brings its own, and bars Debian's.
    command -v npm >/dev/null || optional+=(nodejs npm)
    ;;
  --package) wanted+=("${package_packages[@]}") ;;
  --container) wanted+=("${container_packages[@]}") ;;
  --machine) wanted+=("${machine_packages[@]}") ;;
  --interop) wanted+=("${interop_packages[@]}") ;;
  --bench) wanted+=("${bench_packages[@]}") ;;
  *)
    echo "usage: $0 [--tests | --package | --container | --machine |" \
      "--interop | --bench]" >&2
    exit 64
    ;;
esac

is_missing() {
  [ "$(dpkg-query -W -f '${Status}' "$1" 2>/dev/null || true)" != \
    "install ok installed" ]
}
missing=()
for package in "${wanted[@]}"; do
  ! is_missing "$package" || missing+=("$package")
done
missing_optional=()
for package in "${optional[@]}"; do
  ! is_missing "$package" || missing_optional+=("$package")
done
[ ${#missing[@]} -gt 0 ] || [ ${#missing_optional[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "$0: needs root or sudo to install:" \
      "${missing[*]} ${missing_optional[*]}" >&2
    exit 1
  }
  as_root=(sudo)
fi
echo "Installing: ${missing[*]} ${missing_optional[*]}"
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
install() {
  "${as_installer[@]}" apt-get install -y -qq --no-install-recommends "$@" \
    >/dev/null
}
"${as_installer[@]}" apt-get update -qq
[ ${#missing[@]} -eq 0 ] || install "${missing[@]}"
for package in "${missing_optional[@]}"; do
  ! is_missing "$package" || install "$package" ||
    echo "$0: went on without $package" >&2
done
