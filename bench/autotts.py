"""AutoTTS's contest: a controller that an agent discovered by replay, against a rule fixed here.

    python bench/autotts.py --data DIR [DIR …] [--quick] [--out bench/results/autotts.json]

DIR holds recordings of Qwen3 0.6B, 1.7B, 4B and 8B: folders by size, files by set (`Qwen3-4B/hmmt25.json`;
either order), or SCOUT's `aime24.json` and `aime25.json` of 8B. They are those of AutoTTS (2605.08083,
repository zhengkid/AutoTTS) and Parallel-Probe (2602.03845); without a licence, so not part of karui.
Whatever is there is scored.

1. The published controller on its search set, AIME24, with its conventions (trials are free, "ERR" votes, the
   100 shuffles of its seeds).
2. One rule chooses two plans a size by AIME24 alone, and every other set is scored with them under karui's
   conventions (a trial costs 10 tokens, what cannot be read does not vote): 64 of the 128 branches at most,
   over 100 permutations. The rule, the same for all sizes:
   * `length-vote` with `token-cap`, its threshold 0.9 falling by 0.45;
   * the cap is the 95% quantile of the lengths of right traces, the votes' scale is their mean;
   * the budget is the largest with which the hardest questions, of which SC@64 solves half (all, where it
     solves fewer than half of all), take a share of SC@64's tokens there: 0.145 against β = .5, 0.18 against
     β = 1.
3. Held-out sets against the published table. A mean is claimed only where both sets of a size are there.
4. Cascades over the sizes, priced in FLOPs: chosen on AIME24 by the rule that bench/_autotts_cascade.py
   states, scored on every other set that two sizes have, and on AIME24 by cross-validation.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from _autotts_cascade import (
    ALONE,
    CASCADE,
    FOLDS,
    REFERENCE,
    ROWS,
    Choice,
    Passed,
    choose,
    replayed,
    validated,
)
from _autotts_cascade import scored as scored_rows
from _autotts_data import (
    ASC,
    FULL,
    HALF,
    HELD_OUT,
    PROBE,
    SC,
    SEARCH,
    SIZES,
    TITLES,
    Clash,
    Store,
    find,
    published,
)
from _autotts_rule import SELF, TRIES, chosen, read
from _beside import together
from _figures import ROOT, Figures, arguments, percent
from _shuffled import shuffled

from karui.core.outcome import Outcomes
from karui.core.plan import Plan
from karui.core.recording import Recording
from karui.measure.intervals import mean_interval, paired_difference, ratio_interval
from karui.recording.importing.scout import import_scout
from karui.runners.replay import Replay

ALLOWED = {HALF: 0.60, FULL: 0.40}
"""By rival, the share of its tokens at which its held-out mean has to be reached."""
ALL_SIZES = 0.20


@dataclass(frozen=True)
class Scored:
    """A size on a set: self-consistency and the plan against each rival, question by question."""

    reference: Outcomes
    plans: Mapping[str, Outcomes]


def main() -> int:
    parser = arguments(__doc__)
    shared = ROOT.parent / "shared" / "data"
    parser.add_argument("--data", type=Path, nargs="+", default=[shared / "autotts", shared / "scout"])
    parser.add_argument("--shuffles", type=int, default=100, help="of the published 100, for the first part")
    options = parser.parse_args()
    try:
        stores = find(options.data)
    except Clash as clash:
        print(clash)
        return 2
    if not any(name == SEARCH for _, name in stores):
        print(f"No aime24.json under {', '.join(map(str, options.data))}: give the folder with --data.")
        return 2

    figures = Figures("autotts", options)
    for store in stores.values():
        figures.note(f"{store.size} {TITLES[store.name]} sha256 {store.digest}")
    runs = 2 if options.quick else 100
    scored: dict[tuple[str, str], Scored] = {}
    for size in SIZES:
        if (size, SEARCH) in stores and not options.quick:
            reproduce(figures, stores[size, SEARCH], options.shuffles)
        scored |= contest(figures, size, stores, runs)
    rows = [row for size in SIZES for row in table(size, scored)]
    for row in rows:
        figures.note(row)
    claim(figures, scored)
    cascades(figures, stores, runs)
    figures.extra |= {
        "data": {f"{s.size} {s.name}": s.digest for s in stores.values()},
        "command": f"python bench/autotts.py --data DIR --shuffles {options.shuffles} --out FILE",
        "runs": runs,
        "shuffles": options.shuffles,
        "questions": {f"{size} {name}": questions(s) for (size, name), s in scored.items()},
        "table": rows,
    }
    return figures.close()


def contest(
    figures: Figures, size: str, stores: Mapping[tuple[str, str], Store], runs: int
) -> dict[tuple[str, str], Scored]:
    """Returns a size scored on every set that is there, by what AIME24 chose for it."""
    if (size, SEARCH) not in stores:
        figures.note(f"{size}: no AIME24, so nothing can be chosen for it and nothing is scored.")
        return {}
    recording = read(stores[size, SEARCH])
    plans, hard = chosen(recording, 2 if figures.quick else TRIES)
    for rival, plan in plans.items():
        figures.note(f"{size}, against {rival}: {plan.label} (by {hard} hard questions of AIME24)")
    scored = {(size, SEARCH): score(recording, plans, runs)}
    for name in HELD_OUT:
        if (size, name) in stores:
            scored[size, name] = score(read(stores[size, name]), plans, runs)
    show(figures, size, scored)
    return scored


def reproduce(figures: Figures, store: Store, shuffles: int) -> None:
    """The published controller on the search set, on its own shuffles and with its conventions."""
    found = import_scout(store.path, model=f"Qwen3-{store.size}", trial_tokens=0, unread_votes=True)
    recording = next(iter(found.values()))
    for rival, beta in ((HALF, 0.5), (FULL, 1.0)):
        words = f"confidence-momentum:beta={beta},k=64,every=500"
        accuracy, tokens = shuffled(recording, words, shuffles)
        points, thousands = published(store.size, rival, SEARCH)
        figures.near(f"{store.size} AIME24: {rival}, accuracy", accuracy, points, 1.0, "points")
        figures.near(f"{store.size} AIME24: {rival}, tokens", tokens / 1000, thousands, 0.04 * thousands, "k")


def score(recording: Recording, plans: Mapping[str, Plan], runs: int) -> Scored:
    """Returns what the plans come to on a set."""
    replay = Replay({"main": recording}, runs=runs)
    return Scored(replay.outcomes(SELF), {rival: replay.outcomes(plan) for rival, plan in plans.items()})


def show(figures: Figures, size: str, scored: Mapping[tuple[str, str], Scored]) -> None:
    """Every set of a size as figures, for the file of results."""
    for name in (SEARCH, *HELD_OUT):
        if (size, name) not in scored:
            continue
        here = scored[size, name]
        for method, outcomes in ((SC, here.reference), *here.plans.items()):
            title = f"{size} {TITLES[name]}: {'' if method == SC else 'against '}{method}"
            figures.shown(f"{title}, accuracy", percent(mean_interval(outcomes.accuracy)), "points")
            figures.shown(f"{title}, tokens", outcomes.tokens.mean() / 1000, "k", 0)
            if method != SC:
                gain = percent(paired_difference(here.reference.accuracy, outcomes.accuracy))
                figures.shown(f"{title}, gain over SC@64", gain, "points")
                figures.shown(
                    f"{title}, share of SC@64", ratio_interval(outcomes.tokens, here.reference.tokens), "×", 3
                )


def table(size: str, scored: Mapping[tuple[str, str], Scored]) -> list[str]:
    """Returns a size's part of the table, published figures beside replayed ones."""
    rows = []
    for name in (SEARCH, *HELD_OUT):
        if (size, name) not in scored:
            continue
        here = scored[size, name]
        part = "search" if name == SEARCH else "held-out"
        rows.append(f"{size} {TITLES[name]} ({part}): accuracy [95% over questions], tokens, share of SC@64")
        whole = published(size, SC, name)[1]
        for method in (SC, ASC, PROBE, HALF, FULL):
            points, thousands = published(size, method, name)
            rows.append(
                f"  {method:<28} {points:5.1f} {'':<14} {thousands:6.0f}k {thousands / whole:6.3f}  published"
            )
        rows.append(_row("SC@64", here.reference, here.reference))
        rows += [
            _row(f"karui against {rival.removeprefix('AutoTTS ')}", o, here.reference)
            for rival, o in here.plans.items()
        ]
    return rows


