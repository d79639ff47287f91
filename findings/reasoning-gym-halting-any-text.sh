#!/usr/bin/env bash
# reasoning-gym 0.1.25: in game_of_life_halting every reply is worth 1.0, as long as it is not empty.
#
# The task asks for 'True' or 'False'. The scorer (algorithmic/game_of_life_halting.py) compares bool(reply) with
# bool(answer), and both are texts: bool("False") is True. So "True", "False" and "I do not know" score 1.0 on all
# items, and a model that is trained on this reward or measured by it has nothing to learn. The README calls the
# environments algorithmically verifiable and shows score_answer as the check; it does not show in its example, where
# the right answer is scored. No issue of the project names it.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet reasoning-gym==0.1.25
"$place/venv/bin/python" - <<'PY'
from importlib.metadata import version

import reasoning_gym

items = reasoning_gym.create_dataset("game_of_life_halting", seed=3, size=30)
entries = [items[i] for i in range(30)]
answers = sorted({entry["answer"] for entry in entries})
replies = ("True", "False", "I do not know", "")
means = {reply: sum(items.score_answer(reply, entry) for entry in entries) / 30 for reply in replies}
print(f"reasoning-gym {version('reasoning-gym')}: answers {answers}; mean score of a constant reply: {means}")
assert answers == ["False", "True"], answers
assert means == {"True": 1.0, "False": 1.0, "I do not know": 1.0, "": 0.0}, means
PY
echo "as described"
