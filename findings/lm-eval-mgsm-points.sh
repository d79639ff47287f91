#!/usr/bin/env bash
# lm-eval 0.4.13: MGSM's "flexible-extract" takes the decimal point and the sign out of a number before it compares.
#
# The tasks mgsm_direct_*, mgsm_en_cot_* and mgsm_native_cot_* (and AfriMGSM's) take the last number by a pattern and hand
# it to exact_match with ignore_punctuation: a point and a minus are punctuation. So 3.5 is right where 35 is asked, -5
# where 5 is, and $18.00 is wrong where 18 is: it reads 1800. The tasks gsm8k*, whose filter has the same name and pattern,
# take away commas, dollar signs and a last point alone; there $18.00 is compared as 18.00, and is wrong as well.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet numpy==2.4.6 pyyaml==6.0.3 sacrebleu==2.6.0 scikit-learn==1.9.1 \
  typing_extensions==4.16.0 more-itertools==11.2.1
"$place/venv/bin/pip" install --quiet --no-deps lm-eval==0.4.13
cd "$place"
"$place/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import distribution, version

import yaml
from lm_eval.api.metrics import exact_match_fn
from lm_eval.filters.extraction import RegexFilter


def scorer(task):
    text = distribution("lm-eval").locate_file(f"lm_eval/tasks/{task}").read_text()
    config = yaml.load(text, yaml.BaseLoader)
    (steps,) = [f["filter"] for f in config["filter_list"] if f.get("name") == "flexible-extract"]
    regex = RegexFilter(steps[0]["regex_pattern"], int(steps[0]["group_select"]))
    metric = config["metric_list"][0]
    options = {name: metric.get(name) == "true" for name in ("ignore_case", "ignore_punctuation")}
    options["regexes_to_ignore"] = metric.get("regexes_to_ignore")

    def score(reply, gold):
        ((read,),) = regex.apply([[reply]], [{}])
        return read, float(exact_match_fn(predictions=[read], references=[gold], **options)["exact_match"])

    return score


CASES = [("It is 3.5", "35"), ("It is -5", "5"), ("It costs $18.00", "18"), ("It is 1,200", "1200")]
mgsm, gsm8k = scorer("mgsm/direct/direct_yaml"), scorer("gsm8k/gsm8k.yaml")
for case in CASES:
    print(f"lm-eval {version('lm-eval')}: {case}: MGSM {mgsm(*case)}, GSM8K {gsm8k(*case)}")
assert [mgsm(*c)[1] for c in CASES] == [1, 1, 0, 1]
assert [gsm8k(*c)[1] for c in CASES] == [0, 0, 0, 1]
PY
echo "as described"
