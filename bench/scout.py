"""Published results of a real reasoner, reproduced by replay; then every plan that replays over them.

    python bench/scout.py [--data ../shared/data/scout] [--quick] [--out bench/results/scout.json]

The data are the recordings behind Parallel-Probe (2602.03845; repository zhengkid/Parallel-Probe, commit
aaa4c7239f98): Qwen3-8B, AIME 2024 and 2025, 30 questions × 128 branches, an answer forced every 500 tokens.
They come without a licence and are not part of karui; the results keep their digests.

1. The published table, with its conventions: trials cost nothing, "ERR" votes, 100 shuffles of its seeds.
2. All plans on one accuracy-tokens picture, with karui's conventions: a trial costs 10 tokens, an answer that
   cannot be read does not vote, permutations of karui's own.
3. The best plan against self-consistency with 64 branches: chosen on one half of the questions (or of the
   branches), scored on the other.
"""

import csv
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from _figures import ROOT, Figures, arguments
from _scout_picture import Panel, Point, draw
from _scout_plans import NAIVE, PUBLISHED, SC, SETS, branch_halves, label_of, plans_of
from _shuffled import shuffled

from karui.core.outcome import Outcomes
from karui.core.plan import Plan
from karui.core.recording import Recording
from karui.core.study import Interval
from karui.i18n.formats import with_minus
from karui.measure.intervals import mean_interval, paired_difference, ratio_interval
from karui.recording.importing.scout import import_scout
from karui.runners.replay import Replay, replay_all

