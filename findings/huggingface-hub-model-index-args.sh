#!/usr/bin/env bash
# huggingface_hub 1.33.0: a model card's 5-shot result is written as a 0-shot one, and B's as measured by A.
#
# ModelCardData(eval_results=[…]) puts results into one block of the model-index where task and data set (type,
# configuration, split, revision) agree, and takes the block's `args`, `source` and data set's name from the first. Two
# EvalResults of MMLU, num_few_shot 0 from A and num_few_shot 5 from B, become one block with num_few_shot 0, source A
# and two values of "accuracy". Read back they are two results of A's, both 0-shot. The documentation of EvalResult lists
# dataset_args and source_url as fields of each result.
#
# Known as huggingface/huggingface_hub#4975, which is closed; this release has it still.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet huggingface_hub==1.33.0 jinja2==3.1.6
"$place/venv/bin/python" - <<'PY'
from huggingface_hub import EvalResult, ModelCard, ModelCardData, __version__


def result(value, shots, source):
    return EvalResult(
        task_type="text-generation",
        dataset_type="cais/mmlu",
        dataset_name="MMLU",
        metric_type="accuracy",
        metric_value=value,
        dataset_args={"num_few_shot": shots},
        source_name=source,
        source_url=f"https://{source}.test",
    )


card = ModelCard.from_template(
    ModelCardData(model_name="m", eval_results=[result(0.5, 0, "a"), result(0.7, 5, "b")]),
    template_str="---\n{{ card_data }}\n---\n",
)
read = [(r.metric_value, r.dataset_args, r.source_name) for r in ModelCard(str(card)).data.eval_results]
print(f"huggingface_hub {__version__}: written 0.5 (0-shot, a) and 0.7 (5-shot, b); read {read}")
assert read == [(0.5, {"num_few_shot": 0}, "a"), (0.7, {"num_few_shot": 0}, "a")], read
PY
echo "as described"
