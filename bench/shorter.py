"""Shorter by training, on karui-mini: tokens, certified losses, a frontier, lengths asked for and delivered.

The models were trained once on a GPU (`python -m recipes.shorter`; recipes/shorter/README.md) on 5,280 traces
of karui-mini about questions of eleven of its thirteen kinds, and recorded on its 1,000 test questions. Those
recordings lie in bench/data/shorter; everything is computed from them here, without a GPU. A loss is full
thinking's accuracy on a question less the model's; five certificates were planned for before the first run
(three models that train on cut traces or merge, two by reinforcement), and share the 5%.

A model composes with what is replayed: every early exit of `EXITS` (where trials were recorded) with every
vote of `VOTES`; and every vote as a cascade that asks the untrained model where the trained one's votes
disagree. The untrained model has the same exits and votes, and cascades from its own cut thinking to the
whole. The frontier of a set of plans are those that no other one beats in tokens and accuracy. The composed
frontier (of the five certified models) dominates the untrained model's where, for every plan on the latter,
it has one with no more tokens and no less accuracy; how far it comes without cascades is shown too. Both are
estimates on the same questions; a vote takes as many traces as were recorded: 8 of the untrained model and of
the reinforced one, 4 of the others.

Qwen2.5-Coder-1.5B-Instruct was trained once by shortest-correct (`python -m recipes.qwen`); what it was
before and after, on 400 test questions of GSM8K, is shown as intervals.

A short training on a CPU, on a few right traces of the shipped pilot, shows that the code still learns.
"""

import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from _figures import ROOT, Figures, arguments, percent

from karui import catalog
from karui.artifacts.build import make
from karui.core.plan import Plan
from karui.core.recording import Recording
from karui.measure.intervals import paired_difference, ratio_interval
from karui.recording.store import load
from karui.runners.replay import Replay, replay_all
from karui.selection.betting import upper_bound
from karui.selection.fixed_sequence import share

MARGIN, ALPHA = 0.02, share(0.05, 5)
MINI = ROOT / "src" / "karui" / "models" / "mini"
DATA = ROOT / "bench" / "data" / "shorter"
QWEN = ROOT / "bench" / "results" / "qwen2.5-coder-1.5b-gsm8k" / "shorter" / "recordings"
CERTIFIED = (
    "adaptive-thinking",
    "cut-to-convergence",
    "merge-7",
    "adaptive-reinforce-shorter",
    "length-control-100",
)
COMPARED = ("shortest-correct", "plain-sft")
UNSEEN, LONG = ("stories", "weekday"), ("long_sum", "swaps")
EXITS = (
    "",
    *(f"trial-stability:k={k}" for k in (2, 3)),
    *(f"trial-confidence:threshold={t}" for t in (0.9, 0.95, 0.99)),
)
VOTES = {k: [f"adaptive-consistency:k={k},threshold={t}" for t in (0.8, 0.9, 0.95)] for k in (4, 8)}
"""By the traces of a question that they may take."""
DOUBTS = (0.6, 0.7, 0.8, 0.9)
"""Shares of votes below which a cascade asks the main model."""
CUTS = (96, 192)
"""Thinking tokens after which a cascade of the untrained model alone has it answer first."""
ASKED = {
    "token-skip": ("skip-ratio", "ratio"),
    "length-control": ("target-length", "tokens"),
}
LEARNED = "shortest-correct:lora=8,steps={steps},batch_tokens=1024,learning_rate=0.002"


class Point(NamedTuple):
    """A plan with its mean tokens and its accuracy."""

    label: str
    tokens: float
    accuracy: float


def own(recording: Recording) -> Plan:
    """Returns the plan that a recording was made with: the techniques that made its model."""
    return catalog.plan_from_spec(recording.manifest.style)


def thinking(recording: Recording) -> np.ndarray:
    """Returns the mean thinking tokens of each question."""
    return np.array([np.mean([t.thinking_tokens for t in q.traces]) for q in recording.questions])


def of_kinds(recording: Recording, values: np.ndarray, kinds: Sequence[str]) -> float:
    """Returns the mean of what is known of each question over those of some kinds."""
    return float(values[[q.kind in kinds for q in recording.questions]].mean())


def described(figures: Figures, name: str, model: Recording, whole: Recording) -> None:
    """Prints tokens, loss, and what became of the kinds that were not trained on or need length."""
    full, found = Replay({"main": whole}).outcomes(Plan()), Replay({"main": model}).outcomes(own(model))
    spent, before = thinking(model), thinking(whole)
    ratio = float(spent.mean() / before.mean())
    if name in CERTIFIED:
        figures.at_most(f"{name}: thinking tokens", ratio, 0.5, "×", 3)
    else:
        figures.shown(f"{name}: thinking tokens", ratio, "×", 3)
    d = full.accuracy - found.accuracy
    figures.shown(f"{name}: loss, estimate", 100 * float(d.mean()), "points", 2)
    if name in CERTIFIED:
        figures.at_most(f"{name}: loss, certified", 100 * upper_bound(d, ALPHA), 100 * MARGIN, "points", 2)
    for label, kinds in (("kinds not trained on", UNSEEN), ("kinds that need length", LONG)):
        right = [100 * of_kinds(whole, o.accuracy, kinds) for o in (found, full)]
        tokens = of_kinds(whole, spent, kinds) / of_kinds(whole, before, kinds)
        figures.shown(f"{name}: accuracy on {label}", right[0], "%", 1)
        figures.note(f"untrained {right[1]:.1f}%; {tokens:.2f}× the thinking tokens")


