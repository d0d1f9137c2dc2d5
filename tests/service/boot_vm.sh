#!/usr/bin/env bash
# The package on a machine of its own: qemu with Debian 12's own kernel, which
# is older than the one that most tests run on (no SO_PEERPIDFD, no
# SO_PASSRIGHTS, no pidfs). Installed, rebooted, killed; then tests run there.
#   tests/service/boot_vm.sh [--bin FOLDER] [--cpus N] [TEST...]
# --bin takes what Bazel has built from there, tests included. --cpus are the
# machine's, 2 by default. With 1 its clock goes by what it has computed: others'
# work on the host then makes it take longer, but nothing in it come too late.
# TEST: what `bazel query` knows as tests, or a name in tests/lifecycle; by
# default all of these but for long runs, and KERNELS below. Where no machine can
# be emulated it says "skipped:". Takes two hours, most of it for the tests. It
# works in TMPDIR; without one in memory, if there is room.
set -euo pipefail
cd "$(dirname "$0")/../.."

# The contract comes first, but for what is about time: an emulated machine is
# slow. Then what kernels differ in: who somebody is, descriptors that come along,
# reports about sockets, system calls that are let through, how ends are seen.
KERNELS=(
  //daemon/identity:all //daemon/privileges:all //daemon/linux:all
  //daemon/server:listener_test //tests/spi:ip_option_test
  //tests/hostile:{descriptors,relayed,relayed_datagrams,relayed_rights}_test
  //tests/hostile:relayed_death_test
  //tests/preload:{identity,namespaces,reset,sockets,datagrams,descriptors}_test
  //tests/preload:{identity,namespaces,reset,sockets,datagrams,descriptors}_test_relayed
  //tests/preload:{ends_test,ends_test_relayed,streams_test_relayed}
  //tests/service:echo_groups_test
)

usage() {
  echo "usage: $0 [--bin FOLDER] [--cpus N] [TEST...]" >&2
  exit 64
}
bin=
cpus=2
while [ $# -gt 0 ]; do
  case "$1" in
    --bin | --cpus)
      [ $# -gt 1 ] || usage
      if [ "$1" = --bin ]; then bin=$(realpath "$2"); else cpus=$2; fi
      shift 2
      ;;
    -*) usage ;;
    *) break ;;
  esac
done
named=()
for name in "$@"; do
  case $name in
    //*) named+=("$name") ;;
    *) named+=("//tests/lifecycle:$name") ;;
  esac
done

skip() {
  echo "skipped: $*"
  exit 0
}
fail() {
  echo "FAILED: $*" >&2
  exit 1
}
[ "$(id -u)" -eq 0 ] || skip "only root can make the machine's root"
bash deploy/install_packages.sh --machine ||
  skip "what emulates a machine can't be installed"
for program in qemu-system-x86_64 mmdebstrap mke2fs; do
  command -v "$program" >/dev/null || skip "no $program"
done

# In memory, where there is room: as boot.sh.
place=${TMPDIR:-/tmp}
if [ -z "${TMPDIR:-}" ] &&
  [ "$(df --output=avail /dev/shm 2>/dev/null | tail -n 1)" -gt 8000000 ]; then
  place=/dev/shm
fi 2>/dev/null
export TMPDIR=$place
work=$(mktemp -d "$place/wspd-vm.XXXXXX")
machine=
finish() {
  [ -z "$machine" ] || kill "$machine" 2>/dev/null || true
  rm -rf --one-file-system "$work"
}
trap finish EXIT
step() { echo "== $* (${SECONDS} s)"; }

