#!/usr/bin/env bash
# lm-eval 0.4.13: its tasks aime, aime24 and aime25 refuse right replies of a model that thinks aloud.
#
# How an answer is read (tasks/aime/utils.py), for the gold answer 33:
#
# 1. "\boxed " with a blank anywhere wins over every real box behind it: a reply that says "I must put the answer in
#    \boxed form" and ends with \boxed{33} is wrong, since what is compared is "form. It is \boxed{33}". So is \boxed {33}.
# 2. Without a box the answer is everything between the *first* dollar sign and the *last*: "As $a=3$, it is $33$." is
#    wrong, "So it is $33$." right. Without either it is the whole reply: "33" is right, "33." and "**33**" are wrong. The
#    prompt ("Question: … Answer:") asks for no box.
# 3. \boxed{033}, as the contest has it written on its sheet, is wrong; \boxed{3 3} and \boxed{33\%} are right.
#
# Only the functions of the task are run; no data set is loaded.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --no-deps lm-eval==0.4.13
cd "$place"
"$place/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import distribution, version
from runpy import run_path

score = run_path(str(distribution("lm-eval").locate_file("lm_eval/tasks/aime/utils.py")))["process_results"]
CASES = {
    "So \\boxed{33}.": 1,
    "I must put the answer in \\boxed form. It is \\boxed{33}": 0,
    "So \\boxed {33}.": 0,
    "So it is $33$.": 1,
    "As $a=3$, it is $33$.": 0,
    "33": 1,
    "33.": 0,
    "**33**": 0,
    "\\boxed{033}": 0,
    "\\boxed{3 3}": 1,
    "\\boxed{33\\%}": 1,
}
found = {text: score({"Answer": 33}, [text])["exact_match"] for text in CASES}
print(f"lm-eval {version('lm-eval')}, gold 33: {found}")
assert found == CASES, found
PY
echo "as described"
