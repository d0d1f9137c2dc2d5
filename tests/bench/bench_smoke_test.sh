#!/usr/bin/env bash
# Every row can be measured and gives numbers that can be; how fast, nobody asks.
set -euo pipefail
bench=$1
wspd=$2
provider=$3
# The test's own folder has too long a name for a socket in it.
TMPDIR=$(mktemp -d /tmp/bench.XXXXXX)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
rows=$TEST_TMPDIR/rows.json
"$bench" --smoke --wspd="$wspd" --provider="$provider" --json="$rows"
/usr/bin/python3 - "$rows" <<'END'
import json
import sys

rows = [json.loads(line) for line in open(sys.argv[1])]
assert len(rows) == len({row["name"] for row in rows}) >= 14, rows
for row in rows:
    assert row["plane"] in ("forwarded", "lent"), row
    assert row["ours"] >= 0 and row["lo"] <= row["hi"], row
    assert {"native", "ratio", "target", "ok"} <= set(row), row
    assert row["bounds"] == "ours" or row["ratio"] > 0, row
END
