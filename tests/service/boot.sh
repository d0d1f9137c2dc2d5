#!/usr/bin/env bash
# The package on a system that boots: a real systemd as PID 1, in a container.
# Installed, rebooted, killed, hung, upgraded, removed and purged, with a client
# that works in between.
#   tests/service/boot.sh [--bin FOLDER] [--keep]
# --bin takes what Bazel has built from there. --keep leaves the container.
# Where no container can be run, or no root made for one, it says "skipped:".
set -euo pipefail
cd "$(dirname "$0")/../.."

bin=()
keep=
while [ $# -gt 0 ]; do
  case "$1" in
    --bin)
      bin=(--bin "$2")
      shift 2
      ;;
    --keep)
      keep=1
      shift
      ;;
    *)
      echo "usage: $0 [--bin FOLDER] [--keep]" >&2
      exit 64
      ;;
  esac
done

skip() {
  echo "skipped: $*"
  exit 0
}
[ "$(id -u)" -eq 0 ] || skip "only root can boot a container"
for program in podman runc mmdebstrap; do
  command -v "$program" >/dev/null || skip "no container runtime ($program)"
done
command -v dh_installsysusers >/dev/null || skip "no debhelper"

# Where there is room for some roots in memory, making them takes a third of the
# time.
place=/tmp
if [ "$(df --output=avail /dev/shm 2>/dev/null | tail -n 1)" -gt 4000000 ]; then
  place=/dev/shm
