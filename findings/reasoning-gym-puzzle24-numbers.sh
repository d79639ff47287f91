#!/usr/bin/env bash
# reasoning-gym 0.1.25: in puzzle24 the four numbers of the question are not looked at: one reply solves every item.
#
# "Make 24 using 4, 8, 6, 2. You can only use each number once." The scorer (games/puzzle24.py) counts the numbers of
# the reply (four), sees that each lies within the configuration's smallest and largest (1 to 10), and that the value is
# 24; it never reads entry["metadata"]["numbers"], where the question's are. So "8*3*1*1" scores 1.0 on all items. The
# task countdown, the same game with other targets, compares them. No issue of the project names it.
#
# The value is cut with int() before it is compared, so 24.33…, as "9*8/3 + 1/3" has it, passes as well.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet reasoning-gym==0.1.25
"$place/venv/bin/python" - <<'PY'
from importlib.metadata import version

import reasoning_gym

items = reasoning_gym.create_dataset("puzzle24", seed=3, size=30)
entries = [items[i] for i in range(30)]
numbers = [sorted(entry["metadata"]["numbers"]) for entry in entries]
fits = sum(given == [1, 1, 3, 8] for given in numbers)
one = sum(items.score_answer("8*3*1*1", entry) == 1.0 for entry in entries)
cut = items.score_answer("9*8/3 + 1/3", entries[0])
four = items.score_answer("(9*8 + 1)/3", entries[0])
print(f"reasoning-gym {version('reasoning-gym')}: '8*3*1*1' is right on {one} of 30; its numbers are asked in {fits}")
print(f"numbers asked: {numbers[:3]} …; 9*8/3 + 1/3 (five numbers): {cut}; (9*8 + 1)/3, four numbers, 24.33…: {four}")
assert (one, fits) == (30, 0), (one, fits)
assert four == 1.0, four

countdown = reasoning_gym.create_dataset("countdown", seed=3, size=5)
entry = countdown[0]
target = entry["metadata"]["target"]
assert countdown.score_answer(str(target), entry) < 1.0
PY
echo "as described"
