#!/usr/bin/env bash
# polars 2.1.0: a key that no line has before the 101st is lost, column and values, when JSON lines are read.
#
# read_ndjson and scan_ndjson take the columns from the first 100 lines (infer_schema_length=100), and pass over every
# other key of the later ones without a word; so do they within structures. A log in which `error`, `tool_calls` or
# `reasoning` first comes after 100 requests reads as one in which it never comes. pyarrow's reader, which looks at a block
# at a time, has the column. A value that does not fit its column is an error there, so the silence is for keys alone.
#
# infer_schema_length=None reads all lines first and is the remedy. Known as pola-rs/polars#29330, open.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet polars==2.1.0 pyarrow==26.0.1
"$place/venv/bin/python" - "$place/log.jsonl" <<'PY'
import json
import sys

import polars
import pyarrow.json

file = sys.argv[1]
rows = [{"id": n, "usage": {"output": n}} for n in range(100)]
rows += [{"id": n, "usage": {"output": n, "reasoning": 7}, "error": "timeout"} for n in range(100, 1000)]
with open(file, "w", encoding="utf-8") as sink:
    sink.writelines(json.dumps(row) + "\n" for row in rows)


def told(frame):
    fields = [field.name for field in frame.schema["usage"].fields]
    return {"rows": frame.height, "columns": frame.columns, "usage": fields}


read, lazy = told(polars.read_ndjson(file)), told(polars.scan_ndjson(file).collect())
whole = told(polars.read_ndjson(file, infer_schema_length=None))
arrow = pyarrow.json.read_json(file)
for what, found in (("read", read), ("scan", lazy), ("read, infer_schema_length=None", whole)):
    print(f"polars {polars.__version__}, {what}: {found}")
print(f"pyarrow {pyarrow.__version__}: {arrow.num_rows} rows, {arrow.column_names}")
lost = {"rows": 1000, "columns": ["id", "usage"], "usage": ["output"]}
assert read == lazy == lost, (read, lazy)
assert whole == {"rows": 1000, "columns": ["id", "usage", "error"], "usage": ["output", "reasoning"]}, whole
assert arrow.column_names == ["id", "usage", "error"], arrow.column_names
PY
echo "as described"