fi 2>/dev/null
export TMPDIR=$place
work=$(mktemp -d "$place/wspd-boot.XXXXXX")
name=wspd-boot-$$
# Nothing of the machine's own containers. The flags are for machines that are
# containers themselves.
engine() {
  podman --root "$work/storage" --runroot "$work/run" --storage-driver vfs \
    --cgroup-manager cgroupfs --runtime runc "$@"
}
finish() {
  local status=$?
  if [ "$status" -ne 0 ]; then
    echo "---- the system's journal" >&2
    inside journalctl --no-pager -n 60 >&2 || true
  fi
  if [ -n "$keep" ]; then
    echo "kept: podman --root $work/storage --runroot $work/run" \
      "--storage-driver vfs --cgroup-manager cgroupfs --runtime runc" \
      "exec -it $name bash"
    return
  fi
  engine rm -f -t 5 "$name" >/dev/null 2>&1 || true
  engine image rm -a -f >/dev/null 2>&1 || true
  umount -l "$work/storage/vfs" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

inside() { engine exec "$name" "$@"; }
step() { echo "== $* (${SECONDS} s)"; }
fail() {
  echo "FAILED: $*" >&2
  exit 1
}
# Waits until a command in the container succeeds, for five minutes at most.
await() {
  local what=$1 end=$((SECONDS + 300))
  shift
  until inside "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || fail "waited five minutes for $what"
    sleep 0.2
  done
}
property() { inside systemctl show --value -p "$1" "${2:-wspd.service}"; }
# A program without any network fetches from a server of the system's, by way of
# the daemon.
client_works() {
  local answer
  answer=$(inside timeout 30 unshare -n wsprun --plane "${1:-auto}" \
    curl -sS --max-time 20 http://127.0.0.1:8080/) || fail "no client works"
  [ "$answer" = "it works" ] || fail "a client got: $answer"
}
serves() {
  [ "$(property ActiveState)" = active ] || fail "the daemon isn't active"
  [ "$(inside wspctl health)" = SERVING ] || fail "the daemon isn't healthy"
  client_works
  client_works relayed
}
# Other units may fail in a container.
ours_are_well() {
  local failed
  failed=$(inside systemctl list-units --failed --no-legend 'wspd*')
  [ -z "$failed" ] || fail "there is $failed"
}
boots() {
  await "systemd" sh -c \
    'case $(systemctl is-system-running) in running | degraded) ;; *) false ;; esac'
  ours_are_well
}
no_complaints() {
  local complaints
  complaints=$(inside journalctl --no-pager -b -t wspd -o cat \
    -p warning --grep . 2>/dev/null | grep -v -- '-- No entries --' || true)
  [ -z "$complaints" ] || fail "the daemon complains: $complaints"
  complaints=$(inside journalctl --no-pager -b -o cat -p warning -t systemd \
    --grep 'wspd.*(Unknown|gnoring|deprecated|refus)' 2>/dev/null |
    grep -v -- '-- No entries --' || true)
  [ -z "$complaints" ] || fail "systemd says: $complaints"
}

step "package"
mkdir "$work/packages"
first=$(bash deploy/debian/build_package.sh "${bin[@]}" "$work/packages")
second=$(bash deploy/debian/build_package.sh "${bin[@]}" --version 99.0.0 \
  "$work/packages")
# What README and guides say is in it; lintian only warns of a page that isn't.
content=$work/content
dpkg-deb -x "$first" "$content"
for page in man1/wspctl.1 man1/wsprun.1 man5/wspd.textproto.5 man8/wspd.8; do
  zcat "$content/usr/share/man/$page.gz" | grep '^\.SH DESCRIPTION' >/dev/null ||
    fail "the package has no manual page $page"
done
for file in deploy/bash_completion/*; do
  cmp "$file" "$content/usr/share/bash-completion/completions/${file##*/}" ||
    fail "the package hasn't $file"
done
for file in deploy/prometheus/wspd.rules.yaml deploy/grafana/dashboard.json; do
  cmp "$file" "$content/usr/share/wspd/${file##*/}" ||
    fail "the package hasn't $file"
done
rm -r "$content"
if command -v lintian >/dev/null; then
  lintian --fail-on error --no-tag-display-limit "$first" ||
    fail "lintian finds errors"
else
  echo "skipped: lintian isn't installed"
fi

step "root"
# What the package depends on is there: its own packages aren't reached from
# within.
depends=$(dpkg-deb -f "$first" Depends | tr ',' '\n' |
  sed 's/|.*//; s/(.*//; s/ //g' | paste -sd,)
mmdebstrap --quiet --variant=minbase --dpkgopt=force-unsafe-io \
  --aptopt='Acquire::Languages "none"' \
  --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-include=/usr/share/doc/wspd/*' \
  --include="systemd,systemd-sysv,init-system-helpers,curl,sudo,adduser,$depends" \
  bookworm "$work/root.tar" >"$work/mmdebstrap.log" 2>&1 || {
  tail -n 3 "$work/mmdebstrap.log"
  skip "no root could be made"
}
engine import -q "$work/root.tar" wspd-boot >/dev/null 2>"$work/log" ||
  skip "no container runtime: $(tail -n 1 "$work/log")"
rm "$work/root.tar"

step "first boot"
engine run -d --name "$name" --systemd=always --privileged --network none \
  --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 \
  --volume "$work/packages:/packages:ro" \
  wspd-boot /sbin/init >/dev/null 2>"$work/log" ||
  skip "no container runtime: $(tail -n 1 "$work/log")"
boots
# A server: any that needs no package.
inside sh -c 'cat >/etc/systemd/system/hello.socket <<"UNIT"
[Socket]
ListenStream=127.0.0.1:8080
Accept=yes
[Install]
WantedBy=sockets.target
UNIT
cat >/etc/systemd/system/hello@.service <<"UNIT"
[Service]
StandardInput=socket
StandardOutput=socket
ExecStart=/bin/sh -c "read line; printf \"HTTP/1.0 200 OK\\r\\nContent-Length: 8\\r\\n\\r\\nit works\"; cat >/dev/null"
UNIT
systemctl daemon-reload && systemctl -q enable --now hello.socket'

step "install"
inside dpkg -i "/packages/${first##*/}" >"$work/log" 2>&1 ||
  fail "installing: $(cat "$work/log")"
serves
no_complaints
[ "$(property Result)" = success ] || fail "a start has failed"
pid=$(property MainPID)
status=$(inside cat "/proc/$pid/status")
uid=$(inside id -u wspd)
for line in "Uid: $uid $uid $uid $uid" "CapEff: 0000000000000400" \
  "CapPrm: 0000000000000400" "CapBnd: 0000000000000400" \
  "CapInh: 0000000000000000" "CapAmb: 0000000000000000" "NoNewPrivs: 1" \
  "Seccomp: 2"; do
  grep -qx "$line" <<<"$(tr '\t' ' ' <<<"$status")" ||
    fail "the daemon hasn't $line"
