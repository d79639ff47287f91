"""A real thinker, replayed: what karui saves on it without training, each row certified.

    python bench/thinker.py [--data runs/thinker/recordings] [--choose] [--quick] [--out FILE]

The model is Qwen2.5-Coder-1.5B-Instruct, fine-tuned on others' long traces (`python -m recipes.thinker`;
recipes/thinker/README.md) and recorded by vLLM; the recordings in bench/data/thinker have no texts. Its
questions are GSM8K *train* and MATH *test*; no trace that it learned from was about one of them.

Three rules choose, on each set of questions. *Exits*: of the few plans below, the cheapest whose mean loss on
the first 400 questions (their order is random) plus one standard error is within the margin; all other
questions judge that one plan once. *Cascades* (`_thinker_more.py`): likewise, on the first 40%, by FLOPs; a
model that does not think is asked first. *karui choose*: the product as it is, over its whole search space
(only with `--choose`: minutes a set). A loss has to be certified at 2 points, and all these rows share 5%
with those of other weights: FP8, and a second round.

Thinking tokens are all that is generated before the answer: trials and dropped traces count. A trace that was
cut is wrong and long, so a plan that ends it early gains twice: what it saves where no trace was cut is shown
beside (those questions are the easier ones).
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from _figures import ROOT, Figures, arguments, percent
from _thinker_more import FIRST, MADE, SHOWN, cascade, other_weights
from _thinker_more import right as accuracy

import karui
from karui import catalog
from karui.core.outcome import Outcomes
from karui.core.plan import Plan
from karui.core.recording import Recording
from karui.core.trace import End
from karui.measure.intervals import mean_interval, paired_difference, ratio_interval
from karui.measure.overthinking import overthinking
from karui.recording.store import MANIFEST, digest, load
from karui.runners.replay import Replay
from karui.selection.betting import upper_bound
from karui.selection.fixed_sequence import share

MARGIN = 0.02
PILOT = 400
SETS = {"gsm8k": "GSM8K", "math": "MATH"}
MODELS = {"base": "base", "control": "answers alone", "quick": "thinking closed at once"}
EXITS = (
    *(f"trial-stability:k={k}" for k in (2, 3, 4, 6)),
    *(f"trial-confidence:threshold={t}" for t in (0.8, 0.9, 0.95, 0.99)),
)
CASCADES = (("gsm8k", "quick"), ("gsm8k", "control"), ("math", "control"))
ROWS = 2 * len(SETS) + len(CASCADES) + len(MADE)
ALPHA = share(0.05, ROWS)
"""Level of each certificate; a row that cannot be judged keeps its share."""
AT_MOST = 0.5
UNJUDGED = (
    "int8, W4A16, GGUF of the thinker: no whole recording came home (docs/log.md, 2026-12-01)",
    "the second round's control, and both on MATH: likewise",
    "prompts, pruning: not recorded",
)


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=ROOT / "bench" / "data" / "thinker")
    parser.add_argument("--choose", action="store_true", help="also what karui choose chooses: minutes a set")
    options = parser.parse_args()
    names = [
        f"{model}-{name}"
        for name in SETS
        for model in ("thinker", *MODELS, *MADE, *SHOWN)
        if (options.data / f"{model}-{name}" / MANIFEST).exists()
    ]
    if "thinker-gsm8k" not in names:
        print(f"No thinker-gsm8k under {options.data}: give the folder with --data (see above).")
        return 2
    figures = Figures("thinker", options)
    for name in names:
        figures.note(f"{name} {digest(options.data / name)}")
    recordings = {name: load(options.data / name, signals=False) for name in names}
    for name in SETS:
        if f"thinker-{name}" in recordings:
            described(figures, name, recordings)
    for name, title in SETS.items():
        if f"thinker-{name}" not in recordings:
            figures.note(f"{title}: not recorded, so its rows are not judged")
            continue
        main = recordings[f"thinker-{name}"]
        exits(figures, name, main)
        for first in (one for of, one in CASCADES if of == name and f"{one}-{name}" in recordings):
            cascade(figures, f"{title}, {FIRST[first]}", main, recordings[f"{first}-{name}"], ALPHA)
        made = {key: recordings[f"{key}-{name}"] for key in (*MADE, *SHOWN) if f"{key}-{name}" in recordings}
        other_weights(figures, title, main, made, ALPHA)
        if options.choose:
            product(figures, name, options.data / f"thinker-{name}")
    for sentence in UNJUDGED:
        figures.note(f"not judged: {sentence}")
    figures.extra |= {"digests": {name: digest(options.data / name) for name in names}, "alpha": ALPHA}
    return figures.close()


def described(figures: Figures, name: str, recordings: Mapping[str, Recording]) -> None:
    """What full thinking comes to, beside the base, the control and the model without thinking."""
    title, thinker = SETS[name], recordings[f"thinker-{name}"]
    traces = list(thinker.traces())
    figures.at_least(f"{title}: questions", len(thinker.questions), 1000, "", 0)
    figures.at_least(f"{title}: traces of each", thinker.samples, 8, "", 0)
    right = accuracy(thinker)
    reached = percent(mean_interval(right))
    if name == "gsm8k":
        figures.at_least(f"{title}: accuracy", reached.value, 75, "%", 1)
        figures.shown(f"{title}: accuracy, interval", reached, "%", 1)
    else:
        figures.shown(f"{title}: accuracy", reached, "%", 1)
    figures.shown(f"{title}: thinking tokens", float(np.mean([t.thinking_tokens for t in traces])), "", 0)
    figures.shown(f"{title}: cut", 100 * float(np.mean([t.end is End.TRUNCATED for t in traces])), "%", 1)
    if settled := overthinking(thinker):
        figures.shown(
            f"{title}: the trial's answer settles after", 100 * settled.settles_at, "% of thinking", 0
        )
    for model, words in MODELS.items():
        if (other := recordings.get(f"{model}-{name}")) is None:
            continue
        same = {q.id for q in other.questions}
        figures.shown(f"{title}, {words}: accuracy", percent(mean_interval(accuracy(other))), "%", 1)
        tokens = [t.thinking_tokens + t.answer_tokens for t in other.traces()]
        figures.shown(f"{title}, {words}: tokens", float(np.mean(tokens)), "", 0)
        gain = percent(paired_difference(accuracy(other), accuracy(thinker.subset(same))))
        figures.shown(f"{title}: gain of thinking over {words}", gain, "points", 1)
        if model == "base" and name == "math":
            figures.at_least(f"{title}: gain over the base, lower end", gain.low, 0, "points", 1)


def thinking(outcomes: Outcomes) -> np.ndarray:
    """Returns what each question took before its answer: thinking, trials, and what was dropped."""
    main = outcomes.bills["main"]
    spent = main[:, :, 2] + main[:, :, 4] + main[:, :, 5]  # thinking, trials, dropped
    return np.asarray(np.nanmean(spent, axis=1))


def cut(recording: Recording) -> set[str]:
    """Returns the questions of which some trace was cut by the limit."""
    return {q.id for q in recording.questions if any(t.end is End.TRUNCATED for t in q.traces)}


def product(figures: Figures, name: str, folder: Path) -> None:
    """What `karui choose` chooses at this row's level."""
    study = karui.choose(folder, confidence=1 - ALPHA, accept_truncation=True)
    choice, title = study.choice, f"{SETS[name]}, karui choose"
    figures.note(f"{title}: {choice.label}, judged on {choice.questions} questions")
    won = next((t for t in choice.tested if t.plan == choice.plan), None)
    saving = won.saving if won else 0.0
    figures.at_most(f"{title}: all tokens", 1 - saving, AT_MOST, "×", 3)
    for tested in choice.tested:
        words = f"{1 - tested.saving:.3f}×, loss {100 * tested.loss:+.2f}, at most {100 * tested.high:.2f}"
        figures.note(f"{tested.label}: {words} points, {tested.verdict.value}")
    if won:
        figures.at_most(f"{title}: loss, certified", 100 * won.high, 100 * MARGIN, "points", 2)


