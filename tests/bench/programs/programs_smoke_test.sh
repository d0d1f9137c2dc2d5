#!/usr/bin/env bash
# Every row can be measured whose programs are installed, and says so if they
# aren't; how fast, nobody asks. But for echo_64_beside_5000_idle, which is made
# of two others and takes sockperf a quarter of a minute.
set -euo pipefail
rows=$TEST_TMPDIR/rows.json
status=0
tests/bench/programs/run.sh --bin "$PWD" --smoke --rows '[!e]*' \
  --json "$rows" || status=$?
if [ "$status" -eq 77 ]; then
  echo "skipped: no namespaces here"
  exit 0
fi
[ "$status" -eq 0 ]
/usr/bin/python3 - "$rows" <<'END'
import json
import sys

rows = [json.loads(line) for line in open(sys.argv[1])]
names = {(row["name"], row["plane"]) for row in rows}
assert len(names) == len(rows) >= 12, rows
assert {row["plane"] for row in rows} == {"lent", "relayed"}, rows
for row in rows:
    if "reason" in row:
        assert row["reason"].startswith("skipped: "), row
        continue
    assert row["lo"] <= row["hi"] and row["ok"] in (True, False), row
    assert row["bounds"] == "ours" or row["ratio"] > 0, row
END
