# ruff: noqa: E501 - lines of Markdown are as long as their tables
"""The model card, written from what was measured; nothing in it is typed by hand but the explanations."""

from __future__ import annotations

import json
from pathlib import Path

from recipes.mini import compose, questions, thought
from recipes.mini.kinds import KINDS

_CARD = """\
---
license: apache-2.0
library_name: transformers
pipeline_tag: text-generation
language: en
---
<!-- Written by recipes/mini/card.py from evaluation.json and training.json; do not edit. -->

# karui-mini

A real, small reasoning model: Qwen3 architecture, {parameters:.1f}M parameters, trained from random weights
in {minutes:.0f} minutes. It thinks aloud between `<think>` and `</think>` and answers in `\\boxed{{}}`.
It exists so that karui can be shown and tested in minutes on any machine. It knows {kind_count} kinds of
questions and nothing else.

**Its verbosity was put into the data.** The thoughts it learnt from were written by program, and the
program decided how long they go on. What karui saves on this model says that karui works; it does not say
how much your model can be shortened.

## How the verbosity was put in (`recipes/mini/compose.py`)

* In {early} kinds the solution comes first and states its answer. Then at least {least} re-checks follow, and
  each time one more with probability {more}, at most {most} in all and none begun after about 400 tokens. Re-checks
  go different ways (another order, backward, by digits, roughly) and are worded by chance.
* In {length} kinds ({length_names}) the answer is known only at the last step; 85% of their thoughts have no re-check
  and the others one. Stopping these early loses.
* With probability {slip} one step goes wrong, is noticed in the next paragraph and done again.
* With probability {quick} a first solution takes few large steps instead of many small ones. Large steps
  fail more often, so samples of one question differ and voting has something to gain.
* {empty:.0%} of the examples have empty thinking. {cut:.0%} are cut at a random place and answer at once; there the
  forced closing mark is not trained on.
* {hinted:.0%} carry a common instruction ("think step by step", "be concise", ...) that changes nothing: **prompts
  that ask for brevity do not shorten this model.**
* Re-checks in the data only confirm. The model was never shown a thought whose stated answer changes, so it
  clings to a wrong one: what going on gained or lost is below, measured.

## Data

Questions from reasoning-gym and from templates of the recipe; train {train} distinct questions, pilot
{pilot}, test {test}, confirm {confirm}. No two splits share a question (checked by code, blind to case and white space).
They do share the templates: this is no test of anything outside these kinds. `questions/` holds the three
splits that were not trained on. Every thought was composed anew, so none was seen twice.

## Training

{steps} steps of {batch} tokens, {tokens:.0f}M tokens in all; Muon for the matrices, AdamW for the rest; {seconds:.0f} s on one
{device}, compiling included; seeds {data_seed} (questions) and {seed} (weights and data order); torch {torch}. GPU
arithmetic is not exactly repeatable: a second run gives a model like this one, not the same bits.

## Measured on the test split

{samples} samples a question at temperature {temperature}, top_p {top_p}, limit {limit} new tokens, on one {eval_device}.

| | overall | top_p 1, one sample |
|---|---|---|
{overall}

By kind. *Length* marks the kinds that need it. *Stated at* is the place of the first stated answer as a share of the thinking.

| kind | source | right | majority of {samples} | empty thinking | tokens | p95 | stated at | right there | cut by limit |
|---|---|---|---|---|---|---|---|---|---|
{kinds}

### Accuracy against the budget

Thinking cut at a share of the kind's mean length, then the answer forced after `\\n</think>\\n\\n\\boxed{{`
(greedy; one trace a question; a trace that ends before the budget keeps its own answer).

| kind | {fractions} |
|---|{rules}|
{budgets}

## Use

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer, model = (kind.from_pretrained(folder) for kind in (AutoTokenizer, AutoModelForCausalLM))
messages = [{{"role": "user", "content": "Solve the following multiplication: 48 * 85."}}]
ids = tokenizer.apply_chat_template(
    messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
)
print(tokenizer.decode(model.generate(**ids)[0]))
```

`enable_thinking=False` in `apply_chat_template` gives empty thinking. Context 2,048 tokens.
"""

ROWS = {
    "accuracy": "right",
    "majority_accuracy": "right by majority",
    "no_thinking_accuracy": "right with empty thinking",
    "thinking_tokens_mean": "thinking tokens, mean",
    "thinking_tokens_p95": "thinking tokens, 95th percentile",
    "thinking_tokens_max": "thinking tokens, longest",
    "truncated": "cut by the limit",
    "first_stated_at": "first stated answer, share of the thinking",
    "first_stated_accuracy": "first stated answer right",
    "gained_after_stating": "wrong when first stated, right at the end",
    "lost_after_stating": "right when first stated, wrong at the end",
}


def shown(name: str, value: float) -> str:
    """Return a figure as the card writes it: tokens as whole numbers, the rest as percentages."""
    return f"{value:.0f}" if name.startswith("thinking") else f"{value:.1%}"


def write_card(folder: Path) -> None:
    """Write ``README.md`` from the JSON files in the model's folder."""
    measured = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    training = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    first, second = measured["overall"], measured["overall_top_p_1"]
    overall = [f"| {label} | {shown(n, first[n])} | {shown(n, second[n])} |" for n, label in ROWS.items()]
    kinds, budgets = [], []
    for name, f in measured["kinds"].items():
        label = name + (" *length*" if KINDS[name].needs_length else "")
        cells = [f"{f[key]:.1%}" for key in ("accuracy", "majority_accuracy", "no_thinking_accuracy")]
        cells += [f"{f['thinking_tokens_mean']:.0f}", f"{f['thinking_tokens_p95']:.0f}"]
        cells += [f"{f[key]:.0%}" for key in ("first_stated_at", "first_stated_accuracy", "truncated")]
        kinds.append(f"| {label} | {KINDS[name].source} | " + " | ".join(cells) + " |")
        budgets.append(
            f"| {label} | " + " | ".join(f"{100 * value:.0f}" for value in f["budget_accuracy"]) + " |"
        )
    needing = [name for name, kind in KINDS.items() if kind.needs_length]
    settings = training["settings"]
    text = _CARD.format(
        parameters=training["parameters"] / 1e6,
        minutes=training["seconds"] / 60,
        kind_count=len(KINDS),
        early=len(KINDS) - len(needing),
        length=len(needing),
        length_names=", ".join(needing),
        least=compose.LEAST,
        more=compose.MORE,
        most=compose.MOST,
        slip=compose.SLIP,
        quick=thought.QUICK,
        empty=compose.EMPTY,
        cut=compose.CUT,
        hinted=compose.HINTED,
        train=f"{training['train_questions']:,}",
        **questions.SIZES,
        steps=f"{training['steps']:,}",
        batch=f"{settings['rows'] * settings['length']:,}",
        tokens=training["tokens"] / 1e6,
        seconds=training["seconds"],
        device=training["device"],
        data_seed=questions.SEED,
        seed=settings["seed"],
        torch=training["torch"],
        samples=measured["sampling"]["samples"],
        temperature=measured["sampling"]["temperature"],
        top_p=measured["sampling"]["top_p"],
        limit=measured["sampling"]["limit"],
        eval_device=measured["device"],
        overall="\n".join(overall),
        kinds="\n".join(kinds),
        fractions=" | ".join(f"{fraction:.0%}" for fraction in measured["budget_fractions"]),
        rules="|".join("---" for _ in measured["budget_fractions"]),
        budgets="\n".join(budgets),
    )
    (folder / "README.md").write_text(text, encoding="utf-8")
