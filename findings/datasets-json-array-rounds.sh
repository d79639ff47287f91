#!/usr/bin/env bash
# datasets 5.2.0: a probability of 3e-12 in a JSON array is read as 0.0; in JSON lines it is read as it stands.
#
# load_dataset("json") takes both forms of file. Lines go to pyarrow's reader, an array through pandas, which rounds to
# ten places behind the point: of {"p": 3e-12} nothing is left, and 0.12345678901234567 is 0.123456789. Dataset.to_json()
# writes in the same way (pandas' double_precision=10, which its documentation does not name), so a data set that goes
# out as JSON lines and comes in again has lost its small probabilities too; to_parquet and to_csv keep them. Logarithms of
# probabilities survive, probabilities and losses do not.
#
# And with field="data" a column of integers is a date if it is *called* date: 1700000000 comes as a timestamp. The
# guide "Load: JSON" describes the three forms as ways to store the same rows. For the path of `field` the rounding in
# the last place is on record as huggingface/datasets#8652; that an array and to_json lose digits was not found.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet datasets==5.2.0 pandas==3.1.1 pyarrow==26.0.1 numpy==2.4.6
HF_HOME="$place/cache" HF_HUB_OFFLINE=1 "$place/venv/bin/python" - "$place" <<'PY'
import json
import sys
from pathlib import Path

import datasets

datasets.disable_progress_bars()
place = Path(sys.argv[1])
rows = [{"p": 3e-12, "q": 0.12345678901234567, "date": 1700000000}]
(place / "lines.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
(place / "array.json").write_text(json.dumps(rows))
(place / "field.json").write_text(json.dumps({"data": rows}))


def read(name, **options):
    return datasets.load_dataset("json", data_files=str(place / name), split="train", **options)[0]


lines, array, field = read("lines.jsonl"), read("array.json"), read("field.json", field="data")
datasets.Dataset.from_list(rows).to_json(place / "written.jsonl")
written = json.loads((place / "written.jsonl").read_text())
for what, row in (("lines", lines), ("array", array), ("field", field), ("to_json", written)):
    print(f"datasets {datasets.__version__}, {what}: {row}")
assert lines["p"] == 3e-12 and abs(lines["q"] - rows[0]["q"]) < 1e-16, lines
assert array["p"] == 0.0 and array["q"] == 0.123456789, array
assert written["p"] == 0.0 and written["q"] == 0.123456789, written
assert lines["date"] == array["date"] == 1700000000 and field["date"].year == 2023, field
PY
echo "as described"