def _row(name: str, outcomes: Outcomes, reference: Outcomes) -> str:
    found = percent(mean_interval(outcomes.accuracy))
    ratio = ratio_interval(outcomes.tokens, reference.tokens)
    gain = percent(paired_difference(reference.accuracy, outcomes.accuracy))
    tokens = f"{outcomes.tokens.mean() / 1000:6.0f}k {ratio.value:6.3f} [{ratio.low:.3f}, {ratio.high:.3f}]"
    text = f"  {name:<28} {found.value:5.1f} [{found.low:5.1f}, {found.high:5.1f}] {tokens}  replayed"
    return (
        text
        if outcomes is reference
        else f"{text}, {gain.value:+.1f} [{gain.low:+.1f}, {gain.high:+.1f}] to SC@64"
    )


def claim(figures: Figures, scored: Mapping[tuple[str, str], Scored]) -> None:
    """Held-out means against the published ones, where they can be claimed."""
    whole = [size for size in SIZES if all((size, name) in scored for name in (SEARCH, *HELD_OUT))]
    for size in SIZES:
        absent = [TITLES[name] for name in (SEARCH, *HELD_OUT) if (size, name) not in scored]
        if absent:
            figures.note(f"{size}: {' and '.join(absent)} not there, so no held-out mean is claimed.")
            continue
        for rival, allowed in ALLOWED.items():
            accuracy = [scored[size, name].plans[rival].accuracy for name in HELD_OUT]
            tokens = np.mean([scored[size, name].plans[rival].tokens.mean() for name in HELD_OUT]) / 1000
            points, thousands = published(size, rival, "held-out")
            figures.shown(
                f"{size} held-out, against {rival}",
                percent(mean_interval(np.concatenate(accuracy))),
                "points",
            )
            mean = 100 * float(np.mean([a.mean() for a in accuracy]))
            figures.at_least(f"{size} held-out, against {rival}: accuracy", mean, points, "points")
            figures.at_most(
                f"{size} held-out, against {rival}: tokens", tokens / thousands, allowed, "× its tokens", 3
            )
    if len(whole) < len(SIZES):
        figures.note(
            f"Nothing is claimed over all sizes: {len(whole)} of {len(SIZES)} have both held-out sets."
        )
        return
    here = [scored[size, name] for size in SIZES for name in HELD_OUT]
    accuracy = 100 * np.mean([s.plans[FULL].accuracy.mean() for s in here])
    reference = 100 * np.mean([s.reference.accuracy.mean() for s in here])
    ratio = np.sum([s.plans[FULL].tokens.mean() for s in here]) / np.sum(
        [s.reference.tokens.mean() for s in here]
    )
    figures.at_least(
        "all sizes held-out: accuracy, against SC@64's", accuracy, round(float(reference), 2), "points", 2
    )
    figures.at_most("all sizes held-out: tokens", ratio, ALL_SIZES, "× SC@64's", 3)


