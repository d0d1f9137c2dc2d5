#!/usr/bin/env bash
# The package on a machine of its own: qemu with Debian 12's own kernel, which
# is older than the one that most tests run on (no SO_PEERPIDFD, no pidfs).
# Installed, rebooted, and the tests of the lifecycle run on it.
#   tests/service/boot_vm.sh [--bin FOLDER] [TEST...]
# --bin takes what Bazel has built from there, tests included. TEST: names in
# tests/lifecycle; by default those of TESTS below. Where no machine can be
# emulated it says "skipped:". Takes half an hour, most of it for the tests.
set -euo pipefail
cd "$(dirname "$0")/../.."

# About deaths, ends and who somebody is, which kernels differ in.
TESTS=(
  cancel_test closing_packet_test completion_routine_test data_test death_test
  disconnect_test duplicate_test fork_test linger_test network_events_test
  pending_death_test reset_test resume_test startup_test stop_test unload_test
  vanish_test
)

bin=
while [ $# -gt 0 ]; do
  case "$1" in
    --bin)
      bin=$(realpath "$2")
      shift 2
      ;;
    -*)
      echo "usage: $0 [--bin FOLDER] [TEST...]" >&2
      exit 64
      ;;
    *) break ;;
  esac
done
[ $# -eq 0 ] || TESTS=("$@")

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
place=/tmp
if [ "$(df --output=avail /dev/shm 2>/dev/null | tail -n 1)" -gt 8000000 ]; then
  place=/dev/shm
fi 2>/dev/null
export TMPDIR=$place
work=$(mktemp -d "$place/wspd-vm.XXXXXX")
trap 'rm -rf "$work"' EXIT
step() { echo "== $* (${SECONDS} s)"; }

step "build"
if [ -z "$bin" ]; then
  bazel build --noshow_progress --ui_event_filters=-info \
    --disk_cache="${XDG_CACHE_HOME:-$HOME/.cache}/wspd-bazel" \
    //daemon:wspd //daemon/wspctl //client_stub:wsprun \
    //client_stub:libwsp.so //client_stub:libwsp_preload.so \
    "${TESTS[@]/#///tests/lifecycle:}"
  bin=$(bazel info --noshow_progress bazel-bin 2>/dev/null)
fi
mkdir "$work/packages"
package=$(bash deploy/debian/build_package.sh --bin "$bin" "$work/packages")

step "root"
depends=$(dpkg-deb -f "$package" Depends | tr ',' '\n' |
  sed 's/|.*//; s/(.*//; s/ //g' | paste -sd,)
mmdebstrap --quiet --variant=minbase --dpkgopt=force-unsafe-io \
  --aptopt='Acquire::Languages "none"' \
  --dpkgopt='path-exclude=/usr/share/doc/*' \
  --include="linux-image-amd64,initramfs-tools,systemd,systemd-sysv,udev,curl,\
iproute2,init-system-helpers,libgtest-dev,$depends" \
  bookworm "$work/root" >"$work/mmdebstrap.log" 2>&1 || {
  tail -n 3 "$work/mmdebstrap.log"
  skip "no root could be made"
}
cp "$work/root"/boot/vmlinuz-* "$work/vmlinuz"
cp "$work/root"/boot/initrd.img-* "$work/initrd"
cp "$package" "$work/root/wspd.deb"
mkdir "$work/root/tests"
for name in "${TESTS[@]}"; do
  mkdir "$work/root/tests/$name"
  cp -rL "$bin/tests/lifecycle/$name.runfiles/wspd" "$work/root/tests/$name/" ||
    fail "$name isn't built"
done
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
  [ "$(timeout 60 unshare -n wsprun --plane "$1" curl -sS \
    http://127.0.0.1:8080/)" = "it works" ] || fail "no client works on $1"
}
serves() {
  systemctl -q is-active wspd.service || fail "the daemon isn't active"
  [ "$(wspctl health)" = SERVING ] || fail "the daemon isn't healthy"
  client_works lent
  client_works relayed
}
say "kernel $(uname -r)"
if [ ! -e /installed ]; then
  dpkg -i /wspd.deb >/dev/ttyS0 2>&1 || fail "installing"
  serves
  touch /installed
  say "installed"
  sync
  systemctl reboot
  exit 0
fi
serves
say "rebooted, serves"
pid=$(systemctl show --value -p MainPID wspd.service)
kill -9 "$pid"
client_works auto
[ "$(systemctl show --value -p NRestarts wspd.service)" = 1 ] ||
  fail "not restarted"
say "killed, serves"
for folder in /tests/*; do
  name=${folder##*/}
  export TEST_TMPDIR=/tmp
  if (cd "$folder/wspd" && timeout 600 "./tests/lifecycle/$name") \
    >/var/log/case 2>&1; then
    say "$name: $(grep -c '^\[       OK' /var/log/case) passed," \
      "$(grep -c '^\[  SKIPPED ] .*ms)' /var/log/case) skipped"
  else
    tail -n 60 /var/log/case >/dev/ttyS0
    say "FAILED: $name"
  fi
done
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
[Install]
WantedBy=default.target
UNIT
chroot "$work/root" systemctl -q enable trial.service hello.socket
mke2fs -q -t ext4 -d "$work/root" "$work/disk" 4G
rm -rf "$work/root"

step "machine"
# Emulated whole: the same everywhere, whatever /dev/kvm is worth where this is
# a virtual machine already.
timeout 5000 qemu-system-x86_64 -accel tcg,thread=multi -cpu max -m 2048 -smp 2 \
  -nographic -monitor none -serial "file:$work/console" -nic none \
  -kernel "$work/vmlinuz" -initrd "$work/initrd" \
  -append "root=/dev/vda rw console=ttyS0 quiet" \
  -drive "file=$work/disk,format=raw,if=virtio,cache=unsafe" \
  </dev/null >"$work/qemu.log" 2>&1 ||
  { tail -n 3 "$work/qemu.log"; fail "qemu ended with $?"; }
tr -d '\r' <"$work/console" | grep -a 'trial: ' | sed 's/.*trial: //' || true
if ! grep -aq 'trial: the end' "$work/console" ||
  grep -aq 'trial: FAILED' "$work/console"; then
  tail -n 100 "$work/console" >&2
  fail "see above"
fi
step "everything was as said"
