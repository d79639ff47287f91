# ruff: noqa: E501 - lines of Markdown are as long as their tables
"""The model card, written from what was measured; nothing in it is typed by hand but the explanations."""

from __future__ import annotations

import json
from pathlib import Path

from recipes.mini.card import ROWS, shown
from recipes.mini.kinds import KINDS

_CARD = """\
---
license: apache-2.0
library_name: transformers
pipeline_tag: text-generation
language: en
---
<!-- Written by recipes/micro/card.py from evaluation.json and training.json; do not edit. -->

# karui-micro

The small sibling of [karui-mini](../mini/README.md): Qwen3 architecture, {layers} layers of width {hidden}, {parameters:.2f}M
parameters, {share:.3f} of karui-mini's. It has the same tokenizer, the same chat template and the same way of
thinking aloud, and knows the same {kind_count} kinds of questions and nothing else. It exists so that cascades and fallbacks
have a real pair to work on. It is wrong more often than karui-mini; that is what a cascade is for.

## How it was made (`recipes/micro`)

Distilled from {teacher}. The texts are composed anew by karui-mini's own recipe, from {train} training questions; none
is in karui-mini's pilot, test or confirm split (checked by code). At every place the student is moved towards the teacher's
whole distribution (KL divergence at temperature {distil_temperature}, {soft:.0%} of the loss) and towards the token that the text
has there (cross entropy, {hard:.0%}). No trace sampled from either model was trained on. What karui-mini's card says
of its verbosity holds here too: **it was put into the data**.

{steps} steps of {batch} tokens, {tokens:.0f}M tokens in all, from random weights; Muon for the matrices, AdamW for the rest;
{seconds:.0f} s on one {device}, compiling included; seed {seed}; torch {torch}. Then {further_steps} steps, {further_tokens:.0f}M tokens,
{further_seconds:.0f} s more at a smaller rate (seed {further_seed}), on {further_questions} questions of which {weak} come {more:g} times as often as
their share: of that kind it had been right in 69% until then. The learning rate followed the clock where the machine
was slower than the schedule, and GPU arithmetic is not exactly repeatable: a second run gives a model like this one,
not the same bits.

## Measured on karui-mini's test split

{samples} samples a question at temperature {temperature}, top_p {top_p}, limit {limit} new tokens, on one {eval_device}. Accuracy
over all kinds: **{accuracy:.1%}** ({low:.1%} to {high:.1%}), karui-mini {mini_accuracy:.1%}: **{lost:.1f} points less**.
Intervals are at 95%; the unit is the question ({questions} of them), whose samples are no new evidence.

| | karui-micro | karui-mini | karui-micro at top_p 1, one sample |
|---|---|---|---|
{overall}

By kind. *Length* marks the kinds that need it. *Stated at* is the place of the first stated answer as a share of the thinking.

| kind | right | interval | karui-mini | majority of {samples} | empty thinking | tokens | karui-mini | stated at | cut by limit |
|---|---|---|---|---|---|---|---|---|---|
{kinds}

### Accuracy against the budget

Thinking cut at a share of the kind's mean length, then the answer forced after `\\n</think>\\n\\n\\boxed{{`
(greedy; one trace a question; a trace that ends before the budget keeps its own answer).

| kind | {fractions} |
|---|{rules}|
{budgets}

## Use

`karui-micro` names it wherever karui takes a model. Outside karui it loads like any folder, as shown in karui-mini's card.
Context 2,048 tokens.
"""


def write_card(folder: Path, teacher: Path) -> None:
    """Write ``README.md`` from the JSON files in the model's folder and in its teacher's."""
    measured = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    further = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    training = further["before"]
    [(weak, more)] = further["settings"]["more"].items()
    mini = json.loads((teacher / "evaluation.json").read_text(encoding="utf-8"))
    own, wide, its = measured["overall"], measured["overall_top_p_1"], mini["overall"]
    kinds, budgets = [], []
    for name, f in measured["kinds"].items():
        label = name + (" *length*" if KINDS[name].needs_length else "")
        of_mini = mini["kinds"][name]
        cells = [f"{f['accuracy']:.1%}", f"{f['accuracy_low']:.1%} to {f['accuracy_high']:.1%}"]
        cells += [f"{value:.1%}" for value in (of_mini["accuracy"], f["majority_accuracy"])]
        cells += [f"{f['no_thinking_accuracy']:.1%}", f"{f['thinking_tokens_mean']:.0f}"]
        cells += [f"{of_mini['thinking_tokens_mean']:.0f}"]
        cells += [f"{f['first_stated_at']:.0%}", f"{f['truncated']:.1%}"]
        kinds.append(f"| {label} | " + " | ".join(cells) + " |")
        budgets.append(
            f"| {label} | " + " | ".join(f"{100 * value:.0f}" for value in f["budget_accuracy"]) + " |"
        )
    settings, taught = training["settings"], training["teacher"]
    text = _CARD.format(
        layers=settings["layers"],
        hidden=settings["hidden"],
        parameters=training["parameters"] / 1e6,
        share=training["parameters"] / taught["parameters"],
        kind_count=len(KINDS),
        teacher=f"{taught['model']} (weights sha256 `{taught['sha256'][:12]}`)",
        train=f"{training['train_questions']:,}",
        distil_temperature=taught["temperature"],
        soft=1 - taught["token_share"],
        hard=taught["token_share"],
        steps=f"{training['steps']:,}",
        batch=f"{settings['rows'] * settings['length']:,}",
        tokens=training["tokens"] / 1e6,
        seconds=training["seconds"],
        device=training["device"],
        torch=training["torch"],
        further_steps=f"{further['steps']:,}",
        further_tokens=further["tokens"] / 1e6,
        further_seconds=further["seconds"],
        further_seed=further["settings"]["seed"],
        further_questions=f"{further['train_questions']:,}",
        weak=weak,
        more=more,
        **measured["sampling"] | {"seed": settings["seed"]},
        eval_device=measured["device"],
        accuracy=own["accuracy"],
        low=own["accuracy_low"],
        high=own["accuracy_high"],
        mini_accuracy=its["accuracy"],
        lost=100 * (its["accuracy"] - own["accuracy"]),
        questions=own["questions"],
        overall="\n".join(
            f"| {label} | {shown(n, own[n])} | {shown(n, its[n])} | {shown(n, wide[n])} |"
            for n, label in ROWS.items()
        ),
        kinds="\n".join(kinds),
        fractions=" | ".join(f"{fraction:.0%}" for fraction in measured["budget_fractions"]),
        rules="|".join("---" for _ in measured["budget_fractions"]),
        budgets="\n".join(budgets),
    )
    (folder / "README.md").write_text(text, encoding="utf-8")
