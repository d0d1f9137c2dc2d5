#!/usr/bin/env bash
# results.sh: what the end of a run of tests says of what has run.
set -uo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Bazel, of which this test has no use but that a test has been skipped.
mkdir "$work/bin"
cat >"$work/bin/bazel" <<STUB
#!/bin/sh
for argument; do
  case "\$argument" in --build_event_json_file=*) out=\${argument#*=} ;; esac
done
printf '<testsuites><testcase name="a" status="run"/></testsuites>' >"$work/a.xml"
printf 'skipped: no namespaces\\n' >"$work/a.log"
cat >"\$out" <<'EVENT'
{"id": {"testResult": {"label": "//a:a"}}, "testResult": {"status": "PASSED", "testActionOutput": [{"name": "test.log", "uri": "file://$work/a.log"}, {"name": "test.xml", "uri": "file://$work/a.xml"}]}}
{"id": {"testResult": {"label": "//a:b"}}, "testResult": {"status": "PASSED", "testActionOutput": [{"name": "test.xml", "uri": "file://$work/a.xml"}]}}
EVENT
STUB
chmod +x "$work/bin/bazel"
PATH=$work/bin:$PATH

failures=0
# What the functions, run one after the other, and then the report print.
expect() {
  local what=$1 status=$2 wanted=$3 got
  shift 3
  got=$(
    cache=$work
    source tests/results.sh
    for call in "$@"; do eval "$call"; done
    report
  )
  local ended=$?
  if [ "$got" != "$wanted" ] || [ "$ended" -ne "$status" ]; then
    printf 'FAILED: %s: wanted, with %s,\n%s\ngot, with %s,\n%s\n' \
      "$what" "$status" "$wanted" "$ended" "$got" >&2
    failures=$((failures + 1))
  fi
}
boots() { echo booted; }
no_root() { echo "skipped: no root"; }
half() {
  echo "skipped: no lintian" >&2
  echo booted
}
counts() {
  echo "skipped: no ssh"
  echo "3 passed, 1 failed"
}

no_skips=
expect "nothing" 0 "== boot
booted
skipped: nothing that the machine would have to have the means for
1 passed, 0 failed" "check boot boots"
expect "skips" 0 "== boot
skipped: no root
== half
skipped: no lintian
booted
skipped: boot: no root
skipped: half, in part: no lintian
1 passed, 0 failed" "check boot no_root" "check half half"
expect "failures" 1 "== boot
FAILED: boot
skipped: nothing that the machine would have to have the means for
0 passed, 1 failed" "check boot false"
expect "counts" 1 "== programs
skipped: no ssh
3 passed, 1 failed
skipped: programs, in part: no ssh
3 passed, 1 failed" "counted programs counts"
expect "bazel's tests" 0 "== default
default: 1 passed, 0 failed, 1 skipped
skipped: //a:a: no namespaces
1 passed, 0 failed" "bazel_tests default"

no_skips=1
expect "skips that are none" 1 "== boot
skipped: no root
FAILED: skipped, and nothing is to be: boot: no root
== half
skipped: no lintian
booted
FAILED: skipped, and nothing is to be: half, in part: no lintian
skipped: boot: no root
skipped: half, in part: no lintian
1 passed, 2 failed" "check boot no_root" "check half half"
expect "bazel's skips that are none" 1 "== default
default: 1 passed, 0 failed, 1 skipped
FAILED: skipped, and nothing is to be: //a:a: no namespaces
skipped: //a:a: no namespaces
1 passed, 1 failed" "bazel_tests default"
[ "$failures" -eq 0 ]
