# Sourced by tests/run.sh: runs tests, and counts what became of them.
#   $work      a folder for notes
#   $cache     Bazel's
#   $no_skips  if it isn't empty, what is skipped has failed

passed=0
failed=0
skipped=()

# A test lacks something of the machine.
note_skip() {
  skipped+=("$1")
  if [ -n "$no_skips" ]; then
    echo "FAILED: skipped, and nothing is to be: $1"
    failed=$((failed + 1))
  fi
}

# What it printed, as skips.py has it. Fails if nothing of it has run.
note_skips() {
  local name=$1 output=$2 how reason
  {
    read -r how || return 0
    [ "$how" = all ] || name="$name, in part"
    while read -r reason; do note_skip "$name: $reason"; done
    [ "$how" != all ]
  } < <(/usr/bin/python3 -B tests/skips.py "$output")
}

# A check that is one case by itself.
check() {
  local name=$1
  shift
  echo "== $name"
  if "$@" 2>&1 | tee "$work/output"; then
    if note_skips "$name" "$work/output"; then passed=$((passed + 1)); fi
  else
    echo "FAILED: $name"
    failed=$((failed + 1))
  fi
}

# Runs Bazel's tests in one configuration and counts their cases.
bazel_tests() {
  local name=$1
  shift
  echo "== $name"
  local status counts case_passed case_failed skip
  : >"$work/events.json"
  # Compilers need no sandbox to find an undeclared header: Bazel looks at what
  # they say that they read.
  bazel test --test_output=errors --disk_cache="$cache" --noshow_progress --keep_going \
    --strategy=CppCompile=local --strategy=CppLink=local \
    --test_summary=terse --build_event_json_file="$work/events.json" "$@"
  status=$?
  counts=$(/usr/bin/python3 -B tests/count_results.py "$name" "$work/events.json") ||
    counts=$'\n0 0'
  echo "$counts" | grep -v '^SKIPPED: ' | head -n -1
  while read -r skip; do note_skip "$skip"; done \
    < <(sed -n 's/^SKIPPED: //p' <<<"$counts")
  read -r case_passed case_failed <<<"$(echo "$counts" | tail -n 1)"
  passed=$((passed + case_passed))
  failed=$((failed + case_failed))
  # What no case explains counts once, also a run without any.
  if { [ $status -ne 0 ] || [ "$case_passed" -eq 0 ]; } && [ "$case_failed" -eq 0 ]; then
    echo "FAILED: bazel test ended with $status ($name)"
    failed=$((failed + 1))
  fi
}

# What counts its cases itself, on its last line.
counted() {
  local name=$1 case_passed case_failed
  shift
  echo "== $name"
  "$@" | tee "$work/output"
  note_skips "$name" "$work/output"
  if read -r case_passed case_failed < <(tail -n 1 "$work/output" |
    sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p'); then
    passed=$((passed + case_passed))
    failed=$((failed + case_failed))
  else
    echo "FAILED: $name didn't end"
    failed=$((failed + 1))
  fi
}

# The end: what hasn't run, and then the line with the counts. Fails if something
# has failed.
report() {
  if [ ${#skipped[@]} -gt 0 ]; then
    printf 'skipped: %s\n' "${skipped[@]}"
  else
    echo "skipped: nothing that the machine would have to have the means for"
  fi
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]
}