step "build"
# Adds to the list.
list_tests() {
  bazel query --noshow_progress --output=xml "$1" 2>"$work/log" \
    >"$work/tests.xml" || fail "no such tests: $(grep ERROR "$work/log")"
  /usr/bin/python3 -B tests/service/test_commands.py <"$work/tests.xml" \
    >>"$work/tests"
}
if [ $# -gt 0 ]; then
  list_tests "tests(set(${named[*]}))"
else
  list_tests "tests(//tests/lifecycle:all) except attr(tags,
    'long_run|exclusive', //tests/lifecycle:all)"
  list_tests "tests(set(${KERNELS[*]}))"
fi
[ -s "$work/tests" ] || fail "no such tests: $*"
if [ -z "$bin" ]; then
  bazel build --noshow_progress --ui_event_filters=-info \
    --disk_cache="${XDG_CACHE_HOME:-$HOME/.cache}/wspd-bazel" \
    //daemon:wspd //daemon/wspctl //client_stub:wsprun \
    //client_stub:libwsp.so //client_stub:libwsp_preload.so \
    $(cut -f 1 "$work/tests")
  bin=$(bazel info --noshow_progress bazel-bin 2>/dev/null)
fi
mkdir "$work/packages"
package=$(bash deploy/debian/build_package.sh --bin "$bin" "$work/packages")

step "root"
depends=$(dpkg-deb -f "$package" Depends | tr ',' '\n' |
  sed 's/|.*//; s/(.*//; s/ //g' | paste -sd,)
# What it mounts there is gone with it, however it ends.
unshare --mount mmdebstrap --quiet --variant=minbase --dpkgopt=force-unsafe-io \
  --aptopt='Acquire::Languages "none"' \
  --dpkgopt='path-exclude=/usr/share/doc/*' \
  --include="linux-image-amd64,initramfs-tools,systemd,systemd-sysv,udev,curl,\
iproute2,init-system-helpers,libgtest-dev,libgmock-dev,procps,netbase,\
protobuf-compiler,libprotobuf-dev,python3,python3-grpcio,python3-protobuf,\
$depends" \
  bookworm "$work/root" >"$work/mmdebstrap.log" 2>&1 || {
  tail -n 3 "$work/mmdebstrap.log"
  skip "no root could be made"
}
cp "$work/root"/boot/vmlinuz-* "$work/vmlinuz"
cp "$work/root"/boot/initrd.img-* "$work/initrd"
cp "$package" "$work/root/wspd.deb"
mkdir -p "$work/root/tests/files"
cp "$work/tests" "$work/root/tests/list"
# What several tests need is there once.
while IFS=$'\t' read -r label _; do
  path=${label#//}
  cp -rLn "$bin/${path/://}.runfiles/wspd/." "$work/root/tests/files/" ||
    fail "$label isn't built"
done <"$work/tests"
cat >"$work/root/etc/systemd/system/hello.socket" <<'UNIT'
[Socket]
ListenStream=127.0.0.1:8080
Accept=yes
[Install]
WantedBy=sockets.target
UNIT
cat >"$work/root/etc/systemd/system/hello@.service" <<'UNIT'
[Service]
StandardInput=socket
StandardOutput=socket
ExecStart=/bin/sh -c "read line; printf \"HTTP/1.0 200 OK\\r\\nContent-Length: 8\\r\\n\\r\\nit works\"; cat >/dev/null"
UNIT
# Runs at each boot, says what it finds on the console, and ends the machine.
cat >"$work/root/usr/local/sbin/trial" <<'TRIAL'
#!/bin/bash
say() { echo "trial: $*" >/dev/ttyS0; }
end() { sync; systemctl poweroff; exit 0; }
fail() {
  say "FAILED: $*"
  journalctl --no-pager -b -n 40 >/dev/ttyS0
  end
}
client_works() {
  [ "$(timeout 300 unshare -n wsprun --plane "$1" curl -sS \
    http://127.0.0.1:8080/)" = "it works" ] || fail "no client works on $1"
}
serves() {
  systemctl -q is-active wspd.service || fail "the daemon isn't active"
  [ "$(wspctl health)" = SERVING ] || fail "the daemon isn't healthy"
  client_works auto
  client_works relayed
}
# How many cases of the one test's output, as "passed skipped".
cases() {
  if grep -q '^\[==========\] ' "$1"; then
    echo "$(grep -c '^\[       OK ' "$1")" \
      "$(grep -c '^\[  SKIPPED \] .*ms)' "$1")"
    return
  fi
  local ran skipped
  ran=$(sed -n 's/^Ran \([0-9]*\) tests\? in .*/\1/p' "$1" | tail -n 1)
  skipped=$(sed -n 's/^OK (skipped=\([0-9]*\))$/\1/p' "$1" | tail -n 1)
  echo "$((${ran:-0} - ${skipped:-0})) ${skipped:-0}"
}
run_tests() {
  local label command start log=/var/log/case ok=0 failed=0 all=0 of
  # As under Bazel.
  export TEST_TMPDIR=/tmp TEST_SRCDIR=/tests/files TEST_WORKSPACE=.
  export WSPD_TEST_SLOWNESS=30
  ulimit -n 20000
  cd /tests/files || fail "no tests"
  while IFS=$'\t' read -r label command <&3; do
    start=$SECONDS
    if timeout -k 10 1800 sh -c "$command" >$log 2>&1 </dev/null 3<&-; then
      read -r -a of < <(cases $log)
      say "$label: ${of[0]} passed, ${of[1]} skipped, $((SECONDS - start)) s"
      ok=$((ok + 1))
      all=$((all + of[0]))
      # A test that runs nothing isn't one.
      [ $((of[0] + of[1])) -gt 0 ] || say "FAILED: $label has no cases"
    else
      of=$?
      tail -n 400 $log >/dev/ttyS0
      say "FAILED: $label ($of), $((SECONDS - start)) s"
      failed=$((failed + 1))
    fi
  done 3</tests/list
  say "tests: $ok passed with $all cases, $failed failed, $SECONDS s"
}
say "kernel $(uname -r)"
echo >>/boots
if [ ! -e /installed ]; then
  dpkg -i /wspd.deb >/dev/ttyS0 2>&1 || fail "installing"
  serves
  touch /installed
  say "installed"
  sync
  systemctl reboot
  exit 0
fi
[ "$(wc -l </boots)" -eq 2 ] || fail "the machine booted again by itself"
serves
say "rebooted, serves"
pid=$(systemctl show --value -p MainPID wspd.service)
kill -9 "$pid"
client_works auto
[ "$(systemctl show --value -p NRestarts wspd.service)" = 1 ] ||
  fail "not restarted"
serves
say "killed, serves"
run_tests
serves
say "the end"
end
TRIAL
chmod 755 "$work/root/usr/local/sbin/trial"
cat >"$work/root/etc/systemd/system/trial.service" <<'UNIT'
[Unit]
After=multi-user.target wspd.service hello.socket
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/trial
TimeoutStartSec=infinity
LimitNOFILE=20000
[Install]
WantedBy=default.target
UNIT
chroot "$work/root" systemctl -q enable trial.service hello.socket
chroot "$work/root" systemctl -q mask serial-getty@ttyS0.service
mke2fs -q -t ext4 -d "$work/root" "$work/disk" 6G >/dev/null
rm -rf --one-file-system "$work/root"

step "machine"
# Emulated whole: the same everywhere, whatever /dev/kvm is worth where this is
# a virtual machine already. A processor, and a kernel, without what costs an
# emulator much; and time for its units, too. A panic is a reboot.
touch "$work/console"
processor=(-accel "tcg,thread=multi")
# A second is 500 million instructions. A second processor doesn't come up with
# such a clock: the first waits for it in a loop.
[ "$cpus" -gt 1 ] || processor=(-accel "tcg,thread=single" -rtc clock=vm
  -icount "shift=1,sleep=on")
timeout 21600 qemu-system-x86_64 "${processor[@]}" \
  -cpu Nehalem -smp "$cpus" -m 3072 \
  -nographic -monitor none -serial "file:$work/console" -nic none \
  -kernel "$work/vmlinuz" -initrd "$work/initrd" \
  -append "root=/dev/vda rw console=ttyS0 quiet panic=-1 \
mitigations=off audit=0 systemd.default_timeout_start_sec=900" \
  -drive "file=$work/disk,format=raw,if=virtio,cache=unsafe" \
  </dev/null >"$work/qemu.log" 2>&1 &
machine=$!
tail -n +1 -f --pid="$machine" "$work/console" |
  grep -a --line-buffered 'trial: ' | sed -u 's/.*trial: //; s/\r//' || true
status=0
wait "$machine" || status=$?
machine=
[ "$status" -eq 0 ] || {
  tail -n 3 "$work/qemu.log" >&2
  fail "qemu ended with $status"
}
if ! grep -aq 'trial: the end' "$work/console" ||
  grep -aq 'trial: FAILED' "$work/console"; then
  tail -n 2000 "$work/console" >&2
  fail "see above"
fi
step "everything was as said"
