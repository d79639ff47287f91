#!/usr/bin/env bash
# inspect_ai 0.3.285: the scorer match(numeric=True) compares five significant digits of a number with blanks around it.
#
# 1. 1234567 is "correct" where the target is 1234599, and 100001 where it is 100004: both numbers are written with
#    five significant digits before they are compared. No tolerance is named in its documentation.
# 2. A number counts only if a whole word is one. "So 6*7=42", "The answer is $x=42$" and "\boxed{42}" hold none, and a
#    percentage does not count either, so the scorer takes what stands before: "50% of 80 is 40%." reads 80, and
#    "Step 3: \boxed{42}" reads 3. Right replies of a model that writes formulas are wrong, without a word.
# 3. "1 234 567" and "10 000" read 567 and 0.
#
# What it read stands in Score.answer: look there before believing an accuracy.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet inspect_ai==0.3.285
cd "$place"
"$place/venv/bin/python" - <<'PY'
import asyncio
from importlib.metadata import version

from inspect_ai.model import ModelOutput
from inspect_ai.scorer import Target, match
from inspect_ai.solver import TaskState

CASES = [
    ("The answer is 1234567", "1234599", "C", "1.2346e+06"),
    ("The answer is 100001.", "100004", "C", "1e+05"),
    ("50% of 80 is 40%.", "40", "I", "80"),
    ("Step 3: \\boxed{42}", "42", "I", "3"),
    ("So 6*7=42", "42", "I", ""),
    ("That makes 10 000", "10000", "I", "0"),
    ("The answer is 42.", "42", "C", "42"),
]


async def main():
    scorer = match(numeric=True)
    for text, target, verdict, read in CASES:
        output = ModelOutput.from_content("mockllm", text)
        state = TaskState(model="mockllm/m", sample_id=1, epoch=1, input="?", messages=[], output=output)
        score = await scorer(state, Target(target))
        print(f"{text!r} for {target}: {score.value}, read {score.answer!r}")
        assert (score.value, score.answer) == (verdict, read), (text, score)


print("inspect_ai", version("inspect_ai"))
asyncio.run(main())
PY
echo "as described"
