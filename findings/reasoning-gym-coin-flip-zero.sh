#!/usr/bin/env bash
# reasoning-gym 0.1.25: in coin_flip "0" scores 1.0 wherever the answer is a probability below one.
#
# Beside exact answers its scorer gives "partial reward for matching prefix": the digits in common, divided by the
# length of the *shorter* text. "0" shares its only digit with 0.234375, so it gets 1/1; "0.2" gets 3/3; the better
# estimate "0.24" gets 3/4, and "0.23437", which is nearest of all, 1.0 again. With the defaults a model that always says
# 0 is right on 28 of 30 items, and one that knows the answer to two digits and rounds it is not.
#
# The task's own comment promises fractions too: "15/64" is 1.0. No issue of the project names the prefix.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet reasoning-gym==0.1.25
"$place/venv/bin/python" - <<'PY'
from importlib.metadata import version

import reasoning_gym

items = reasoning_gym.create_dataset("coin_flip", seed=3, size=30)
entries = [items[i] for i in range(30)]
first = entries[0]
scores = {reply: items.score_answer(reply, first) for reply in ("0", "0.2", "0.24", "0.23437", "15/64", "0.3")}
zero = sum(items.score_answer("0", entry) == 1.0 for entry in entries)
print(f"reasoning-gym {version('reasoning-gym')}: {first['question']} {first['answer']}: {scores}")
print(f"'0' scores 1.0 on {zero} of 30 items; answers: {[entry['answer'] for entry in entries][:6]} …")
assert first["answer"] == "0.234375", first["answer"]
assert scores["0"] == scores["0.2"] == scores["0.23437"] == scores["15/64"] == 1.0, scores
assert scores["0.24"] == 0.75, scores
assert zero == sum(entry["answer"] != "1" for entry in entries) == 28, zero
PY
echo "as described"