def cascades(figures: Figures, stores: Mapping[tuple[str, str], Store], runs: int) -> None:
    """Part 4: what cascades over the sizes come to on every set that two of them have."""
    tries, folds = (2, 2) if figures.quick else (TRIES, FOLDS)
    made: dict[tuple[str, ...], Choice] = {}
    figures.extra["cascades"] = {}
    for name in (SEARCH, *HELD_OUT):
        here = {s: read(stores[s, name]) for s in SIZES if (s, name) in stores and (s, SEARCH) in stores}
        if len(here) < 2:
            figures.note(f"{TITLES[name]}: {len(here)} of the sizes there, so no cascade is scored.")
            continue
        sizes = tuple(here)
        recordings, lost = together(here, sizes[-1])
        if lost:
            figures.note(f"{TITLES[name]}: {lost} questions are not in every size's store and are left out")
        if sizes not in made:
            found, _ = together({s: read(stores[s, SEARCH]) for s in sizes}, sizes[-1])
            made[sizes] = choose(found, tries)
            loss, error = 100 * made[sizes].loss, 100 * made[sizes].error
            figures.note(f"cascade over {', '.join(sizes)}, by AIME24: {made[sizes].plan.label}")
            figures.note(f"  its loss there is {loss:.1f} ± {error:.1f} points")
        part = "search" if name == SEARCH else "held-out"
        if name == SEARCH:
            rows, choices = validated(recordings, tries, runs, folds)
            cascade_rows(figures, f"cascade {TITLES[name]} (cross-validated)", rows, choices)
        rows = scored_rows(made[sizes], recordings, runs)
        whole = replayed(made[sizes], recordings, runs)
        assert np.array_equal(whole.right, rows[CASCADE].right)
        assert np.allclose(whole.flops, rows[CASCADE].flops, rtol=1e-6)
        cascade_rows(figures, f"cascade {TITLES[name]} ({part})", rows, [made[sizes]])


def cascade_rows(figures: Figures, title: str, rows: Mapping[str, Passed], choices: Sequence[Choice]) -> None:
    """Every row as figures: accuracy, FLOPs, and both against the largest size alone."""
    right = {row: passed.right.mean(axis=1) for row, passed in rows.items()}
    spent = {row: passed.flops.mean(axis=1) for row, passed in rows.items()}
    for row in ROWS:
        figures.shown(f"{title}: {row}, accuracy", percent(mean_interval(right[row])), "points")
        figures.shown(f"{title}: {row}, FLOPs", spent[row].mean() / 1e15, "10^15", 2)
        shares = ratio_interval(spent[row], spent[REFERENCE])
        figures.shown(f"{title}: {row}, share of SC@64's", shares, "×", 3)
        if row not in {REFERENCE, ALONE}:
            gain = percent(paired_difference(right[ALONE], right[row]))
            figures.shown(f"{title}: {row}, gain over {ALONE}", gain, "points")
            figures.shown(
                f"{title}: {row}, share of its FLOPs", ratio_interval(spent[row], spent[ALONE]), "×", 3
            )
    for choice in choices:
        figures.note(choice.plan.label)
    figures.extra["cascades"][title] = {
        "sizes": choices[0].sizes,
        "plans": [choice.plan.label for choice in choices],
        "questions": {
            row: [
                [round(float(a), 3), round(float(f) / 1e15, 4)]
                for a, f in zip(right[row], spent[row], strict=True)
            ]
            for row in ROWS
        },
    }


def questions(scored: Scored) -> dict[str, list[list[float]]]:
    """Returns accuracy and tokens of every question, for whoever wants other intervals."""
    return {
        name: [[round(float(a), 3), round(float(t))] for a, t in zip(o.accuracy, o.tokens, strict=True)]
        for name, o in ((SC, scored.reference), *scored.plans.items())
    }


if __name__ == "__main__":
    sys.exit(main())