def played(recording: Recording, runs: int) -> list[Point]:
    """Returns every exit with every vote, over one model's recording."""
    made = own(recording).techniques
    tried = any(mark.trial for trace in recording.traces() for mark in trace.checkpoints)
    plans = [
        Plan((*catalog.parse(vote).techniques, *made, *catalog.parse(leave).techniques))
        for leave in (EXITS if tried else EXITS[:1])
        for vote in ("", *votes(recording))
    ]
    return replayed({"main": recording}, plans, runs)


def cascaded(whole: Recording, first: Recording, runs: int, cuts: Sequence[int] = (0,)) -> list[Point]:
    """Returns every vote of `first` that asks the untrained model where its votes disagree."""
    plans = [
        catalog.parse(f"cascade:by=confidence,model=first,tokens={cut},threshold={doubt} + {vote}")
        for cut in cuts
        for doubt in DOUBTS
        for vote in votes(first)
    ]
    return replayed({"main": whole, "first": first}, plans, runs)


def votes(recording: Recording) -> list[str]:
    """Returns the votes for which there are traces enough."""
    return [vote for most in VOTES if most <= recording.samples for vote in VOTES[most]]


def replayed(recordings: Mapping[str, Recording], plans: Sequence[Plan], runs: int) -> list[Point]:
    """Returns what plans come to over recordings."""
    found = replay_all(Replay(recordings, runs=runs), plans, processes=2)
    return [Point(o.plan.label, float(o.tokens.mean()), float(o.accuracy.mean())) for o in found]


def frontier(points: Sequence[Point]) -> list[Point]:
    """Returns those that no other one beats, from few tokens to many."""
    best: list[Point] = []
    for point in sorted(points, key=lambda p: (p.tokens, -p.accuracy)):
        if not best or point.accuracy > best[-1].accuracy:
            best.append(point)
    return best


def compared(figures: Figures, whole: Recording, trained: Sequence[Recording], runs: int) -> None:
    """Prints how much of the untrained model's frontier the composed one dominates, and by how much."""
    before = frontier([*played(whole, runs), *cascaded(whole, whole, runs, CUTS)])
    alone = [point for recording in trained for point in played(recording, runs)]
    # Who is asked for a length is shown another prompt: no cascade asks both alike.
    asked_alike = [r for r in trained if r.questions[0].prompt == whole.questions[0].prompt]
    composed = frontier([*alone, *(point for r in asked_alike for point in cascaded(whole, r, runs))])
    figures.extra["frontier"] = {
        "untrained": [p._asdict() for p in before],
        "composed": [p._asdict() for p in composed],
    }
    shares = []
    for point in before:
        as_good = next((p for p in composed if p.accuracy >= point.accuracy), None)
        if as_good:
            shares.append(as_good.tokens / point.tokens)
            figures.note(f"{shares[-1]:.3f}× for {point.accuracy:.2%} or more: {as_good.label}")
        else:
            figures.note(f"nothing composed reaches {point.accuracy:.2%}: {point.label}")
    figures.at_least("composed frontier: dominated plans", dominated(before, composed), 100, "%", 1)
    figures.shown("without cascades: dominated plans", dominated(before, alone), "%", 1)
    if shares:
        figures.shown("composed frontier: tokens at equal accuracy, mean", float(np.mean(shares)), "×", 3)
    figures.shown("untrained frontier: best accuracy", 100 * before[-1].accuracy, "%", 2)
    figures.shown("composed frontier: best accuracy", 100 * composed[-1].accuracy, "%", 2)


def dominated(before: Sequence[Point], after: Sequence[Point]) -> float:
    """Returns the share of plans, in percent, that another one equals in accuracy and in tokens."""
    beaten = [any(q.tokens <= p.tokens and q.accuracy >= p.accuracy for q in after) for p in before]
    return 100 * float(np.mean(beaten))