def exits(figures: Figures, name: str, main: Recording) -> None:
    """Chooses an exit on the pilot, and judges what was chosen on the rest."""
    ids = [q.id for q in main.questions]
    pilot, rest = set(ids[:PILOT]), set(ids[PILOT:])
    runs = 2 if figures.quick else 8

    def played(keep: set[str], plan: Plan) -> Outcomes:
        return Replay({"main": main.subset(keep)}, runs=runs).outcomes(plan)

    whole = played(pilot, Plan())
    best: tuple[float, str] | None = None
    for words in EXITS[:2] if figures.quick else EXITS:
        found = played(pilot, catalog.parse(words))
        d = whole.accuracy - found.accuracy
        spent = float(thinking(found).mean() / thinking(whole).mean())
        fits = float(d.mean() + d.std(ddof=1) / len(d) ** 0.5) <= MARGIN
        figures.note(f"pilot {SETS[name]} {words}: {spent:.3f}×, loss {100 * d.mean():+.1f} points")
        if fits and (best is None or spent < best[0]):
            best = (spent, words)
    title = f"{SETS[name]}, exits"
    if best is None:
        figures.at_most(f"{title}: thinking tokens (nothing fits on the pilot)", 1.0, AT_MOST, "×", 3)
        return
    full, chosen = played(rest, Plan()), played(rest, catalog.parse(best[1]))
    d = full.accuracy - chosen.accuracy
    ratio = ratio_interval(thinking(chosen), thinking(full))
    figures.note(f"{title}: {best[1]}, judged on {len(rest)} questions")
    figures.at_most(f"{title}: thinking tokens", ratio.value, AT_MOST, "×", 3)
    figures.shown(f"{title}: thinking tokens, interval", ratio, "×", 3)
    figures.shown(f"{title}: all tokens", float(chosen.tokens.mean() / full.tokens.mean()), "×", 3)
    figures.shown(f"{title}: loss, estimate", 100 * float(d.mean()), "points", 2)
    ended = [i for i, q in enumerate(full.questions) if q not in cut(main)]
    kept = ratio_interval(thinking(chosen)[ended], thinking(full)[ended])
    figures.shown(f"{title}: thinking tokens where no trace was cut", kept, "×", 3)
    figures.shown(f"{title}: loss there, estimate", 100 * float(d[ended].mean()), "points", 2)
    figures.at_most(f"{title}: loss, certified", 100 * upper_bound(d, ALPHA), 100 * MARGIN, "points", 2)


if __name__ == "__main__":
    sys.exit(main())