done
if inside timeout 30 unshare -n wsprun --plane lent \
  curl -sS http://127.0.0.1:8080/ >/dev/null 2>&1; then
  fail "sockets are lent without CAP_CHOWN"
fi
[ "$(property StatusText)" != "" ] || fail "no status text"
# Who isn't in the group has no business there; who is, has.
inside useradd --no-create-home stranger
inside useradd --no-create-home -G wspd friend
if inside setpriv --reuid stranger --regid stranger --clear-groups \
  wsprun curl -sS http://127.0.0.1:8080/ >/dev/null 2>&1; then
  fail "a stranger may attach"
fi
inside setpriv --reuid friend --regid friend --init-groups \
  unshare -rn wsprun curl -sS http://127.0.0.1:8080/ >/dev/null ||
  fail "a member of the group may not attach"
[ "$(inside setpriv --reuid stranger --clear-groups wspctl health)" = \
  SERVING ] || fail "wspctl health isn't for everybody"

step "the operator's guide"
/usr/bin/python3 -B tests/guides/guide.py deploy/guides/operator.md \
  >"$work/packages/guide.sh"
inside useradd --no-create-home alice
inside sh -c "mkdir /tmp/guide && cp '/packages/${first##*/}' /tmp/guide"
inside sh -c 'cd /tmp/guide && bash -eux /packages/guide.sh' \
  >"$work/log" 2>&1 || fail "the guide: $(cat "$work/log")"
inside rm -r /tmp/guide
serves

step "three capabilities more"
/usr/bin/python3 -B tests/guides/guide.py deploy/guides/operator.md ini \
  >"$work/packages/drop_in.conf"
/usr/bin/python3 -B tests/guides/guide.py deploy/guides/operator.md \
  "sh as root, with that drop-in" >"$work/packages/drop_in.sh"
# An editor, on a terminal, as systemctl wants it.
inside env SYSTEMD_EDITOR="cp /packages/drop_in.conf" \
  script -qec "systemctl edit wspd" /dev/null >"$work/log" ||
  fail "systemctl edit wspd: $(cat "$work/log")"
inside sed -i 's/^  sys_ptrace: false/  sys_ptrace: true/
  s/^  chown: false/  chown: true/' /etc/wspd/wspd.textproto
inside cp /etc/wspd/wspd.textproto /etc/wspd/before
inside bash -eux /packages/drop_in.sh >"$work/log" 2>&1 ||
  fail "lent sockets to be reset: $(cat "$work/log")"
inside grep -q 'CapEff:.*0081401$' "/proc/$(property MainPID)/status" ||
  fail "the daemon hasn't CAP_SYS_PTRACE, CAP_CHOWN and CAP_NET_ADMIN"
serves
client_works lent
# A connection that waits for an answer until it is reset.
inside timeout 100 wsprun --plane lent bash -c \
  'exec 3<>/dev/tcp/127.0.0.1/8080 && ! read -r <&3' >"$work/held" 2>&1 &
held=$!
await "a lent connection" sh -c \
  'wspctl sockets --plane lent --state connected | grep -qw connected'
inside sh -c 'wspctl reset "$(wspctl sockets --plane lent --state connected \
  --fields socket_id | tail -n 1)"' >"$work/log" 2>&1 ||
  fail "resetting a lent connection: $(cat "$work/log")"
status=0
wait "$held" || status=$?
[ "$status" -eq 0 ] ||
  fail "the lent connection lives on ($status): $(cat "$work/held")"
inside timeout 30 bash -c 'head -n 1 <(wspctl watch --from 1 \
  --kind socket_reset)' | grep -q plane=lent || fail "no reset is told"
inside mv /etc/wspd/before /etc/wspd/wspd.textproto
inside sed -i 's/^  sys_ptrace: true/  sys_ptrace: false/
  s/^  chown: true/  chown: false/' /etc/wspd/wspd.textproto
inside systemctl revert wspd >/dev/null 2>&1
inside systemctl restart wspd