def delivered(figures: Figures, name: str, whole: Recording, recorded: Iterable[Recording]) -> None:
    """Prints the correlation of lengths asked for and delivered, over kinds and over single traces.

    A ratio is compared with the share of the untrained model's mean on that kind (or question), a number of
    tokens with the tokens written. Where nothing was recorded the figure is missed.
    """
    asking, knob = ASKED[name]
    usual = {q.id: np.mean([t.thinking_tokens for t in q.traces]) for q in whole.questions}
    single: list[tuple[float, float]] = []
    cells: list[tuple[float, float]] = []
    for recording in recorded:
        asked = float(next(s[knob] for s in recording.manifest.style if s["technique"] == asking))
        kinds: dict[str, list[tuple[float, float]]] = {}
        for q in recording.questions:
            for t in q.traces:
                whole_tokens = usual[q.id] if asking == "skip-ratio" else 1.0
                own_tokens = t.thinking_tokens + (0 if asking == "skip-ratio" else t.answer_tokens)
                kinds.setdefault(q.kind, []).append((own_tokens, whole_tokens))
                single.append((asked, own_tokens / whole_tokens))
        for pairs in kinds.values():
            spent, base = np.mean(pairs, axis=0)
            cells.append((asked, float(spent / base)))
    if not cells:
        figures.note(f"{name} was not recorded, which counts as no correlation")
    of_cells = float(np.corrcoef(np.array(cells).T)[0, 1]) if cells else 0.0
    figures.at_least(f"{name}: asked for against delivered, by kind", of_cells, 0.8, "", 2)
    if single:
        trace_wise = float(np.corrcoef(np.array(single).T)[0, 1])
        figures.shown(f"{name}: asked for against delivered, by trace", trace_wise, "", 2)


def right_at(figures: Figures, recorded: Mapping[str, Recording]) -> None:
    """Prints how often a model is right at each of the lengths that it was asked for."""
    for name, recording in recorded.items():
        right = 100 * Replay({"main": recording}).outcomes(own(recording)).accuracy
        unseen, long = (of_kinds(recording, right, kinds) for kinds in (UNSEEN, LONG))
        figures.shown(f"{name}: accuracy", float(right.mean()), "%", 1)
        figures.note(
            f"{thinking(recording).mean():.0f} thinking tokens; {unseen:.1f}% on kinds not trained on, "
            f"{long:.1f}% on kinds that need length"
        )


def pretrained(figures: Figures) -> None:
    """Prints what shortest-correct made of Qwen2.5-Coder-1.5B-Instruct."""
    before, after = (load(QWEN / name, signals=False) for name in ("before", "shortest-correct"))
    was, now = (Replay({"main": recording}).outcomes(own(recording)) for recording in (before, after))
    gain = percent(paired_difference(was.accuracy, now.accuracy))
    figures.shown("Qwen 1.5B, shortest-correct: gain", gain, "points", 1)
    figures.shown("Qwen 1.5B, shortest-correct: tokens", ratio_interval(now.tokens, was.tokens), "×", 3)
    figures.note(
        f"{len(was.tokens)} questions × {before.samples}; before {was.accuracy.mean():.1%} at "
        f"{was.tokens.mean():.0f} tokens"
    )


def learned(figures: Figures, steps: int) -> None:
    """Trains a small adapter on a CPU, and prints what it did to the loss on what it learns."""
    pilot = load(MINI / "pilot")
    some = pilot.subset({q.id for q in pilot.questions[:24]})
    with tempfile.TemporaryDirectory() as root:
        plan = catalog.parse(LEARNED.format(steps=steps))
        made = make(plan, MINI, Path(root), recording=some, device="cpu", name="karui-mini")
    held = [p["held_back"] for p in made.notes["curve"]["points"] if p["held_back"] is not None]
    figures.shown("reduced training on a CPU: seconds", made.seconds, "s", 1)
    figures.at_most(
        "reduced training on a CPU: loss held back, after ÷ before", held[-1] / held[0], 1, "×", 3
    )


def main() -> int:
    """Runs the bench and returns its exit code."""
    options = arguments(__doc__).parse_args()
    figures = Figures("shorter", options)
    everything = whole = load(MINI / "recording", signals=False)
    models = {name: load(DATA / name, signals=False) for name in (*CERTIFIED, *COMPARED)}
    if options.quick:
        keep = {q.id for q in whole.questions[:60]}
        whole, models = whole.subset(keep), {name: m.subset(keep) for name, m in models.items()}
    ratios = []
    for name, model in models.items():
        described(figures, name, model, whole)
        ratios.append(float(thinking(model).mean() / thinking(whole).mean()))
    figures.at_most("the best of the certified: thinking tokens", min(ratios[: len(CERTIFIED)]), 0.35, "×", 3)
    compared(figures, whole, [models[name] for name in CERTIFIED], 1 if options.quick else 10)
    for name in ASKED:
        recorded = {p.name: load(p, signals=False) for p in sorted(DATA.glob(f"{name}-*"))}
        delivered(figures, name, everything, recorded.values())
        right_at(figures, recorded)
    pretrained(figures)
    learned(figures, 4 if options.quick else 12)
    return figures.close()


if __name__ == "__main__":
    sys.exit(main())