CHEAP = 0.25
"""Share of SC@64's tokens that the most accurate plan of the second rule may spend."""
RULES = {"no worse": "cheapest plan no worse", f"≤ {CHEAP}×": f"most accurate plan at ≤ {CHEAP}× tokens"}


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "scout")
    parser.add_argument("--picture", type=Path, help="write the picture there as SVG")
    options = parser.parse_args()
    files = {name: options.data / f"{name}.json" for name in SETS}
    if absent := [f.name for f in files.values() if not f.exists()]:
        print(f"{', '.join(absent)} not found: give the folder with --data (see the head of this script).")
        return 2
    figures = Figures("scout", options)
    digests = {f.name: sha256(f.read_bytes()).hexdigest() for f in files.values()}
    for name, digest in digests.items():
        figures.note(f"{name} sha256 {digest}")

    reproduce(figures, options.data)
    rows: list[dict] = []
    panels = []
    for name, recording in import_scout(options.data, model="Qwen3-8B").items():
        found = replayed(recording, plans_of(recording, quick=options.quick), quick=options.quick)
        losing(figures, name, found)
        shown = whole(figures, name, found)
        halves = held_out(figures, name, recording, found, quick=options.quick)
        rows += [row(name, o, found[label_of(SC)]) for o in found.values()]
        panels.append(panel(name, found, shown, halves))
    figures.extra = {
        "data": digests,
        "command": f"python bench/scout.py --out {options.out} --picture {options.picture}",
    }
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        with options.out.with_suffix(".csv").open("w", newline="", encoding="utf-8") as sink:
            writer = csv.DictWriter(sink, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    if options.picture:
        options.picture.parent.mkdir(parents=True, exist_ok=True)
        options.picture.write_text(draw(panels), encoding="utf-8")
    return figures.close()


def reproduce(figures: Figures, data: Path) -> None:
    """The published table, on its own shuffles: what karui's techniques and replay make of them."""
    recordings = import_scout(data, model="Qwen3-8B", trial_tokens=0, unread_votes=True)
    shuffles = 2 if figures.quick else 100
    jobs = [(s, words) for words, _ in reversed(PUBLISHED.values()) for s in SETS]  # the longest first
    with get_context("fork").Pool(2) as pool:
        work = [(recordings[s], words, shuffles) for s, words in jobs]
        reached = dict(zip(jobs, pool.starmap(shuffled, work, chunksize=1), strict=True))
    for name, title in SETS.items():
        for method, (words, table) in PUBLISHED.items():
            accuracy, tokens = reached[name, words]
            points, thousands = table[name]
            figures.near(f"{title}: {method}, accuracy", accuracy, points, 1.0, "points")
            figures.near(f"{title}: {method}, tokens", tokens / 1000, thousands, 0.04 * thousands, "k")


def replayed(recording: Recording, plans: Iterable[Plan], *, quick: bool) -> dict[str, Outcomes]:
    """Returns the outcomes of plans by label."""
    replay = Replay({"main": recording}, runs=2 if quick else 20)
    return {o.plan.label: o for o in replay_all(replay, list(plans), processes=2)}


def losing(figures: Figures, name: str, found: dict[str, Outcomes]) -> None:
    """What stopping a branch on equal trials costs."""
    full, naive = found[Plan().label], found[label_of(NAIVE)]
    loss = scaled(paired_difference(full.accuracy, naive.accuracy), 100)
    figures.shown(f"{SETS[name]}: one branch stopped at 8 equal trials, gain", loss, "points")
    if name == "aime24":
        figures.at_most(
            f"{SETS[name]}: the same, published data lose over 10 points", loss.value, -10, "points"
        )


def whole(figures: Figures, name: str, found: dict[str, Outcomes]) -> Outcomes:
    """The best plans on all questions, chosen with hindsight: for the picture, no evidence."""
    reference = found[label_of(SC)]
    for rule, words in RULES.items():
        plan = best(rule, list(found.values()), reference, slice(None))
        figures.note(f"{SETS[name]}, with hindsight, {words}: {told(plan)} against {told(reference)}")
        figures.note(f"  {plan.plan.label}")
    composed = [o for o in found.values() if len(o.plan.techniques) > 1]
    cheap = [o for o in composed if o.tokens.mean() <= CHEAP * reference.tokens.mean()]
    top = max(o.accuracy.mean() for o in cheap)
    shown = min((o for o in cheap if o.accuracy.mean() >= top - 0.005), key=lambda o: o.tokens.mean())
    figures.note(f"{SETS[name]}, in the picture, composed and within half a point of its best: {told(shown)}")
    figures.note(f"  {shown.plan.label}")
    return shown


def told(outcomes: Outcomes) -> str:
    """Returns accuracy and tokens in words."""
    return f"{100 * outcomes.accuracy.mean():.1f} points at {outcomes.tokens.mean() / 1000:.0f}k"


def held_out(
    figures: Figures, name: str, recording: Recording, found: dict[str, Outcomes], *, quick: bool
) -> list[str]:
    """Chooses on one half, scores on the other, both directions; by questions and by branches.

    Returns a line of words for each, of the most accurate cheap plan.
    """
    order = np.random.default_rng(0).permutation(len(recording.questions))
    halves = [np.sort(order[::2]), np.sort(order[1::2])]
    plans = [o.plan for o in found.values() if "parallel-probe" not in o.plan.label]
    branches = [replayed(part, plans, quick=quick) for part in branch_halves(recording)]
    told_of: dict[str, list[str]] = {"questions": [], "branches": []}
    for rule in RULES:
        for here, there in ((0, 1), (1, 0)):
            plan = best(rule, list(found.values()), found[label_of(SC)], halves[here])
            title = f"{SETS[name]}, {rule}, other questions {there + 1}"
            told_of["questions"].append(scored(figures, title, plan, found, halves[there]))
            mine, other = branches[here], branches[there]
            plan = other[best(rule, list(mine.values()), mine[label_of(SC)], slice(None)).plan.label]
            title = f"{SETS[name]}, {rule}, other branches {there + 1}"
            told_of["branches"].append(scored(figures, title, plan, other, slice(None)))
    # the last two of each: those of the most accurate plan
    return [f"by {kind}: {' and '.join(texts[-2:])}" for kind, texts in told_of.items()]


def best(rule: str, plans: Sequence[Outcomes], reference: Outcomes, on: slice | np.ndarray) -> Outcomes:
    """Returns the plan that the rule chooses by these questions, most accurate or cheapest first."""
    accuracy, tokens = reference.accuracy[on].mean(), reference.tokens[on].mean()
    if rule == "no worse":
        good = [o for o in plans if o.accuracy[on].mean() >= accuracy - 1e-9]
        return min(good, key=lambda o: o.tokens[on].mean())
    cheap = [o for o in plans if o.tokens[on].mean() <= CHEAP * tokens]
    return max(cheap, key=lambda o: (round(o.accuracy[on].mean(), 6), -o.tokens[on].mean()))


def scored(
    figures: Figures, name: str, plan: Outcomes, found: dict[str, Outcomes], on: slice | np.ndarray
) -> str:
    """Prints the plan's difference to SC@64 and its share of the tokens; returns both in words."""
    reference = found[label_of(SC)]
    gain = scaled(paired_difference(reference.accuracy[on], plan.accuracy[on]), 100)
    ratio = ratio_interval(plan.tokens[on], reference.tokens[on])
    figures.shown(f"{name}: gain", gain, "points")
    figures.shown(f"{name}: tokens", ratio, "×", 3)
    figures.note(f"  {plan.plan.label}")
    low, high = (with_minus(end, ".1f") for end in (gain.low, gain.high))
    return f"{with_minus(gain.value, '+.1f')} [{low}, {high}] points at {ratio.value:.2f}×"


def row(name: str, outcomes: Outcomes, reference: Outcomes) -> dict:
    """Returns a line of the table of all plans."""
    gain = paired_difference(reference.accuracy, outcomes.accuracy)
    accuracy = mean_interval(outcomes.accuracy)
    runs = np.nanmean(outcomes.correct, axis=0, dtype=np.float64)
    drawn = mean_interval(runs) if outcomes.plan.flows else None
    points = {
        "accuracy": accuracy.value,
        "by_question_low": accuracy.low,
        "by_question_high": accuracy.high,
        "by_permutation_low": drawn.low if drawn else accuracy.value,
        "by_permutation_high": drawn.high if drawn else accuracy.value,
        "gain_over_sc64": gain.value,
        "gain_low": gain.low,
        "gain_high": gain.high,
    }
    return {
        "set": name,
        "plan": outcomes.plan.label,
        **{key: f"{100 * value:.2f}" for key, value in points.items()},
        "tokens": round(float(outcomes.tokens.mean())),
        "trial_tokens": round(float(outcomes.billed("trial").mean())),
        "traces": f"{float(np.nanmean(outcomes.traces)):.1f}",
    }


def panel(name: str, found: dict[str, Outcomes], shown: Outcomes, halves: Sequence[str]) -> Panel:
    """Returns one set's part of the picture."""
    reference = found[label_of(SC)]
    named = {label_of(words): method for method, (words, _) in PUBLISHED.items()}
    named |= {Plan().label: "one full branch", label_of(NAIVE): "one branch, 8 equal probes"}
    named[shown.plan.label] = "best"
    points = []
    for label, o in found.items():
        gain = paired_difference(reference.accuracy, o.accuracy)
        whole = 100 * float(o.accuracy.mean())
        low, high = whole + 100 * (gain.low - gain.value), whole + 100 * (gain.high - gain.value)
        points.append(
            Point(
                tuple(t.name() for t in o.plan.techniques),
                float(o.tokens.mean()),
                whole,
                (low, high) if gain.method == "t" else None,
                named.get(label, ""),
            )
        )
    said = f"best plan at ≤ {CHEAP}× tokens, chosen on one half, scored on the other, against SC@64:"
    return Panel(f"{SETS[name]}: 30 questions × 128 branches", points, [said, *halves])


def scaled(interval: Interval, by: float) -> Interval:
    """Returns the interval in other units."""
    return replace(interval, value=by * interval.value, low=by * interval.low, high=by * interval.high)


if __name__ == "__main__":
    sys.exit(main())