step "reboot"
boot=$(inside cat /proc/sys/kernel/random/boot_id; inside stat -c %Y /proc/1)
engine restart -t 30 "$name" >/dev/null
boots
[ "$boot" != "$(inside cat /proc/sys/kernel/random/boot_id
  inside stat -c %Y /proc/1)" ] || fail "it hasn't been rebooted"
[ "$(property ActiveState)" = active ] || fail "not started at boot"
serves
no_complaints

step "SIGKILL"
pid=$(property MainPID)
inside sh -c "kill -9 $pid"
# At once: it waits in the socket's queue.
client_works
[ "$(property MainPID)" != "$pid" ] || fail "the same process"
[ "$(property NRestarts)" = 1 ] || fail "not restarted by systemd"
serves

step "a daemon that hangs"
inside sh -c 'mkdir -p /run/systemd/system/wspd.service.d &&
  printf "[Service]\nWatchdogSec=4\nTimeoutAbortSec=1\n" \
    >/run/systemd/system/wspd.service.d/hang.conf &&
  systemctl daemon-reload && systemctl restart wspd.service'
serves
pid=$(property MainPID)
inside sh -c "kill -STOP $pid"
await "the watchdog" sh -c "[ \$(systemctl show --value -p MainPID \
  wspd.service) != $pid ] && systemctl -q is-active wspd.service"
inside journalctl --no-pager -b -u wspd.service -o cat |
  grep -q 'Watchdog timeout' || fail "the watchdog didn't bite"
serves
inside sh -c 'rm -r /run/systemd/system/wspd.service.d &&
  systemctl daemon-reload'

step "upgrade"
pid=$(property MainPID)
inside sed -i 's/^log_level: .*/log_level: "DEBUG"/' /etc/wspd/wspd.textproto
inside dpkg -i --force-confold "/packages/${second##*/}" >"$work/log" 2>&1 ||
  fail "upgrading: $(cat "$work/log")"
[ "$(property MainPID)" != "$pid" ] || fail "not restarted"
inside grep -q '^log_level: "DEBUG"' /etc/wspd/wspd.textproto ||
  fail "the operator's configuration is gone"
[ "$(inside dpkg-query -W -f '${Version}' wspd)" = 99.0.0 ] || fail "not 99.0.0"
serves
inside systemctl restart wspd.service
serves
no_complaints

step "reload"
pid=$(property MainPID)
inside sh -c 'sed -i "/^policy {/a rules { verdict: DENY ports: \"8080\" } # x" \
  /etc/wspd/wspd.textproto && systemctl reload wspd.service'
await "the new rule" sh -c '! timeout 30 unshare -n wsprun --plane relayed \
  curl -sS http://127.0.0.1:8080/'
inside sh -c 'sed -i "/# x\$/d" /etc/wspd/wspd.textproto &&
  systemctl reload wspd.service'
await "its end" timeout 30 unshare -n wsprun --plane relayed \
  curl -sS http://127.0.0.1:8080/
serves
[ "$(property MainPID)" = "$pid" ] || fail "restarted instead of reloaded"

step "a key of its own"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
  -days 2 -subj /CN=boot -addext subjectAltName=DNS:localhost \
  -keyout "$work/packages/server.key" -out "$work/packages/server.pem" \
  2>"$work/log" || fail "no certificate: $(cat "$work/log")"
inside sh -c 'cp /packages/server.key /packages/server.pem /etc/wspd &&
  chmod 600 /etc/wspd/server.key &&
  cp -a /etc/wspd/wspd.textproto /etc/wspd/before &&
  sed -i "/^remote_admin {/a \\
  address: \"127.0.0.1:7443\" certificate: \"/etc/wspd/server.pem\" \\
  key: \"/etc/wspd/server.key\" client_ca: \"/etc/wspd/server.pem\" \\
  administrators: \"CN:nobody\"" /etc/wspd/wspd.textproto'
if inside wspctl reload >"$work/log" 2>&1; then fail "it has root's key"; fi
grep -q 'server\.key' "$work/log" || fail "not for the key: $(cat "$work/log")"
# As the operator's guide says.
inside sh -c 'cd /etc/wspd &&
  chgrp wspd server.key && chmod 640 server.key'
