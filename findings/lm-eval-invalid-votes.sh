#!/usr/bin/env bash
# lm-eval 0.4.13: in the task gsm8k_cot_self_consistency replies that could not be read vote, together, for "[invalid]".
#
# Its filters read "The answer is NUMBER" and then take the majority of what was read. What was not read is the string
# "[invalid]", and all such replies are of one opinion: of 8 replies, three that say 18 and five that were cut, or say
# "The answer is $18." (the pattern takes no dollar sign), the vote is "[invalid]" and the question is wrong, though
# nobody said anything but 18. Votes of models that are often cut at their limit get worse with more replies of that kind.
# A tie goes to what came first, so one cut reply before one read one loses as well.
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
from lm_eval.filters.extraction import RegexFilter
from lm_eval.filters.selection import MajorityVoteFilter

path = "lm_eval/tasks/gsm8k/gsm8k-cot-self-consistency.yaml"
config = yaml.load(distribution("lm-eval").locate_file(path).read_text(), yaml.BaseLoader)
(steps,) = [f["filter"] for f in config["filter_list"] if f["name"] == "maj@64"]
assert [step["function"] for step in steps] == ["regex", "majority_vote", "take_first"], steps
read = RegexFilter(steps[0]["regex_pattern"])


def vote(*replies):
    ((winner,),) = MajorityVoteFilter().apply(read.apply([replies], [{}]), [{}])
    return winner


said, dollar, cut = "So 9 * 2 = 18. The answer is 18.", "9 eggs at $2. The answer is $18.", "There are 16 eggs, and"
found = {
    "3 read, 3 with a dollar sign, 2 cut": vote(*[said] * 3, *[dollar] * 3, *[cut] * 2),
    "1 cut, then 1 read": vote(cut, said),
    "1 read, then 1 cut": vote(said, cut),
}
print(f"lm-eval {version('lm-eval')}: {found}")
assert list(found.values()) == ["[invalid]", "[invalid]", "18"], found
PY
echo "as described"
