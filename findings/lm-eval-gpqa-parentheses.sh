#!/usr/bin/env bash
# lm-eval 0.4.13: GPQA's "flexible-extract" reads (R), (E) or (N) as the answer, its "strict-match" a letter less.
#
# gpqa_*_cot_zeroshot and gpqa_*_cot_n_shot take the *last* capital letter in parentheses, of A to Z:
#
# 1. "The answer is (B): the (R) enantiomer." reads (R), and a formula f(N) reads (N). Chemistry and physics, of which the
#    questions are, have such letters everywhere, and a model that explains itself after its answer is wrong.
# 2. Without parentheses, "The answer is B" is not read; the choices' own texts are looked for instead, the last one that
#    occurs. "It cannot be 12 m. Answer: B" reads (A), where 12 m is choice A.
# 3. "strict-match" takes all behind "The answer is " but the last sign of the line: "The answer is B" reads nothing,
#    "The answer is B." reads B.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet pyyaml==6.0.3
"$place/venv/bin/pip" install --quiet --no-deps lm-eval==0.4.13
cd "$place"
"$place/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import distribution, version

import yaml
from lm_eval.filters.extraction import MultiChoiceRegexFilter, RegexFilter

path = "lm_eval/tasks/gpqa/cot_zeroshot/_gpqa_cot_zeroshot_yaml"
text = distribution("lm-eval").locate_file(path).read_text().replace("!function ", "")
steps = {f["name"]: f["filter"][0] for f in yaml.safe_load(text)["filter_list"]}
strict, flexible = steps["strict-match"], steps["flexible-extract"]
assert (strict.pop("function"), flexible.pop("function")) == ("regex", "multi_choice_regex")
DOC = {"choices": ["12 m", "15 m", "18 m", "21 m"]}
CASES = {
    "The answer is (B).": ("(B)", "(B)"),
    "The answer is (B): the (R) enantiomer.": ("(B): the (R) enantiomer", "(R)"),
    "The answer is (B), since f(N) grows.": ("(B), since f(N) grows", "(N)"),
    "It cannot be 12 m. Answer: B": ("[invalid]", "(A)"),
    "The answer is B": ("", "[invalid]"),
    "The answer is B.": ("B", "[invalid]"),
}
found = {}
for reply in CASES:
    made = (RegexFilter(**strict), MultiChoiceRegexFilter(**flexible))
    found[reply] = tuple(f.apply([[reply]], [DOC])[0][0] for f in made)
print(f"lm-eval {version('lm-eval')}: strict-match and flexible-extract: {found}")
assert found == CASES, found
PY
echo "as described"