inside wspctl reload >"$work/log" 2>&1 || fail "reloading: $(cat "$work/log")"
grep -q '^remote_admin.address: "" -> "127.0.0.1:7443"' "$work/log" ||
  fail "nobody is served from elsewhere: $(cat "$work/log")"
inside sh -c 'mv /etc/wspd/before /etc/wspd/wspd.textproto &&
  rm /etc/wspd/server.* && wspctl reload' >/dev/null
serves

step "a configuration that is wrong"
inside sh -c 'echo "nonsense: 1" >>/etc/wspd/wspd.textproto'
if inside systemctl restart wspd.service 2>/dev/null; then fail "it started"; fi
await "its end" sh -c \
  '[ "$(systemctl show --value -p ActiveState wspd.service)" = failed ]'
[ "$(property ExecMainStatus)" = 78 ] || fail "not told as a wrong one"
inside sh -c 'sed -i /nonsense/d /etc/wspd/wspd.textproto &&
  systemctl reset-failed wspd && systemctl restart wspd.socket wspd-admin.socket &&
  systemctl start wspd.service'
serves

step "what the kernel says"
# Of a container's journal that is no part, by default.
inside sh -c 'mkdir -p /etc/systemd/journald.conf.d &&
  printf "[Journal]\nReadKMsg=yes\n" >/etc/systemd/journald.conf.d/kernel.conf &&
  systemctl restart systemd-journald.service'
# It says some of them at a time, by others' filters, too.
said=
for _ in {1..60}; do
  inside systemd-run -q -p Type=oneshot -p SystemCallFilter=~uname \
    -p SystemCallErrorNumber=kill uname >"$work/log" 2>&1 || true
  said=$(dmesg 2>/dev/null | grep 'type=1326.* comm="uname"' || true)
  [ -z "$said" ] || break
  sleep 1
done
if [ -n "$said" ]; then
  await "the kernel's word" sh -c \
    'journalctl -k --grep type=1326 --no-pager | grep "comm=\"uname\""'
else
  echo "skipped: the kernel's messages tell of no end by a filter"
fi
inside sh -c 'rm /etc/systemd/journald.conf.d/kernel.conf &&
  systemctl restart systemd-journald.service'
serves

step "remove"
inside apt-get remove -y wspd >"$work/log" 2>&1 || fail "removing: $(cat "$work/log")"
for gone in /run/wspd /usr/sbin/wspd /lib/systemd/system/wspd.service; do
  if inside test -e "$gone"; then fail "removed, but there is $gone"; fi
done
if inside sh -c 'grep -lx wspd /proc/[0-9]*/comm' 2>/dev/null; then
  fail "removed, and runs"
fi
inside test -e /etc/wspd/wspd.textproto || fail "the configuration is gone"
ours_are_well

step "purge"
inside apt-get purge -y wspd >"$work/log" 2>&1 || fail "purging: $(cat "$work/log")"
left=$(inside find / -xdev -name '*wspd*' -not -path '/proc/*' \
  -not -path '/sys/*' -not -path '/packages*' -not -path '/var/log/*' \
  -not -path '/var/cache/*')
[ -z "$left" ] || fail "purged, but there is $left"

step "the README"
/usr/bin/python3 -B tests/guides/commands.py README.md "As a service" \
  >"$work/packages/readme.sh"
exposure=$(sed -n 's/.*`systemd-analyze security wspd` says \([0-9.]*\).*/\1/p' \
  README.md)
# The package has been built; no sources are in there.
inside sh -c 'mkdir -p /tmp/readme/deploy/debian && cd /tmp/readme &&
  printf "#!/bin/sh\necho %s\n" "$0" >deploy/debian/build_package.sh &&
  chmod +x deploy/debian/build_package.sh' "/packages/${second##*/}"
inside sh -c 'cd /tmp/readme && USER=alice bash -eux /packages/readme.sh' \
  >"$work/log" 2>&1 || fail "the README: $(cat "$work/log")"
inside id -nG alice | grep -qw wspd || fail "alice isn't in the group"
inside systemd-analyze security --no-pager wspd |
  grep -q "Overall exposure level for wspd.service: $exposure " ||
  fail "the exposure isn't $exposure, as the README says"
serves

step "everything was as said"
